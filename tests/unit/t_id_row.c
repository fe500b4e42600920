/* spool/id_row: ids that wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "spool/id_row.h"

static struct msg_id id(unsigned n)
{
	return (struct msg_id){ { (unsigned char)n, (unsigned char)(n >> 8) } };
}

static unsigned number(const struct msg_id *i)
{
	return i->bytes[0] | (unsigned)i->bytes[1] << 8;
}

static void add(struct id_row *w, unsigned n)
{
	struct msg_id i = id(n);

	id_row_add(w, &i);
}

static void t_the_first_that_came_leaves_first(void **state)
{
	struct id_row w = { .n = 0 };
	unsigned in = 0, out = 0;
	struct msg_id i;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {	/* three come for each two that leave: through every size of its memory */
		for (unsigned k = 0; k < 3; k++)
			add(&w, in++);
		for (unsigned k = 0; k < 2; k++) {
			assert_true(id_row_take(&w, &i));
			assert_int_equal(number(&i), out++);
		}
		assert_int_equal(w.n, in - out);
	}
	while (id_row_take(&w, &i))
		assert_int_equal(number(&i), out++);
	assert_int_equal(out, in);
}

static void t_an_empty_row_has_no_memory(void **state)
{
	struct id_row w = { .n = 0 };
	struct msg_id i;

	(void)state;
	assert_false(id_row_take(&w, &i));
	add(&w, 1);
	assert_non_null(w.ids);
	assert_true(id_row_take(&w, &i));
	assert_null(w.ids);
	add(&w, 2);
	id_row_fini(&w);
	assert_false(id_row_take(&w, &i));
}

static bool is_even(void *arg, const struct msg_id *i)
{
	unsigned *n_asked = arg;

	(*n_asked)++;
	return number(i) % 2 == 0;
}

static void t_some_are_taken_out_of_turn_and_the_others_keep_theirs(void **state)
{
	struct id_row w = { .n = 0 };
	struct msg_id taken[3], i;
	unsigned n_asked = 0;

	(void)state;
	for (unsigned n = 0; n < 10; n++)
		add(&w, n);
	assert_true(id_row_take(&w, &i));
	assert_int_equal(id_row_take_those(&w, is_even, &n_asked, taken, 3), 3);
	for (unsigned k = 0; k < 3; k++)
		assert_int_equal(number(&taken[k]), 2 + 2 * k);
	assert_int_equal(n_asked, 6);	/* 1 to 6 */
	for (const unsigned *left = (const unsigned[]){ 1, 3, 5, 7, 8, 9, 0 }; *left; left++) {
		assert_true(id_row_take(&w, &i));
		assert_int_equal(number(&i), *left);
	}
	assert_null(w.ids);
	add(&w, 4);
	assert_int_equal(id_row_take_those(&w, is_even, &n_asked, taken, 3), 1);
	assert_null(w.ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_the_first_that_came_leaves_first),
		cmocka_unit_test(t_an_empty_row_has_no_memory),
		cmocka_unit_test(t_some_are_taken_out_of_turn_and_the_others_keep_theirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
