/* Envelopes and states: what was written is read, anything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "spool/bounce.h"
#include "spool/envelope.h"
#include "spool/state.h"

static const struct instant NOW = { 5000000, 1800000000000 };

static void make_envelope(struct buf *out)
{
	struct buf rows;
	struct envelope env = { .flags = MAIL_8BIT | MAIL_RET_HDRS, .received_ms = 1799999999000, .sender = SPAN("a@example.net"),
	    .envid = SPAN("QQ+2B1"), .client = SPAN("192.0.2.1"), .login = SPAN(""), .quarantine = SPAN("why"), .n_rcpts = 2 };

	buf_init(&rows, 10000);
	assert_int_equal(envelope_add_rcpt(&rows, &(struct envelope_rcpt){ 0, SPAN("b@example.org"), SPAN("") }), PR_OK);
	assert_int_equal(envelope_add_rcpt(&rows, &(struct envelope_rcpt){ NOTIFY_SUCCESS, SPAN("c@example.org"),
	    SPAN("rfc822;c@example.org") }), PR_OK);
	env.rcpts = buf_span(&rows);
	env.states = SPAN_NONE;
	assert_int_equal(envelope_encode(&env, out), PR_OK);
	buf_fini(&rows);
}

static void envelope_comes_back(void **state)
{
	struct buf b;
	struct envelope env;
	struct envelope_rcpt r;

	(void)state;
	buf_init(&b, 10000);
	make_envelope(&b);
	assert_int_equal(envelope_decode(buf_span(&b), &env), PR_OK);
	assert_true(span_eq(env.sender, SPAN("a@example.net")));
	assert_true(span_eq(env.quarantine, SPAN("why")));
	assert_int_equal(env.n_rcpts, 2);
	assert_true(envelope_next(&env.rcpts, &r));
	assert_true(span_eq(r.address, SPAN("b@example.org")));
	assert_true(envelope_next(&env.rcpts, &r));
	assert_int_equal(r.notify, NOTIFY_SUCCESS);
	assert_true(span_eq(r.orcpt, SPAN("rfc822;c@example.org")));
	assert_false(envelope_next(&env.rcpts, &r));
	buf_fini(&b);
}

static void envelope_cut_anywhere_is_refused(void **state)
{
	struct buf b;
	struct envelope env;

	(void)state;
	buf_init(&b, 10000);
	make_envelope(&b);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(envelope_decode(span_first(buf_span(&b), n), &env), PR_BAD);
	buf_add_char(&b, 99);
	assert_int_equal(envelope_decode(buf_span(&b), &env), PR_BAD);
	buf_fini(&b);
}

static void t_what_a_signature_needs_comes_back(void **state)
{
	const struct envelope_rcpt rcpt = { 0, SPAN("b@example.org"), SPAN_NONE };
	struct envelope env = { .n_rcpts = 1, .from_domain = SPAN("example.org"), .body_hash = SPAN("32 bytes of a hash of some body.") };
	struct envelope read;
	struct buf rows, b;

	(void)state;
	buf_init(&rows, 1000);
	buf_init(&b, 1000);
	assert_int_equal(envelope_add_rcpt(&rows, &rcpt), PR_OK);
	env.rcpts = buf_span(&rows);
	assert_int_equal(envelope_encode(&env, &b), PR_OK);
	assert_int_equal(envelope_decode(buf_span(&b), &read), PR_OK);
	assert_true(span_eq(read.from_domain, env.from_domain) && span_eq(read.body_hash, env.body_hash));
	assert_int_equal(read.n_rcpts, 1);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(envelope_decode(span_first(buf_span(&b), n), &read), PR_BAD);
	env.body_hash = SPAN("short");
	buf_clear(&b);
	assert_int_equal(envelope_encode(&env, &b), PR_OK);
	assert_int_equal(envelope_decode(buf_span(&b), &read), PR_BAD);
	/* One that is not to be signed is as it always was. */
	env.from_domain = SPAN_NONE;
	buf_clear(&b);
	assert_int_equal(envelope_encode(&env, &b), PR_OK);
	assert_int_equal(b.at[0], 1);
	assert_int_equal(envelope_decode(buf_span(&b), &read), PR_OK);
	assert_int_equal(read.from_domain.len + read.body_hash.len, 0);
	buf_fini(&rows);
	buf_fini(&b);
}

