/* Which route a domain takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/route.h"

static struct settings *settings_with(const char *const *patterns, unsigned n)
{
	struct settings *set = settings_new();

	for (unsigned i = 0; i < n; i++)
		(void)settings_add_section(set, "route", patterns[i], i + 1);
	return set;
}

static void t_the_most_specific_pattern_wins(void **state)
{
	static const char *const patterns[] = { "*", "*.net", "*.example.net", "example.net", "mail.example.net", "*.deep.example.net" };
	static const struct {
		const char *domain, *pattern;
	} cases[] = {
		{ "example.net", "example.net" },
		{ "EXAMPLE.net", "example.net" },
		{ "mail.example.net", "mail.example.net" },
		{ "www.example.net", "*.example.net" },
		{ "a.b.example.net", "*.example.net" },
		{ "deep.example.net", "*.example.net" },	/* not below itself */
		{ "x.deep.example.net", "*.deep.example.net" },
		{ "myexample.net", "*.net" },			/* a suffix begins at a dot */
		{ "net", "*" },
		{ "example.org", "*" },
		{ "[192.0.2.1]", "*" },
	};

	(void)state;
	for (unsigned turned = 0; turned < 2; turned++) {	/* the order of the file does not count */
		const char *order[6];
		struct settings *set;

		for (unsigned i = 0; i < 6; i++)
			order[i] = patterns[turned ? 5 - i : i];
		set = settings_with(order, 6);
		for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
			const struct set_route *r = route_find(set, span_of_text(cases[i].domain));

			assert_non_null(r);
			assert_string_equal(r->title, cases[i].pattern);
		}
		settings_free(&set);
	}
}

static void t_without_a_pattern_that_fits_there_is_none(void **state)
{
	static const char *const patterns[] = { "*.example.net", "example.com" };
	struct settings *none = settings_new(), *set = settings_with(patterns, 2);

	(void)state;
	assert_null(route_find(none, SPAN("example.net")));
	assert_null(route_find(set, SPAN("example.net")));
	assert_null(route_find(set, SPAN("www.example.com")));
	assert_null(route_find(set, SPAN(".example.net")));
	assert_null(route_find(set, SPAN_NONE));
	settings_free(&none);
	settings_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_the_most_specific_pattern_wins),
		cmocka_unit_test(t_without_a_pattern_that_fits_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
