#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void t_a_buffer_ends_at_its_ceiling(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_true(span_eq(buf_span(&b), SPAN_NONE));
	assert_int_equal(buf_add_text(&b, "12345"), PR_OK);
	assert_int_equal(buf_printf(&b, "%d", 67890), PR_OK);
	assert_false(b.overflowed);
	assert_int_equal(buf_add(&b, SPAN_NONE), PR_OK);
	assert_int_equal(buf_add_char(&b, 'x'), PR_FULL);
	assert_true(b.overflowed);
	assert_true(span_eq(buf_span(&b), SPAN("1234567890")));
	buf_fini(&b);
}

/* So a row of appends needs one check: none that fits comes behind one that did not. */
static void t_once_overflowed_nothing_more_is_taken(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	assert_int_equal(buf_add_text(&b, "123"), PR_OK);
	assert_int_equal(buf_printf(&b, "%s", "456"), PR_FULL);
	assert_int_equal(buf_add_char(&b, '4'), PR_FULL);
	assert_int_equal(buf_add(&b, SPAN_NONE), PR_FULL);
	assert_int_equal(buf_printf(&b, "%s", ""), PR_FULL);
	assert_true(span_eq(buf_span(&b), SPAN("123")));
	buf_clear(&b);
	assert_false(b.overflowed);
	assert_int_equal(buf_add_text(&b, "45678"), PR_OK);
	buf_fini(&b);
}

static void t_room_neither_sets_nor_asks_the_flag(void **state)
{
	struct buf b;
	char *at;

	(void)state;
	buf_init(&b, 300);
	assert_null(buf_room(&b, 301));
	assert_false(b.overflowed);
	at = buf_room(&b, 300);
	assert_non_null(at);
	memset(at, 'x', 300);
	buf_grew(&b, 299);
	assert_int_equal(b.len, 299);
	assert_int_equal(buf_add_text(&b, "ab"), PR_FULL);
	assert_non_null(buf_room(&b, 1));
	assert_null(buf_room(&b, 2));
	assert_true(b.overflowed);
	buf_fini(&b);
}

static void t_long_words_are_printed_whole_or_not_at_all(void **state)
{
	char text[1001];
	struct buf b;

	(void)state;
	memset(text, 'w', 1000);
	for (size_t len = 250; len < 260; len++) {
		text[len] = '\0';
		buf_init(&b, len);
		assert_int_equal(buf_printf(&b, "%s", text), PR_OK);
		assert_true(span_eq(buf_span(&b), span_of(text, len)));
		buf_fini(&b);
		buf_init(&b, len - 1);
		assert_int_equal(buf_printf(&b, "%s", text), PR_FULL);
		assert_int_equal(b.len, 0);
		buf_fini(&b);
		text[len] = 'w';
	}
}

static void t_what_is_eaten_leaves_from_the_front(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_eat(&b, 0);
	assert_int_equal(buf_add(&b, SPAN("abc\0def")), PR_OK);
	buf_eat(&b, 2);
	assert_true(span_eq(buf_span(&b), SPAN("c\0def")));
	buf_eat(&b, 5);
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_add_text(&b, "again"), PR_OK);
	assert_true(span_eq(buf_span(&b), SPAN("again")));
	buf_fini(&b);
}

static void t_memory_is_given_back_when_asked(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100000);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf_add_text(&b, "0123456789"), PR_OK);
	buf_eat(&b, 99990);
	buf_shrink(&b);
	assert_int_equal(b.room, 10);
	assert_true(span_eq(buf_span(&b), SPAN("0123456789")));
	assert_int_equal(buf_add_text(&b, "abc"), PR_OK);
	assert_true(span_eq(buf_span(&b), SPAN("0123456789abc")));
	buf_clear(&b);
	buf_shrink(&b);
	assert_null(b.at);
	assert_int_equal(b.room, 0);
	assert_int_equal(buf_add_text(&b, "x"), PR_OK);
	buf_fini(&b);
	assert_int_equal(b.ceiling, 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_buffer_ends_at_its_ceiling),
		cmocka_unit_test(t_once_overflowed_nothing_more_is_taken),
		cmocka_unit_test(t_room_neither_sets_nor_asks_the_flag),
		cmocka_unit_test(t_long_words_are_printed_whole_or_not_at_all),
		cmocka_unit_test(t_what_is_eaten_leaves_from_the_front),
		cmocka_unit_test(t_memory_is_given_back_when_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
