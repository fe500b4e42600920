/* A child as the master starts it: descriptors 3 and 4, the master's words in their order, its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "loop/process.h"
#include "loop/sandbox.h"
#include "wire/codec.h"
#include "wire/settings.h"

/* ---- the child ----------------------------------------------------------------------- */

static struct process *process;
static struct channel *spool;
static uint32_t generations;

static void spool_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	(void)owner, (void)ch, (void)verb, (void)msg, (void)fd;
}

static void spool_gone(void *owner, struct channel *ch)
{
	(void)owner, (void)ch;
	spool = NULL;
}

static const struct channel_handlers spool_handlers = { .on_verb = spool_verb, .on_gone = spool_gone };

static void child_settings(void *owner, const struct settings *s)
{
	(void)owner;
	generations = generations * 10 + s->generation;
}

static void child_wire(void *owner, enum wire_role peer, uint16_t instance, uint32_t generation, int fd)
{
	(void)owner, (void)generation;
	spool = channel_open_take(process_loop(process), fd, process_role(process), peer, instance, &spool_handlers, NULL);
}

static void child_verb(void *owner, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	(void)owner, (void)msg, (void)verb;
	if (fd >= 0)
		close(fd);
}

static void child_begin(void *owner)
{
	struct msg_id id = { { 1, 2, 3 } };
	struct event ev;

	(void)owner;
	process_note(process, &id);
	event_begin(&ev, EV_READY, 1000, NULL);
	process_event(process, &ev);
	process_ready(process);
}

static void child_drain(void *owner, int64_t idle_ms, int64_t deadline_ms)
{
	(void)owner;
	process_note(process, NULL);
	process_end(process, (int)(idle_ms + deadline_ms));
}

static void child_status(void *owner, struct buf *words)
{
	(void)owner;
	buf_printf(words, "generations=%u", generations);
}

static const struct process_handlers child_handlers = {
	.on_settings = child_settings, .on_wire = child_wire, .on_verb = child_verb, .on_begin = child_begin, .on_drain = child_drain,
	.on_status = child_status,
};

static int child_main(bool strict)
{
	char name[] = "t", role[] = "smtpd", instance[] = "2", generation[] = "7", word[] = "--strict";
	char *argv[] = { name, role, instance, generation, word, NULL };

	if (!strict)
		argv[4] = NULL;
	process = process_new(strict ? 5 : 4, argv);
	if (process_role(process) != ROLE_SMTPD || process_instance(process) != 2 || process_generation(process) != 7)
		return 99;
	if (process_folders(process)[0] != NULL)
		return 98;
	process_confine(process, MAY_ACCEPT);
	return process_run(process, &child_handlers, NULL);
}

/* ---- the master's side ------------------------------------------------------------------ */

struct child {
	pid_t pid;
	int fd;
	struct crash_page *page;
};

static void child_start(struct child *c, bool strict)
{
	int fds[2], page = memfd_create("page", 0);

	assert_int_equal(ftruncate(page, 4096), 0);
	c->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
	assert_int_equal(process_pair(fds), PR_OK);
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (c->pid == 0) {
		int from = fcntl(fds[1], F_DUPFD, 20), store = fcntl(page, F_DUPFD, 20);

		dup2(from, 3);
		dup2(store, 4);
		for (int fd = 5; fd < 40; fd++)
			close(fd);
		_exit(child_main(strict));
	}
	close(fds[1]);
	close(page);
	c->fd = fds[0];
	fcntl(c->fd, F_SETFL, 0);
}