static struct books books_new(void)
{
	struct schedule_rules rules = { .waits = { MINUTES(2) }, .n_waits = 1, .expire_ms = HOURS(72), .bounce_expire_ms = HOURS(24),
	    .notice_ms = HOURS(4), .per_site = 20, .max_connections = 500, .seed = 1 };
	struct books b = { queue_new(), words_new(), NULL };

	b.schedule = schedule_new(&rules, b.words, NOW);
	return b;
}

static void books_free(struct books *b)
{
	queue_free(&b->queue);
	schedule_free(&b->schedule);
	words_free(&b->words);
}

static void add_rows(struct buf *rows)
{
	(void)state_add(rows, &(struct state_row){ .type = STATE_ROW_TARGET, .n = 0, .origin = 0, .deliver = SPAN("maildir") });
	(void)state_add(rows, &(struct state_row){ .type = STATE_ROW_TARGET, .n = 1, .origin = 1, .notify = NOTIFY_SUCCESS,
	    .deliver = SPAN("imap"), .mailbox = SPAN("x@example.org"), .address = SPAN("x+y@example.org") });
	(void)state_add(rows, &(struct state_row){ .type = STATE_ROW_OUTCOME, .n = 0, .fate = FATE_FAILED, .code = 550, .tries = 3,
	    .enhanced = SPAN("5.1.1"), .words = SPAN("nobody"), .host = SPAN("mx.example.org") });
	(void)state_add(rows, &(struct state_row){ .type = STATE_ROW_HOLD, .n = 1, .words = SPAN("by hand") });
	(void)state_add(rows, &(struct state_row){ .type = STATE_ROW_SENDER, .n = 1, .sender = SPAN("SRS0=x@example.org") });
}

static void check_books(struct books *b, struct mail *m)
{
	struct rcpt_names names = rcpt_names(b, mail_rcpt(m, 1));

	assert_int_equal(m->n_rcpts, 2);
	assert_false(m->marks & MARK_UNEXPANDED);
	assert_int_equal(mail_rcpt(m, 0)->state, RCPT_FAILED);
	assert_int_equal(mail_rcpt(m, 0)->tries, 3);
	assert_true(mail_rcpt(m, 0)->flags & RCPT_UNTOLD);
	assert_true(span_eq(words_find(b->words, mail_rcpt(m, 0)->words).words, SPAN("nobody")));
	assert_int_equal(mail_rcpt(m, 1)->state, RCPT_HELD);
	assert_true(span_eq(names.mailbox, SPAN("x@example.org")));
	assert_true(span_eq(names.address, SPAN("x+y@example.org")));
	assert_int_equal(names.origin, 1);
	assert_true(span_eq(rcpt_sender(b, mail_rcpt(m, 1), SPAN("own@sender")), SPAN("SRS0=x@example.org")));
	assert_true(span_eq(rcpt_sender(b, mail_rcpt(m, 0), SPAN("own@sender")), SPAN("own@sender")));
}

/* Whoever asked to be told of a success is told by us, but where the next server was asked to do it. */
static void t_a_success_is_told_by_one(void **state)
{
	static const enum wire_fate fates[] = { FATE_DELIVERED, FATE_RELAYED, FATE_PASSED };

	(void)state;
	for (size_t i = 0; i < sizeof(fates) / sizeof(fates[0]); i++) {
		struct books b = books_new();
		struct mail *m = queue_add(b.queue, &(struct msg_id){ { 1 } });
		struct state_row row;

		mail_add_rcpts(m, 1);
		mail_rcpt(m, 0)->flags = NOTIFY_SUCCESS;
		rcpt_settle(&b, m, 0, fates[i], &(struct saying){ 250, SPAN("2.0.0"), SPAN("ok"), SPAN("mx") });
		assert_true(rcpt_is_settled(mail_rcpt(m, 0)));
		assert_int_equal(bounce_wants(m, mail_rcpt(m, 0), BOUNCE_OUTCOMES), fates[i] != FATE_PASSED);
		row = rcpt_outcome_row(&b, m, 0, NOW);
		assert_int_equal(row.fate, fates[i]);
		books_remove(&b, m);
		books_free(&b);
	}
}

