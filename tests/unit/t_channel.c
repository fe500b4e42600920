/* The loop's turn and its deadlines; packets between two processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "loop/channel.h"
#include "loop/loop.h"
#include "loop/loop_private.h"
#include "loop/packet.h"
#include "loop/process.h"
#include "wire/codec.h"

/* What one end heard. */
struct ear {
	struct loop *loop;
	struct channel *ch;
	unsigned n_verbs, n_batches, n_gone, n_broken;
	uint32_t last_ask;
	size_t bytes;
	int fd;
	unsigned stop_after;
	bool closes, keeps;
	struct packet *kept[128];
	struct span kept_bytes[128];
	unsigned n_kept;
};

static void ear_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct ear *ear = owner;

	ear->n_verbs++;
	ear->fd = fd;
	if (verb == WIRE_mail_abort) {
		assert_int_equal(msg->mail_abort.ask, ear->last_ask + 1);
		ear->last_ask = msg->mail_abort.ask;
	}
	if (verb == WIRE_mail_part) {
		for (size_t i = 0; i < msg->mail_part.bytes.len; i += 1000)
			assert_int_equal(msg->mail_part.bytes.at[i], 'x');
		ear->bytes += msg->mail_part.bytes.len;
		if (ear->keeps) {
			ear->kept_bytes[ear->n_kept] = msg->mail_part.bytes;
			ear->kept[ear->n_kept++] = packet_keep(ch);
		}
	}
	if (ear->closes)
		channel_close(&ear->ch);
	if (ear->n_verbs == ear->stop_after)
		loop_stop(ear->loop);
}

static void ear_gone(void *owner, struct channel *ch)
{
	struct ear *ear = owner;

	ear->n_gone++;
	assert_ptr_equal(ch, ear->ch);
	ear->ch = NULL;
	loop_stop(ear->loop);
}

static void ear_broken(void *owner, struct channel *ch, const char *why)
{
	struct ear *ear = owner;

	(void)ch;
	assert_non_null(why);
	ear->n_broken++;
}

static void ear_batch(void *owner, struct channel *ch)
{
	struct ear *ear = owner;

	(void)ch;
	ear->n_batches++;
}

static const struct channel_handlers ear_handlers = { ear_verb, ear_gone, ear_broken, ear_batch };

static void stop_after_turns(struct deadline *d);

struct bench {
	struct loop *loop;
	struct ear smtpd, spool;
	struct deadline limit;
	int raw;	/* the other end, where a test speaks by hand */
};

static void stop_after_turns(struct deadline *d)
{
	struct bench *b = LIST_OWNER(d, struct bench, limit);

	loop_stop(b->loop);
}

static void ear_open(struct bench *b, struct ear *ear, int fd, enum wire_role self, enum wire_role peer)
{
	*ear = (struct ear){ .loop = b->loop, .fd = -1 };
	ear->ch = channel_open_take(b->loop, fd, self, peer, 0, &ear_handlers, ear);
}

static void bench_open(struct bench *b, bool raw, enum wire_role self, enum wire_role peer)
{
	int fds[2];

	*b = (struct bench){ .loop = loop_new(), .raw = -1 };
	deadline_init(&b->limit, stop_after_turns);
	assert_int_equal(process_pair(fds), PR_OK);
	ear_open(b, &b->spool, fds[0], self, peer);
	if (raw)
		b->raw = fds[1];
	else
		ear_open(b, &b->smtpd, fds[1], peer, self);
}

static void bench_run(struct bench *b, int64_t ms)
{
	deadline_set(b->loop, &b->limit, loop_now(b->loop).mono_ms + ms);
	loop_run(b->loop);
	deadline_clear(b->loop, &b->limit);
}

static void bench_close(struct bench *b)
{
	channel_close(&b->spool.ch);
	channel_close(&b->smtpd.ch);
	if (b->raw >= 0)
		close(b->raw);
	loop_free(&b->loop);
}

static void put_abort(struct channel *ch, uint32_t ask)
{
	channel_put(ch, WIRE_mail_abort, &(struct wire_mail_abort){ .ask = ask });
}

static unsigned packets_in(int fd)
{
	static char bytes[WIRE_PACKET_MAX];
	unsigned n = 0;

	while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		n++;
	return n;
}

