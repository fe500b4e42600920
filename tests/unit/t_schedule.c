/* The schedule in simulated time: 72 hours in a moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "schedule_world.h"
#include "wire/verbs.h"

static void seventy_two_hours_of_retries(void **state)
{
	static const int64_t waits[] = { MINUTES(2), MINUTES(5), MINUTES(10), MINUTES(20), MINUTES(40), HOURS(1), HOURS(2), HOURS(4) };
	struct world *w = *state;
	struct mail *m = mail_new(w, w->lmtp, 1, 1);
	int64_t born = w->now.mono_ms, ended = born, noticed = 0;
	unsigned tries = 0;
	struct due due;

	while (mail_rcpt(m, 0)->state != RCPT_FAILED && tries < 100) {
		if (run_due(w, &due) && due.notice)
			noticed = w->now.mono_ms;
		if (try_and_fail(w, SITE_UNKNOWN)) {
			int64_t wait = w->now.mono_ms - 1000 - ended, due_wait = tries ? waits[tries > 8 ? 7 : tries - 1] : 0;

			if (tries > 0 && wait + 1000 < HOURS(72) - (ended - born)) {
				assert_true(wait >= due_wait - due_wait / 10 - 64);
				assert_true(wait <= due_wait + due_wait / 10 + 64);
			}
			tries++;
			ended = w->now.mono_ms;
			continue;
		}
		assert_true(schedule_wakes_at(w->schedule) != INT64_MAX);
		pass(w, schedule_wakes_at(w->schedule) - w->now.mono_ms);
	}
	assert_in_range(tries, 20, 30);
	assert_true(ended - born >= HOURS(72));		/* an attempt was made after the deadline */
	assert_true(ended - born < HOURS(72) + MINUTES(1));
	assert_true(noticed - born >= HOURS(4) && noticed - born < HOURS(4) + MINUTES(1));
	assert_int_equal(schedule_wakes_at(w->schedule), INT64_MAX);
}

static void a_bounce_lives_24_hours(void **state)
{
	struct world *w = *state;
	struct mail *m = mail_new(w, w->lmtp, 1, 1);
	int64_t born = w->now.mono_ms, last = born;
	struct due due;

	m->marks |= MAIL_BOUNCE | MARK_NULL_SENDER;
	for (unsigned i = 0; i < 100 && mail_rcpt(m, 0)->state != RCPT_FAILED; i++) {
		(void)run_due(w, &due);
		if (try_and_fail(w, SITE_ALIVE))
			last = w->now.mono_ms;
		else
			pass(w, schedule_wakes_at(w->schedule) - w->now.mono_ms);
	}
	assert_int_equal(mail_rcpt(m, 0)->state, RCPT_FAILED);
	assert_in_range(last - born, HOURS(24), HOURS(24) + MINUTES(1));
}

static void no_way_out_waits_and_expires(void **state)
{
	struct world *w = *state;
	struct mail *m = mail_new(w, WAY_NOWHERE, 1, 1);
	int64_t born = w->now.mono_ms;
	struct due due;

	assert_false(schedule_pull(w->schedule, KINDS, w->now, &start));
	for (unsigned i = 0; i < 10 && mail_rcpt(m, 0)->state != RCPT_FAILED; i++) {
		assert_true(schedule_wakes_at(w->schedule) != INT64_MAX);
		pass(w, schedule_wakes_at(w->schedule) - w->now.mono_ms);
		assert_true(run_due(w, &due));
	}
	assert_int_equal(mail_rcpt(m, 0)->state, RCPT_FAILED);
	assert_int_equal(mail_rcpt(m, 0)->tries, 0);
	assert_int_equal(w->now.mono_ms - born, HOURS(72));
}

static void one_senders_flood_delays_no_one(void **state)
{
	struct world *w = *state;
	struct due due;
	struct mail *other;

	for (unsigned i = 0; i < 5000; i++)
		mail_new(w, w->lmtp, 1, 1);
	run_due(w, &due);
	other = mail_new(w, w->lmtp, 1, 2);
	run_due(w, &due);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(schedule_pull(w->schedule, KINDS, w->now, &start));
		if (start.mail == other)
			return;
	}
	fail_msg("the other sender waits behind the flood");
}

static void a_dead_site_delays_no_other(void **state)
{
	struct world *w = *state;
	struct mail *alive;
	struct due due;

	for (unsigned i = 0; i < 100; i++)
		mail_new(w, w->lmtp, 1, i);
	run_due(w, &due);
	assert_true(try_and_fail(w, SITE_TROUBLE));
	assert_false(schedule_pull(w->schedule, KINDS, w->now, &start));	/* one spoke for all */
	alive = mail_new(w, w->local, 1, 1);
	run_due(w, &due);
	assert_true(schedule_pull(w->schedule, KINDS, w->now, &start));
	assert_ptr_equal(start.mail, alive);
}

