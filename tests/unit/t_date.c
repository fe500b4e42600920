#include "mail/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void t_known_dates_are_told(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{ 0, "Thu, 01 Jan 1970 00:00:00 +0000" }, { -1, "Wed, 31 Dec 1969 23:59:59 +0000" }, { 951782400, "Tue, 29 Feb 2000 00:00:00 +0000" },
		{ 1709251199, "Thu, 29 Feb 2024 23:59:59 +0000" }, { 1795244940, "Sat, 21 Nov 2026 07:09:00 +0000" },
		{ 2147483648, "Tue, 19 Jan 2038 03:14:08 +0000" }, { 4102444799, "Thu, 31 Dec 2099 23:59:59 +0000" },
		{ 253402300799, "Fri, 31 Dec 9999 23:59:59 +0000" }, { 253402300800, "Fri, 31 Dec 9999 23:59:59 +0000" },
		{ -62135596800, "Mon, 01 Jan 0001 00:00:00 +0000" }, { -62135596801, "Mon, 01 Jan 0001 00:00:00 +0000" },
	};
	char text[DATE_LEN + 1];
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		date_to_text(cases[i].seconds * 1000, text);
		assert_string_equal(text, cases[i].text);
		date_to_text(cases[i].seconds * 1000 + 999, text);
		assert_string_equal(text, cases[i].seconds == -62135596801 ? cases[i - 1].text : cases[i].text);
	}
	date_to_text(INT64_MAX, text);
	assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 +0000");
	date_to_text(INT64_MIN, text);
	assert_string_equal(text, "Mon, 01 Jan 0001 00:00:00 +0000");
	buf_init(&b, DATE_LEN);
	assert_int_equal(date_add(&b, 0), PR_OK);
	assert_int_equal(date_add(&b, 0), PR_FULL);
	assert_int_equal(b.len, DATE_LEN);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_known_dates_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
