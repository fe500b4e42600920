/* Files with logins at smarthosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/relay_logins.h"

static void t_a_file_is_one_login(void **state)
{
	static const struct { struct span text; const char *user, *password; } rows[] = {
		{ SPAN("anna:secret\n"), "anna", "secret" },
		{ SPAN("anna:secret"), "anna", "secret" },
		{ SPAN("# the provider's\r\n\r\nanna@example.org:a:b c \r\nmore:lines\n"), "anna@example.org", "a:b c " },
		{ SPAN(""), NULL, NULL },
		{ SPAN("anna\n"), NULL, NULL },
		{ SPAN("anna:\n"), NULL, NULL },
		{ SPAN(":secret\n"), NULL, NULL },
		{ SPAN("anna:sec\0ret\n"), NULL, NULL }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct relay_login *found;
		struct relay_logins l;
		struct buf problems;

		relay_logins_init(&l);
		buf_init(&problems, 1000);
		relay_logins_add(&l, SPAN("/etc/login"), rows[i].text, &problems);
		assert_null(relay_logins_find(&l, SPAN("/etc/login")));
		relay_logins_take(&l);
		found = relay_logins_find(&l, SPAN("/etc/login"));
		assert_int_equal(!found, !rows[i].user);
		assert_int_equal(problems.len > 0, !rows[i].user);
		if (found) {
			assert_string_equal(found->user, rows[i].user);
			assert_string_equal(found->password, rows[i].password);
		}
		relay_logins_fini(&l);
		buf_fini(&problems);
	}
}

static void t_what_does_not_come_again_goes(void **state)
{
	struct relay_logins l;

	(void)state;
	relay_logins_init(&l);
	relay_logins_add(&l, SPAN("/a"), SPAN("a:1"), NULL);
	relay_logins_add(&l, SPAN("/b"), SPAN("b:1"), NULL);
	relay_logins_take(&l);
	relay_logins_add(&l, SPAN("/b"), SPAN("b:2"), NULL);
	relay_logins_take(&l);
	assert_null(relay_logins_find(&l, SPAN("/a")));
	assert_string_equal(relay_logins_find(&l, SPAN("/b"))->password, "2");
	relay_logins_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_file_is_one_login),
		cmocka_unit_test(t_what_does_not_come_again_goes)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
