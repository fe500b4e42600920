#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void t_below_is_below(void **state)
{
	static const uint64_t bounds[] = { 1, 2, 3, 7, 256, 1000, UINT64_C(1) << 32, (UINT64_C(1) << 63) + 1, UINT64_MAX };

	(void)state;
	for (size_t b = 0; b < sizeof(bounds) / sizeof(bounds[0]); b++)
		for (int i = 0; i < 2000; i++)
			assert_true(random_below(bounds[b]) < bounds[b]);
}

/* 60,000 throws of a die: chi-square with 5 degrees above 45 happens once in 100 million runs. */
static void t_below_favours_none(void **state)
{
	int counts[6] = { 0 };
	double chi = 0;

	(void)state;
	for (int i = 0; i < 60000; i++)
		counts[random_below(6)]++;
	for (int i = 0; i < 6; i++)
		chi += (counts[i] - 10000.0) * (counts[i] - 10000.0) / 10000.0;
	assert_true(chi < 45);
}

/* Where a plain remainder would give the lower half twice as often. */
static void t_a_large_bound_has_no_heavy_half(void **state)
{
	const uint64_t bound = (UINT64_C(1) << 63) + (UINT64_C(1) << 62);
	int low = 0;

	(void)state;
	for (int i = 0; i < 30000; i++)
		low += random_below(bound) < bound / 3;
	assert_in_range(low, 9300, 10700);
}

static void t_every_length_is_filled_and_no_more(void **state)
{
	static unsigned char bytes[1100], before[1100];

	(void)state;
	for (size_t len = 0; len < 1000; len += 37) {
		unsigned char any = 0;

		memset(bytes, 0, sizeof(bytes));
		random_bytes(bytes, len);
		for (size_t i = len; i < sizeof(bytes); i++)
			any |= bytes[i];
		assert_int_equal(any, 0);
		for (size_t i = 0; i + 16 <= len; i++)
			assert_memory_not_equal(bytes + i, before + sizeof(before) - 16, 16);	/* sixteen zeros */
	}
	assert_true(random_u64() != random_u64());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_below_is_below),
		cmocka_unit_test(t_below_favours_none),
		cmocka_unit_test(t_a_large_bound_has_no_heavy_half),
		cmocka_unit_test(t_every_length_is_filled_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
