/* Whose question is next: nobody keeps others from theirs by names that get no answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "verify/turns.h"

#define MANY 200

static struct turns turns;
static struct turn rows[MANY], late;

static void begin(unsigned n, unsigned questions)
{
	turns_init(&turns);
	turn_init(&late);
	for (unsigned i = 0; i < n; i++) {
		turn_init(&rows[i]);
		for (unsigned k = 0; k < questions; k++)
			turns_add(&turns, &rows[i]);
	}
}

static unsigned send_all(void)
{
	unsigned n = 0;

	while (turns_next(&turns))
		n++;
	return n;
}

static void t_one_alone_has_its_share(void **state)
{
	(void)state;
	begin(1, 100);
	assert_int_equal(send_all(), 11);	/* as many as an eighth of what is free then, and one */
	turns_answered(&turns, &rows[0]);
	assert_ptr_equal(turns_next(&turns), &rows[0]);
	assert_null(turns_next(&turns));
	assert_int_equal(rows[0].n_waiting, 88);
}

/* Whether they come together or one after the other. */
static void t_a_place_is_left_for_others(void **state)
{
	static const unsigned numbers[] = { 1, 5, 20, 40 };

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(numbers) / sizeof(*numbers); i++) {
		begin(i % 2 ? numbers[i / 2] : 0, 100);
		(void)send_all();
		for (unsigned k = 0; i % 2 == 0 && k < numbers[i / 2]; k++) {
			turn_init(&rows[k]);
			for (unsigned n = 0; n < 100; n++)
				turns_add(&turns, &rows[k]);
			(void)send_all();
		}
		assert_true(turns.n_under_way < TURNS_PLACES);
		turns_add(&turns, &late);
		assert_ptr_equal(turns_next(&turns), &late);
		assert_false(turns_are_short(&turns));
	}
}

static void t_who_has_fewest_goes_first(void **state)
{
	(void)state;
	begin(MANY, 10);
	assert_int_equal(send_all(), TURNS_PLACES);
	for (unsigned i = 0; i < TURNS_PLACES; i++)
		assert_int_equal(rows[i].n_under_way, 1);
	turns_add(&turns, &late);
	assert_null(turns_next(&turns));
	assert_true(turns_are_short(&turns));
	for (unsigned i = TURNS_PLACES; i < MANY; i++) {	/* those who came before, in their order */
		turns_again(&turns, &rows[i - TURNS_PLACES]);	/* makes room, and comes last */
		assert_ptr_equal(turns_next(&turns), &rows[i]);
	}
	turns_again(&turns, &rows[100]);
	assert_ptr_equal(turns_next(&turns), &late);
}

static void t_who_leaves_gives_its_places_back(void **state)
{
	(void)state;
	begin(2, 10);
	(void)send_all();
	turns_leave(&turns, &rows[0]);
	turns_leave(&turns, &rows[1]);
	assert_int_equal(turns.n_under_way, 0);
	assert_null(turns_next(&turns));
}

static void t_what_is_to_be_sent_again_is(void **state)
{
	(void)state;
	begin(1, 3);
	assert_int_equal(send_all(), 3);
	for (unsigned i = 0; i < 3; i++)
		turns_again(&turns, &rows[0]);
	assert_int_equal(turns.n_under_way, 0);
	assert_int_equal(send_all(), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_one_alone_has_its_share),
		cmocka_unit_test(t_a_place_is_left_for_others),
		cmocka_unit_test(t_who_has_fewest_goes_first),
		cmocka_unit_test(t_who_leaves_gives_its_places_back),
		cmocka_unit_test(t_what_is_to_be_sent_again_is),
	};

	return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
