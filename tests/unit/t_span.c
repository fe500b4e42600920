#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void t_spans_are_equal_by_their_bytes(void **state)
{
	(void)state;
	assert_true(span_eq(SPAN("a\0b"), SPAN("a\0b")));
	assert_false(span_eq(SPAN("a\0b"), SPAN("a\0c")));
	assert_false(span_eq(SPAN("ab"), SPAN("abc")));
	assert_true(span_eq(SPAN_NONE, span_of_text(NULL)));
	assert_true(span_eq_nocase(SPAN("AbZ@"), SPAN("aBz@")));
	assert_false(span_eq_nocase(SPAN("@"), SPAN("`")));
	assert_false(span_eq_nocase(SPAN("\xc3\x84"), SPAN("\xc3\xa4")));
	assert_false(span_eq_nocase(SPAN("a"), SPAN("ab")));
	assert_true(span_starts_nocase(SPAN("FROM:<>"), SPAN("from:")));
	assert_false(span_starts_nocase(SPAN("FROM"), SPAN("FROM:")));
	assert_true(span_starts_nocase(SPAN_NONE, SPAN_NONE));
	assert_true(span_ends_nocase(SPAN("a.EXAMPLE"), SPAN(".example")));
	assert_false(span_ends_nocase(SPAN("ample"), SPAN("example")));
	assert_true(span_ends_nocase(SPAN("x"), SPAN_NONE));
}

static void t_pieces_never_leave_the_whole(void **state)
{
	struct span s = SPAN("abc");

	(void)state;
	assert_true(span_eq(span_from(s, 0), s));
	assert_true(span_eq(span_from(s, 2), SPAN("c")));
	assert_int_equal(span_from(s, 3).len, 0);
	assert_int_equal(span_from(s, SIZE_MAX).len, 0);
	assert_ptr_equal(span_from(s, SIZE_MAX).at, s.at + 3);
	assert_true(span_eq(span_first(s, 2), SPAN("ab")));
	assert_true(span_eq(span_first(s, SIZE_MAX), s));
	assert_int_equal(span_find(s, 'c'), 2);
	assert_int_equal(span_find(s, 'x'), 3);
	assert_int_equal(span_find(s, '\0'), 3);
	assert_int_equal(span_find(SPAN("a\0b"), '\0'), 1);
	assert_int_equal(span_find(SPAN_NONE, 'a'), 0);
}

static void t_a_list_is_cut_piece_by_piece(void **state)
{
	struct span rest = SPAN("a,,b");

	(void)state;
	assert_true(span_eq(span_cut(&rest, ','), SPAN("a")));
	assert_true(span_eq(span_cut(&rest, ','), SPAN_NONE));
	assert_true(span_eq(span_cut(&rest, ','), SPAN("b")));
	assert_int_equal(rest.len, 0);
	assert_true(span_eq(span_cut(&rest, ','), SPAN_NONE));
	rest = SPAN("last,");
	assert_true(span_eq(span_cut(&rest, ','), SPAN("last")));
	assert_int_equal(rest.len, 0);
}

static void t_blanks_at_the_ends_go(void **state)
{
	(void)state;
	assert_true(span_eq(span_trim(SPAN(" \t a b\t ")), SPAN("a b")));
	assert_true(span_eq(span_trim(SPAN(" \t ")), SPAN_NONE));
	assert_true(span_eq(span_trim(SPAN_NONE), SPAN_NONE));
	assert_true(span_eq(span_trim(SPAN("\r\na\n")), SPAN("\r\na\n")));
}

static void t_numbers_are_digits_within_their_bound(void **state)
{
	static const struct {
		const char *text;
		unsigned long long max, value;
		bool good;
	} cases[] = {
		{ "0", 0, 0, true }, { "1", 0, 0, false }, { "007", 7, 7, true }, { "8", 7, 0, false }, { "10", 9, 0, false },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX, true }, { "18446744073709551616", UINT64_MAX, 0, false },
		{ "18446744073709551617", UINT64_MAX, 0, false }, { "99999999999999999999999", UINT64_MAX, 0, false },
		{ "9223372036854775807", INT64_MAX, INT64_MAX, true }, { "9223372036854775808", INT64_MAX, 0, false },
		{ "4294967295", UINT32_MAX, UINT32_MAX, true }, { "4294967296", UINT32_MAX, 0, false },
		{ "", 9, 0, false }, { "-1", 9, 0, false }, { "+1", 9, 0, false }, { " 1", 9, 0, false }, { "1 ", 9, 0, false },
		{ "1a", 99, 0, false }, { "/", 99, 0, false }, { ":", 99, 0, false }, { "0x1", 99, 0, false }, { "\xb1", 99, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned long long n = 0;

		if (span_to_u64(span_of_text(cases[i].text), cases[i].max, &n) != cases[i].good || (cases[i].good && n != cases[i].value))
			fail_msg("\"%s\" below %llu", cases[i].text, cases[i].max);
	}
	for (unsigned long long max = 0; max < 120; max++)
		for (unsigned i = 0; i < 130; i++) {
			char text[4] = { (char)('0' + i / 100), (char)('0' + i / 10 % 10), (char)('0' + i % 10) };
			unsigned long long n;

			assert_int_equal(span_to_u64(span_of(text, 3), max, &n), i <= max);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_spans_are_equal_by_their_bytes),
		cmocka_unit_test(t_pieces_never_leave_the_whole),
		cmocka_unit_test(t_a_list_is_cut_piece_by_piece),
		cmocka_unit_test(t_blanks_at_the_ends_go),
		cmocka_unit_test(t_numbers_are_digits_within_their_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
