/* The program spool between its peers and its disk: what it says and writes, in which order, and after which failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <cmocka.h>

#include "spool/envelope.h"
#include "spool_world.h"

static struct channel *smtpd, *auth, *local, *relay, *ctl;

static struct msg_id id_of(unsigned n)
{
	return (struct msg_id){ { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, (unsigned char)(n >> 8), (unsigned char)n } };
}

static struct channel *worker(enum wire_role role, uint16_t instance, uint32_t generation)
{
	struct channel *ch = world_wire(role, instance, generation);

	world_say(ch, WIRE_told, &(struct wire_told){ 0 });
	return ch;
}

static void wire_all(void)
{
	smtpd = world_wire(ROLE_SMTPD, 0, 1);
	auth = world_wire(ROLE_AUTH, 0, 1);
	ctl = world_wire(ROLE_CTL, 0, 1);
	local = worker(ROLE_LOCAL, 0, 1);
	relay = worker(ROLE_RELAY, 0, 1);
}

static int setup(void **state)
{
	(void)state;
	world_new();
	wire_all();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free();
	return 0;
}

/* ---- smtpd ------------------------------------------------------------------------ */

static void begin_of(const char *client, unsigned n, const char *sender)
{
	world_say(smtpd, WIRE_mail_begin, &(struct wire_mail_begin){ .ask = n, .id = id_of(n), .received_ms = (uint64_t)world.now.wall_ms,
	    .sender = span_of_text(sender), .envid = SPAN_NONE, .client = span_of_text(client), .login = SPAN_NONE });
}

static void begin(unsigned n, const char *sender)
{
	begin_of("192.0.2.1", n, sender);
}

static void rcpt(unsigned n, const char *to, uint8_t notify)
{
	world_say(smtpd, WIRE_mail_rcpt, &(struct wire_mail_rcpt){ .ask = n, .notify = notify, .address = span_of_text(to), .orcpt = SPAN_NONE });
}

static void commit(unsigned n)
{
	static const char body[] = "Subject: x\r\n\r\nhello\r\n";

	world_say(smtpd, WIRE_mail_part, &(struct wire_mail_part){ .ask = n, .bytes = SPAN(body) });
	world_say(smtpd, WIRE_mail_commit, &(struct wire_mail_commit){ .ask = n, .size = sizeof(body) - 1, .prefix = SPAN("Received: y\r\n"),
	    .quarantine = SPAN_NONE });
}

static void send_to(unsigned n, const char *sender, const char *to)
{
	begin(n, sender);
	rcpt(n, to, 0);
	commit(n);
}

static void assert_stored(unsigned n)
{
	union wire_msg msg;

	assert_true(world_hear(smtpd, WIRE_mail_done, &msg));
	assert_int_equal(msg.mail_done.ask, n);
	assert_int_equal(msg.mail_done.result, STORED);
}

static bool is_or_was_here(unsigned n)
{
	union wire_msg msg;
	struct wire_have_ask ask = { .ask = 77, .id = id_of(n) };

	world_say(smtpd, WIRE_have_ask, &ask);
	assert_true(world_hear(smtpd, WIRE_have_told, &msg));
	return msg.have_told.yes;
}

/* ---- workers ------------------------------------------------------------------------ */

static uint32_t job_at(struct channel *at, unsigned *n_rcpts)
{
	union wire_msg msg;
	uint32_t job;

	if (!world_hear(at, WIRE_job_begin, &msg))
		return 0;
	job = msg.job_begin.job;
	for (*n_rcpts = 0; world_sees(at, WIRE_job_rcpt, &msg) && msg.job_rcpt.job == job; ++*n_rcpts)
		(void)world_hear(at, WIRE_job_rcpt, &msg);
	return job;
}

static void outcome(struct channel *at, unsigned n, uint32_t rcpt_n, uint32_t job, enum wire_fate fate)
{
	world_say(at, WIRE_outcome, &(struct wire_outcome){ .id = id_of(n), .n = rcpt_n, .result = (uint8_t)fate, .scope = SCOPE_RECIPIENT,
	    .enhanced = fate == FATE_FAILED ? SPAN("5.2.2") : fate == FATE_DEFERRED ? SPAN("4.2.2") : SPAN("2.0.0"),
	    .words = SPAN("as the peer said"), .host = SPAN("host"), .job = job });
}

static void done(struct channel *at, unsigned n, uint32_t job)
{
	world_say(at, WIRE_job_done, &(struct wire_job_done){ .job = job, .id = id_of(n) });
}

static bool is_acknowledged(struct channel *at, uint32_t job)
{
	union wire_msg msg;

	return world_hear(at, WIRE_job_ack, &msg) && msg.job_ack.job == job;
}

static void deliver_one(struct channel *at, unsigned n)
{
	unsigned n_rcpts;
	uint32_t job = job_at(at, &n_rcpts);

	assert_int_not_equal(job, 0);
	outcome(at, n, 0, job, FATE_DELIVERED);
	done(at, n, job);
	assert_true(is_acknowledged(at, job));
}

static bool has_job(struct channel *at)
{
	unsigned n;

	return job_at(at, &n) != 0;
}

/* ---- the command line ----------------------------------------------------------------- */

struct told {
	uint32_t count, n_messages, n_rcpts;
	int exit;
	char words[512], reason[256], sender[64];
	enum wire_state state;
};

static void ask_queue(enum wire_queue action, const char *filter)
{
	world_say(ctl, WIRE_queue_ask, &(struct wire_queue_ask){ .ask = 5, .action = (uint8_t)action, .filter = span_of_text(filter),
	    .argument = SPAN_NONE });
}

static void text(char *out, size_t room, struct span s)
{
	(void)snprintf(out, room, "%.*s", SPAN_ARG(s));
}

static struct told queue(enum wire_queue action, const char *filter)
{
	struct told t = { 0 };
	union wire_msg msg;

	ask_queue(action, filter);
	for (unsigned i = 0; i < 1000 && !world_hear(ctl, WIRE_queue_done, &msg); i++) {
		while (world_hear(ctl, WIRE_queue_message, &msg)) {
			t.n_messages++;
			text(t.sender, sizeof(t.sender), msg.queue_message.sender);
		}
		while (world_hear(ctl, WIRE_queue_recipient, &msg)) {
			t.n_rcpts++;
			t.state = msg.queue_recipient.state;
			text(t.reason, sizeof(t.reason), msg.queue_recipient.reason);
		}
		world_say(ctl, WIRE_queue_more, &(struct wire_queue_more){ .ask = 5, .rows = WIRE_ROWS });
	}
	t.count = msg.queue_done.count;
	t.exit = msg.queue_done.exit;
	text(t.words, sizeof(t.words), msg.queue_done.words);
	while (world_hear(ctl, WIRE_queue_message, &msg)) {
		t.n_messages++;
		text(t.sender, sizeof(t.sender), msg.queue_message.sender);
	}
	while (world_hear(ctl, WIRE_queue_recipient, &msg)) {
		t.n_rcpts++;
		t.state = msg.queue_recipient.state;
		text(t.reason, sizeof(t.reason), msg.queue_recipient.reason);
	}
	return t;
}

/* ---- intake ------------------------------------------------------------------------------ */

static void t_a_message_is_stored_expanded_delivered_and_over(void **state)
{
	(void)state;
	send_to(1, "a@sender.test", "here@local.test");
	assert_stored(1);
	world_auth(auth);
	deliver_one(local, 1);
	assert_int_equal(world.n_ends, 1);
	assert_int_equal(queue(QUEUE_LIST, "").n_messages, 0);
}

static void t_nothing_is_said_before_the_disk_has_it(void **state)
{
	union wire_msg msg;

	(void)state;
	world.is_still = true;
	send_to(1, "a@sender.test", "here@local.test");
	assert_false(world_hear(smtpd, WIRE_mail_done, &msg));
	world.is_still = false;
	world_turn();
	assert_stored(1);
}

static void t_a_disk_that_fails_or_is_full_is_told(void **state)
{
	union wire_msg msg;

	(void)state;
	world.write_error = PR_IO;
	send_to(1, "a@sender.test", "here@local.test");
	assert_true(world_hear(smtpd, WIRE_mail_done, &msg));
	assert_int_equal(msg.mail_done.result, STORED_NOT_IO);
	world.write_error = PR_FULL;
	send_to(2, "a@sender.test", "here@local.test");
	assert_true(world_hear(smtpd, WIRE_mail_done, &msg));
	assert_int_equal(msg.mail_done.result, STORED_NOT_FULL);
	assert_int_equal(queue(QUEUE_LIST, "").n_messages, 0);
}

static unsigned events(enum event_code code)
{
	unsigned n = world.n_events[code];

	world.n_events[code] = 0;
	return n;
}

/* At the brim the disk is full and has room again with every segment. */
static void t_trouble_is_told_once_and_its_end_when_it_lasts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		world_full(true);
		world_pass(SECONDS(1));
		world_full(false);
		world_pass(SECONDS(20));
	}
	assert_int_equal(events(EV_STORE_FULL), 1);
	assert_int_equal(events(EV_STORE_BACK), 0);
	world_failing(5);
	world_full(true);
	world_failing(0);
	world_failing(5);
	world_failing(0);
	world_pass(MINUTES(5));
	assert_int_equal(events(EV_STORE_LOST), 1);
	assert_int_equal(events(EV_STORE_FULL) + events(EV_STORE_BACK), 0);
	world_full(false);
	world_pass(SECONDS(31));
	assert_int_equal(events(EV_STORE_BACK), 1);
	world_pass(MINUTES(5));
	world_full(true);
	assert_int_equal(events(EV_STORE_FULL), 1);
	assert_int_equal(events(EV_STORE_BACK), 0);
	send_to(1, "a@sender.test", "here@local.test");
	world_full(false);
	send_to(2, "a@sender.test", "here@local.test");	/* taken at once, whatever was told */
	world_auth(auth);
	deliver_one(local, 2);
}

