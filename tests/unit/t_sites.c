/* Ways, sites and lines: who may start, in simulated time. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "schedule_world.h"

static uint32_t domain(struct world *w, unsigned n)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "@d%u.test", n);
	return schedule_way(w->schedule, span_of_text(name));
}

/* Each domain is a site of its own. */
static void answer_all(struct world *w)
{
	uint32_t way;

	while (schedule_next_question(w->schedule, w->now, &way))
		schedule_way_leads(w->schedule, way, &(struct goal){ .key = 1000 + way, .kind = SITE_SMTP, .batch = 100,
		    .until = w->now.mono_ms + HOURS(1) }, w->now);
}

static bool pull(struct world *w)
{
	struct due due;

	(void)run_due(w, &due);
	answer_all(w);
	return schedule_pull(w->schedule, KINDS, w->now, &start);
}

static uint32_t smtp(struct world *w, const char *name, uint64_t key)
{
	return way_to(w, name, SITE_SMTP, key);
}

/* ---- questions -------------------------------------------------------------------------- */

static void a_way_is_asked_about_once(void **state)
{
	struct world *w = *state;
	struct due due;
	uint32_t way, none;

	for (unsigned i = 0; i < 1000; i++)
		mail_new(w, domain(w, 1), 1, i);
	(void)run_due(w, &due);
	assert_true(schedule_next_question(w->schedule, w->now, &way));
	assert_int_equal(way, domain(w, 1));
	assert_false(schedule_next_question(w->schedule, w->now, &none));
	assert_false(schedule_pull(w->schedule, KINDS, w->now, &start));
	schedule_way_leads(w->schedule, way, &(struct goal){ .key = 5, .kind = SITE_SMTP, .batch = 1, .until = INT64_MAX }, w->now);
	assert_false(schedule_next_question(w->schedule, w->now, &none));
	assert_true(schedule_pull(w->schedule, KINDS, w->now, &start));
}

static void one_senders_thousand_domains_delay_nobodys_question(void **state)
{
	struct world *w = *state;
	struct due due;
	uint32_t way;

	for (unsigned i = 0; i < 1000; i++)
		mail_new(w, domain(w, i), 1, 1);
	(void)run_due(w, &due);
	mail_new(w, domain(w, 5000), 1, 2);
	(void)run_due(w, &due);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(schedule_next_question(w->schedule, w->now, &way));
		if (way == domain(w, 5000))
			return;
	}
	fail_msg("the other sender's question waits");
}

static void nobody_asks_when_nothing_could_start(void **state)
{
	struct world *w = *state;
	struct due due;
	uint32_t way;

	for (unsigned i = 0; i < 600; i++)
		mail_new(w, domain(w, i), 1, i);
	(void)run_due(w, &due);
	for (unsigned i = 0; i < 600; i++) {
		if (!schedule_next_question(w->schedule, w->now, &way))
			break;
		schedule_way_leads(w->schedule, way, &(struct goal){ .key = way, .kind = SITE_SMTP, .batch = 1, .until = INT64_MAX }, w->now);
		(void)schedule_pull(w->schedule, KINDS, w->now, &start);
		schedule_job_ended(w->schedule, &start.flight, 0, SITE_WELL, NULL, w->now);
		schedule_again(w->schedule, start.mail, 0, w->now);
		mail_rcpt(start.mail, 0)->state = RCPT_HELD;
		mail_new(w, way, 2, i);
		mail_new(w, way, 2, i + 1000);
	}
	while (pull(w))
		;
	for (unsigned i = 700; i < 800; i++)
		mail_new(w, domain(w, i), 1, i);
	(void)run_due(w, &due);
	assert_false(schedule_next_question(w->schedule, w->now, &way));	/* all connections are taken */
}

static void answers_are_bounded(void **state)
{
	struct world *w = *state;
	unsigned n = WAYS_KEPT + 500, known = 0;

	for (unsigned i = 0; i < n; i++) {
		mail_new(w, domain(w, i), 1, i);
		assert_true(pull(w));
		end(w, &start, SITE_WELL);
		mail_free(w, start.mail);
	}
	for (uint32_t way = 0; way < schedule_n_ways(w->schedule); way++)
		known += schedule_way_is_used(w->schedule, way);
	assert_in_range(known, WAYS_KEPT, WAYS_KEPT + 5);
}

