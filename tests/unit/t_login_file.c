/* The login at a smarthost, as a file holds it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/login_file.h"

static void t_the_first_line_is_the_login(void **state)
{
	static const struct { const char *text, *user, *password; bool has_more; } rows[] = {
		{ "anna:secret", "anna", "secret", false }, { "# of mine\n\nanna@example.net:a:b c \r\n", "anna@example.net", "a:b c ", false },
		{ "anna:one\n#anna:two\n\n", "anna", "one", false }, { "anna:one\nberta:two\n", "anna", "one", true }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct login_line line;

		assert_int_equal(login_file_read(span_of_text(rows[i].text), &line), PR_OK);
		assert_true(span_eq(line.user, span_of_text(rows[i].user)) && span_eq(line.password, span_of_text(rows[i].password)));
		assert_int_equal(line.has_more, rows[i].has_more);
	}
}

static void t_other_lines_are_no_login(void **state)
{
	static const struct span rows[] = { SPAN(""), SPAN("#a:b\n"), SPAN("anna secret\n"), SPAN("anna:\n"), SPAN(":secret\n"), SPAN("anna:se\0cret\n") };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct login_line line;

		assert_int_equal(login_file_read(rows[i], &line), PR_BAD);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(t_the_first_line_is_the_login), cmocka_unit_test(t_other_lines_are_no_login) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