static void t_what_ended_before_the_question_was_here(void **state)
{
	(void)state;
	send_to(1, "a@sender.test", "here@local.test");
	world_restart(true);
	wire_all();
	world_auth(auth);
	deliver_one(local, 1);
	assert_int_equal(world.n_ends, 1);
	assert_true(is_or_was_here(1));
	assert_false(is_or_was_here(2));
	world_pass(MINUTES(2));		/* nobody asks after so long */
	assert_false(is_or_was_here(1));
}

static void t_what_was_withdrawn_was_not_here(void **state)
{
	(void)state;
	send_to(1, "a@sender.test", "here@local.test");
	send_to(2, "a@sender.test", "here@local.test");
	world_auth(auth);
	world_restart(true);
	wire_all();
	world_say(smtpd, WIRE_withdraw, &(struct wire_withdraw){ .id = id_of(1) });
	assert_false(is_or_was_here(1));
	assert_true(is_or_was_here(2));
}

/* The worker that had a drop file died before it could say that the message was taken: the next one must not send it again. */
static void t_what_a_file_brought_is_remembered_for_a_while(void **state)
{
	(void)state;
	begin_of("uid:1000", 1, "a@sender.test");
	rcpt(1, "here@local.test", 0);
	commit(1);
	world_auth(auth);
	deliver_one(local, 1);
	assert_int_equal(world.n_ends, 1);
	assert_true(is_or_was_here(1));
	world_pass(SECONDS(50));
	assert_true(is_or_was_here(1));
	world_pass(MINUTES(2));
	assert_false(is_or_was_here(1));
}

static void t_a_question_waits_for_recovery(void **state)
{
	union wire_msg msg;

	(void)state;
	send_to(1, "a@sender.test", "here@local.test");
	world_restart(false);
	wire_all();
	world_say(smtpd, WIRE_have_ask, &(struct wire_have_ask){ .ask = 9, .id = id_of(1) });
	assert_false(world_hear(smtpd, WIRE_have_told, &msg));
	world_recover();
	assert_true(world_hear(smtpd, WIRE_have_told, &msg));
	assert_int_equal(msg.have_told.yes, 1);
}

static void t_what_is_withdrawn_before_recovery_is_not_delivered(void **state)
{
	(void)state;
	send_to(1, "a@sender.test", "here@local.test");
	world_restart(false);
	wire_all();
	world_say(smtpd, WIRE_withdraw, &(struct wire_withdraw){ .id = id_of(1) });
	world_recover();
	world_auth(auth);
	assert_false(has_job(local));
	assert_int_equal(world.n_ends, 1);
}

static void t_a_queued_message_is_withdrawn(void **state)
{
	(void)state;
	send_to(1, "a@sender.test", "away@foreign.test");
	world_auth(auth);
	assert_int_equal(queue(QUEUE_LIST, "").n_messages, 1);
	world_say(smtpd, WIRE_withdraw, &(struct wire_withdraw){ .id = id_of(1) });
	assert_int_equal(queue(QUEUE_LIST, "").n_messages, 0);
	assert_int_equal(world.n_ends, 1);
}

static void t_a_flying_message_is_withdrawn_when_it_lands(void **state)
{
	unsigned n;
	uint32_t job;

	(void)state;
	send_to(1, "a@sender.test", "here@local.test");
	world_auth(auth);
	job = job_at(local, &n);
	world_say(smtpd, WIRE_withdraw, &(struct wire_withdraw){ .id = id_of(1) });
	assert_int_equal(world.n_ends, 0);
	outcome(local, 1, 0, job, FATE_DEFERRED);
	done(local, 1, job);
	assert_int_equal(world.n_ends, 1);
	world_pass(HOURS(1));
	assert_false(has_job(local));
}

/* ---- expansion ---------------------------------------------------------------------------------- */

static void t_a_list_of_thousands_is_expanded_once_and_leaves_in_batches(void **state)
{
	unsigned n_jobs = 0, n_all = 0, n;

	(void)state;
	world.settings->deliver[0].batch = 50;
	world_settings();
	begin(1, "a@sender.test");
	rcpt(1, "list:3000@local.test", 0);
	rcpt(1, "list:2000@local.test", 0);
	rcpt(1, "here@local.test", 0);
	commit(1);
	world_auth(auth);
	assert_int_equal(world.n_states, 1);
	while (job_at(local, &n)) {
		assert_int_equal(n, n_all < 3000 ? 50 : 1);
		n_jobs++;
		n_all += n;
	}
	assert_int_equal(n_jobs, 61);
	assert_int_equal(n_all, 3001);
}

static void t_nobody_and_circles_bounce(void **state)
{
	(void)state;
	send_to(1, "here-sender@local.test", "unknown@local.test");
	world_auth(auth);
	world_auth(auth);
	assert_int_equal(world.n_events[EV_DSN_SENT], 1);
	assert_true(has_job(local));	/* the bounce */
}

static void t_what_can_not_be_told_for_too_long_bounces(void **state)
{
	(void)state;
	world.settings->retry.expire = MINUTES(5);
	world_settings();
	send_to(1, "here-sender@local.test", "temporary@local.test");
	for (unsigned i = 0; i < 14; i++) {
		world_auth(auth);
		assert_int_equal(world.n_events[EV_DSN_SENT], 0);
		world_pass(SECONDS(20));
	}
	for (unsigned i = 0; i < 4; i++) {
		world_auth(auth);
		world_pass(SECONDS(20));
	}
	assert_int_equal(world.n_events[EV_DSN_SENT], 1);
	assert_int_equal(world.n_ends, 1);
	assert_true(has_job(local));
}

static void t_what_can_not_be_asked_for_too_long_bounces(void **state)
{
	(void)state;
	world.settings->retry.expire = MINUTES(5);
	world_settings();
	world_gone(auth);
	send_to(1, "here-sender@local.test", "here@local.test");
	world_pass(MINUTES(4));
	assert_int_equal(world.n_events[EV_DSN_SENT], 0);
	world_pass(MINUTES(2));
	assert_int_equal(world.n_events[EV_DSN_SENT], 1);
	assert_int_equal(world.n_ends, 1);
	auth = world_wire(ROLE_AUTH, 0, 1);
	world_auth(auth);
	assert_true(has_job(local));	/* the bounce */
}

/* What was waited for too long while everything was off is asked for first. */
static void t_what_is_over_is_asked_for_when_auth_comes_back(void **state)
{
	(void)state;
	world_gone(auth);
	send_to(1, "here-sender@local.test", "here@local.test");
	world.now.mono_ms += HOURS(100);
	world.now.wall_ms += HOURS(100);
	world_restart(true);
	wire_all();
	world_gone(auth);
	world_pass(SECONDS(30));
	auth = world_wire(ROLE_AUTH, 0, 1);
	world_auth(auth);
	assert_int_equal(world.n_ends, 0);
	deliver_one(local, 1);
	assert_int_equal(world.n_ends, 1);
}

static void t_an_expansion_that_could_not_be_written_is_written_again(void **state)
{
	(void)state;
	send_to(1, "a@sender.test", "here@local.test");
	world.write_error = PR_IO;
	world_auth(auth);
	assert_false(has_job(local));
	world_pass(SECONDS(5));
	assert_false(has_job(local));
	world.write_error = PR_OK;
	world_pass(SECONDS(2));
	deliver_one(local, 1);
	assert_int_equal(world.n_ends, 1);
}

static void t_a_retry_by_hand_expands_nothing_twice(void **state)
{
	(void)state;
	send_to(1, "a@sender.test", "here@local.test");
	assert_int_equal(queue(QUEUE_RETRY, "").exit, EX_OK);
	assert_int_equal(queue(QUEUE_RETRY, "").exit, EX_OK);
	world_auth(auth);
	deliver_one(local, 1);
	world_pass(SECONDS(60));
	world_auth(auth);
	assert_false(has_job(local));
}

/* ---- settings -------------------------------------------------------------------------------------- */

static void t_a_job_names_its_section(void **state)
{
	union wire_msg msg;

	(void)state;
	send_to(1, "a@sender.test", "imap@local.test");
	world_auth(auth);
	assert_true(world_hear(relay, WIRE_job_begin, &msg));
	assert_true(span_eq(msg.job_begin.deliver, SPAN("imap")));
}

static void t_a_message_keeps_its_section_when_others_come_before_it(void **state)
{
	union wire_msg msg;

	(void)state;
	world_gone(local);
	send_to(1, "a@sender.test", "here@local.test");
	world_auth(auth);
	world_no_deliver();
	world_deliver("imap", NULL, "127.0.0.1:24");
	world_deliver("maildir", "/elsewhere/:local/", NULL);
	world_settings();
	local = worker(ROLE_LOCAL, 0, 2);
	assert_true(world_hear(local, WIRE_job_begin, &msg));
	assert_true(span_eq(msg.job_begin.deliver, SPAN("maildir")));
}

static void t_a_section_that_is_gone_is_waited_for_with_clear_words(void **state)
{
	struct told t;

	(void)state;
	world_gone(local);
	send_to(1, "here-sender@local.test", "here@local.test");
	world_auth(auth);
	world_no_deliver();
	world_settings();
	local = worker(ROLE_LOCAL, 0, 2);
	assert_false(has_job(local));
	t = queue(QUEUE_LIST, "");
	assert_int_equal(t.state, STATE_WAITING);
	assert_non_null(strstr(t.reason, "deliver section"));
	world_deliver("maildir", "/mail/:local/", NULL);
	world_settings();
	deliver_one(local, 1);
}