static void t_verbs_come_in_order(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, false, ROLE_SPOOL, ROLE_SMTPD);
	for (uint32_t ask = 1; ask <= 50000; ask++)
		put_abort(b.smtpd.ch, ask);
	b.spool.stop_after = 50000;
	bench_run(&b, 5000);
	assert_int_equal(b.spool.n_verbs, 50000);
	assert_true(b.spool.n_batches >= 1 && b.spool.n_batches <= 16);
	assert_int_equal(channel_queued(b.smtpd.ch), 0);
	bench_close(&b);
}

static void t_a_turn_is_a_packet(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, true, ROLE_SMTPD, ROLE_SPOOL);
	for (uint32_t ask = 1; ask <= 1000; ask++)
		put_abort(b.spool.ch, ask);
	assert_int_equal(packets_in(b.raw), 0);
	bench_run(&b, 5);
	assert_int_equal(packets_in(b.raw), 1);
	bench_close(&b);
}

static void t_flush_sends_at_once(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, true, ROLE_SMTPD, ROLE_SPOOL);
	put_abort(b.spool.ch, 1);
	channel_flush(b.spool.ch);
	assert_int_equal(packets_in(b.raw), 1);
	bench_close(&b);
}

static void put_login(struct channel *ch, struct span bytes)
{
	channel_put(ch, WIRE_login_step, &(struct wire_login_step){ .ask = 1, .bytes = bytes });
}

static bool packet_holds(const struct packet *p, const char *text)
{
	for (size_t at = 0; at + strlen(text) <= WIRE_PACKET_MAX; at++)
		if (memcmp(p->at + at, text, strlen(text)) == 0)
			return true;
	return false;
}

static bool pool_holds(struct loop *loop, const char *text)
{
	LIST_EACH(node, &loop->pool.free)
		if (packet_holds(LIST_OWNER(node, struct packet, list), text))
			return true;
	for (unsigned i = 0; i < loop->pool.n_recv; i++)
		if (packet_holds(loop->pool.recv[i], text))
			return true;
	return false;
}

static void t_what_carried_a_password_is_wiped(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, false, ROLE_AUTH, ROLE_SMTPD);
	put_login(b.smtpd.ch, SPAN("a password"));
	channel_put(b.spool.ch, WIRE_login_challenge, &(struct wire_login_challenge){ .ask = 1, .bytes = SPAN("no secret") });
	bench_run(&b, 20);
	assert_int_equal(b.spool.n_verbs, 1);
	assert_int_equal(b.smtpd.n_verbs, 1);
	assert_true(pool_holds(b.loop, "no secret"));
	assert_false(pool_holds(b.loop, "a password"));
	bench_close(&b);
}

static unsigned n_done;
static void count_done(void *arg)
{
	(void)arg;
	n_done++;
}

static void t_borrowed_parts_are_whole_and_given_back(void **state)
{
	static char body[WIRE_PART_MAX];
	struct bench b;
	size_t sent = 0;

	(void)state;
	n_done = 0;
	memset(body, 'x', sizeof body);
	bench_open(&b, false, ROLE_SPOOL, ROLE_SMTPD);
	for (unsigned i = 1; i <= 40; i++) {
		size_t len = i % 4 == 0 ? sizeof body : 100 * i;

		channel_put_borrowed(b.smtpd.ch, WIRE_mail_part, &(struct wire_mail_part){ .ask = i }, span_of(body, len), count_done, NULL);
		put_abort(b.smtpd.ch, i);
		sent += len;
	}
	assert_int_equal(n_done, 0);
	b.spool.stop_after = 80;
	bench_run(&b, 5000);
	assert_int_equal(b.spool.n_verbs, 80);
	assert_int_equal(b.spool.bytes, sent);
	assert_int_equal(n_done, 40);
	bench_close(&b);
	bench_open(&b, true, ROLE_SMTPD, ROLE_SPOOL);
	close(b.raw);
	b.raw = -1;
	channel_put_borrowed(b.spool.ch, WIRE_mail_part, &(struct wire_mail_part){ .ask = 1 }, span_of(body, 10), count_done, NULL);
	bench_run(&b, 1000);
	assert_int_equal(n_done, 41);
	assert_int_equal(b.spool.n_gone, 1);
	bench_close(&b);
}

