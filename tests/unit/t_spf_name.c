/* verify/spf_name: what can be asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "verify/spf_name.h"

#define LABEL_63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static void t_names_are_told_from_what_the_dns_can_not_hold(void **state)
{
	static const struct {
		const char *text;
		bool is_name, is_domain;
	} cases[] = {
		{ "example.org", true, true }, { "org", true, false }, { LABEL_63 ".org", true, true }, { LABEL_63 "x.org", false, false },
		{ "", false, false }, { ".", false, false }, { "a..b", false, false }, { ".a.b", false, false }, { "a.b.", false, false },
		{ "a b.org", true, false }, { "\303\244.org", false, false }, { "a\tb.org", false, false }, { "192.0.2.1", true, false },
		{ "[192.0.2.1]", true, false }, { "[IPv6:2001:db8::1]", true, false }, { "a.b1", true, true }, { "_spf.example.org", true, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span s = span_of_text(cases[i].text);

		if (spf_name_is(s, 1) != cases[i].is_name || spf_name_is_domain(s) != cases[i].is_domain)
			fail_msg("<%s>: %d %d", cases[i].text, spf_name_is(s, 1), spf_name_is_domain(s));
	}
}

/* RFC 7208 7.3. */
static void t_labels_go_at_the_left_of_a_name_that_is_too_long(void **state)
{
	char text[512];
	struct span s;
	int len = snprintf(text, sizeof(text), "a.%s.%s.%s.%s", LABEL_63, LABEL_63, LABEL_63, "b.example.org");

	(void)state;
	assert_true(len < 253);
	assert_int_equal(spf_name_shortened(span_of_text(text)).len, (size_t)len);
	(void)snprintf(text, sizeof(text), "a.%s.%s.%s.%s.%s.", LABEL_63, LABEL_63, LABEL_63, LABEL_63, "example.org");
	s = spf_name_shortened(span_of_text(text));
	assert_int_equal(s.len, 3 * 64 + 11);
	assert_true(spf_name_is(s, 5));
	assert_true(span_ends_nocase(s, SPAN(".example.org")));
}

static void t_a_dot_at_the_end_is_no_part_of_a_name(void **state)
{
	(void)state;
	assert_true(span_eq(spf_name_shortened(SPAN("example.org.")), SPAN("example.org")));
	assert_int_equal(spf_name_shortened(SPAN_NONE).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_names_are_told_from_what_the_dns_can_not_hold),
		cmocka_unit_test(t_labels_go_at_the_left_of_a_name_that_is_too_long),
		cmocka_unit_test(t_a_dot_at_the_end_is_no_part_of_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
