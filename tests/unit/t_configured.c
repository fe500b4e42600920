/* ctl/configured: what the configuration says, from the lines that the master shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "ctl/configured.h"

static const char LINES[] =
	"{\"section\":\"\",\"name\":\"hostname\",\"value\":\"mx.example.org\"}\n"
	"{\"section\":\"domain\",\"title\":\"example.org\",\"name\":\"users\",\"value\":\"local\"}\n"
	"no object\n"
	"[1]\n"
	"\n"
	"{\"section\":\"domain\",\"title\":\"other.test\",\"name\":\"users\",\"value\":\"asked\",\"file\":\"/etc/postrider.conf\",\"line\":7}\n"
	"{\"section\":\"outbound\",\"name\":\"tls\",\"value\":\"opportunistic\"}";

static int setup(void **state)
{
	static struct configured c;

	configured_init(&c);
	configured_add(&c, span_of_text(LINES));
	*state = &c;
	return 0;
}

static int teardown(void **state)
{
	configured_fini(*state);
	return 0;
}

static void t_an_option_has_the_value_of_its_section(void **state)
{
	const struct configured *c = *state;

	assert_string_equal(configured_value(c, "", SPAN_NONE, "hostname"), "mx.example.org");
	assert_string_equal(configured_value(c, "outbound", SPAN_NONE, "tls"), "opportunistic");
	assert_string_equal(configured_value(c, "domain", SPAN("example.org"), "users"), "local");
	assert_string_equal(configured_value(c, "domain", SPAN("other.test"), "users"), "asked");
	assert_true(configured_is(c, "domain", SPAN("other.test"), "users", "asked"));
}

static void t_what_is_not_there_is_empty(void **state)
{
	const struct configured *c = *state;

	assert_string_equal(configured_value(c, "domain", SPAN("third.test"), "users"), "");
	assert_string_equal(configured_value(c, "domain", SPAN_NONE, "users"), "");
	assert_string_equal(configured_value(c, "outbound", SPAN_NONE, "helo"), "");
	assert_string_equal(configured_value(c, "outbound", SPAN_NONE, "hostname"), "");
	assert_false(configured_is(c, "outbound", SPAN_NONE, "helo", "yes"));
}

static void t_each_section_comes_once_and_in_order(void **state)
{
	const struct configured *c = *state;
	struct configured_row row;
	size_t at = 0;

	assert_true(configured_next(c, "domain", "users", &at, &row));
	assert_string_equal(row.title, "example.org");
	assert_true(configured_next(c, "domain", "users", &at, &row));
	assert_string_equal(row.title, "other.test");
	assert_string_equal(row.value, "asked");
	assert_false(configured_next(c, "domain", "users", &at, &row));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(t_an_option_has_the_value_of_its_section), TEST(t_what_is_not_there_is_empty), TEST(t_each_section_comes_once_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
