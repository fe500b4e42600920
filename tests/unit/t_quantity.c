/* base/quantity: numbers with units. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/quantity.h"

static void t_a_number_has_the_worth_of_its_unit(void **state)
{
	static const struct {
		const struct quantity_unit *units;
		const char *text;
		int64_t value;	/* -1: it is none */
		const char *shown;	/* NULL: as it is read */
	} cases[] = {
		{ QUANTITY_SIZES, "50MB", 50 * 1048576, NULL }, { QUANTITY_SIZES, "1024", 1024, "1KB" }, { QUANTITY_SIZES, "1025", 1025, NULL },
		{ QUANTITY_SIZES, "2048MB", INT64_C(2147483648), "2GB" }, { QUANTITY_TIMES, "90s", 90000, NULL }, { QUANTITY_TIMES, "120s", 120000, "2min" },
		{ QUANTITY_TIMES, "1500ms", 1500, NULL }, { QUANTITY_TIMES, "0s", 0, NULL }, { QUANTITY_TIMES, "24h", 86400000, "1d" },
		{ QUANTITY_SIZES, "", -1, NULL }, { QUANTITY_SIZES, "MB", -1, NULL }, { QUANTITY_SIZES, "1 MB", -1, NULL }, { QUANTITY_SIZES, "1mb", -1, NULL },
		{ QUANTITY_SIZES, "-1", -1, NULL }, { QUANTITY_TIMES, "5", -1, NULL }, { QUANTITY_TIMES, "1.5s", -1, NULL },
		{ QUANTITY_SIZES, "8589934591GB", INT64_C(8589934591) << 30, NULL }, { QUANTITY_SIZES, "8589934592GB", -1, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf shown;
		int64_t value = -1;

		if (quantity_read(span_of_text(cases[i].text), cases[i].units, &value) != (cases[i].value >= 0) || value != cases[i].value)
			fail_msg("<%s>: %lld", cases[i].text, (long long)value);
		if (value < 0)
			continue;
		buf_init(&shown, 64);
		quantity_show(value, cases[i].units, &shown);
		assert_true(span_eq(buf_span(&shown), span_of_text(cases[i].shown ? cases[i].shown : cases[i].text)));
		buf_fini(&shown);
	}
}

static void t_units_are_found_by_their_whole_name(void **state)
{
	(void)state;
	assert_int_equal(quantity_unit_find(QUANTITY_TIMES, SPAN("min"))->worth, 60000);
	assert_null(quantity_unit_find(QUANTITY_TIMES, SPAN("m")));
	assert_null(quantity_unit_find(QUANTITY_TIMES, SPAN("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_number_has_the_worth_of_its_unit),
		cmocka_unit_test(t_units_are_found_by_their_whole_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