static int child_end(struct child *c)
{
	int status;

	if (c->fd >= 0)
		close(c->fd);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	munmap(c->page, 4096);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void say(int fd, enum wire_verb verb, const void *msg, int passed)
{
	static char bytes[WIRE_PACKET_MAX];
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control = { { 0 } };
	struct iovec iov = { bytes, wire_put(bytes, sizeof bytes, verb, msg) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (passed >= 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof control.bytes;
		control.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
		memcpy(CMSG_DATA(&control.head), &passed, sizeof passed);
	}
	assert_int_equal(sendmsg(fd, &m, MSG_NOSIGNAL), iov.iov_len);
}

/* The next verb; spans last until the next call. */
static enum wire_verb hear(int fd, union wire_msg *msg)
{
	static char bytes[WIRE_PACKET_MAX];
	static struct span rest;
	enum wire_verb verb;
	ssize_t n;

	if (rest.len == 0) {
		n = recv(fd, bytes, sizeof bytes, 0);
		if (n <= 0)
			return WIRE_NONE;
		rest = span_of(bytes, (size_t)n);
	}
	assert_int_equal(wire_get(&rest, &verb, msg), PR_OK);
	return verb;
}

static void say_settings(int fd, uint32_t generation)
{
	struct settings *s = settings_new();
	struct span rest;
	struct buf bytes;

	buf_init(&bytes, 1 << 20);
	assert_int_equal(settings_encode(s, 'S', &bytes), PR_OK);
	for (rest = buf_span(&bytes); rest.len > 0; rest = span_from(rest, 50))
		say(fd, WIRE_settings_part, &(struct wire_settings_part){ .bytes = span_first(rest, 50) }, -1);
	say(fd, WIRE_settings_done, &(struct wire_settings_done){ .generation = generation }, -1);
	buf_fini(&bytes);
	settings_free(&s);
}

static void lives(bool strict)
{
	int events[2], other[2];
	union wire_msg msg;
	struct event_view ev;
	struct child c;

	child_start(&c, strict);
	say_settings(c.fd, 7);
	assert_int_equal(process_pair(events), PR_OK);
	fcntl(events[0], F_SETFL, 0);
	say(c.fd, WIRE_wire, &(struct wire_wire){ .peer = ROLE_EVENTS }, events[1]);
	close(events[1]);
	say(c.fd, WIRE_begin, &(struct wire_begin){ 0 }, -1);
	assert_int_equal(hear(c.fd, &msg), WIRE_ready);
	assert_int_equal(c.page->id.bytes[2], 3);
	do {	/* a kernel that lacks something is told of first */
		assert_int_equal(hear(events[0], &msg), WIRE_event);
		assert_int_equal(event_view(msg.event.bytes, &ev), PR_OK);
	} while (ev.code == EV_SANDBOX_PARTIAL);
	assert_int_equal(ev.code, EV_READY);

	say_settings(c.fd, 8);
	say(c.fd, WIRE_status_ask, &(struct wire_status_ask){ .ask = 5 }, -1);
	assert_int_equal(hear(c.fd, &msg), WIRE_status_told);
	assert_int_equal(msg.status_told.ask, 5);
	assert_true(span_eq(msg.status_told.words, SPAN("generations=78")));

	/* A spool that talks nonsense. */
	assert_int_equal(process_pair(other), PR_OK);
	say(c.fd, WIRE_wire, &(struct wire_wire){ .peer = ROLE_SPOOL, .instance = 9 }, other[1]);
	close(other[1]);
	assert_int_equal(send(other[0], "nonsense", 8, 0), 8);
	assert_int_equal(hear(c.fd, &msg), WIRE_captured);
	assert_int_equal(msg.captured.peer, ROLE_SPOOL);
	assert_int_equal(msg.captured.instance, 9);
	close(other[0]);
	close(events[0]);

	assert_int_equal(kill(c.pid, 0), 0);
	say(c.fd, WIRE_drain, &(struct wire_drain){ .idle_ms = 40, .deadline_ms = 2 }, -1);
	assert_int_equal(hear(c.fd, &msg), WIRE_NONE);
	assert_true(id_is_zero(&c.page->id));
	assert_int_equal(child_end(&c), 42);
}

static void t_a_child_lives_as_its_master_says(void **state)
{
	(void)state;
	lives(false);
	lives(true);
}

static void t_the_end_of_the_master_is_its_end(void **state)
{
	union wire_msg msg;
	struct child c;

	(void)state;
	child_start(&c, true);
	say_settings(c.fd, 1);
	say(c.fd, WIRE_status_ask, &(struct wire_status_ask){ .ask = 1 }, -1);
	assert_int_equal(hear(c.fd, &msg), WIRE_status_told);
	kill(c.pid, SIGTERM);	/* the master's affair */
	kill(c.pid, SIGINT);
	kill(c.pid, SIGHUP);
	assert_int_equal(child_end(&c), 0);
}

static void t_without_a_master_it_is_not_started(void **state)
{
	char name[] = "t", role[] = "smtpd", bad[] = "ctl", number[] = "1", wrong[] = "-1";
	char *rows[][5] = { { name, NULL }, { name, role, NULL }, { name, bad, number, number, NULL }, { name, role, wrong, number, NULL },
		{ name, role, number, number, NULL } };
	int status;
	pid_t pid;

	(void)state;
	for (int i = 0; i < 5; i++) {
		int argc = 0;

		while (rows[i][argc])
			argc++;
		pid = fork();
		if (pid == 0) {
			close(3);
			close(4);
			close(2);
			process_new(argc, rows[i]);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WEXITSTATUS(status), 64);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_child_lives_as_its_master_says),
		cmocka_unit_test(t_the_end_of_the_master_is_its_end),
		cmocka_unit_test(t_without_a_master_it_is_not_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
