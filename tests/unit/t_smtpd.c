/* The program smtpd as the master starts it, over real sockets: this test plays the master, auth, spool and the clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "loop/process.h"
#include "wire/codec.h"
#include "wire/settings.h"

#define WAIT_MS 10000

struct world {
	pid_t pid;
	int master, auth, spool, listener;
	struct sockaddr_in address;
	struct settings *settings;
	struct set_listen *listen;
	bool holds_done;	/* mail_done waits for release() */
	bool is_ready;
	uint32_t held_ask, n_mails, n_parts, n_aborts, n_withdrawn, n_have;
	uint8_t have;
	size_t n_descriptors;	/* that smtpd may have; 0: as many as we */
	struct buf body, prefix, status;
	char *packet;
};

/* ---- packets ----------------------------------------------------------------- */

static void say_fd(int to, enum wire_verb verb, const void *msg, int fd)
{
	static char packet[WIRE_PACKET_MAX];
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control = { .bytes = { 0 } };
	struct iovec iov = { packet, wire_put(packet, sizeof(packet), verb, msg) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	assert_true(iov.iov_len > 0);
	if (fd >= 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	assert_true(sendmsg(to, &m, MSG_NOSIGNAL) == (ssize_t)iov.iov_len);
}

static void say(int to, enum wire_verb verb, const void *msg)
{
	say_fd(to, verb, msg, -1);
}

static void on_master(struct world *w, enum wire_verb verb, const union wire_msg *msg)
{
	w->is_ready |= verb == WIRE_ready;
	if (verb == WIRE_status_told)
		buf_add(&w->status, msg->status_told.words);
}

static void on_auth(struct world *w, enum wire_verb verb, const union wire_msg *msg)
{
	struct wire_address_told told = { .ask = msg->address_ask.ask, .result = ADDRESS_UNKNOWN };

	assert_int_equal(verb, WIRE_address_ask);
	if (span_eq(msg->address_ask.address, SPAN("alice@example.org")))
		told.result = ADDRESS_OK;
	say(w->auth, WIRE_address_told, &told);
}

static void done(struct world *w, uint32_t ask)
{
	say(w->spool, WIRE_mail_done, &(struct wire_mail_done){ .ask = ask, .result = STORED });
}

static void on_spool(struct world *w, enum wire_verb verb, const union wire_msg *msg)
{
	switch (verb) {
	case WIRE_mail_begin:
		buf_clear(&w->body);
		buf_clear(&w->prefix);
		return;
	case WIRE_mail_part:
		w->n_parts++;
		buf_add(&w->body, msg->mail_part.bytes);
		say(w->spool, WIRE_mail_window, &(struct wire_mail_window){ .ask = msg->mail_part.ask, .bytes = (uint32_t)msg->mail_part.bytes.len });
		return;
	case WIRE_mail_commit:
		w->n_mails++;
		assert_int_equal(msg->mail_commit.size, w->body.len);
		buf_add(&w->prefix, msg->mail_commit.prefix);
		w->held_ask = msg->mail_commit.ask;
		if (!w->holds_done)
			done(w, w->held_ask);
		return;
	case WIRE_mail_abort: w->n_aborts++; return;
	case WIRE_withdraw: w->n_withdrawn++; return;
	case WIRE_have_ask:
		w->n_have++;
		say(w->spool, WIRE_have_told, &(struct wire_have_told){ .ask = msg->have_ask.ask, .yes = w->have });
		return;
	default: return;
	}
}

static bool read_packets(struct world *w, int fd, void (*on)(struct world *, enum wire_verb, const union wire_msg *))
{
	ssize_t n;

	while ((n = recv(fd, w->packet, WIRE_PACKET_MAX, MSG_DONTWAIT)) > 0) {
		struct span rest = span_of(w->packet, (size_t)n);
		union wire_msg msg;
		enum wire_verb verb;

		while (wire_get(&rest, &verb, &msg) == PR_OK)
			on(w, verb, &msg);
		assert_int_equal(rest.len, 0);
	}
	return n != 0;
}

/* Plays the others until fd can be read; false when it took too long. */
static bool pump(struct world *w, int fd, int ms)
{
	for (int slept = 0; slept < ms; slept += 10) {
		struct pollfd fds[] = { { fd, POLLIN, 0 }, { w->master, POLLIN, 0 }, { w->auth, POLLIN, 0 }, { w->spool, POLLIN, 0 } };

		if (poll(fds, 4, 10) > 0)
			slept -= 10;
		if (fds[1].revents && !read_packets(w, w->master, on_master))
			w->master = -1;	/* it has ended; what it said to others is still there */
		if (fds[2].revents)
			read_packets(w, w->auth, on_auth);
		if (fds[3].revents)
			read_packets(w, w->spool, on_spool);
		if (fds[0].revents)
			return true;
	}
	return false;
}

/* ---- the program ---------------------------------------------------------------- */

static void wire(struct world *w, enum wire_role peer, int *own)
{
	int fds[2];

	assert_int_equal(process_pair(fds), PR_OK);
	if (*own >= 0)
		close(*own);
	*own = fds[0];
	say_fd(w->master, WIRE_wire, &(struct wire_wire){ .peer = (uint8_t)peer, .instance = 0, .generation = 1 }, fds[1]);
	close(fds[1]);
}

static void listen_here(struct world *w)
{
	socklen_t len = sizeof(w->address);

	w->address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f004d01) };
	w->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w->listener, (struct sockaddr *)&w->address, len), 0);
	assert_int_equal(listen(w->listener, 512), 0);
	assert_int_equal(getsockname(w->listener, (struct sockaddr *)&w->address, &len), 0);
}

