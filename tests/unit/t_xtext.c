#include "mail/xtext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void t_xtext_goes_and_comes_back(void **state)
{
	struct buf text, back;
	char all[256];

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	buf_init(&text, 1000);
	buf_init(&back, 256);
	assert_int_equal(xtext_add(&text, span_of(all, sizeof(all))), PR_OK);
	assert_int_equal(xtext_decode(buf_span(&text), &back), PR_OK);
	assert_true(span_eq(buf_span(&back), span_of(all, sizeof(all))));
	buf_clear(&text);
	assert_int_equal(xtext_add(&text, SPAN("a+b=c d\r\xff~!")), PR_OK);
	assert_true(span_eq(buf_span(&text), SPAN("a+2Bb+3Dc+20d+0D+FF~!")));
	buf_fini(&text);
	buf_fini(&back);
}

static void t_what_is_no_xtext_adds_nothing(void **state)
{
	static const struct span bad[] = {
		{ "a+", 2 }, { "a+2", 3 }, { "+ZZ", 3 }, { "+2b", 3 }, { "+-1", 3 }, { "a=b", 3 }, { "a b", 3 }, { "a\0", 2 }, { "\x7f", 1 }, { "\xc3\xbc", 2 }, { "ab\n", 3 },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_add_text(&b, "before"), PR_OK);
	for (size_t i = 0; i < N(bad); i++) {
		assert_int_equal(xtext_decode(bad[i], &b), PR_BAD);
		assert_int_equal(xtext_decode_utf8(bad[i], false, &b), PR_BAD);
		assert_true(span_eq(buf_span(&b), SPAN("before")));
		assert_false(xtext_is_printable(bad[i]));
	}
	assert_true(xtext_is_printable(SPAN("a+2B+20~")));
	assert_false(xtext_is_printable(SPAN("a+0A")));
	assert_false(xtext_is_printable(SPAN("a+7F")));
	assert_false(xtext_is_printable(SPAN("a+C3+BC")));
	buf_fini(&b);
}

/* RFC 6533 3: of ASCII only what may not stand as it is, one way to write each. */
static void t_embedded_characters_are_those_of_rfc_6533(void **state)
{
	static const struct {
		const char *text, *out;
	} cases[] = {
		{ "gr\\x{FC}n", "gr\xc3\xbcn" }, { "\\x{20}\\x{2B}\\x{3D}\\x{5C}", " +=\\" }, { "\\x{80}", "\xc2\x80" }, { "\\x{7FF}\\x{800}", "\xdf\xbf\xe0\xa0\x80" },
		{ "\\x{FFFF}\\x{10000}\\x{10FFFF}", "\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" }, { "", "" },
		{ "\\", NULL }, { "\\x", NULL }, { "\\x{", NULL }, { "\\x{}", NULL }, { "\\x{FC", NULL }, { "\\x{fc}", NULL }, { "\\x{0FC}", NULL },
		{ "\\x{D800}", NULL }, { "\\x{DFFF}", NULL }, { "\\x{110000}", NULL }, { "\\x{1000000}", NULL }, { "\\x{0A}", NULL }, { "\\x{1B}", NULL },
		{ "\\x{7F}", NULL }, { "\\y{FC}", NULL }, { "\\x{41}", NULL }, { "\\x{3C}", NULL }, { "\\x{F}", NULL }, { "\\x{G0}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct buf b;
		enum pr_err err;

		buf_init(&b, 100);
		err = xtext_decode_utf8(span_of_text(cases[i].text), false, &b);
		if (cases[i].out ? err || !span_eq(buf_span(&b), span_of_text(cases[i].out)) : err != PR_BAD || b.len)
			fail_msg("%s", cases[i].text);
		buf_fini(&b);
	}
}

static void t_raw_utf8_stands_only_where_it_may(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	assert_int_equal(xtext_decode_utf8(SPAN("\xc3\xbc"), false, &b), PR_BAD);
	assert_int_equal(xtext_decode_utf8(SPAN("\xc3\xbc"), true, &b), PR_OK);
	assert_int_equal(xtext_decode_utf8(SPAN("\xff"), true, &b), PR_BAD);
	assert_true(span_eq(buf_span(&b), SPAN("\xc3\xbc")));
	assert_int_equal(xtext_decode(SPAN("abc"), &b), PR_FULL);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_xtext_goes_and_comes_back),
		cmocka_unit_test(t_what_is_no_xtext_adds_nothing),
		cmocka_unit_test(t_embedded_characters_are_those_of_rfc_6533),
		cmocka_unit_test(t_raw_utf8_stands_only_where_it_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