static void t_a_section_that_never_comes_back_expires(void **state)
{
	(void)state;
	world_gone(local);
	send_to(1, "here-sender@local.test", "here@local.test");
	world_auth(auth);
	world_no_deliver();
	world_settings();
	world_pass(HOURS(73));
	assert_int_equal(world.n_events[EV_QUEUE_EXPIRED], 1);
}

static void t_a_route_that_holds_counts_for_what_is_queued_too(void **state)
{
	struct set_route *r;

	(void)state;
	send_to(1, "a@sender.test", "away@foreign.test");
	world_auth(auth);
	assert_int_equal(queue(QUEUE_LIST, "").state, STATE_WAITING);
	r = settings_add_section(world.settings, "route", "*", 1);
	r->hold = true;
	world_settings();
	send_to(2, "a@sender.test", "away@foreign.test");
	world_auth(auth);
	assert_int_equal(queue(QUEUE_LIST, "state:held").n_messages, 2);
	assert_int_equal(queue(QUEUE_RELEASE, "").count, 2);
	assert_int_equal(queue(QUEUE_LIST, "state:held").n_messages, 0);	/* a word by hand counts more than the route's */
	world_restart(true);
	wire_all();
	assert_int_equal(queue(QUEUE_LIST, "state:held").n_messages, 0);
}

/* ---- foreign mail ------------------------------------------------------------------------------------ */

static struct channel *dns;

static uint32_t question(const char *domain)
{
	union wire_msg msg;

	assert_true(world_hear(dns, WIRE_site_ask, &msg));
	assert_true(span_eq(msg.site_ask.domain, span_of_text(domain)));
	return msg.site_ask.ask;
}

static void tell_site(uint32_t ask, enum wire_site result, uint64_t key, uint32_t ttl)
{
	if (result == SITE_FOUND)
		for (unsigned i = 1; i <= 3; i++)
			world_say(dns, WIRE_site_host, &(struct wire_site_host){ .ask = ask, .preference = (uint16_t)(i < 3 ? 10 : 20),
			    .name = i == 1 ? SPAN("mx1.test") : i == 2 ? SPAN("mx2.test") : SPAN("backup.test") });
	world_say(dns, WIRE_site_done, &(struct wire_site_done){ .ask = ask, .result = (uint8_t)result, .key = key, .ttl = ttl,
	    .why = result == SITE_FOUND ? SPAN_NONE : SPAN("as dns said") });
}

static bool asks_dns(void)
{
	union wire_msg msg;

	return world_sees(dns, WIRE_site_ask, &msg);
}

static void send_away(unsigned n, const char *to)
{
	send_to(n, "here-sender@local.test", to);
	world_auth(auth);
}

static void t_foreign_mail_leaves_by_the_hosts_that_dns_names(void **state)
{
	union wire_msg msg;

	(void)state;
	dns = world_wire(ROLE_DNS, 0, 1);
	send_away(1, "x@foreign.test");
	assert_false(has_job(relay));
	tell_site(question("foreign.test"), SITE_FOUND, 7, 300);
	assert_true(world_hear(relay, WIRE_job_begin, &msg));
	assert_int_equal(msg.job_begin.deliver.len, 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(world_hear(relay, WIRE_job_host, &msg));
		assert_int_equal(msg.job_host.preference, i < 2 ? 10 : 20);
		assert_int_equal(msg.job_host.port, 0);
	}
	assert_true(span_eq(msg.job_host.name, SPAN("backup.test")));
	send_away(2, "y@foreign.test");
	assert_false(asks_dns());		/* the answer is remembered */
	assert_true(has_job(relay));
}

/* Of ours is what the configuration names, and the server itself. */
static void t_where_foreign_mail_goes_auth_is_not_asked(void **state)
{
	union wire_msg msg;

	(void)state;
	send_to(1, "a@sender.test", "x@foreign.test");
	assert_false(world_sees(auth, WIRE_expand_ask, &msg));
	assert_int_equal(queue(QUEUE_LIST, "to:x@foreign.test").n_messages, 1);
	send_to(2, "a@sender.test", "here@local.test");
	assert_true(world_hear(auth, WIRE_expand_ask, &msg));
	send_to(3, "a@sender.test", "postmaster@MX.example.test");
	assert_true(world_hear(auth, WIRE_expand_ask, &msg));
}

static unsigned n_rcpts_of_job(struct channel *at)
{
	unsigned n = 0;

	return job_at(at, &n) ? n : 0;
}

/* One record, one sync: with the message it is known who gets it, now and after a restart. */
static void t_mail_to_others_alone_is_written_with_its_expansion(void **state)
{
	(void)state;
	dns = world_wire(ROLE_DNS, 0, 1);
	begin(1, "a@local.test");
	rcpt(1, "x@foreign.test", 0);
	rcpt(1, "y@Foreign.test", 0);
	rcpt(1, "x@FOREIGN.test", 0);
	commit(1);
	assert_stored(1);
	tell_site(question("foreign.test"), SITE_FOUND, 7, 300);
	assert_int_equal(n_rcpts_of_job(relay), 2);
	assert_int_equal(world.n_states, 0);
	world_restart(true);
	wire_all();
	dns = world_wire(ROLE_DNS, 0, 1);
	tell_site(question("foreign.test"), SITE_FOUND, 7, 300);
	assert_int_equal(n_rcpts_of_job(relay), 2);
}

static void t_many_others_are_written_apart_from_the_message(void **state)
{
	char to[32];

	(void)state;
	begin(1, "a@local.test");
	for (unsigned i = 0; i < 100; i++) {
		snprintf(to, sizeof(to), "x%u@foreign.test", i);
		rcpt(1, to, 0);
	}
	commit(1);
	assert_stored(1);
	assert_int_equal(world.n_states, 1);
	assert_int_equal(queue(QUEUE_LIST, "to:x99@foreign.test").n_messages, 1);
}

static void t_where_one_of_ours_is_among_them_auth_is_asked(void **state)
{
	union wire_msg msg;

	(void)state;
	dns = world_wire(ROLE_DNS, 0, 1);
	begin(1, "a@local.test");
	rcpt(1, "x@foreign.test", 0);
	rcpt(1, "here@local.test", 0);
	commit(1);
	assert_stored(1);
	assert_false(asks_dns());
	assert_true(world_sees(auth, WIRE_expand_ask, &msg));
	world_auth(auth);
	tell_site(question("foreign.test"), SITE_FOUND, 7, 300);
	assert_int_equal(n_rcpts_of_job(relay), 1);
	assert_int_equal(n_rcpts_of_job(local), 1);
	assert_int_equal(world.n_states, 1);
}

/* One recipient, put off at once. */
static void next_job(const char *sender, const char *to, const char *front)
{
	union wire_msg msg;
	uint32_t job, n;

	assert_true(world_hear(relay, WIRE_job_begin, &msg));
	job = msg.job_begin.job;
	assert_true(span_eq(msg.job_begin.sender, span_of_text(sender)));
	assert_true(world_hear(relay, WIRE_job_rcpt, &msg));
	assert_true(span_eq(msg.job_rcpt.address, span_of_text(to)));
	n = msg.job_rcpt.n;
	assert_false(world_sees(relay, WIRE_job_rcpt, &msg) && msg.job_rcpt.job == job);
	do
		assert_true(world_hear(relay, WIRE_job_part, &msg));
	while (msg.job_part.job != job);
	assert_true(span_starts_nocase(msg.job_part.bytes, span_of_text(front)));
	outcome(relay, 1, n, job, FATE_DELIVERED);
	done(relay, 1, job);
}

/* One transaction has one sender, and tells nobody for whom else the mail came. A restart changes neither. */
static void t_each_forwarded_recipient_keeps_its_sender(void **state)
{
	struct msg_id id = id_of(1);
	struct state_row row;
	struct span rows;
	unsigned n = 0;

	(void)state;
	begin(1, "anna@far.test");
	rcpt(1, "fwd-a1@local.test", 0);
	rcpt(1, "fwd-a2@local.test", 0);
	rcpt(1, "fwd-b1@local.test", 0);
	rcpt(1, "direct@foreign.test", 0);
	commit(1);
	world_auth(auth);
	assert_int_equal(world.n_events[EV_RECIPIENT_FORWARDED], 3);
	for (rows = world_state_of(&id); state_next(&rows, &row) == PR_OK;)
		n += row.type == STATE_ROW_SENDER;
	assert_int_equal(n, 3);		/* what is moved has them, too */
	world_restart(true);
	wire_all();
	dns = world_wire(ROLE_DNS, 0, 1);
	tell_site(question("foreign.test"), SITE_FOUND, 7, 300);
	next_job("srs-a@local.test", "to-a1@foreign.test", "Delivered-To: fwd-a1@local.test\r\n");
	next_job("srs-a@local.test", "to-a2@foreign.test", "Delivered-To: fwd-a2@local.test\r\n");
	next_job("srs-b@local.test", "to-b1@foreign.test", "Delivered-To: fwd-b1@local.test\r\n");
	next_job("anna@far.test", "direct@foreign.test", "Received: y\r\n");
	assert_false(has_job(relay));
	assert_int_equal(queue(QUEUE_LIST, "").n_messages, 0);
}

static void t_an_old_answer_serves_until_the_new_one_is_there(void **state)
{
	(void)state;
	dns = world_wire(ROLE_DNS, 0, 1);
	send_away(1, "x@foreign.test");
	tell_site(question("foreign.test"), SITE_FOUND, 7, 60);
	deliver_one(relay, 1);
	world_pass(MINUTES(2));
	send_away(2, "x@foreign.test");
	deliver_one(relay, 2);			/* at once */
	tell_site(question("foreign.test"), SITE_TEMPORARY, 0, 0);
	send_away(3, "x@foreign.test");
	deliver_one(relay, 3);
	world_pass(HOURS(2));
	tell_site(question("foreign.test"), SITE_TEMPORARY, 0, 0);
	send_away(4, "x@foreign.test");
	assert_false(has_job(relay));		/* that is too old */
}