static void spawn(struct world *w)
{
	int fds[2], page = memfd_create("page", 0);

	assert_int_equal(ftruncate(page, 4096), 0);
	assert_int_equal(process_pair(fds), PR_OK);
	w->pid = fork();
	assert_true(w->pid >= 0);
	if (w->pid == 0) {
		struct rlimit few = { w->n_descriptors, w->n_descriptors };
		int channel = fcntl(fds[1], F_DUPFD, 20), crash = fcntl(page, F_DUPFD, 20);

		dup2(channel, 3);
		dup2(crash, 4);
		closefrom(5);
		if (w->n_descriptors)
			setrlimit(RLIMIT_NOFILE, &few);
		execl("libexec/smtpd", "smtpd", "smtpd", "0", "1", "--strict", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	close(page);
	w->master = fds[0];
}

static void tell_settings(struct world *w)
{
	struct buf encoded;

	buf_init(&encoded, 1 << 20);
	assert_int_equal(settings_encode(w->settings, 'S', &encoded), PR_OK);
	say(w->master, WIRE_settings_part, &(struct wire_settings_part){ .bytes = buf_span(&encoded) });
	say(w->master, WIRE_settings_done, &(struct wire_settings_done){ .generation = 1 });
	buf_fini(&encoded);
}

static void begin(struct world *w)
{
	spawn(w);
	tell_settings(w);
	say_fd(w->master, WIRE_listener, &(struct wire_listener){ .index = 0 }, w->listener);
	wire(w, ROLE_AUTH, &w->auth);
	wire(w, ROLE_SPOOL, &w->spool);
	say(w->master, WIRE_begin, &(struct wire_begin){ 0 });
	for (unsigned i = 0; i < 500 && !w->is_ready; i++)
		pump(w, -1, 20);
	assert_true(w->is_ready);
}

static int setup(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	w->auth = w->spool = -1;
	w->packet = mem_new(WIRE_PACKET_MAX);
	buf_init(&w->body, 64 << 20);
	buf_init(&w->prefix, 1 << 20);
	buf_init(&w->status, 1 << 16);
	w->settings = settings_new();
	w->settings->top.hostname = settings_text(w->settings, SPAN("mx.example.org"));
	w->listen = settings_add_section(w->settings, "listen", "mx", 1);
	w->listen->port = 25;
	w->listen->tls = LISTEN_TLS_NONE;
	w->listen->bare_newline = NEWLINE_REFUSE;
	listen_here(w);
	*state = w;
	return 0;
}

static int end_status(struct world *w)
{
	int status = -1;

	for (unsigned i = 0; i < 1000 && waitpid(w->pid, &status, WNOHANG) == 0; i++)
		poll(NULL, 0, 10);
	w->pid = -1;
	return status;
}

static int teardown(void **state)
{
	struct world *w = *state;

	if (w->master >= 0)
		close(w->master);
	close(w->auth);
	close(w->spool);
	close(w->listener);
	if (w->pid > 0 && end_status(w) != 0)
		return -1;
	settings_free(&w->settings);
	buf_fini(&w->body);
	buf_fini(&w->prefix);
	buf_fini(&w->status);
	mem_free(w->packet);
	mem_free(w);
	return 0;
}

/* ---- clients ------------------------------------------------------------------------ */

static int client(struct world *w)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&w->address, sizeof(w->address)), 0);
	return fd;
}