static void mail_to_more_domains_than_are_remembered_leaves_too(void **state)
{
	struct world *w = *state;
	unsigned n = WAYS_KEPT + 3000, left = 0;

	for (unsigned i = 0; i < n; i++)
		mail_new(w, domain(w, i), 1, i % 7);
	while (pull(w)) {
		left++;
		end(w, &start, SITE_WELL);
	}
	assert_int_equal(left, n);
}

static void a_way_that_fails_gives_its_mail_back(void **state)
{
	struct world *w = *state;
	struct due due;
	unsigned n = 0;
	uint32_t way, none;

	for (unsigned i = 0; i < 10; i++)
		mail_new(w, domain(w, 1), 2, i);
	(void)run_due(w, &due);
	assert_true(schedule_next_question(w->schedule, w->now, &way));
	assert_false(schedule_next_question(w->schedule, w->now, &none));
	schedule_way_fails(w->schedule, way, &(struct saying){ 550, SPAN("5.1.2"), SPAN("no such domain"), SPAN_NONE });
	while (schedule_pull_refused(w->schedule, &start)) {
		assert_int_equal(start.n, 2);
		assert_false(start.holds);
		for (unsigned i = 0; i < 2; i++) {
			schedule_again(w->schedule, start.mail, i, w->now);
			mail_rcpt(start.mail, i)->state = RCPT_FAILED;
		}
		n++;
	}
	assert_int_equal(n, 10);
	mail_new(w, way, 1, 1);
	(void)run_due(w, &due);
	assert_true(schedule_next_question(w->schedule, w->now, &way));	/* it is asked anew */
}

/* ---- windows and trouble --------------------------------------------------------------------- */

static void a_refusal_with_none_under_way_postpones_the_site(void **state)
{
	struct world *w = *state;
	uint32_t way = smtp(w, "@dead.test", 1);
	struct way_view v;
	int64_t at = w->now.mono_ms;

	for (unsigned i = 0; i < 20; i++)
		mail_new(w, way, 1, i);
	assert_true(pull(w));
	schedule_again(w->schedule, start.mail, 0, w->now);
	schedule_job_ended(w->schedule, &start.flight, at, SITE_TROUBLE,
	    &(struct saying){ 421, SPAN("4.3.2"), SPAN("go away"), SPAN("mx") }, w->now);
	assert_false(pull(w));
	schedule_way_view(w->schedule, way, &v);
	assert_in_range(v.blocked_until - at, MINUTES(2) - SECONDS(13), MINUTES(2) + SECONDS(13));
	assert_true(span_eq(schedule_way_said(w->schedule, way).words, SPAN("go away")));
	pass(w, MINUTES(3));
	assert_true(pull(w));
	assert_false(pull(w));		/* one tries for all */
}

static void what_began_before_a_retry_by_hand_does_not_undo_it(void **state)
{
	struct world *w = *state;
	uint32_t way = smtp(w, "@dead.test", 1);
	int64_t began = w->now.mono_ms;
	struct start first;

	mail_new(w, way, 1, 1);
	mail_new(w, way, 1, 2);
	assert_true(pull(w));
	first = start;
	pass(w, SECONDS(30));
	schedule_way_open(w->schedule, way, w->now);
	pass(w, SECONDS(30));
	schedule_again(w->schedule, first.mail, 0, w->now);
	schedule_job_ended(w->schedule, &first.flight, began, SITE_TROUBLE, NULL, w->now);
	assert_true(pull(w));
	schedule_again(w->schedule, start.mail, 0, w->now);
	schedule_job_ended(w->schedule, &start.flight, w->now.mono_ms, SITE_TROUBLE, NULL, w->now);
	assert_false(pull(w));
}

static void a_site_that_was_dead_for_long_is_tried_every_hour(void **state)
{
	struct world *w = *state;
	uint32_t way = smtp(w, "@dead.test", 1);
	unsigned tries = 0;
	int64_t born = w->now.mono_ms;

	for (unsigned i = 0; i < 2000; i++)
		mail_new(w, way, 1, i);
	while (w->now.mono_ms < born + HOURS(24)) {
		struct due due;

		(void)run_due(w, &due);
		while (try_and_fail(w, SITE_TROUBLE))
			tries++;
		pass(w, schedule_wakes_at(w->schedule) > w->now.mono_ms ? schedule_wakes_at(w->schedule) - w->now.mono_ms : 1);
	}
	assert_in_range(tries, 22, 34);		/* of 2000 messages */
}

