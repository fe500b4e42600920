/* Tokens and their rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "mail/tokens_row.h"

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void t_a_token_is_known_by_its_form(void **state)
{
	char token[TOKEN_LEN + 1], other[TOKEN_LEN + 1];

	(void)state;
	token_make(token);
	token_make(other);
	assert_true(token_is(span_of_text(token)));
	assert_string_not_equal(token, other);
	assert_false(token_is(span_of(token, TOKEN_LEN - 1)));
	token[10] = 'l';	/* no letter of ours */
	assert_false(token_is(span_of_text(token)));
	assert_false(token_is(SPAN_NONE));
	assert_false(token_is(SPAN("a password that somebody chose himself, long")));
}

static void t_a_row_comes_back(void **state)
{
	const struct span line = SPAN("Alice@example.org\t" DIGEST "\t1795248000\tthe phone");
	char name[TOKEN_NAME_LEN + 1];
	struct tokens_row row;
	struct buf out;
	const char *why;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(tokens_row_parse(line, &row, &why), PR_OK);
	assert_true(span_eq(row.address, SPAN("Alice@example.org")));
	assert_true(span_eq(row.label, SPAN("the phone")));
	assert_int_equal(row.created, 1795248000);
	assert_int_equal(row.digest[1], 0x11);
	token_name(row.digest, name);
	assert_string_equal(name, "00112233");
	assert_int_equal(tokens_row_add(&row, &out), PR_OK);
	assert_true(span_eq(span_first(buf_span(&out), out.len - 1), line));
	buf_fini(&out);
}

static void t_what_is_no_row(void **state)
{
	static const char *const bad[] = {
		"alice@example.org", "alice@example.org\t" DIGEST, "\t" DIGEST "\t1\t", "a@b.c\t" DIGEST "0\t1\tx", "a@b.c\t" DIGEST "\tx\tx",
		"a@b.c\tXX112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\t1\tx", "a@b.c\t" DIGEST "\t1\ta\tb", "a@b.c\t" DIGEST "\t-1\t",
	};
	struct tokens_row row = { .address = SPAN("a@b.c"), .label = SPAN("a\tb") };
	struct buf out;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(tokens_row_parse(span_of_text(bad[i]), &row, &why), PR_BAD);
		assert_non_null(why);
	}
	assert_int_equal(tokens_row_parse(SPAN("# a@b.c"), &row, &why), PR_NONE);
	assert_int_equal(tokens_row_parse(SPAN("  "), &row, &why), PR_NONE);
	buf_init(&out, 4096);
	row = (struct tokens_row){ .address = SPAN("a@b.c"), .label = SPAN("two\nlines") };
	assert_int_equal(tokens_row_add(&row, &out), PR_BAD);
	assert_int_equal(out.len, 0);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_token_is_known_by_its_form),
		cmocka_unit_test(t_a_row_comes_back),
		cmocka_unit_test(t_what_is_no_row),
	};

	return cmocka_run_group_tests_name("tokens_row", tests, NULL, NULL);
}