static void t_domains_of_one_site_share_its_window(void **state)
{
	(void)state;
	dns = world_wire(ROLE_DNS, 0, 1);
	for (unsigned n = 1; n <= 4; n++) {
		char to[] = "x@a.test";

		to[2] = (char)('a' + n);
		send_away(n, to);
		tell_site(question(to + 2), SITE_FOUND, 7, 300);
	}
	assert_true(has_job(relay));
	assert_true(has_job(relay));
	assert_false(has_job(relay));
	send_away(5, "x@elsewhere.test");
	tell_site(question("elsewhere.test"), SITE_FOUND, 8, 300);
	assert_true(has_job(relay));
}

static void assert_bounces(const char *domain, enum wire_site result, unsigned n, const char *enhanced)
{
	char to[64];
	unsigned dsns = world.n_events[EV_DSN_SENT];
	union wire_msg msg;
	uint32_t job;

	(void)snprintf(to, sizeof(to), "x@%s", domain);
	send_away(n, to);
	tell_site(question(domain), result, 0, 300);
	assert_int_equal(world.n_events[EV_DSN_SENT], dsns + 1);
	world_auth(auth);
	assert_true(world_hear(local, WIRE_job_begin, &msg));
	job = msg.job_begin.job;
	assert_true(world_hear(local, WIRE_job_part, &msg));
	assert_non_null(memmem(msg.job_part.bytes.at, msg.job_part.bytes.len, enhanced, strlen(enhanced)));
	(void)job;
}

static void t_a_domain_that_takes_no_mail_bounces_at_once(void **state)
{
	(void)state;
	dns = world_wire(ROLE_DNS, 0, 1);
	assert_bounces("null.test", SITE_NULL_MX, 1, "Status: 5.1.10");
	assert_bounces("nowhere.test", SITE_NO_NAME, 2, "Status: 5.1.2");
	assert_bounces("hostless.test", SITE_NO_HOST, 3, "Status: 5.4.4");
	assert_false(has_job(relay));
	send_away(4, "x@null.test");
	assert_true(asks_dns());	/* it may have changed its mind */
}

static void t_trouble_with_dns_has_one_timer(void **state)
{
	struct told t;

	(void)state;
	dns = world_wire(ROLE_DNS, 0, 1);
	for (unsigned n = 1; n <= 50; n++)
		send_away(n, "x@foreign.test");
	tell_site(question("foreign.test"), SITE_TEMPORARY, 0, 0);
	assert_false(asks_dns());
	assert_int_equal(world.n_events[EV_SITE_POSTPONED], 1);
	t = queue(QUEUE_LIST, "");
	assert_int_equal(t.n_messages, 50);
	assert_int_equal(t.state, STATE_WAITING);
	assert_non_null(strstr(t.reason, "as dns said"));
	assert_int_equal(world.n_states, 0);	/* nothing was written of it */
	send_away(51, "x@foreign.test");
	assert_false(asks_dns());
	world_pass(MINUTES(3));
	tell_site(question("foreign.test"), SITE_FOUND, 7, 300);
	assert_false(asks_dns());
	assert_true(has_job(relay));
}

static void t_dns_may_die(void **state)
{
	union wire_msg msg;

	(void)state;
	dns = world_wire(ROLE_DNS, 0, 1);
	send_away(1, "x@foreign.test");
	(void)question("foreign.test");
	world_gone(dns);
	send_away(2, "x@other.test");
	assert_int_equal(queue(QUEUE_LIST, "").n_messages, 2);
	dns = world_wire(ROLE_DNS, 0, 1);	/* nobody waits for a timer */
	for (unsigned i = 0; i < 2; i++) {
		assert_true(world_hear(dns, WIRE_site_ask, &msg));
		tell_site(msg.site_ask.ask, SITE_FOUND, 7 + i, 300);
		assert_true(has_job(relay));
	}
}

/* What the old one said lies in its channel still when the new one is wired: its end is seen last. */
static void t_the_next_dns_may_come_before_the_end_of_the_last(void **state)
{
	struct channel *last;

	(void)state;
	last = dns = world_wire(ROLE_DNS, 0, 1);
	send_away(1, "x@foreign.test");
	(void)question("foreign.test");
	dns = world_wire(ROLE_DNS, 0, 1);
	world_gone(last);
	tell_site(question("foreign.test"), SITE_FOUND, 7, 300);
	assert_true(has_job(relay));
}

static void t_the_next_auth_may_come_before_the_end_of_the_last(void **state)
{
	struct channel *last = auth;
	union wire_msg msg;

	(void)state;
	send_to(1, "a@sender.test", "here@local.test");
	assert_true(world_hear(auth, WIRE_expand_ask, &msg));
	auth = world_wire(ROLE_AUTH, 0, 1);
	world_gone(last);
	world_auth(auth);
	deliver_one(local, 1);
	assert_int_equal(world.n_ends, 1);
}

static void t_trouble_with_dns_expires_after_an_attempt(void **state)
{
	(void)state;
	dns = world_wire(ROLE_DNS, 0, 1);
	send_away(1, "x@foreign.test");
	for (unsigned i = 0; i < 200 && world.n_events[EV_QUEUE_EXPIRED] == 0; i++) {
		if (asks_dns())
			tell_site(question("foreign.test"), SITE_TEMPORARY, 0, 0);
		world_pass(MINUTES(30));
	}
	assert_int_equal(world.n_events[EV_QUEUE_EXPIRED], 1);
	assert_int_equal(world.n_events[EV_DSN_SENT], 2);	/* the notice after 4 h, the bounce after 72 */
	assert_int_equal(world.n_ends, 1);
}

/* ---- signatures ------------------------------------------------------------------------------------------ */

static struct channel *signer;

#define FIELDS "DKIM-Signature: the first\r\nDKIM-Signature: the second\r\n"

static void send_to_be_signed(unsigned n, const char *to)
{
	static const char body[] = "Subject: x\r\n\r\nhello\r\n";

	begin(n, "here-sender@local.test");
	rcpt(n, to, 0);
	world_say(smtpd, WIRE_mail_part, &(struct wire_mail_part){ .ask = n, .bytes = SPAN(body) });
	world_say(smtpd, WIRE_mail_commit, &(struct wire_mail_commit){ .ask = n, .size = sizeof(body) - 1, .prefix = SPAN("Received: y\r\n"),
	    .flags = MAIL_SUBMITTED, .from_domain = SPAN("local.test"), .body_hash = SPAN("32 bytes of a hash of some body.") });
	world_auth(auth);
}

static bool is_asked_at_all(struct channel *at)
{
	union wire_msg msg;

	return world_sees(at, WIRE_sign_ask, &msg);
}

static void pass_until_it_is_asked(void)
{
	for (unsigned i = 0; i < 300 && !is_asked_at_all(signer); i++)
		world_pass(SECONDS(1));
}

/* What is asked is what the signature is made of; returns the ask. */
static uint32_t is_asked(unsigned n)
{
	union wire_msg msg;
	struct msg_id id = id_of(n);

	assert_true(world_hear(signer, WIRE_sign_ask, &msg));
	assert_true(id_eq(&msg.sign_ask.id, &id));
	assert_true(span_eq(msg.sign_ask.domain, SPAN("local.test")));
	assert_true(span_eq(msg.sign_ask.body_hash, SPAN("32 bytes of a hash of some body.")));
	assert_true(world_hear(signer, WIRE_sign_part, &msg));
	assert_true(span_eq(msg.sign_part.bytes, SPAN("Received: y\r\nSubject: x\r\n\r\n")));
	assert_true(world_hear(signer, WIRE_sign_end, &msg));
	return msg.sign_end.ask;
}

static void sign(uint32_t ask, enum wire_signed result)
{
	world_say(signer, WIRE_sign_done, &(struct wire_sign_done){ .ask = ask, .result = (uint8_t)result,
	    .fields = result == SIGNED ? SPAN(FIELDS) : SPAN_NONE });
}

/* A job of one recipient; does its message begin so? */
static uint32_t job_that_begins(struct channel *at, const char *with)
{
	union wire_msg msg;
	uint32_t job;

	assert_true(world_hear(at, WIRE_job_begin, &msg));
	job = msg.job_begin.job;
	assert_int_equal(msg.job_begin.size, strlen(with) + sizeof("hello\r\n") - 1);
	for (; *with; with += msg.job_part.bytes.len) {
		assert_true(world_hear(at, WIRE_job_part, &msg));
		assert_int_equal(strncmp(with, msg.job_part.bytes.at, msg.job_part.bytes.len < strlen(with) ? msg.job_part.bytes.len : strlen(with)), 0);
		if (msg.job_part.bytes.len > strlen(with))
			return job;
	}
	return job;
}

#define HEADER "Received: y\r\nSubject: x\r\n\r\n"

static void wire_foreign(void)
{
	dns = world_wire(ROLE_DNS, 0, 1);
	signer = world_wire(ROLE_SIGN, 0, 1);
}

static void t_it_is_signed_once_before_its_first_attempt(void **state)
{
	uint32_t job;

	(void)state;
	wire_foreign();
	send_to_be_signed(1, "x@foreign.test");
	tell_site(question("foreign.test"), SITE_FOUND, 7, 86400);
	assert_false(has_job(relay));
	sign(is_asked(1), SIGNED);
	job = job_that_begins(relay, FIELDS HEADER);
	outcome(relay, 1, 0, job, FATE_DEFERRED);
	done(relay, 1, job);
	world_pass(MINUTES(5));
	(void)job_that_begins(relay, FIELDS HEADER);
	assert_false(is_asked_at_all(signer));
}

