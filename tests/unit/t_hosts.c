/* The order in which hosts are tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "spool/hosts.h"

static void t_preference_first_and_equals_by_lot(void **state)
{
	const struct host given[] = { { 20, 0, SPAN("late") }, { 10, 0, SPAN("a") }, { 10, 0, SPAN("b") }, { 10, 0, SPAN("c") },
	    { 30, 25, SPAN("last") } };
	struct hosts *h = hosts_new(given, 5);
	unsigned first[3] = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 6000; i++) {
		hosts_draw(h, i * 0x9e3779b97f4a7c15u);
		assert_true(span_eq(h->at[3].name, SPAN("late")));
		assert_true(span_eq(h->at[4].name, SPAN("last")));
		assert_int_equal(h->at[4].port, 25);
		first[h->at[0].name.at[0] - 'a']++;
	}
	for (unsigned i = 0; i < 3; i++)
		assert_in_range(first[i], 1700, 2300);
	mem_free(h);
}

static void t_there_is_a_bound(void **state)
{
	struct host given[HOSTS_MAX + 10];
	struct hosts *h;

	(void)state;
	for (unsigned i = 0; i < HOSTS_MAX + 10; i++)
		given[i] = (struct host){ 1, 0, SPAN("x") };
	h = hosts_new(given, HOSTS_MAX + 10);
	assert_int_equal(h->n, HOSTS_MAX);
	mem_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_preference_first_and_equals_by_lot),
		cmocka_unit_test(t_there_is_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