static void t_kept_packets_stay_as_they_are(void **state)
{
	static char body[50000];
	struct bench b;

	(void)state;
	memset(body, 'x', sizeof body);
	bench_open(&b, false, ROLE_SPOOL, ROLE_SMTPD);
	b.spool.keeps = true;
	b.spool.stop_after = 100;
	for (unsigned i = 1; i <= 100; i++)
		channel_put(b.smtpd.ch, WIRE_mail_part, &(struct wire_mail_part){ .ask = i, .bytes = span_of(body, sizeof body) });
	bench_run(&b, 5000);
	assert_int_equal(b.spool.n_kept, 100);
	for (unsigned i = 0; i < b.spool.n_kept; i++) {
		assert_int_equal(b.spool.kept_bytes[i].len, sizeof body);
		assert_memory_equal(b.spool.kept_bytes[i].at, body, sizeof body);
		packet_release(&b.spool.kept[i]);
		assert_null(b.spool.kept[i]);
	}
	bench_close(&b);
}

static void t_a_full_socket_keeps_what_comes_later(void **state)
{
	static char body[WIRE_PART_MAX];
	struct bench b;
	unsigned before;

	(void)state;
	memset(body, 'x', sizeof body);
	bench_open(&b, true, ROLE_SMTPD, ROLE_SPOOL);
	for (unsigned i = 1; i <= 300; i++)
		channel_put(b.spool.ch, WIRE_mail_part, &(struct wire_mail_part){ .ask = i, .bytes = span_of(body, sizeof body) });
	bench_run(&b, 20);
	assert_true(channel_queued(b.spool.ch) > 0);
	before = packets_in(b.raw);
	assert_true(before > 2 && before < 300);
	for (unsigned i = 0; i < 300 && channel_queued(b.spool.ch) > 0; i++) {
		bench_run(&b, 5);
		before += packets_in(b.raw);
	}
	assert_int_equal(channel_queued(b.spool.ch), 0);
	assert_int_equal(before + packets_in(b.raw), 300);
	put_abort(b.spool.ch, 1);
	bench_run(&b, 5);
	assert_int_equal(packets_in(b.raw), 1);
	bench_close(&b);
}

static void raw_say(int fd, enum wire_verb verb, const void *msg)
{
	char bytes[512];
	size_t n = wire_put(bytes, sizeof bytes, verb, msg);

	assert_int_equal(send(fd, bytes, n, 0), n);
}

static void t_the_end_comes_after_the_last_word(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, true, ROLE_SPOOL, ROLE_SMTPD);
	channel_put(b.spool.ch, WIRE_mail_done, &(struct wire_mail_done){ .ask = 1 });
	channel_flush(b.spool.ch);	/* lies unread at the peer: its close makes ECONNRESET here */
	for (uint32_t ask = 1; ask <= 100; ask++)
		raw_say(b.raw, WIRE_mail_abort, &(struct wire_mail_abort){ .ask = ask });
	close(b.raw);
	b.raw = -1;
	channel_put(b.spool.ch, WIRE_mail_done, &(struct wire_mail_done){ .ask = 2 });
	for (unsigned i = 0; i < 10 && b.spool.n_gone == 0; i++)
		bench_run(&b, 100);
	assert_int_equal(b.spool.n_verbs, 100);
	assert_int_equal(b.spool.n_gone, 1);
	assert_int_equal(b.spool.n_broken, 0);
	bench_close(&b);
}

static unsigned n_captured;
static void count_captured(void *arg, enum wire_role peer, uint16_t instance, const char *why)
{
	(void)arg, (void)why;
	assert_int_equal(peer, ROLE_SMTPD);
	assert_int_equal(instance, 0);
	n_captured++;
}

static void breaks(const void *bytes, size_t len, unsigned n_good)
{
	struct bench b;

	n_captured = 0;
	bench_open(&b, true, ROLE_SPOOL, ROLE_SMTPD);
	channel_on_broken(b.loop, count_captured, NULL);
	assert_int_equal(send(b.raw, bytes, len, 0), len);
	bench_run(&b, 1000);
	assert_int_equal(b.spool.n_verbs, n_good);
	assert_int_equal(b.spool.n_broken, 1);
	assert_int_equal(n_captured, 1);
	assert_int_equal(b.spool.n_gone, 1);
	bench_close(&b);
}

