#include "ctl/submit.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl/master.h"
#include "ctl/say.h"

#define PATIENCE_MS (5 * 60 * 1000)	/* for an answer: RFC 5321 4.5.3.2 */

struct talk {
	int fd;
	struct span rest;	/* heard, and not understood yet */
	char heard[4096];
};

/* ---- the socket ------------------------------------------------------------------- */

int submit_connect(const char *runtime)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if ((size_t)snprintf(to.sun_path, sizeof(to.sun_path), "%s/submit", runtime) < sizeof(to.sun_path) &&
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static bool write_all(int fd, struct span bytes)
{
	while (bytes.len) {
		ssize_t n = write(fd, bytes.at, bytes.len);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			bytes = span_from(bytes, (size_t)n);
	}
	return true;
}

/* ---- the server --------------------------------------------------------------------- */

/* False when the server is gone, says nothing, or no SMTP. */
static bool hear(struct talk *t, struct reply_reader *r)
{
	for (;;) {
		struct pollfd p = { .fd = t->fd, .events = POLLIN };
		enum pr_err err = reply_reader_feed(r, &t->rest);
		ssize_t n;

		if (err != PR_AGAIN)
			return err == PR_OK;
		n = poll(&p, 1, PATIENCE_MS);
		if (n == 0)
			return false;
		n = read(t->fd, t->heard, sizeof(t->heard));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		t->rest = span_of(t->heard, (size_t)n);
	}
}

/* Too many recipients are too many later, too; and who may not send so much is not to do it by the drop folder. Any other 4xx
 * is the server's trouble, and passes. */
static enum submitted judge(const struct reply_reader *r)
{
	if (r->code / 100 == 2)
		return SUBMITTED;
	if (r->code / 100 == 5 || strcmp(r->enhanced, "4.5.3") == 0 || strcmp(r->enhanced, "4.7.1") == 0)
		return SUBMIT_REFUSED;
	return SUBMIT_UNANSWERED;
}

static enum submitted hear_some(struct talk *t, size_t n, struct reply_reader *r)
{
	enum submitted result = SUBMITTED;

	for (size_t i = 0; i < n && result == SUBMITTED; i++)
		result = hear(t, r) ? judge(r) : SUBMIT_UNANSWERED;
	return result;
}

/* A server that closes early has said why before: what it said is heard though not all was sent. */
static enum submitted talk(struct talk *t, struct span begin, size_t n_replies, struct span body, struct reply_reader *r)
{
	enum submitted result = hear_some(t, 1, r);

	if (result != SUBMITTED)
		return SUBMIT_UNANSWERED;	/* of the greeting: no word on this message */
	(void)write_all(t->fd, begin);
	result = hear_some(t, n_replies, r);
	if (result == SUBMITTED && body.len) {
		(void)write_all(t->fd, body);
		result = hear_some(t, 1, r);
	}
	(void)write_all(t->fd, SPAN("QUIT\r\n"));
	return result;
}

enum submitted submit_to_server(const char *runtime, struct span begin, size_t n_replies, struct span body, struct reply_reader *reply)
{
	struct talk t = { .fd = submit_connect(runtime), .rest = SPAN_NONE };
	enum submitted result;

	reply_reader_init(reply);
	if (t.fd < 0)
		return SUBMIT_UNANSWERED;
	result = talk(&t, begin, n_replies, body, reply);
	(void)close(t.fd);
	return result;
}

/* ---- the drop folder ------------------------------------------------------------------ */

__attribute__((noreturn)) static void become_helper(const char *folder, size_t size, int from, int other)
{
	const char *program = master_program("drop");
	char bytes[32];

	(void)snprintf(bytes, sizeof(bytes), "%zu", size);
	(void)close(other);
	if (dup2(from, STDIN_FILENO) >= 0)
		(void)execl(program, program, folder, bytes, (char *)NULL);
	say("can't run %s: %s", program, strerror(errno));
	_exit(EX_TEMPFAIL);
}

static int await(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EX_TEMPFAIL;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_TEMPFAIL;
}

int submit_to_drop(const char *state, struct span begin, struct span body)
{
	char folder[4200];
	int pipes[2];
	pid_t pid;

	(void)snprintf(folder, sizeof(folder), "%s/drop", state);
	if (pipe(pipes) != 0 || (pid = fork()) < 0) {
		say("can't start a program: %s", strerror(errno));
		return EX_TEMPFAIL;
	}
	if (pid == 0)
		become_helper(folder, begin.len + body.len, pipes[0], pipes[1]);
	(void)close(pipes[0]);
	/* Who reads less has said why, and says so in its exit status. */
	if (write_all(pipes[1], begin))
		(void)write_all(pipes[1], body);
	(void)close(pipes[1]);
	return await(pid);
}
