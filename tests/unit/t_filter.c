/* The language that says which messages are meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/filter.h"

#define NOW INT64_C(1800000000000)
#define ID  "01JD4Z7Q9XK3M8N2P4R6S8T0VW"

static struct filter_message message(void)
{
	struct filter_message m = { .received_ms = NOW - 3 * 3600000, .size = 2 << 20, .sender = SPAN("anna@example.org") };

	assert_true(id_from_text(SPAN(ID), &m.id));
	return m;
}

static const struct filter_recipient recipient = {
	.state = STATE_HELD, .tries = 3, .address = SPAN("ben@firma.example"), .original = SPAN("list@Example.NET"),
	.reason = SPAN("450 4.2.0 Greylisted, try later"),
};

static void t_a_filter_means_what_it_says(void **state)
{
	static const struct {
		const char *text;
		bool matches;
	} cases[] = {
		{ "", true }, { "all", true }, { "  all  ", true },
		{ "to:*@firma.example", true }, { "to:*@example.net", true }, { "to:ben@FIRMA.example", true }, { "to:ben", false },
		{ "from:anna@example.org", true }, { "from:*@example.net", false }, { "from:<>", false },
		{ "age>2h", true }, { "age>3h", false }, { "age>=3h", true }, { "age<1d", true }, { "age=3h", true }, { "age>10800s", false },
		{ "size>1MB", true }, { "size<=2MB", true }, { "size<2048KB", false }, { "size>2097151", true },
		{ "tries>=3", true }, { "tries>3", false }, { "tries=3", true }, { "tries<3", false },
		{ "state:held", true }, { "state:due", false },
		{ "reason:greylisted", true }, { "reason:4.2.0", true }, { "reason:\"try later\"", true }, { "reason:450*", true },
		{ "reason:450?", false }, { "reason:full", false },
		{ ID, true }, { "id:" ID, true }, { "01JD4Z", true }, { "S8T0VW", true }, { "olJD4Z", true }, { "s8tovw", true },
		{ "D4Z7Q9", false }, { "id:01JD4Z7Q9XK4", false },
		{ "to:*@firma.example state:held tries>=3 age>2h size>1MB reason:greylisted", true },
		{ "to:*@firma.example state:due", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct filter_message m = message();
		struct filter f;
		struct buf why;

		buf_init(&why, 1024);
		print_message("# %s\n", cases[i].text);
		assert_int_equal(filter_parse(span_of_text(cases[i].text), &f, &why), PR_OK);
		assert_int_equal(filter_message_matches(&f, &m, NOW) && filter_recipient_matches(&f, &recipient), cases[i].matches);
		buf_fini(&why);
	}
}

static void t_what_cannot_be_read_is_told(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "anna@example.org", "`anna@example.org` could be either: to:ADDRESS or from:ADDRESS" },
		{ "01JD4", "`01JD4` is neither an id (6 to 26 letters) nor one of to: from: state: reason: id: age> size> tries>" },
		{ "age:2h", "`age:2h` can't be read; it looks like age>2h" },
		{ "age>2", "`age>2` can't be read; it looks like age>2h" },
		{ "age>", "`age>` can't be read; it looks like age>2h" },
		{ "age>99999999999999999999h", "`age>99999999999999999999h` can't be read; it looks like age>2h" },
		{ "to>anna", "`to>anna` can't be read; it looks like to:*@example.net" },
		{ "to:", "`to:` can't be read; it looks like to:*@example.net" },
		{ "state:asleep", "`state:asleep` can't be read; it looks like state:held" },
		{ "reason:\"x", "`reason:\"x` can't be read; it looks like reason:greylist" },
		{ "id:01JD4Z7Q9XK3M8N2P4R6S8T0VWX", "`id:01JD4Z7Q9XK3M8N2P4R6S8T0VWX` can't be read; it looks like id:01JD4Z7Q" },
		{ "id:abcdefu", "`id:abcdefu` can't be read; it looks like id:01JD4Z7Q" },
		{ "too:x", "`too:x` is neither an id (6 to 26 letters) nor one of to: from: state: reason: id: age> size> tries>" },
		{ "\x1b[2J", "`\\x1b[2J` is neither an id (6 to 26 letters) nor one of to: from: state: reason: id: age> size> tries>" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct filter f;
		struct buf why;

		buf_init(&why, 1024);
		assert_int_equal(filter_parse(span_of_text(cases[i].text), &f, &why), PR_BAD);
		(void)buf_add_char(&why, '\0');
		assert_string_equal(why.at, cases[i].why);
		buf_fini(&why);
	}
}

static void t_a_bounce_has_the_null_sender(void **state)
{
	struct filter_message m = message();
	struct filter f;
	struct buf why;

	(void)state;
	buf_init(&why, 256);
	m.sender = SPAN_NONE;
	assert_int_equal(filter_parse(SPAN("from:<>"), &f, &why), PR_OK);
	assert_true(filter_message_matches(&f, &m, NOW));
	buf_fini(&why);
}

static void t_one_id_is_found_without_a_walk(void **state)
{
	struct filter f;
	struct msg_id id;
	struct buf why;

	(void)state;
	buf_init(&why, 256);
	assert_int_equal(filter_parse(SPAN(ID), &f, &why), PR_OK);
	assert_true(filter_is_one_id(&f, &id));
	assert_false(filter_has_recipient_terms(&f));
	assert_int_equal(filter_parse(SPAN("01JD4Z"), &f, &why), PR_OK);
	assert_false(filter_is_one_id(&f, &id));
	assert_int_equal(filter_parse(SPAN(ID " state:held"), &f, &why), PR_OK);
	assert_false(filter_is_one_id(&f, &id));
	assert_true(filter_has_recipient_terms(&f));
	assert_true(filter_needs(&f, FILTER_STATE));
	assert_false(filter_needs(&f, FILTER_TO));
	buf_fini(&why);
}

static void t_terms_have_a_ceiling(void **state)
{
	struct filter f;
	struct buf why, text;

	(void)state;
	buf_init(&why, 256);
	buf_init(&text, 8192);
	for (int i = 0; i < FILTER_TERMS_MAX; i++)
		assert_int_equal(buf_add_text(&text, "all "), PR_OK);
	assert_int_equal(filter_parse(buf_span(&text), &f, &why), PR_OK);
	assert_int_equal(buf_add_text(&text, "all "), PR_OK);
	assert_int_equal(filter_parse(buf_span(&text), &f, &why), PR_BAD);
	while (text.len <= FILTER_TEXT_MAX)
		assert_int_equal(buf_add_char(&text, ' '), PR_OK);
	assert_int_equal(filter_parse(buf_span(&text), &f, &why), PR_BAD);
	buf_fini(&text);
	buf_fini(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_filter_means_what_it_says),
		cmocka_unit_test(t_what_cannot_be_read_is_told),
		cmocka_unit_test(t_a_bounce_has_the_null_sender),
		cmocka_unit_test(t_one_id_is_found_without_a_walk),
		cmocka_unit_test(t_terms_have_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