static void signed_and_deferred(void)
{
	uint32_t job;

	wire_foreign();
	send_to_be_signed(1, "x@foreign.test");
	tell_site(question("foreign.test"), SITE_FOUND, 7, 86400);
	sign(is_asked(1), SIGNED);
	job = job_that_begins(relay, FIELDS HEADER);
	outcome(relay, 1, 0, job, FATE_DEFERRED);
	done(relay, 1, job);
}

static void comes_again_signed(void)
{
	uint32_t job;

	for (unsigned i = 0; i < 300 && !world_sees(relay, WIRE_job_begin, &(union wire_msg){ .told = { 0 } }); i++)
		world_pass(SECONDS(10));
	job = job_that_begins(relay, FIELDS HEADER);
	outcome(relay, 1, 0, job, FATE_DEFERRED);
	done(relay, 1, job);
	assert_false(is_asked_at_all(signer));
}

static void t_a_signature_stays_the_same(void **state)
{
	struct msg_id id = id_of(1);

	(void)state;
	signed_and_deferred();
	world_pass(SECONDS(1));
	assert_int_equal(world.n_annexes, 1);
	comes_again_signed();
	world_move_annex(&id);
	comes_again_signed();
	for (unsigned i = 0; i < 2; i++) {
		world_restart(true);
		wire_all();
		wire_foreign();
		while (!asks_dns())
			world_pass(MINUTES(1));
		tell_site(question("foreign.test"), SITE_FOUND, 7, 86400);
		comes_again_signed();
		world_move_annex(&id);
	}
	assert_int_equal(world.n_annexes, 1);
}

/* It is in memory until it is on the disk, for all jobs. */
static void t_a_signature_counts_before_it_is_written(void **state)
{
	(void)state;
	wire_foreign();
	send_to_be_signed(1, "x@foreign.test");
	tell_site(question("foreign.test"), SITE_FOUND, 7, 86400);
	world.write_error = PR_IO;
	sign(is_asked(1), SIGNED);
	outcome(relay, 1, 0, job_that_begins(relay, FIELDS HEADER), FATE_DEFERRED);
	world_pass(SECONDS(2));
	world.write_error = PR_OK;
	world_pass(SECONDS(2));
	assert_int_equal(world.n_annexes, 1);
	assert_false(is_asked_at_all(signer));
}

static void t_a_signature_that_a_disk_keeps_back_puts_the_attempt_off(void **state)
{
	(void)state;
	signed_and_deferred();
	world.annex_error = PR_IO;
	world_pass(MINUTES(5));
	assert_false(has_job(relay));
	assert_int_equal(world.n_events[EV_DELIVERY_DEFERRED], 2);
	world.annex_error = PR_OK;
	comes_again_signed();
}

static void t_a_signature_that_is_damaged_is_made_anew(void **state)
{
	(void)state;
	signed_and_deferred();
	world.annex_error = PR_BAD;
	pass_until_it_is_asked();
	assert_false(has_job(relay));
	world.annex_error = PR_OK;
	sign(is_asked(1), SIGNED);
	(void)job_that_begins(relay, FIELDS HEADER);
	world_pass(SECONDS(1));
	assert_int_equal(world.n_annexes, 2);
}

static void t_what_has_no_key_leaves_as_it_is(void **state)
{
	(void)state;
	wire_foreign();
	send_to_be_signed(1, "x@foreign.test");
	tell_site(question("foreign.test"), SITE_FOUND, 7, 86400);
	sign(is_asked(1), SIGN_NO_KEY);
	(void)job_that_begins(relay, HEADER);
}

static void t_mailboxes_need_no_signature(void **state)
{
	(void)state;
	wire_foreign();
	send_to_be_signed(1, "here@local.test");
	(void)job_that_begins(local, HEADER);
	assert_false(is_asked_at_all(signer));
}

static void t_who_signs_may_die(void **state)
{
	uint32_t late;

	(void)state;
	wire_foreign();
	send_to_be_signed(1, "x@foreign.test");
	tell_site(question("foreign.test"), SITE_FOUND, 7, 86400);
	late = is_asked(1);
	world_gone(signer);
	world_pass(SECONDS(5));
	assert_false(has_job(relay));
	signer = world_wire(ROLE_SIGN, 0, 1);
	sign(late, SIGNED);		/* of another life */
	assert_false(has_job(relay));
	sign(is_asked(1), SIGNED);
	(void)job_that_begins(relay, FIELDS HEADER);
}

static void t_it_never_leaves_unsigned_because_nobody_signs(void **state)
{
	(void)state;
	wire_foreign();
	world_gone(signer);
	send_to_be_signed(1, "x@foreign.test");
	tell_site(question("foreign.test"), SITE_FOUND, 7, 86400);
	world_pass(SECONDS(31));
	assert_int_equal(world.n_events[EV_DELIVERY_DEFERRED], 1);
	assert_false(has_job(relay));
	signer = world_wire(ROLE_SIGN, 0, 1);
	pass_until_it_is_asked();
	sign(is_asked(1), SIGNED);
	(void)job_that_begins(relay, FIELDS HEADER);
}

static void t_who_holds_back_an_answer_is_not_waited_for(void **state)
{
	(void)state;
	wire_foreign();
	send_to_be_signed(1, "x@foreign.test");
	tell_site(question("foreign.test"), SITE_FOUND, 7, 86400);
	(void)is_asked(1);
	world_pass(SECONDS(31));
	assert_int_equal(world.n_events[EV_DELIVERY_DEFERRED], 1);
	pass_until_it_is_asked();
	sign(is_asked(1), SIGNED);
	(void)job_that_begins(relay, FIELDS HEADER);
}

static void t_the_newest_generation_signs(void **state)
{
	struct channel *old;

	(void)state;
	wire_foreign();
	old = signer;
	signer = world_wire(ROLE_SIGN, 0, 2);
	send_to_be_signed(1, "x@foreign.test");
	tell_site(question("foreign.test"), SITE_FOUND, 7, 86400);
	assert_false(is_asked_at_all(old));
	world_gone(old);
	sign(is_asked(1), SIGNED);
	(void)job_that_begins(relay, FIELDS HEADER);
}

static void t_what_waits_for_a_slow_disk_counts_as_memory(void **state)
{
	static const char part[32768];
	unsigned long long before;

	(void)state;
	begin(1, "here-sender@local.test");
	rcpt(1, "here@local.test", 0);
	before = world_status("memory");
	world.is_still = true;
	for (unsigned i = 0; i < 8; i++)
		world_say(smtpd, WIRE_mail_part, &(struct wire_mail_part){ .ask = 1, .bytes = span_of(part, sizeof(part)) });
	assert_true(world_status("memory") - before >= 8 * sizeof(part));
	world.is_still = false;
	world_turn();
	assert_true(world_status("memory") - before < 8 * sizeof(part));
	world_say(smtpd, WIRE_mail_abort, &(struct wire_mail_abort){ .ask = 1 });
	assert_true(world_status("memory") <= before);
}

static void t_two_sites_of_a_message_wait_for_one_signature(void **state)
{
	static const char body[] = "Subject: x\r\n\r\nhello\r\n";

	(void)state;
	wire_foreign();
	begin(1, "here-sender@local.test");
	rcpt(1, "x@foreign.test", 0);
	rcpt(1, "y@other.test", 0);
	world_say(smtpd, WIRE_mail_part, &(struct wire_mail_part){ .ask = 1, .bytes = SPAN(body) });
	world_say(smtpd, WIRE_mail_commit, &(struct wire_mail_commit){ .ask = 1, .size = sizeof(body) - 1, .prefix = SPAN("Received: y\r\n"),
	    .flags = MAIL_SUBMITTED, .from_domain = SPAN("local.test"), .body_hash = SPAN("32 bytes of a hash of some body.") });
	world_auth(auth);
	tell_site(question("foreign.test"), SITE_FOUND, 7, 86400);
	tell_site(question("other.test"), SITE_FOUND, 8, 86400);
	sign(is_asked(1), SIGNED);
	assert_false(is_asked_at_all(signer));
	(void)job_that_begins(relay, FIELDS HEADER);
	(void)job_that_begins(relay, FIELDS HEADER);
}

static void t_what_kills_who_signs_is_held(void **state)
{
	struct msg_id id = id_of(1);

	(void)state;
	wire_foreign();
	send_to_be_signed(1, "x@foreign.test");
	tell_site(question("foreign.test"), SITE_FOUND, 7, 86400);
	(void)is_asked(1);
	world_gone(signer);
	world_set_aside(&id);
	signer = world_wire(ROLE_SIGN, 0, 1);
	world_turn();
	assert_false(is_asked_at_all(signer));
	assert_int_equal(queue(QUEUE_LIST, "state:held").n_messages, 1);
}

static void t_a_hash_of_another_length_is_refused(void **state)
{
	union wire_msg msg;

	(void)state;
	begin(1, "here-sender@local.test");
	rcpt(1, "here@local.test", 0);
	world_say(smtpd, WIRE_mail_commit, &(struct wire_mail_commit){ .ask = 1, .from_domain = SPAN("local.test"), .body_hash = SPAN("short") });
	assert_true(world_hear(smtpd, WIRE_mail_done, &msg));
	assert_int_equal(msg.mail_done.result, STORED_NOT_BAD);
}

