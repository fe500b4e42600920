#include "base/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1645557742000)	/* of the example in RFC 9562 A.6 */

static const struct msg_id example = { { 0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7c, 0xc3, 0x98, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f } };

static void t_an_id_is_26_letters(void **state)
{
	static const struct msg_id zero, rising = { { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 } };
	struct msg_id ones;
	char text[ID_TEXT_LEN + 1];

	(void)state;
	memset(ones.bytes, 0xff, sizeof(ones.bytes));
	id_to_text(&example, text);
	assert_string_equal(text, "01FWHE4YDGFK1SHH6W1G60EECF");
	id_to_text(&rising, text);
	assert_string_equal(text, "00041061050R3GG28A1C60T3GF");
	id_to_text(&ones, text);
	assert_string_equal(text, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
	id_to_text(&zero, text);
	assert_string_equal(text, "00000000000000000000000000");
	assert_true(id_is_zero(&zero));
	assert_false(id_is_zero(&rising));
	assert_int_equal(id_wall_ms(&example), MS);
}

static void t_an_id_is_read_in_any_case_and_as_people_write_it(void **state)
{
	static const char *const same[] = {
		"01FWHE4YDGFK1SHH6W1G60EECF", "01fwhe4ydgfk1shh6w1g60eecf", "OIFWHE4YDGFKLSHH6WIG6OEECF", "olfwhe4ydgfkishh6wlg6oeecf",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct msg_id id;

		assert_true(id_from_text(span_of_text(same[i]), &id));
		assert_true(id_eq(&id, &example));
	}
}

static void t_what_is_no_whole_id_is_refused(void **state)
{
	static const struct span bad[] = {
		{ "", 0 }, { "01FWHE4YDGFK1SHH6W1G60EEC", 25 }, { "01FWHE4YDGFK1SHH6W1G60EECF0", 27 }, { "81FWHE4YDGFK1SHH6W1G60EECF", 26 },
		{ "Z1FWHE4YDGFK1SHH6W1G60EECF", 26 }, { "01FWHE4YDGFK1SHH6W1G60EECU", 26 }, { "01FWHE4YDGFK1SHH6W1G60EECu", 26 },
		{ "01FWHE4YDGFK1SHH6W1G60EEC\0", 26 }, { "01FWHE4YDGFK1-HH6W1G60EECF", 26 }, { " 1FWHE4YDGFK1SHH6W1G60EECF", 26 },
		{ "01FWHE4YDGFK1SHH6W1G60EEC\xff", 26 }, { "\0""1FWHE4YDGFK1SHH6W1G60EECF", 26 }, { "U1FWHE4YDGFK1SHH6W1G60EECF", 26 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct msg_id id;

		assert_false(id_from_text(bad[i], &id));
	}
}

/* All of one thread: more in a millisecond than its counter has, a clock that
 * stands, and one that goes back by less than a setting. */
static void t_ids_are_distinct_and_in_the_order_of_their_making(void **state)
{
	static const int64_t clock[] = { MS, MS, MS + 1, MS, MS - 900, MS + 5, MS + 1000 };
	struct msg_id last = { { 0 } };

	(void)state;
	for (size_t c = 0; c < sizeof(clock) / sizeof(clock[0]); c++)
		for (int i = 0; i < 6000; i++) {
			struct msg_id id = id_new(clock[c]);
			char text[ID_TEXT_LEN + 1], last_text[ID_TEXT_LEN + 1];

			id_to_text(&id, text);
			id_to_text(&last, last_text);
			assert_true(memcmp(id.bytes, last.bytes, sizeof(id.bytes)) > 0);
			assert_true(strcmp(text, last_text) > 0);
			assert_int_equal(id.bytes[6] >> 4, 7);
			assert_int_equal(id.bytes[8] >> 6, 2);
			last = id;
		}
	assert_in_range(id_wall_ms(&last), MS + 1000, MS + 1010);
}

static void t_an_id_tells_its_time(void **state)
{
	static const int64_t times[] = { 0, 1, MS, INT64_C(1) << 40, (INT64_C(1) << 48) - 1, MS };

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct msg_id id = id_new(times[i]), back;
		char text[ID_TEXT_LEN + 1];

		assert_int_equal(id_wall_ms(&id), times[i]);
		id_to_text(&id, text);
		assert_true(id_from_text(span_of(text, ID_TEXT_LEN), &back));
		assert_true(id_eq(&id, &back));
	}
}

/* Computed by another program from the header's sentence. What is on the disk depends on it: it must not change. */
static void t_a_derived_id_never_changes(void **state)
{
	static const struct {
		uint32_t round;
		const char *text;
	} cases[] = {
		{ 0, "01FWHE4YDGFPX8CAC06WZJA2B0" }, { 1, "01FWHE4YDGFF1AK14XW8P4YB5R" }, { 2, "01FWHE4YDGEQTT02M46J5G2DJ6" },
		{ 0x01020304, "01FWHE4YDGEWWTZNRPQ7D5SB31" }, { UINT32_MAX, "01FWHE4YDGEATVN60AZHVZ46SK" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct msg_id id = id_derive(&example, cases[i].round);
		char text[ID_TEXT_LEN + 1];

		id_to_text(&id, text);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(id_wall_ms(&id), MS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_an_id_is_26_letters),
		cmocka_unit_test(t_an_id_is_read_in_any_case_and_as_people_write_it),
		cmocka_unit_test(t_what_is_no_whole_id_is_refused),
		cmocka_unit_test(t_ids_are_distinct_and_in_the_order_of_their_making),
		cmocka_unit_test(t_an_id_tells_its_time),
		cmocka_unit_test(t_a_derived_id_never_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