static void put(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* The next reply, its last line; "" at the end of the connection. */
static void get(struct world *w, int fd, const char *begin_with)
{
	char line[1024];
	size_t n = 0;

	do {
		for (n = 0; n < sizeof(line) - 1; n++) {
			if (!pump(w, fd, WAIT_MS))
				fail_msg("no reply, wanted %s", begin_with);
			if (recv(fd, line + n, 1, 0) <= 0)
				break;
			if (line[n] == '\n')
				break;
		}
		line[n] = 0;
	} while (n > 3 && line[3] == '-');
	if (strncmp(line, begin_with, strlen(begin_with)) != 0 || (!*begin_with && n > 0))
		fail_msg("got %s, wanted %s", line, begin_with);
}

static void talk(struct world *w, int fd, const char *text, const char *reply)
{
	put(fd, text);
	get(w, fd, reply);
}

static int greeted(struct world *w)
{
	int fd = client(w);

	get(w, fd, "220 mx.example.org ESMTP");
	talk(w, fd, "EHLO client.example.net\r\n", "250 DSN");
	return fd;
}

static int at_data(struct world *w)
{
	int fd = greeted(w);

	talk(w, fd, "MAIL FROM:<a@example.net>\r\n", "250 2.1.0");
	talk(w, fd, "RCPT TO:<alice@example.org>\r\n", "250 2.1.5");
	talk(w, fd, "DATA\r\n", "354");
	return fd;
}

static void t_a_message_is_said_to_be_accepted_when_spool_says_so(void **state)
{
	struct world *w = *state;
	int fd;

	begin(w);
	w->holds_done = true;
	fd = at_data(w);
	put(fd, "Subject: x\r\n\r\n..\r\n.\r\n");
	assert_false(pump(w, fd, 200));
	assert_int_equal(w->n_mails, 1);
	done(w, w->held_ask);
	get(w, fd, "250 2.0.0 Accepted ");
	assert_true(span_eq(buf_span(&w->body), SPAN("Subject: x\r\n\r\n.\r\n")));
	assert_non_null(memmem(w->prefix.at, w->prefix.len, "[127.0.0.1]", 11));
	talk(w, fd, "QUIT\r\n", "221");
	get(w, fd, "");
	close(fd);
}

static void t_a_large_message_flows(void **state)
{
	struct world *w = *state;
	char line[101];
	int fd;

	begin(w);
	fd = at_data(w);
	memset(line, 'x', 98);
	memcpy(line + 98, "\r\n", 3);
	put(fd, "Subject: large\r\n\r\n");
	for (unsigned i = 0; i < 50000; i++) {
		put(fd, line);
		if (i % 100 == 0)
			pump(w, -1, 1);
	}
	put(fd, ".\r\n");
	get(w, fd, "250 2.0.0 Accepted ");
	assert_int_equal(w->body.len, 18 + 50000 * 100);
	assert_true(w->n_parts >= 80);
	close(fd);
}

static void t_replies_to_pipelined_commands_leave_in_one_write(void **state)
{
	struct world *w = *state;
	char replies[4096];
	int fd;

	begin(w);
	fd = greeted(w);
	put(fd, "NOOP\r\nNOOP\r\nRSET\r\nNOOP\r\n");
	assert_true(pump(w, fd, WAIT_MS));
	assert_int_equal(recv(fd, replies, sizeof(replies), 0), 3 * 14 + 17);
	close(fd);
}

static void t_spool_dies_and_has_it(void **state)
{
	struct world *w = *state;
	int fd;

	begin(w);
	w->holds_done = true;
	w->have = 1;
	fd = at_data(w);
	put(fd, "x: y\r\n.\r\n");
	assert_false(pump(w, fd, 200));
	wire(w, ROLE_SPOOL, &w->spool);
	get(w, fd, "250 2.0.0 Accepted ");
	assert_int_equal(w->n_have, 1);
	close(fd);
}

static void t_spool_dies_and_has_it_not(void **state)
{
	struct world *w = *state;
	int fd;

	begin(w);
	w->holds_done = true;
	fd = at_data(w);
	put(fd, "x: y\r\n.\r\n");
	assert_false(pump(w, fd, 200));
	wire(w, ROLE_SPOOL, &w->spool);
	get(w, fd, "451 4.3.0");
	w->holds_done = false;
	talk(w, fd, "MAIL FROM:<a@example.net>\r\n", "250");
	talk(w, fd, "RCPT TO:<alice@example.org>\r\n", "250");
	talk(w, fd, "DATA\r\n", "354");
	talk(w, fd, "x: y\r\n.\r\n", "250 2.0.0 Accepted");
	close(fd);
}

static void t_auth_is_started_again(void **state)
{
	struct world *w = *state;
	int fd;

	begin(w);
	fd = greeted(w);
	wire(w, ROLE_AUTH, &w->auth);
	poll(NULL, 0, 100);
	talk(w, fd, "MAIL FROM:<a@example.net>\r\n", "250");
	talk(w, fd, "RCPT TO:<alice@example.org>\r\n", "250");
	talk(w, fd, "RCPT TO:<nobody@example.org>\r\n", "550 5.1.1");
	close(fd);
}

/* A new one is wired while the old one's last words are not read, and dies at once. */
static void t_who_dies_before_his_turn_is_forgotten(void **state)
{
	struct world *w = *state;
	int old_auth, old_spool, fd;

	begin(w);
	old_auth = w->auth;
	old_spool = w->spool;
	w->auth = w->spool = -1;
	wire(w, ROLE_AUTH, &w->auth);
	wire(w, ROLE_SPOOL, &w->spool);
	pump(w, -1, 100);
	close(w->auth);
	close(w->spool);
	w->auth = old_auth;
	w->spool = old_spool;
	pump(w, -1, 100);
	wire(w, ROLE_AUTH, &w->auth);	/* which closes the old one first */
	wire(w, ROLE_SPOOL, &w->spool);
	fd = at_data(w);
	talk(w, fd, "x: y\r\n.\r\n", "250 2.0.0 Accepted ");
	close(fd);
}

static void t_a_client_that_closes_its_half_is_answered(void **state)
{
	struct world *w = *state;
	int fd;

	begin(w);
	fd = greeted(w);
	put(fd, "MAIL FROM:<a@example.net>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n");
	put(fd, "x: y\r\n.\r\nQUIT\r\n");
	shutdown(fd, SHUT_WR);
	get(w, fd, "250 2.1.0");
	get(w, fd, "250 2.1.5");
	get(w, fd, "354");
	get(w, fd, "250 2.0.0 Accepted");
	get(w, fd, "221");
	get(w, fd, "");
	close(fd);
}

static void t_too_many_connections_of_an_address(void **state)
{
	struct world *w = *state;
	int fds[4];

	w->listen->limit_connections_address = 3;
	begin(w);
	for (unsigned i = 0; i < 3; i++)
		fds[i] = greeted(w);
	fds[3] = client(w);
	get(w, fds[3], "421 4.7.0");
	get(w, fds[3], "");
	close(fds[3]);
	talk(w, fds[0], "QUIT\r\n", "221");
	get(w, fds[0], "");
	close(fds[0]);
	fds[0] = greeted(w);
	for (unsigned i = 0; i < 3; i++)
		close(fds[i]);
}

static long cpu_ticks(pid_t pid)
{
	char path[64], text[1024] = "", *at;
	long user, system;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	at = strrchr(text, ')');
	assert_non_null(at);
	assert_int_equal(sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system), 2);
	return user + system;
}