static void connections_are_bounded_and_local_mail_is_not(void **state)
{
	struct world *w = *state;
	unsigned n = 0;

	for (unsigned i = 0; i < 2000; i++)
		mail_new(w, smtp(w, i % 2 ? "@a.test" : "@b.test", i % 2), 1, i);
	for (unsigned i = 0; i < 3000; i++)
		mail_new(w, domain(w, i), 1, i);
	while (pull(w)) {
		n += start.kind == SITE_SMTP;
		assert_true(n <= 500);
	}
	mail_new(w, w->local, 1, 1);
	assert_true(pull(w));
	assert_int_equal(start.kind, SITE_LOCAL);
}

static void a_thousand_dead_sites_leave_room_for_the_living(void **state)
{
	struct world *w = *state;
	uint32_t alive = smtp(w, "@alive.test", 9999999);
	unsigned n = 0;

	mail_new(w, alive, 1, 1);
	assert_true(pull(w));
	end(w, &start, SITE_WELL);		/* it is known to speak */
	for (unsigned i = 0; i < 2000; i++)
		mail_new(w, domain(w, i), 1, i);
	while (pull(w))
		n++;				/* they hang */
	assert_in_range(n, 200, 250);
	for (unsigned i = 0; i < 3; i++)
		mail_new(w, alive, 1, 1);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(pull(w));
		assert_int_equal(start.way, alive);
	}
}

static void what_is_doubtful_can_be_left_out(void **state)
{
	struct world *w = *state;
	uint32_t alive = smtp(w, "@alive.test", 9999999);
	struct due due;

	mail_new(w, alive, 1, 1);
	assert_true(pull(w));
	end(w, &start, SITE_WELL);
	for (unsigned i = 0; i < 10; i++)
		mail_new(w, smtp(w, "@new.test", 8888888), 1, 1);
	mail_new(w, alive, 1, 1);
	(void)run_due(w, &due);
	assert_true(schedule_pull(w->schedule, KINDS | START_NO_DOUBT, w->now, &start));
	assert_int_equal(start.way, alive);
	assert_false(schedule_pull(w->schedule, KINDS | START_NO_DOUBT, w->now, &start));
	end(w, &start, SITE_WELL);
	assert_true(schedule_pull(w->schedule, KINDS, w->now, &start));
	assert_true(start.flight.is_doubtful);
}

/* ---- fairness ------------------------------------------------------------------------------------ */

static void one_senders_flood_to_many_sites_leaves_room(void **state)
{
	struct world *w = *state;
	struct start flying[600];
	unsigned n = 0, turns = 0;

	for (unsigned i = 0; i < 20000; i++)
		mail_new(w, domain(w, i % 4000), 1, 1);
	while (n < 600 && pull(w))
		flying[n++] = start;
	assert_true(n > 150);
	mail_new(w, domain(w, 4001), 1, 2);
	while (turns < n) {		/* the flood flows on, and soon it is the other's turn */
		end(w, &flying[turns++], SITE_WELL);
		while (pull(w))
			if (start.mail->sender == 2)
				goto found;
	}
found:
	assert_in_range(turns, 1, 10);
}

static void one_senders_mail_to_sites_that_hang_keeps_no_other_sender_waiting(void **state)
{
	struct world *w = *state;
	unsigned n = 0;

	for (unsigned i = 0; i < 1000; i++)
		mail_new(w, domain(w, i), 1, 1);
	while (pull(w))
		n++;			/* none of them ends */
	assert_in_range(n, 150, 200);
	for (unsigned i = 0; i < 50; i++) {
		mail_new(w, domain(w, 1001 + i), 1, 2 + i);
		assert_true(pull(w));
		assert_int_equal(start.mail->sender, 2 + i);
	}
}