static void a_dead_site_ends_its_messages_after_their_time(void **state)
{
	struct world *w = *state;
	struct mail *m[3];
	unsigned attempts = 0;
	struct due due;

	for (unsigned i = 0; i < 3; i++)
		m[i] = mail_new(w, w->lmtp, 1, 9);
	for (unsigned i = 0; i < 400 && mail_rcpt(m[2], 0)->state != RCPT_FAILED; i++) {
		run_due(w, &due);
		while (try_and_fail(w, SITE_TROUBLE)) {
			attempts++;
			run_due(w, &due);
		}
		if (schedule_wakes_at(w->schedule) == INT64_MAX)
			break;
		if (schedule_wakes_at(w->schedule) > w->now.mono_ms)
			pass(w, schedule_wakes_at(w->schedule) - w->now.mono_ms);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(mail_rcpt(m[i], 0)->state, RCPT_FAILED);
	assert_true(attempts < 3 * 30);
}

static void windows_grow_and_shrink(void **state)
{
	struct world *w = *state;
	struct flight flight = { NULL };
	struct way_view v;
	struct due due;
	uint32_t flying = 0;

	for (unsigned i = 0; i < 2000; i++)
		mail_new(w, w->lmtp, 1, i);
	run_due(w, &due);
	while (schedule_pull(w->schedule, KINDS, w->now, &start)) {
		flight = start.flight;
		flying++;
	}
	assert_int_equal(flying, SITE_FIRST_WINDOW);
	for (unsigned i = 0; i < 1000; i++) {
		schedule_job_ended(w->schedule, &flight, w->now.mono_ms, SITE_WELL, NULL, w->now);
		flying--;
		while (schedule_pull(w->schedule, KINDS, w->now, &start))
			flying++;
	}
	assert_int_equal(flying, 20);
	pass(w, 1);
	for (unsigned i = 0; i < 2; i++)	/* the second ran beside the first: it says nothing new */
		schedule_job_ended(w->schedule, &flight, w->now.mono_ms - i, SITE_TROUBLE, NULL, w->now);
	schedule_way_view(w->schedule, w->lmtp, &v);
	assert_int_equal(v.window, 10);
	assert_int_equal(v.blocked_until, 0);	/* others are under way: it may only have enough of us */
}

static void recipients_go_in_batches(void **state)
{
	struct world *w = *state;
	struct due due;
	struct mail *m;
	uint32_t all = 0;

	m = mail_new(w, w->local, 120, 1);
	run_due(w, &due);
	while (schedule_pull(w->schedule, KINDS, w->now, &start)) {
		assert_true(start.n <= 50);
		all += start.n;
		assert_int_equal(m->n_flying, all);
	}
	assert_int_equal(all, 120);
}

static void what_is_overdue_after_a_restart_is_spread(void **state)
{
	struct world *w = *state;
	unsigned at_once = 0;

	for (unsigned i = 0; i < 1000; i++) {
		struct mail *m = mail_new(w, w->lmtp, 1, i);

		mail_rcpt(m, 0)->tries = 2;
		schedule_recall(w->schedule, m, 0, w->now.wall_ms - HOURS(1), w->now);
		schedule_enter(w->schedule, m);
		at_once += m->wait.at <= w->now.mono_ms + 1000;
		assert_true(m->wait.at <= w->now.mono_ms + MINUTES(1) + 64);
	}
	assert_true(at_once < 100);
}

static void a_step_of_the_clock_moves_recalled_times(void **state)
{
	struct world *w = *state;
	struct mail *m = mail_new(w, w->lmtp, 1, 1);

	mail_rcpt(m, 0)->tries = 1;
	schedule_recall(w->schedule, m, 0, w->now.wall_ms + HOURS(2), w->now);
	schedule_enter(w->schedule, m);
	w->now.wall_ms += HOURS(1);
	schedule_clock_stepped(w->schedule, w->queue, HOURS(1), w->now);
	assert_in_range(m->wait.at - w->now.mono_ms, HOURS(1) - 64, HOURS(1) + 64);
}

static void a_message_costs_little_memory(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 100000; i++)
		mail_new(w, w->lmtp, 1, i);
	print_message("# %.0f bytes a message, %zu a further recipient\n",
	    (double)queue_memory(w->queue) / 100000 + sizeof(void *), sizeof(struct rcpt));
	assert_true(queue_memory(w->queue) / 100000 + 2 * sizeof(void *) <= 170);
	assert_true(sizeof(struct rcpt) <= 24);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(seventy_two_hours_of_retries),
		TEST(a_bounce_lives_24_hours),
		TEST(no_way_out_waits_and_expires),
		TEST(one_senders_flood_delays_no_one),
		TEST(a_dead_site_delays_no_other),
		TEST(a_dead_site_ends_its_messages_after_their_time),
		TEST(windows_grow_and_shrink),
		TEST(recipients_go_in_batches),
		TEST(what_is_overdue_after_a_restart_is_spread),
		TEST(a_step_of_the_clock_moves_recalled_times),
		TEST(a_message_costs_little_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