static void t_a_peer_that_breaks_the_grammar_is_captured(void **state)
{
	static char bytes[WIRE_PACKET_MAX + 1];
	size_t n, m;

	(void)state;
	n = wire_put(bytes, sizeof bytes, WIRE_mail_done, &(struct wire_mail_done){ .ask = 1 });
	breaks(bytes, n, 0);				/* a verb of another peer */
	n = wire_put(bytes, sizeof bytes, WIRE_mail_abort, &(struct wire_mail_abort){ .ask = 1 });
	breaks(bytes, n - 1, 0);			/* cut */
	m = wire_put(bytes + n, sizeof bytes - n, WIRE_drain, &(struct wire_drain){ 0 });
	breaks(bytes, n + m, 1);			/* good, then the master's word */
	n = wire_put(bytes, sizeof bytes, WIRE_wire, &(struct wire_wire){ 0 });
	breaks(bytes, n, 0);
	memset(bytes, 0xff, sizeof bytes);
	breaks(bytes, 3, 0);
	breaks(bytes, sizeof bytes, 0);			/* longer than a packet */
}

static void send_fds(int sock, const void *bytes, size_t len, const int *fds, unsigned n)
{
	union {
		char bytes[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr head;
	} control = { { 0 } };
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = CMSG_SPACE(n * sizeof(int)) };

	control.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(n * sizeof(int)) };
	memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
	assert_int_equal(sendmsg(sock, &m, 0), len);
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void t_only_the_master_passes_descriptors(void **state)
{
	int pipes[2];
	struct bench b;
	char bytes[64];
	size_t n = wire_put(bytes, sizeof bytes, WIRE_mail_abort, &(struct wire_mail_abort){ .ask = 1 });
	unsigned before = open_fds();

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	bench_open(&b, true, ROLE_SPOOL, ROLE_SMTPD);
	send_fds(b.raw, bytes, n, pipes, 1);
	bench_run(&b, 1000);
	assert_int_equal(b.spool.n_broken, 1);
	bench_close(&b);

	/* Two, or one with a verb that takes none: broken, and none of them stays open. */
	bench_open(&b, true, ROLE_SPOOL, ROLE_MASTER);
	n = wire_put(bytes, sizeof bytes, WIRE_wire, &(struct wire_wire){ 0 });
	send_fds(b.raw, bytes, n, pipes, 2);
	bench_run(&b, 1000);
	assert_int_equal(b.spool.n_broken, 1);
	bench_close(&b);
	bench_open(&b, true, ROLE_SPOOL, ROLE_MASTER);
	n = wire_put(bytes, sizeof bytes, WIRE_begin, &(struct wire_begin){ 0 });
	send_fds(b.raw, bytes, n, pipes, 1);
	bench_run(&b, 1000);
	assert_int_equal(b.spool.n_broken, 1);
	bench_close(&b);

	bench_open(&b, false, ROLE_SPOOL, ROLE_MASTER);
	b.spool.stop_after = 2;
	channel_put(b.smtpd.ch, WIRE_begin, &(struct wire_begin){ 0 });
	channel_put_fd(b.smtpd.ch, WIRE_wire, &(struct wire_wire){ .peer = ROLE_SMTPD }, pipes[1]);
	bench_run(&b, 1000);
	assert_int_equal(b.spool.n_verbs, 2);
	assert_true(b.spool.fd >= 0 && b.spool.fd != pipes[1]);
	assert_int_equal(fcntl(b.spool.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(write(b.spool.fd, "x", 1), 1);
	close(b.spool.fd);
	bench_close(&b);
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(open_fds(), before);
}

static void t_closing_inside_a_verb_ends_the_reading(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, true, ROLE_SPOOL, ROLE_SMTPD);
	b.spool.closes = true;
	for (uint32_t ask = 1; ask <= 10; ask++)
		raw_say(b.raw, WIRE_mail_abort, &(struct wire_mail_abort){ .ask = ask });
	bench_run(&b, 20);
	assert_int_equal(b.spool.n_verbs, 1);
	assert_int_equal(b.spool.n_gone, 0);
	bench_close(&b);
}

static struct bench *gathering;
static uint32_t n_said;

/* One word a turn. */
static void say_one(struct deadline *d)
{
	channel_put(gathering->spool.ch, WIRE_mail_abort, &(struct wire_mail_abort){ .ask = ++n_said });
	if (n_said < 20)
		deadline_set(gathering->loop, d, loop_now(gathering->loop).mono_ms + 1);
}

static void t_words_that_nobody_waits_for_are_gathered(void **state)
{
	struct deadline next;
	struct bench b;
	int64_t began;

	(void)state;
	bench_open(&b, false, ROLE_SMTPD, ROLE_SPOOL);
	gathering = &b;
	n_said = 0;
	channel_gather(b.spool.ch, 500);
	b.smtpd.stop_after = 20;
	deadline_init(&next, say_one);
	began = loop_now(b.loop).mono_ms;
	deadline_set(b.loop, &next, began);
	bench_run(&b, 10000);
	assert_int_equal(b.smtpd.n_verbs, 20);
	assert_true(b.smtpd.n_batches == 1 || loop_now(b.loop).mono_ms - began > 900);
	assert_true(loop_now(b.loop).mono_ms - began >= 500);
	bench_close(&b);
}

static void t_many_of_them_wait_for_no_more(void **state)
{
	char text[4096];
	struct bench b;

	(void)state;
	bench_open(&b, false, ROLE_SMTPD, ROLE_SPOOL);
	memset(text, 'x', sizeof(text));
	channel_gather(b.spool.ch, 60000);
	for (unsigned i = 0; i < 8; i++)
		channel_put(b.spool.ch, WIRE_mail_part, &(struct wire_mail_part){ .ask = 1, .bytes = span_of(text, sizeof(text)) });
	b.smtpd.stop_after = 8;
	bench_run(&b, 10000);
	assert_int_equal(b.smtpd.n_verbs, 8);
	bench_close(&b);
}

/* ---- deadlines and turns ---------------------------------------------------------- */

static struct due {
	struct deadline d;
	int64_t at, ran_at;
	unsigned n;
} dues[200];
static struct loop *due_loop;
static unsigned n_due;

static void on_due(struct deadline *d)
{
	struct due *due = LIST_OWNER(d, struct due, d);

	due->ran_at = loop_now(due_loop).mono_ms;
	due->n++;
	if (++n_due == 150)
		loop_stop(due_loop);
}

static void t_deadlines_run_once_not_before_their_time(void **state)
{
	int64_t start;

	(void)state;
	due_loop = loop_new();
	start = loop_now(due_loop).mono_ms;
	n_due = 0;
	for (unsigned i = 0; i < 200; i++) {
		deadline_init(&dues[i].d, on_due);
		dues[i].n = 0;
		dues[i].at = start + (i * 37) % 100;
		deadline_set(due_loop, &dues[i].d, start + 5000);
		deadline_set(due_loop, &dues[i].d, dues[i].at);
	}
	for (unsigned i = 0; i < 50; i++)
		deadline_clear(due_loop, &dues[i].d);
	loop_run(due_loop);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(dues[i].n, i < 50 ? 0 : 1);
		if (i >= 50)
			assert_true(dues[i].ran_at >= dues[i].at && dues[i].ran_at < dues[i].at + 2000);
	}
	loop_free(&due_loop);
}

