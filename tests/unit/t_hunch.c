#include "base/hunch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* How many of n chances are taken where each guess comes out like that. */
static unsigned tries(struct hunch *h, unsigned n, bool right)
{
	unsigned tried = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!hunch_try(h))
			continue;
		tried++;
		hunch_was(h, right);
	}
	return tried;
}

static void t_a_guess_that_is_right_is_made_each_time(void **state)
{
	struct hunch h = { 0 };

	(void)state;
	assert_int_equal(tries(&h, 1000, true), 1000);
}

static void t_a_guess_that_is_wrong_is_made_ever_more_rarely(void **state)
{
	struct hunch h = { 0 };

	(void)state;
	assert_int_equal(tries(&h, 11, false), 4);	/* with one, two and four chances let go between them */
	assert_in_range(tries(&h, 100 * HUNCH_PAUSE_MAX, false), 95, 105);
}

static void t_once_right_it_is_trusted_again(void **state)
{
	struct hunch h = { 0 };

	(void)state;
	tries(&h, 10000, false);
	while (!hunch_try(&h))
		;
	hunch_was(&h, true);
	assert_int_equal(tries(&h, 50, true), 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_guess_that_is_right_is_made_each_time),
		cmocka_unit_test(t_a_guess_that_is_wrong_is_made_ever_more_rarely),
		cmocka_unit_test(t_once_right_it_is_trusted_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