static void t_without_descriptors_it_waits_and_does_not_spin(void **state)
{
	struct world *w = *state;
	int fds[64];
	long before;

	w->n_descriptors = 32;
	w->listen->limit_connections_address = 1000;
	begin(w);
	for (unsigned i = 0; i < 64; i++)
		fds[i] = client(w);
	pump(w, -1, 500);
	before = cpu_ticks(w->pid);
	pump(w, -1, 1000);
	assert_in_range(cpu_ticks(w->pid) - before, 0, 10);
	for (unsigned i = 0; i < 63; i++)
		close(fds[i]);
	get(w, fds[63], "220");
	close(fds[63]);
}

static void t_a_status_has_words(void **state)
{
	struct world *w = *state;
	int fd;

	begin(w);
	fd = greeted(w);
	say(w->master, WIRE_status_ask, &(struct wire_status_ask){ .ask = 7 });
	pump(w, -1, 200);
	assert_non_null(memmem(w->status.at, w->status.len, "sessions=1", 10));
	close(fd);
}

static void t_it_drains_and_ends(void **state)
{
	struct world *w = *state;
	int idle, busy;

	begin(w);
	idle = greeted(w);
	busy = at_data(w);
	say(w->master, WIRE_drain, &(struct wire_drain){ .idle_ms = 100, .deadline_ms = 60000 });
	get(w, idle, "421 4.3.2 Service is being replaced");
	get(w, idle, "");
	talk(w, busy, "x: y\r\n.\r\n", "250 2.0.0 Accepted");
	get(w, busy, "421 4.3.2");
	close(idle);
	close(busy);
	assert_int_equal(end_status(w), 0);
}

static void t_a_stop_and_a_reload_have_words_of_their_own(void **state)
{
	struct world *w = *state;
	int fd;

	begin(w);
	fd = greeted(w);
	say(w->master, WIRE_drain, &(struct wire_drain){ .idle_ms = 0, .deadline_ms = 60000, .stops = 1 });
	get(w, fd, "421 4.3.2 Service shutting down");
	close(fd);
	assert_int_equal(end_status(w), 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(t_a_message_is_said_to_be_accepted_when_spool_says_so),
		TEST(t_a_large_message_flows),
		TEST(t_replies_to_pipelined_commands_leave_in_one_write),
		TEST(t_spool_dies_and_has_it),
		TEST(t_spool_dies_and_has_it_not),
		TEST(t_auth_is_started_again),
		TEST(t_who_dies_before_his_turn_is_forgotten),
		TEST(t_a_client_that_closes_its_half_is_answered),
		TEST(t_too_many_connections_of_an_address),
		TEST(t_without_descriptors_it_waits_and_does_not_spin),
		TEST(t_a_status_has_words),
		TEST(t_it_drains_and_ends),
		TEST(t_a_stop_and_a_reload_have_words_of_their_own),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
