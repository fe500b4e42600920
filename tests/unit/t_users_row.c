#include "mail/users_row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

static void rows_are_read(void **unused)
{
	static const struct {
		struct span line;
		enum pr_err err;
		const char *address, *password;
		bool is_disabled;
	} rows[] = {
		{ SPAN("a@b\tpw\t-"), PR_OK, "a@b", "pw", false },
		{ SPAN("\"a b\"@c\tpw with blanks\tdisabled"), PR_OK, "\"a b\"@c", "pw with blanks", true },
		{ SPAN("A@b\tpw\tdisabled,disabled"), PR_OK, "A@b", "pw", true },
		{ SPAN(""), PR_NONE, NULL, NULL, false },
		{ SPAN(" \t "), PR_NONE, NULL, NULL, false },
		{ SPAN("# a@b\tpw\t-"), PR_NONE, NULL, NULL, false },
		{ SPAN("a@b"), PR_BAD, NULL, NULL, false },
		{ SPAN("a@b\tpw"), PR_BAD, NULL, NULL, false },
		{ SPAN("a@b\tpw\t"), PR_BAD, NULL, NULL, false },
		{ SPAN("a@b\t\t-"), PR_BAD, NULL, NULL, false },
		{ SPAN("\tpw\t-"), PR_BAD, NULL, NULL, false },
		{ SPAN("a@b\tpw\tadmin"), PR_BAD, NULL, NULL, false },
		{ SPAN("a@b\tpw\tdisabled,"), PR_BAD, NULL, NULL, false },
		{ SPAN("a@b\tpw\t,disabled"), PR_BAD, NULL, NULL, false },
		{ SPAN("a@b\tpw\t-,disabled"), PR_BAD, NULL, NULL, false },
		{ SPAN("a@b\tpw\tDisabled"), PR_BAD, NULL, NULL, false },
		{ SPAN("a@b\tpw\t-\t-"), PR_BAD, NULL, NULL, false },
		{ SPAN("a@b\tpw\t-\r"), PR_BAD, NULL, NULL, false },
		{ SPAN("a\0@b\tpw\t-"), PR_BAD, NULL, NULL, false },
		{ SPAN("a@b\tp\0w\t-"), PR_BAD, NULL, NULL, false },
		{ SPAN("a@b\tpw\t-\0"), PR_BAD, NULL, NULL, false },
	};

	(void)unused;
	for (size_t i = 0; i < N_OF(rows); i++) {
		struct users_row row;
		const char *why = "unset";
		enum pr_err err = users_row_parse(rows[i].line, &row, &why);

		if (err != rows[i].err)
			fail_msg("row %zu: %s", i, pr_err_text(err));
		assert_int_equal(why != NULL, err == PR_BAD);
		if (err != PR_OK)
			continue;
		assert_true(span_eq(row.address, span_of_text(rows[i].address)));
		assert_true(span_eq(row.password, span_of_text(rows[i].password)));
		assert_int_equal(row.is_disabled, rows[i].is_disabled);
	}
}

static void what_is_written_is_read_again(void **unused)
{
	for (int disabled = 0; disabled < 2; disabled++) {
		struct users_row row = { .address = SPAN("\"a b\"@c"), .password = SPAN("$y$x {SCRAM} y"), .is_disabled = disabled }, back;
		const char *why;
		struct buf out;

		(void)unused;
		buf_init(&out, 4096);
		assert_int_equal(users_row_add(&row, &out), PR_OK);
		assert_true(out.at[out.len - 1] == '\n');
		assert_int_equal(users_row_parse(span_first(buf_span(&out), out.len - 1), &back, &why), PR_OK);
		assert_true(span_eq(back.address, row.address) && span_eq(back.password, row.password) && back.is_disabled == row.is_disabled);
		buf_fini(&out);
	}
}

static void what_would_not_be_read_is_not_written(void **unused)
{
	static char longest[USERS_ROW_MAX];
	static const struct users_row rows[] = {
		{ .address = SPAN(""), .password = SPAN("p") }, { .address = SPAN("a@b"), .password = SPAN("") },
		{ .address = SPAN("a\t@b"), .password = SPAN("p") }, { .address = SPAN("a\n@b"), .password = SPAN("p") },
		{ .address = SPAN("a\r@b"), .password = SPAN("p") }, { .address = SPAN("a@b"), .password = SPAN("p\nq") },
		{ .address = SPAN("a@b"), .password = SPAN("p\0q") }, { .address = SPAN("#a@b"), .password = SPAN("p") },
		{ .address = SPAN("a@b"), .password = { longest, sizeof(longest) } },
	};

	(void)unused;
	memset(longest, 'p', sizeof(longest));
	for (size_t i = 0; i < N_OF(rows); i++) {
		struct buf out;

		buf_init(&out, 1 << 16);
		assert_int_equal(users_row_add(&rows[i], &out), PR_BAD);
		assert_int_equal(out.len, 0);
		buf_fini(&out);
	}
}

static void a_line_has_a_ceiling(void **unused)
{
	static char line[USERS_ROW_MAX + 1];

	(void)unused;
	memset(line, 'p', sizeof(line));
	memcpy(line, "a@b\t", 4);
	for (size_t len = USERS_ROW_MAX; len <= USERS_ROW_MAX + 1; len++) {
		struct users_row row;
		const char *why;

		memset(line + 4, 'p', len - 4);
		memcpy(line + len - 2, "\t-", 2);
		assert_int_equal(users_row_parse(span_of(line, len), &row, &why), len > USERS_ROW_MAX ? PR_BAD : PR_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_read),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(what_would_not_be_read_is_not_written),
		cmocka_unit_test(a_line_has_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