/* Told once, told twice, or told as one whole state: the same. */
static void states_lead_to_the_same_end(void **state)
{
	struct books b = books_new();
	struct mail *m, *again;
	struct buf rows, all;

	(void)state;
	buf_init(&rows, 10000);
	buf_init(&all, 10000);
	add_rows(&rows);
	m = queue_add(b.queue, &(struct msg_id){ { 1 } });
	m->marks = MARK_UNEXPANDED;
	assert_int_equal(state_apply(&b, m, buf_span(&rows), true, NOW), PR_OK);
	check_books(&b, m);
	assert_int_equal(state_apply(&b, m, buf_span(&rows), true, NOW), PR_OK);
	check_books(&b, m);
	assert_int_equal(state_whole(&b, m, NOW, &all), PR_OK);
	again = queue_add(b.queue, &(struct msg_id){ { 2 } });
	again->marks = MARK_UNEXPANDED;
	assert_int_equal(state_apply(&b, again, buf_span(&all), true, NOW), PR_OK);
	check_books(&b, again);
	books_remove(&b, m);
	books_remove(&b, again);
	assert_int_equal(words_count(b.words), 0);
	buf_fini(&rows);
	buf_fini(&all);
	books_free(&b);
}

/* RFC 3461 4.1, 6.2 and 5.2: who hears of what. */
static void senders_hear_what_they_asked_for(void **state)
{
	static const struct {
		uint8_t state, flags;
		uint16_t marks;
		bool outcome, delay;
	} table[] = {
		{ RCPT_FAILED, RCPT_UNTOLD, 0, true, false },
		{ RCPT_FAILED, RCPT_UNTOLD | NOTIFY_FAILURE, 0, true, false },
		{ RCPT_FAILED, RCPT_UNTOLD | NOTIFY_NEVER, 0, false, false },
		{ RCPT_FAILED, RCPT_UNTOLD | NOTIFY_SUCCESS, 0, false, false },
		{ RCPT_FAILED, RCPT_UNTOLD, MARK_NULL_SENDER, false, false },
		{ RCPT_FAILED, RCPT_UNTOLD, MAIL_BOUNCE, false, false },
		{ RCPT_FAILED, RCPT_UNTOLD | RCPT_SILENT, 0, false, false },
		{ RCPT_FAILED, 0, 0, false, false },
		{ RCPT_DELIVERED, RCPT_UNTOLD | NOTIFY_SUCCESS, 0, true, false },
		{ RCPT_RELAYED, RCPT_UNTOLD | NOTIFY_SUCCESS | NOTIFY_FAILURE, 0, true, false },
		{ RCPT_DELIVERED, RCPT_UNTOLD, 0, false, false },
		{ RCPT_WAITING, 0, 0, false, true },
		{ RCPT_WAITING, NOTIFY_DELAY, 0, false, true },
		{ RCPT_WAITING, NOTIFY_FAILURE, 0, false, false },
		{ RCPT_WAITING, RCPT_NOTICED, 0, false, false },
		{ RCPT_WAITING, 0, MAIL_BOUNCE, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct mail m = { .marks = table[i].marks };
		struct rcpt r = { .state = table[i].state, .flags = table[i].flags };

		assert_int_equal(bounce_wants(&m, &r, BOUNCE_OUTCOMES), table[i].outcome);
		assert_int_equal(bounce_wants(&m, &r, BOUNCE_DELAY), table[i].delay);
	}
}

static void t_a_row_that_does_not_fit_leaves_nothing(void **state)
{
	struct state_row row = { .type = STATE_ROW_HOLD, .n = 7, .words = SPAN("a reason that is longer than the room") };
	struct buf out;

	(void)state;
	buf_init(&out, 24);
	assert_int_equal(state_add(&out, &(struct state_row){ .type = STATE_ROW_NOTICED, .n = 7 }), PR_OK);
	assert_int_equal(out.len, 5);
	assert_int_equal(state_add(&out, &row), PR_FULL);
	assert_int_equal(out.len, 5);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_what_a_signature_needs_comes_back),
		cmocka_unit_test(envelope_comes_back),
		cmocka_unit_test(t_a_row_that_does_not_fit_leaves_nothing),
		cmocka_unit_test(envelope_cut_anywhere_is_refused),
		cmocka_unit_test(t_a_success_is_told_by_one),
		cmocka_unit_test(states_lead_to_the_same_end),
		cmocka_unit_test(senders_hear_what_they_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
