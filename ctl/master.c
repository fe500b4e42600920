#include "ctl/master.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl/say.h"

#define WORDS_MAX  64
#define ANSWER_MAX (64u << 20)	/* of a configuration of the largest size, shown whole */

const char *master_program(const char *name)
{
	static char path[PATH_MAX + 32];
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (n > 0) {
		own[n] = '\0';
		(void)snprintf(path, sizeof(path), "%s/libexec/%s", dirname(own), name);
		if (access(path, X_OK) == 0)
			return path;
	}
	(void)snprintf(path, sizeof(path), "%s/%s", LIBEXECDIR, name);
	return path;
}

int master_become(const struct call *call, const char *const *argv)
{
	const char *words[WORDS_MAX] = { master_program("master"), "--config", call->config };
	size_t n = 3;

	(void)fflush(stdout);
	while (*argv && n + 1 < WORDS_MAX)
		words[n++] = *argv++;
	(void)execv(words[0], (char *const *)(uintptr_t)words);
	say("can't run %s: %s", words[0], strerror(errno));
	return EX_SOFTWARE;
}

static void read_all(int fd, struct buf *out)
{
	for (;;) {
		char *room = buf_room(out, 65536);
		ssize_t n = room ? read(fd, room, 65536) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		buf_grew(out, (size_t)n);
	}
}

int master_ask(const struct call *call, const char *const *argv, struct buf *out)
{
	int pipes[2], status;
	pid_t pid;

	if (pipe(pipes) != 0 || (pid = fork()) < 0) {
		say("can't start %s: %s", master_program("master"), strerror(errno));
		return EX_SOFTWARE;
	}
	if (pid == 0) {
		if (dup2(pipes[1], STDOUT_FILENO) >= 0) {
			(void)close(pipes[0]);
			(void)close(pipes[1]);
			(void)master_become(call, argv);
		}
		_exit(EX_SOFTWARE);
	}
	(void)close(pipes[1]);
	read_all(pipes[0], out);
	(void)close(pipes[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EX_SOFTWARE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

static bool take_line(struct span *rest, char *out, size_t room)
{
	struct span line = span_cut(rest, '\n');

	if (line.len == 0 || line.len >= room)
		return false;
	memcpy(out, line.at, line.len);
	out[line.len] = '\0';
	return true;
}

int master_places(const struct call *call, struct places *out)
{
	static const char *const words[] = { "config", "value", "state", "runtime", "origin", NULL };
	struct buf answer;
	struct span rest;
	int status;

	buf_init(&answer, ANSWER_MAX);
	status = master_ask(call, words, &answer);
	rest = buf_span(&answer);
	if (status == EX_OK && (!take_line(&rest, out->state, sizeof(out->state)) || !take_line(&rest, out->runtime, sizeof(out->runtime)) ||
	    !take_line(&rest, out->origin, sizeof(out->origin))))
		status = EX_SOFTWARE;
	buf_fini(&answer);
	return status;
}

int master_runtime(const struct call *call, char *out, size_t room, bool *is_good)
{
	static const char *const words[] = { "config", "runtime", NULL };
	struct buf answer;
	struct span rest;
	int status;

	buf_init(&answer, ANSWER_MAX);
	status = master_ask(call, words, &answer);
	rest = buf_span(&answer);
	*is_good = status == EX_OK;
	if (status == EX_OK || status == EX_CONFIG)
		status = take_line(&rest, out, room) ? EX_OK : EX_SOFTWARE;
	buf_fini(&answer);
	return status;
}

int master_domains(const struct call *call, struct buf *out)
{
	static const char *const words[] = { "config", "value", "domain", NULL };
	int status;

	buf_init(out, ANSWER_MAX);
	status = master_ask(call, words, out);
	if (status == EX_OK && out->len)
		out->len--;		/* the line's end */
	return status;
}

int master_configured(const struct call *call, struct configured *out)
{
	static const char *const words[] = { "config", "show", "--all", "--json", NULL };
	struct buf answer;
	int status;

	buf_init(&answer, ANSWER_MAX);
	status = master_ask(call, words, &answer);
	if (status == EX_OK)
		configured_add(out, buf_span(&answer));
	buf_fini(&answer);
	return status;
}