static unsigned n_turns;
static struct turn_end turn, other_turn;
static void on_turn(struct turn_end *te)
{
	n_turns++;
	loop_off_turn_end(te);
	if (te == &turn)
		loop_off_turn_end(&other_turn);
}

static void t_turn_ends_may_leave(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, true, ROLE_SPOOL, ROLE_SMTPD);
	turn.fn = other_turn.fn = on_turn;
	n_turns = 0;
	loop_on_turn_end(b.loop, &turn);
	loop_on_turn_end(b.loop, &other_turn);
	bench_run(&b, 10);
	assert_int_equal(n_turns, 1);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_verbs_come_in_order),
		cmocka_unit_test(t_a_turn_is_a_packet),
		cmocka_unit_test(t_flush_sends_at_once),
		cmocka_unit_test(t_what_carried_a_password_is_wiped),
		cmocka_unit_test(t_borrowed_parts_are_whole_and_given_back),
		cmocka_unit_test(t_kept_packets_stay_as_they_are),
		cmocka_unit_test(t_a_full_socket_keeps_what_comes_later),
		cmocka_unit_test(t_the_end_comes_after_the_last_word),
		cmocka_unit_test(t_a_peer_that_breaks_the_grammar_is_captured),
		cmocka_unit_test(t_only_the_master_passes_descriptors),
		cmocka_unit_test(t_closing_inside_a_verb_ends_the_reading),
		cmocka_unit_test(t_words_that_nobody_waits_for_are_gathered),
		cmocka_unit_test(t_many_of_them_wait_for_no_more),
		cmocka_unit_test(t_deadlines_run_once_not_before_their_time),
		cmocka_unit_test(t_turn_ends_may_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