static void senders_share_a_site_in_turn(void **state)
{
	struct world *w = *state;
	uint32_t way = smtp(w, "@busy.test", 1);
	unsigned of[4] = { 0 };

	for (unsigned i = 0; i < 3000; i++)
		mail_new(w, way, 1, i < 2700 ? 0 : 1 + i % 3);
	for (unsigned i = 0; i < 400; i++) {
		assert_true(pull(w));
		of[start.mail->sender]++;
		end(w, &start, SITE_WELL);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(of[i], 99, 101);
}

static int64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void a_hundred_thousand_for_a_dead_site_cost_others_nothing(void **state)
{
	struct world *w = *state;
	uint32_t dead = smtp(w, "@dead.test", 1), alive = smtp(w, "@alive.test", 2);
	int64_t began;

	for (unsigned i = 0; i < 100000; i++)
		mail_new(w, dead, 1, i % 100);
	assert_true(pull(w));
	schedule_again(w->schedule, start.mail, 0, w->now);
	schedule_job_ended(w->schedule, &start.flight, w->now.mono_ms, SITE_TROUBLE, NULL, w->now);
	began = cpu_us();
	for (unsigned i = 0; i < 20000; i++) {
		mail_new(w, alive, 1, i % 10);
		assert_true(pull(w));
		assert_int_equal(start.way, alive);
		end(w, &start, SITE_WELL);
	}
	print_message("# %.2f us a message beside them\n", (double)(cpu_us() - began) / 20000);
}

static size_t heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* In the lines of a site that is dead, with what the allocator adds. */
static void a_queued_message_costs_at_most_250_bytes_and_a_recipient_24(void **state)
{
	struct world *w = *state;
	uint32_t way = smtp(w, "@dead.test", 1);
	size_t empty = heap_bytes(), one, more;
	struct due due;

	for (unsigned i = 0; i < 100000; i++)
		mail_new(w, way, 1, i % 1000);
	(void)run_due(w, &due);
	one = heap_bytes() - empty;
	for (unsigned i = 0; i < 1000; i++)
		mail_new(w, way, 101, i % 1000);
	(void)run_due(w, &due);
	more = heap_bytes() - empty - one - 1000 * (one / 100000);
	print_message("# %zu bytes a message, %zu a further recipient\n", one / 100000, more / 100000);
	if (heap_bytes() == empty)
		return;		/* this allocator does not count */
	assert_true(one / 100000 <= 250);
	assert_true(more / 100000 <= 24);
}

static void holding_back_is_by_recipient(void **state)
{
	struct world *w = *state;
	struct mail *m = mail_new(w, smtp(w, "@hold.test", 1), 3, 1);
	struct due due;

	schedule_way_holds(w->schedule, mail_rcpt(m, 0)->way, true);
	mail_rcpt(m, 1)->released = 1;
	(void)run_due(w, &due);
	assert_true(schedule_pull_refused(w->schedule, &start));
	assert_true(start.holds);
	assert_int_equal(start.n, 2);
	assert_false(schedule_pull_refused(w->schedule, &start));
	assert_true(pull(w));
	assert_int_equal(start.n, 1);
	assert_int_equal(start.rcpts[0], 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_way_is_asked_about_once), TEST(one_senders_thousand_domains_delay_nobodys_question),
		TEST(nobody_asks_when_nothing_could_start), TEST(answers_are_bounded), TEST(mail_to_more_domains_than_are_remembered_leaves_too),
		TEST(a_way_that_fails_gives_its_mail_back), TEST(a_refusal_with_none_under_way_postpones_the_site),
		TEST(what_began_before_a_retry_by_hand_does_not_undo_it),
		TEST(a_site_that_was_dead_for_long_is_tried_every_hour), TEST(connections_are_bounded_and_local_mail_is_not),
		TEST(a_thousand_dead_sites_leave_room_for_the_living), TEST(what_is_doubtful_can_be_left_out), TEST(one_senders_flood_to_many_sites_leaves_room),
		TEST(one_senders_mail_to_sites_that_hang_keeps_no_other_sender_waiting),
		TEST(senders_share_a_site_in_turn), TEST(a_hundred_thousand_for_a_dead_site_cost_others_nothing),
		TEST(a_queued_message_costs_at_most_250_bytes_and_a_recipient_24), TEST(holding_back_is_by_recipient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