/* A message that a domain of ours can't deliver; its bounce goes out, signed by that domain. */
static void t_a_bounce_is_signed(void **state)
{
	union wire_msg msg;

	(void)state;
	(void)settings_add_section(world.settings, "domain", "our.test", 1);
	world.settings->top.hostname = "mx.our.test";
	world_settings();
	wire_foreign();
	send_to(1, "sender@foreign.test", "unknown@local.test");
	world_auth(auth);
	world_auth(auth);
	tell_site(question("foreign.test"), SITE_FOUND, 7, 86400);
	assert_true(world_hear(signer, WIRE_sign_ask, &msg));
	assert_true(span_eq(msg.sign_ask.domain, SPAN("our.test")));
	assert_int_equal(msg.sign_ask.body_hash.len, 32);
}

static struct set_route *route(const char *pattern)
{
	return settings_add_section(world.settings, "route", pattern, 1);
}

static void t_a_late_answer_is_of_its_own_domain(void **state)
{
	uint32_t late;
	union wire_msg msg;

	(void)state;
	dns = world_wire(ROLE_DNS, 0, 1);
	send_away(1, "x@foreign.test");
	late = question("foreign.test");
	settings_add_section(world.settings, "route", "*", 1);
	world.settings->route[0].via = "smart.example:587";
	world_settings();
	deliver_one(relay, 1);
	world.settings->n_route = 0;
	world_settings();
	send_away(2, "x@other.test");
	tell_site(late, SITE_FOUND, 7, 300);
	assert_false(has_job(relay));
	tell_site(question("other.test"), SITE_NULL_MX, 0, 300);
	assert_int_equal(world.n_events[EV_DSN_SENT], 1);
	assert_false(world_hear(relay, WIRE_job_begin, &msg));
}

static void t_a_smarthost_needs_no_dns(void **state)
{
	union wire_msg msg;

	(void)state;
	dns = world_wire(ROLE_DNS, 0, 1);
	route("*.test")->via = "smart.example:587";
	world_settings();
	send_away(1, "x@foreign.test");
	assert_false(asks_dns());
	assert_true(world_hear(relay, WIRE_job_begin, &msg));
	assert_true(world_hear(relay, WIRE_job_host, &msg));
	assert_true(span_eq(msg.job_host.name, SPAN("smart.example")));
	assert_int_equal(msg.job_host.port, 587);
	assert_false(world_hear(relay, WIRE_job_host, &msg));
}

static void t_mail_in_the_queue_follows_the_routes(void **state)
{
	union wire_msg msg;

	(void)state;
	dns = world_wire(ROLE_DNS, 0, 1);
	send_away(1, "x@foreign.test");
	tell_site(question("foreign.test"), SITE_TEMPORARY, 0, 0);
	route("foreign.test")->via = "smart.example:587";
	world_settings();
	assert_true(world_hear(relay, WIRE_job_begin, &msg));
	world.settings->n_route = 0;
	world_settings();
	send_away(2, "x@foreign.test");
	assert_true(asks_dns());
}

static void t_a_way_is_asked_anew_by_hand(void **state)
{
	(void)state;
	dns = world_wire(ROLE_DNS, 0, 1);
	for (unsigned n = 1; n <= 5; n++)
		send_away(n, "x@foreign.test");
	tell_site(question("foreign.test"), SITE_TEMPORARY, 0, 0);
	assert_false(asks_dns());
	assert_int_equal(queue(QUEUE_REROUTE, "").count, 5);
	tell_site(question("foreign.test"), SITE_FOUND, 7, 3000);
	assert_false(asks_dns());
	assert_true(has_job(relay));
	assert_int_equal(queue(QUEUE_REROUTE, "state:due").count, 3);
	tell_site(question("foreign.test"), SITE_FOUND, 8, 3000);
	assert_true(has_job(relay));
}

static void t_what_a_route_holds_leaves_when_it_is_released(void **state)
{
	(void)state;
	dns = world_wire(ROLE_DNS, 0, 1);
	route("foreign.test")->hold = true;
	world_settings();
	send_away(1, "x@foreign.test");
	send_away(2, "x@foreign.test");
	assert_false(asks_dns());
	assert_int_equal(queue(QUEUE_LIST, "state:held").n_messages, 2);
	assert_int_equal(queue(QUEUE_RELEASE, "id:000000").count, 0);
	assert_int_equal(queue(QUEUE_RELEASE, "").count, 2);
	tell_site(question("foreign.test"), SITE_FOUND, 7, 300);
	assert_true(has_job(relay));
	assert_true(has_job(relay));
}

static void t_a_rate_of_a_route_is_kept(void **state)
{
	unsigned n_jobs = 0, n;
	uint32_t job;

	(void)state;
	dns = world_wire(ROLE_DNS, 0, 1);
	route("*")->rate = (struct set_rates){ .n = 1, .at = { { .count = 6, .per_ms = MINUTES(1) } } };
	world_settings();
	for (n = 1; n <= 20; n++)
		send_away(n, n % 2 ? "x@a.test" : "x@b.test");
	tell_site(question("a.test"), SITE_FOUND, 7, 3000);
	tell_site(question("b.test"), SITE_FOUND, 8, 3000);
	for (unsigned seconds = 0; seconds < 70; seconds++) {
		union wire_msg msg;

		while (world_hear(relay, WIRE_job_begin, &msg)) {
			struct msg_id id = msg.job_begin.id;

			job = msg.job_begin.job;
			n_jobs++;
			world_say(relay, WIRE_outcome, &(struct wire_outcome){ .id = id, .result = FATE_RELAYED, .enhanced = SPAN("2.0.0"),
			    .words = SPAN("ok"), .host = SPAN("mx"), .job = job });
			world_say(relay, WIRE_job_done, &(struct wire_job_done){ .job = job, .id = id });
		}
		world_pass(SECONDS(1));
		if (seconds == 0)
			assert_int_equal(n_jobs, 6);	/* the burst */
	}
	assert_in_range(n_jobs, 12, 13);
	world.settings->route[0].rate.n = 0;		/* it counts from the reload on */
	world_settings();
	tell_site(question("a.test"), SITE_FOUND, 7, 3000);
	tell_site(question("b.test"), SITE_FOUND, 8, 3000);
	while (has_job(relay))
		n_jobs++;
	assert_in_range(n_jobs, 15, 20);
}

static void t_mail_is_passed_on_to_the_server_of_its_section(void **state)
{
	union wire_msg msg;

	(void)state;
	dns = world_wire(ROLE_DNS, 0, 1);
	world.settings->deliver[1].lmtp = NULL;		/* "imap" */
	world.settings->deliver[1].smtp = "10.0.0.1:25";
	world_settings();
	send_away(1, "imap@local.test");
	assert_true(world_hear(relay, WIRE_job_begin, &msg));
	assert_true(span_eq(msg.job_begin.deliver, SPAN("imap")));
	assert_false(asks_dns());
}

/* ---- workers ------------------------------------------------------------------------------------------ */

static void t_only_the_newest_generation_gets_jobs(void **state)
{
	struct channel *second, *newer;

	(void)state;
	second = worker(ROLE_RELAY, 1, 1);
	newer = worker(ROLE_RELAY, 0, 2);
	send_to(1, "a@sender.test", "imap@local.test");
	send_to(2, "a@sender.test", "imap@local.test");
	world_auth(auth);
	assert_true(has_job(newer));
	assert_true(has_job(newer));
	assert_false(has_job(relay));
	assert_false(has_job(second));
	world_gone(newer);		/* it never lived: the older ones are all there is */
	assert_true(has_job(relay) || has_job(second));
}

static void t_an_outcome_that_could_not_be_written_is_written_again(void **state)
{
	unsigned n;
	uint32_t job;

	(void)state;
	begin(1, "a@sender.test");
	rcpt(1, "here@local.test", 0);
	rcpt(1, "away@foreign.test", 0);
	commit(1);
	world_auth(auth);
	job = job_at(local, &n);
	world.write_error = PR_IO;
	outcome(local, 1, 0, job, FATE_DELIVERED);
	done(local, 1, job);
	world_pass(SECONDS(3));
	assert_false(is_acknowledged(local, job));
	world.write_error = PR_OK;
	world_pass(SECONDS(3));
	assert_true(is_acknowledged(local, job));
	world_restart(true);		/* and it is known after a death */
	wire_all();
	assert_false(has_job(local));
	assert_int_equal(queue(QUEUE_LIST, "state:delivered").n_messages, 1);
}

static void t_an_end_that_could_not_be_written_is_written_again(void **state)
{
	unsigned n;
	uint32_t job;

	(void)state;
	send_to(1, "a@sender.test", "here@local.test");
	world_auth(auth);
	job = job_at(local, &n);
	world.write_error = PR_FULL;
	outcome(local, 1, 0, job, FATE_DELIVERED);
	done(local, 1, job);
	assert_false(is_acknowledged(local, job));
	world.write_error = PR_OK;
	world_pass(SECONDS(3));
	assert_true(is_acknowledged(local, job));
	assert_int_equal(world.n_ends, 1);
}

static void t_a_bounce_that_could_not_be_written_is_written_again(void **state)
{
	unsigned n;
	uint32_t job;

	(void)state;
	send_to(1, "here-sender@local.test", "here@local.test");
	world_auth(auth);
	job = job_at(local, &n);
	world.write_error = PR_IO;
	outcome(local, 1, 0, job, FATE_FAILED);
	done(local, 1, job);
	world_pass(SECONDS(30));
	assert_int_equal(world.n_events[EV_DSN_SENT], 0);
	world.write_error = PR_OK;
	world_pass(SECONDS(30));
	assert_int_equal(world.n_events[EV_DSN_SENT], 1);
	world_auth(auth);
	assert_true(has_job(local));
}

static bool says_told(struct span rows)
{
	struct state_row row;

	while (state_next(&rows, &row) == PR_OK)
		if (row.type == STATE_ROW_TOLD)
			return true;
	return false;
}

