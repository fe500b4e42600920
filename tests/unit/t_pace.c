/* Token buckets in simulated time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "spool/pace.h"
#include "spool/storm.h"

static unsigned taken(struct pace *p, int64_t from, int64_t to)
{
	unsigned n = 0;

	for (int64_t at = from; at < to; at += 100)
		while (pace_take(p, at))
			n++;
	return n;
}

static void t_a_burst_is_one_units_worth_and_then_it_is_even(void **state)
{
	struct set_rates rates = { .n = 1, .at = { { 60, HOURS(1) } } };
	struct pace p = { .at = 0 };

	(void)state;
	pace_set(&p, &rates, 5000);
	assert_int_equal(taken(&p, 5000, 5100), 60);
	assert_int_equal(pace_ready_at(&p, 5000) / 1000, 65);
	assert_in_range(taken(&p, 5100, 5100 + HOURS(1)), 59, 60);
	assert_int_equal(taken(&p, 5100 + HOURS(9), 5200 + HOURS(9)), 60);	/* no more than that is saved */
}

static void t_of_several_rates_each_counts(void **state)
{
	struct set_rates rates = { .n = 2, .at = { { 10, MINUTES(1) }, { 100, HOURS(1) } } };
	struct pace p = { .at = 0 };

	(void)state;
	pace_set(&p, &rates, 0);
	assert_int_equal(taken(&p, 0, MINUTES(1)), 19);
	assert_in_range(taken(&p, MINUTES(1), HOURS(1)), 170, 181);
}

static void t_what_was_taken_is_remembered_under_other_rates(void **state)
{
	struct set_rates rates = { .n = 1, .at = { { 10, MINUTES(1) } } }, more = { .n = 1, .at = { { 20, MINUTES(1) } } };
	struct pace p = { .at = 0 };

	(void)state;
	pace_set(&p, &rates, 0);
	assert_int_equal(taken(&p, 0, 100), 10);
	pace_set(&p, &more, 0);
	assert_false(pace_take(&p, 0));
	assert_true(pace_take(&p, SECONDS(3) + 1));
}

static void t_one_senders_storm_ends_and_others_hear(void **state)
{
	struct set_rates rates = { .n = 1, .at = { { 50, HOURS(1) } } }, off = { .n = 0 };
	struct storm *st = storm_new();
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		n += storm_may(st, 7, &rates, i);
	assert_int_equal(n, 50);
	assert_true(storm_may(st, 8, &rates, 1000));
	assert_true(storm_may(st, 7 + STORM_SENDERS, &rates, 1000));	/* the same place, another sender */
	assert_false(storm_may(st, 7, &rates, 1000));
	assert_true(storm_may(st, 7, &rates, HOURS(1)));
	for (uint32_t i = 0; i < 100000; i++)	/* more than are known */
		assert_true(storm_may(st, i * 77, &rates, HOURS(1) + i));
	for (unsigned i = 0; i < 1000; i++)
		assert_true(storm_may(st, 9, &off, HOURS(2)));
	storm_free(&st);
	assert_null(st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_burst_is_one_units_worth_and_then_it_is_even),
		cmocka_unit_test(t_of_several_rates_each_counts),
		cmocka_unit_test(t_what_was_taken_is_remembered_under_other_rates),
		cmocka_unit_test(t_one_senders_storm_ends_and_others_hear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