static void t_a_message_that_is_moved_while_its_bounce_is_written_is_told(void **state)
{
	struct msg_id id = id_of(1);
	uint32_t job;
	unsigned n;

	(void)state;
	begin(1, "here-sender@local.test");
	rcpt(1, "here@local.test", 0);
	rcpt(1, "away@foreign.test", 0);
	commit(1);
	world_auth(auth);
	job = job_at(local, &n);
	outcome(local, 1, 0, job, FATE_FAILED);
	assert_false(says_told(world_state_of(&id)));
	world.is_still = true;
	done(local, 1, job);
	assert_true(says_told(world_state_of(&id)));	/* the disk may have it already */
	world.is_still = false;
	world_turn();
	assert_true(says_told(world_state_of(&id)));
	assert_int_equal(world.n_events[EV_DSN_SENT], 1);
}

static void t_a_storm_of_bounces_ends(void **state)
{
	unsigned n_rcpts;

	(void)state;
	world.settings->retry.bounce_limit = (struct set_rates){ .n = 1, .at = { { 5, HOURS(1) } } };
	world_settings();
	for (unsigned n = 1; n <= 20; n++) {
		uint32_t job;

		send_to(n, n <= 10 ? "here-worm@local.test" : "here-user@local.test", "imap@local.test");
		world_auth(auth);
		job = job_at(relay, &n_rcpts);
		outcome(relay, n, 0, job, n == 11 || n <= 10 ? FATE_FAILED : FATE_DELIVERED);
		done(relay, n, job);
	}
	assert_int_equal(world.n_events[EV_DSN_SENT], 6);
	assert_int_equal(world.n_events[EV_DSN_DROPPED], 5);
	assert_int_equal(world.n_ends, 20);
}

static void t_a_disk_that_can_not_be_read_puts_off(void **state)
{
	(void)state;
	send_to(1, "a@sender.test", "here@local.test");
	world.read_error = PR_IO;
	world_auth(auth);
	assert_false(has_job(local));
	world.read_error = PR_OK;
	assert_int_equal(queue(QUEUE_LIST, "state:waiting").n_messages, 1);
	world_pass(MINUTES(3));
	deliver_one(local, 1);
}

static void t_what_can_not_be_read_at_all_is_held(void **state)
{
	(void)state;
	send_to(1, "a@sender.test", "here@local.test");
	world.read_error = PR_BAD;
	world_auth(auth);
	world.read_error = PR_OK;
	assert_false(has_job(local));
	assert_int_equal(queue(QUEUE_LIST, "state:held").n_messages, 1);
}

static void send_to_two(void)
{
	begin(1, "a@sender.test");
	rcpt(1, "here@local.test", 0);
	rcpt(1, "here-too@local.test", 0);
	commit(1);
	world_auth(auth);
}

/* Two jobs of one message are under way while spool dies: each is told by its number, and neither starts again. */
static void t_jobs_of_an_earlier_spool_are_told_apart(void **state)
{
	(void)state;
	send_to_two();
	world_restart(false);
	auth = world_wire(ROLE_AUTH, 0, 1);
	local = world_wire(ROLE_LOCAL, 0, 1);
	world_recover();
	world_say(local, WIRE_job_held, &(struct wire_job_held){ .id = id_of(1), .n = 0, .job = 7 });
	world_say(local, WIRE_job_held, &(struct wire_job_held){ .id = id_of(1), .n = 1, .job = 8 });
	world_say(local, WIRE_told, &(struct wire_told){ 0 });
	outcome(local, 1, 0, 7, FATE_DELIVERED);
	done(local, 1, 7);
	assert_true(is_acknowledged(local, 7));
	assert_false(has_job(local));
	outcome(local, 1, 1, 8, FATE_DELIVERED);
	done(local, 1, 8);
	assert_true(is_acknowledged(local, 8));
	assert_false(has_job(local));
	assert_int_equal(world.n_ends, 1);
}

static void t_what_was_told_before_recovery_counts_after_it(void **state)
{
	(void)state;
	send_to_two();
	world_restart(false);
	auth = world_wire(ROLE_AUTH, 0, 1);
	ctl = world_wire(ROLE_CTL, 0, 1);
	local = world_wire(ROLE_LOCAL, 0, 1);
	outcome(local, 1, 0, 7, FATE_DELIVERED);
	outcome(local, 1, 1, 7, FATE_DELIVERED);
	done(local, 1, 7);
	assert_false(is_acknowledged(local, 7));
	world_say(local, WIRE_told, &(struct wire_told){ 0 });
	world_recover();
	assert_true(is_acknowledged(local, 7));
	assert_int_equal(world.n_ends, 1);
	assert_false(has_job(local));
}

static void t_nothing_old_starts_before_all_have_told(void **state)
{
	(void)state;
	send_to_two();
	world_restart(false);
	local = world_wire(ROLE_LOCAL, 0, 1);
	relay = world_wire(ROLE_RELAY, 0, 1);
	world_recover();
	world_say(local, WIRE_told, &(struct wire_told){ 0 });
	assert_false(has_job(local));
	world_gone(relay);
	assert_true(has_job(local));
}

static void t_an_attempt_of_unknown_end_is_in_doubt(void **state)
{
	union wire_msg msg;

	(void)state;
	send_to(1, "a@sender.test", "here@local.test");
	world_auth(auth);
	assert_true(world_hear(local, WIRE_job_begin, &msg));
	assert_false(msg.job_begin.flags & MAIL_IN_DOUBT);
	world_gone(local);
	local = worker(ROLE_LOCAL, 0, 1);
	assert_true(world_hear(local, WIRE_job_begin, &msg));
	assert_true(msg.job_begin.flags & MAIL_IN_DOUBT);
}

static void t_what_kills_twice_is_held_even_when_it_flies(void **state)
{
	struct told t;
	struct msg_id id = id_of(1);

	(void)state;
	send_to(1, "a@sender.test", "here@local.test");
	world_auth(auth);
	world_gone(local);
	local = worker(ROLE_LOCAL, 0, 1);
	assert_true(has_job(local));
	world_set_aside(&id);
	world_gone(local);
	local = worker(ROLE_LOCAL, 0, 1);
	assert_false(has_job(local));
	t = queue(QUEUE_LIST, "");
	assert_int_equal(t.state, STATE_HELD);
	assert_non_null(strstr(t.reason, "died over it"));
	assert_int_equal(queue(QUEUE_RELEASE, "").count, 1);
	deliver_one(local, 1);
}

/* ---- the command line ----------------------------------------------------------------------------------- */

static void t_a_part_of_an_id_must_mean_one(void **state)
{
	struct told t;
	struct msg_id id = id_of(2);
	char name[ID_TEXT_LEN + 1];

	(void)state;
	send_to(1, "a@sender.test", "away@foreign.test");
	send_to(2, "b@sender.test", "away@foreign.test");
	id_to_text(&id, name);
	name[10] = '\0';
	for (unsigned action = QUEUE_SHOW; action <= QUEUE_CAT; action++) {
		t = queue((enum wire_queue)action, name);
		assert_int_equal(t.exit, EX_DATAERR);
		assert_int_equal(t.n_messages, 0);
		id_to_text(&id, name);
		assert_non_null(strstr(t.words, name));
		name[10] = '\0';
	}
	id_to_text(&id, name);
	t = queue(QUEUE_SHOW, name + 16);
	assert_int_equal(t.n_messages, 1);
	assert_string_equal(t.sender, "b@sender.test");
}

static void t_counts_are_of_what_changed(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 600; n++)
		send_to(n, n % 2 ? "a@sender.test" : "b@sender.test", "away@foreign.test");
	world_auth(auth);
	assert_int_equal(queue(QUEUE_LIST, "").n_messages, 600);
	assert_int_equal(queue(QUEUE_HOLD, "from:a@sender.test").count, 300);
	assert_int_equal(queue(QUEUE_HOLD, "").count, 300);
	assert_int_equal(queue(QUEUE_HOLD, "").count, 0);
	assert_int_equal(queue(QUEUE_RETRY, "").count, 0);
	assert_int_equal(queue(QUEUE_RELEASE, "from:b@sender.test").count, 300);
	assert_int_equal(queue(QUEUE_LIST, "state:held").n_rcpts, 300);
	assert_int_equal(queue(QUEUE_DELETE, "state:held").count, 300);
	assert_int_equal(queue(QUEUE_ERASE, "").count, 300);
	assert_int_equal(world.n_erased, 300);
	assert_int_equal(world.n_ends, 600);
}

/* listen.max_recipients may be so large. */
static void t_a_message_to_a_hundred_thousand_is_held_and_moved(void **state)
{
	struct msg_id id = id_of(1);
	struct span rows;
	struct state_row row;
	char to[64];
	unsigned n = 0;

	(void)state;
	begin(1, "a@sender.test");
	for (unsigned i = 0; i < ENVELOPE_MAX_RCPTS; i++) {
		snprintf(to, sizeof(to), "r%u@foreign.test", i);
		rcpt(1, to, 0);
	}
	commit(1);
	assert_int_equal(queue(QUEUE_HOLD, "").count, 1);
	rows = world_state_of(&id);
	while (state_next(&rows, &row) == PR_OK)
		n += row.type == STATE_ROW_HOLD;
	assert_int_equal(rows.len, 0);
	assert_int_equal(n, ENVELOPE_MAX_RCPTS);
}

static void t_a_bounce_by_hand_needs_no_expansion(void **state)
{
	(void)state;
	begin(1, "here-sender@local.test");
	rcpt(1, "one@foreign.test", 0);
	rcpt(1, "two@foreign.test", 0);
	commit(1);
	assert_int_equal(queue(QUEUE_HOLD, "").count, 1);
	assert_int_equal(queue(QUEUE_BOUNCE, "").count, 1);
	assert_int_equal(world.n_events[EV_DSN_SENT], 1);
	assert_int_equal(world.n_ends, 1);
	world_auth(auth);
	assert_true(has_job(local));
}

/* Of a list that has just come its members are meant, not the list. */
static void t_a_filter_waits_for_the_expansion(void **state)
{
	union wire_msg msg;

	(void)state;
	world_gone(local);
	for (unsigned n = 1; n <= 3; n++)
		send_to(n, "here-sender@local.test", "list:3");
	ask_queue(QUEUE_BOUNCE, "to:member1@local.test");
	assert_false(world_sees(ctl, WIRE_queue_done, &msg));
	world.is_still = true;	/* the expansion is being written */
	world_auth(auth);
	assert_false(world_sees(ctl, WIRE_queue_done, &msg));
	world.is_still = false;
	world_turn();
	world_auth(auth);
	assert_true(world_hear(ctl, WIRE_queue_done, &msg));
	assert_int_equal(msg.queue_done.count, 3);
	assert_int_equal(world.n_ends, 0);	/* the other members wait */
}

static void t_a_bounce_counts_while_the_expansion_is_written(void **state)
{
	union wire_msg msg;

	(void)state;
	send_to(1, "here-sender@local.test", "fwd-a1@local.test");
	world.is_still = true;
	world_auth(auth);
	ask_queue(QUEUE_BOUNCE, "");
	assert_false(world_sees(ctl, WIRE_queue_done, &msg));
	world.is_still = false;
	world_turn();
	assert_true(world_hear(ctl, WIRE_queue_done, &msg));
	assert_int_equal(msg.queue_done.count, 1);
	assert_int_equal(world.n_events[EV_DSN_SENT], 1);
}

static void t_a_filter_does_not_wait_for_ever(void **state)
{
	union wire_msg msg;

	(void)state;
	begin(1, "here-sender@local.test");
	rcpt(1, "one@local.test", 0);
	rcpt(1, "two@local.test", 0);
	commit(1);
	ask_queue(QUEUE_BOUNCE, "to:one@local.test");
	world_pass(SECONDS(1));
	assert_false(world_sees(ctl, WIRE_queue_done, &msg));
	world_pass(SECONDS(2));
	assert_true(world_hear(ctl, WIRE_queue_done, &msg));
	assert_int_equal(msg.queue_done.count, 0);	/* the other one was not meant */
	ask_queue(QUEUE_BOUNCE, "to:*@local.test");
	world_pass(SECONDS(3));
	assert_true(world_hear(ctl, WIRE_queue_done, &msg));
	assert_int_equal(msg.queue_done.count, 1);
	assert_int_equal(world.n_events[EV_DSN_SENT], 1);
}

static void t_what_is_held_stays_held_after_a_restart(void **state)
{
	(void)state;
	send_to(1, "a@sender.test", "here@local.test");
	assert_int_equal(queue(QUEUE_HOLD, "").count, 1);	/* before auth answered */
	world_auth(auth);
	assert_false(has_job(local));
	world_restart(true);
	wire_all();
	world_auth(auth);
	assert_false(has_job(local));
	assert_int_equal(queue(QUEUE_RELEASE, "").count, 1);
	world_auth(auth);
	deliver_one(local, 1);
}

static void t_erasing_what_flies_is_done_when_it_lands(void **state)
{
	unsigned n;
	uint32_t job;

	(void)state;
	send_to(1, "a@sender.test", "here@local.test");
	world_auth(auth);
	job = job_at(local, &n);
	assert_int_equal(queue(QUEUE_ERASE, "").count, 1);
	assert_int_equal(world.n_erased, 0);
	outcome(local, 1, 0, job, FATE_DEFERRED);
	done(local, 1, job);
	assert_int_equal(world.n_erased, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(t_a_message_is_stored_expanded_delivered_and_over), TEST(t_nothing_is_said_before_the_disk_has_it),
		TEST(t_a_disk_that_fails_or_is_full_is_told), TEST(t_trouble_is_told_once_and_its_end_when_it_lasts),
		TEST(t_what_ended_before_the_question_was_here),
		TEST(t_what_was_withdrawn_was_not_here), TEST(t_what_a_file_brought_is_remembered_for_a_while), TEST(t_a_question_waits_for_recovery), TEST(t_what_is_withdrawn_before_recovery_is_not_delivered),
		TEST(t_a_queued_message_is_withdrawn), TEST(t_a_flying_message_is_withdrawn_when_it_lands),
		TEST(t_a_list_of_thousands_is_expanded_once_and_leaves_in_batches), TEST(t_nobody_and_circles_bounce),
		TEST(t_what_can_not_be_told_for_too_long_bounces),
		TEST(t_what_can_not_be_asked_for_too_long_bounces), TEST(t_what_is_over_is_asked_for_when_auth_comes_back),
		TEST(t_an_expansion_that_could_not_be_written_is_written_again),
		TEST(t_a_retry_by_hand_expands_nothing_twice), TEST(t_a_job_names_its_section),
		TEST(t_a_message_keeps_its_section_when_others_come_before_it), TEST(t_a_section_that_is_gone_is_waited_for_with_clear_words),
		TEST(t_a_section_that_never_comes_back_expires), TEST(t_a_route_that_holds_counts_for_what_is_queued_too),
		TEST(t_foreign_mail_leaves_by_the_hosts_that_dns_names), TEST(t_an_old_answer_serves_until_the_new_one_is_there),
		TEST(t_where_foreign_mail_goes_auth_is_not_asked), TEST(t_mail_to_others_alone_is_written_with_its_expansion), TEST(t_many_others_are_written_apart_from_the_message),
		TEST(t_where_one_of_ours_is_among_them_auth_is_asked), TEST(t_each_forwarded_recipient_keeps_its_sender), TEST(t_an_old_answer_serves_until_the_new_one_is_there),
		TEST(t_domains_of_one_site_share_its_window), TEST(t_a_domain_that_takes_no_mail_bounces_at_once),
		TEST(t_trouble_with_dns_has_one_timer), TEST(t_dns_may_die),
		TEST(t_the_next_dns_may_come_before_the_end_of_the_last), TEST(t_the_next_auth_may_come_before_the_end_of_the_last),
		TEST(t_trouble_with_dns_expires_after_an_attempt),
		TEST(t_it_is_signed_once_before_its_first_attempt), TEST(t_mail_in_the_queue_follows_the_routes),
		TEST(t_what_has_no_key_leaves_as_it_is), TEST(t_mail_in_the_queue_follows_the_routes),
		TEST(t_mailboxes_need_no_signature), TEST(t_mail_in_the_queue_follows_the_routes),
		TEST(t_who_signs_may_die), TEST(t_mail_in_the_queue_follows_the_routes),
		TEST(t_it_never_leaves_unsigned_because_nobody_signs), TEST(t_mail_in_the_queue_follows_the_routes),
		TEST(t_who_holds_back_an_answer_is_not_waited_for), TEST(t_mail_in_the_queue_follows_the_routes),
		TEST(t_the_newest_generation_signs), TEST(t_mail_in_the_queue_follows_the_routes),
		TEST(t_what_waits_for_a_slow_disk_counts_as_memory), TEST(t_two_sites_of_a_message_wait_for_one_signature), TEST(t_mail_in_the_queue_follows_the_routes),
		TEST(t_a_signature_stays_the_same), TEST(t_a_signature_counts_before_it_is_written),
		TEST(t_a_signature_that_a_disk_keeps_back_puts_the_attempt_off), TEST(t_a_signature_that_is_damaged_is_made_anew),
		TEST(t_what_kills_who_signs_is_held), TEST(t_a_hash_of_another_length_is_refused), TEST(t_mail_in_the_queue_follows_the_routes),
		TEST(t_a_bounce_is_signed),
		TEST(t_a_late_answer_is_of_its_own_domain), TEST(t_a_smarthost_needs_no_dns),
		TEST(t_a_way_is_asked_anew_by_hand), TEST(t_what_a_route_holds_leaves_when_it_is_released), TEST(t_a_rate_of_a_route_is_kept),
		TEST(t_mail_is_passed_on_to_the_server_of_its_section), TEST(t_only_the_newest_generation_gets_jobs), TEST(t_an_outcome_that_could_not_be_written_is_written_again),
		TEST(t_an_end_that_could_not_be_written_is_written_again), TEST(t_a_bounce_that_could_not_be_written_is_written_again),
		TEST(t_a_message_that_is_moved_while_its_bounce_is_written_is_told), TEST(t_a_storm_of_bounces_ends),
		TEST(t_a_disk_that_can_not_be_read_puts_off), TEST(t_what_can_not_be_read_at_all_is_held),
		TEST(t_jobs_of_an_earlier_spool_are_told_apart), TEST(t_what_was_told_before_recovery_counts_after_it),
		TEST(t_nothing_old_starts_before_all_have_told), TEST(t_an_attempt_of_unknown_end_is_in_doubt),
		TEST(t_what_kills_twice_is_held_even_when_it_flies), TEST(t_a_part_of_an_id_must_mean_one), TEST(t_counts_are_of_what_changed),
		TEST(t_a_filter_waits_for_the_expansion),
		TEST(t_a_bounce_counts_while_the_expansion_is_written), TEST(t_a_filter_does_not_wait_for_ever),
		TEST(t_a_message_to_a_hundred_thousand_is_held_and_moved),
		TEST(t_a_bounce_by_hand_needs_no_expansion), TEST(t_what_is_held_stays_held_after_a_restart),
		TEST(t_erasing_what_flies_is_done_when_it_lands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
