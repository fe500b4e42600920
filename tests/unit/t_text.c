#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void t_utf8_is_what_rfc_3629_says(void **state)
{
	static const struct {
		struct span s;
		bool valid;
	} cases[] = {
		{ { "", 0 }, true }, { { "\0", 1 }, true }, { { "\x7f", 1 }, true }, { { "\xc2\x80", 2 }, true }, { { "\xdf\xbf", 2 }, true },
		{ { "\xe0\xa0\x80", 3 }, true }, { { "\xed\x9f\xbf", 3 }, true }, { { "\xee\x80\x80", 3 }, true }, { { "\xef\xbf\xbf", 3 }, true },
		{ { "\xf0\x90\x80\x80", 4 }, true }, { { "\xf4\x8f\xbf\xbf", 4 }, true },
		{ { "\x80", 1 }, false }, { { "\xbf", 1 }, false }, { { "\xc0\x80", 2 }, false }, { { "\xc1\xbf", 2 }, false },
		{ { "\xc2", 1 }, false }, { { "\xc2\x7f", 2 }, false }, { { "\xc2\xc0", 2 }, false }, { { "\xe0\x9f\xbf", 3 }, false },
		{ { "\xe1\x80", 2 }, false }, { { "\xe1\x80\x7f", 3 }, false }, { { "\xed\xa0\x80", 3 }, false }, { { "\xed\xbf\xbf", 3 }, false },
		{ { "\xf0\x8f\xbf\xbf", 4 }, false }, { { "\xf0\x90\x80", 3 }, false }, { { "\xf4\x90\x80\x80", 4 }, false },
		{ { "\xf5\x80\x80\x80", 4 }, false }, { { "\xf8\x88\x80\x80\x80", 5 }, false }, { { "\xfe", 1 }, false }, { { "\xff", 1 }, false },
		{ { "\xc3\xbc\xc3", 3 }, false }, { { "\xe2\x28\xa1", 3 }, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t before = 0; before < 18; before++) {
			char text[32] = "abcdefghijklmnopqrstuvwxyz";

			memcpy(text + before, cases[i].s.at, cases[i].s.len);
			assert_int_equal(text_is_utf8(span_of(text, before + cases[i].s.len)), cases[i].valid);
		}
}

static size_t encode(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 63));
	out[0] = (char)(0xf00 >> n | c);
	return n;
}

static void t_every_code_point_is_judged_rightly(void **state)
{
	char text[4];
	size_t n_pairs = 0;

	(void)state;
	for (uint32_t c = 0; c < 0x200000; c++) {
		size_t len = encode(c, text);

		assert_int_equal(text_is_utf8(span_of(text, len)), c <= 0x10ffff && (c < 0xd800 || c > 0xdfff));
	}
	for (unsigned pair = 0; pair < 65536; pair++) {
		text[0] = (char)(pair >> 8);
		text[1] = (char)pair;
		n_pairs += text_is_utf8(span_of(text, 2));
	}
	assert_int_equal(n_pairs, 128 * 128 + 30 * 64);
}

static void t_ascii_and_printable_are_told_apart(void **state)
{
	(void)state;
	assert_true(text_is_ascii(SPAN_NONE) && text_is_printable(SPAN_NONE));
	for (unsigned c = 0; c < 256; c++)
		for (size_t place = 0; place < 20; place++) {
			char text[20];

			memset(text, 'a', sizeof(text));
			text[place] = (char)c;
			assert_int_equal(text_is_ascii(span_of(text, sizeof(text))), c < 0x80);
			assert_int_equal(text_is_printable(span_of(text, sizeof(text))), c >= 0x20 && c <= 0x7e);
		}
	assert_int_equal(text_lower('A'), 'a');
	assert_int_equal(text_lower('['), '[');
	assert_int_equal(text_lower('@'), '@');
	assert_int_equal(text_lower('\xc4'), '\xc4');
	assert_int_equal(text_upper('z'), 'Z');
	assert_int_equal(text_upper('{'), '{');
	assert_false(text_is_alpha('@') || text_is_alpha('[') || text_is_alpha('`') || text_is_alpha('{') || text_is_alpha('\xe1'));
	assert_false(text_is_digit('/') || text_is_digit(':'));
}

static void t_an_escaped_text_is_one_safe_line(void **state)
{
	static const struct {
		struct span in;
		const char *out;
	} cases[] = {
		{ { "", 0 }, "" }, { { "plain \"text\" 'here'", 19 }, "plain \"text\" 'here'" }, { { "a\\b", 3 }, "a\\x5cb" },
		{ { "a\r\nb", 4 }, "a\\x0d\\x0ab" }, { { "\0\x1b[2J", 5 }, "\\x00\\x1b[2J" }, { { "\x7f\t", 2 }, "\\x7f\\x09" },
		{ { "gr\xc3\xbcn \xe4\xbe\x8b \xf0\x9f\x98\x80", 14 }, "gr\xc3\xbcn \xe4\xbe\x8b \xf0\x9f\x98\x80" },
		{ { "\xc2\x9b" "2J\xc2\x85", 6 }, "\\xc2\\x9b2J\\xc2\\x85" }, { { "\xc2\xa0", 2 }, "\xc2\xa0" },
		{ { "\xe2\x80\xae" "fdp\xe2\x80\xa8", 9 }, "\\xe2\\x80\\xaefdp\\xe2\\x80\\xa8" },
		{ { "\xe2\x81\xa6\xe2\x81\xaa\xe2\x80\x8f\xd8\x9c", 11 }, "\\xe2\\x81\\xa6\xe2\x81\xaa\\xe2\\x80\\x8f\\xd8\\x9c" },
		{ { "\xff" "a\xc3", 3 }, "\\xffa\\xc3" }, { { "\xed\xa0\x80", 3 }, "\\xed\\xa0\\x80" }, { { "\xe4\xbe", 2 }, "\\xe4\\xbe" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b, 1000);
		text_add_escaped(&b, cases[i].in);
		assert_true(span_eq(buf_span(&b), span_of_text(cases[i].out)));
		buf_fini(&b);
	}
}

static void t_a_json_string_is_one_whatever_is_in_it(void **state)
{
	static const struct {
		struct span in;
		const char *out;
	} cases[] = {
		{ { "", 0 }, "\"\"" }, { { "a/b 'c'", 7 }, "\"a/b 'c'\"" }, { { "\"\\", 2 }, "\"\\\"\\\\\"" },
		{ { "\b\f\n\r\t", 5 }, "\"\\b\\f\\n\\r\\t\"" }, { { "\0\x01\x1f\x7f", 4 }, "\"\\u0000\\u0001\\u001f\\u007f\"" },
		{ { "gr\xc3\xbcn\xf0\x9f\x98\x80", 9 }, "\"gr\xc3\xbcn\xf0\x9f\x98\x80\"" },
		{ { "a\xff" "b\xc3", 4 }, "\"a\xef\xbf\xbd" "b\xef\xbf\xbd\"" },
		{ { "\xed\xa0\x80", 3 }, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b, 1000);
		text_add_json(&b, cases[i].in);
		assert_true(span_eq(buf_span(&b), span_of_text(cases[i].out)));
		buf_fini(&b);
	}
}

/* The definition, without thought for time. */
static bool matches_slowly(const char *p, const char *s)
{
	if (!*p)
		return !*s;
	if (*p == '*')
		return matches_slowly(p + 1, s) || (*s && matches_slowly(p, s + 1));
	return *s && (*p == '?' || *p == *s) && matches_slowly(p + 1, s + 1);
}

/* The nth word of `len` letters out of an alphabet. */
static void spell(unsigned n, size_t len, const char *letters, char *out)
{
	size_t n_letters = strlen(letters);

	for (size_t i = 0; i < len; i++, n /= (unsigned)n_letters)
		out[i] = letters[n % n_letters];
	out[len] = '\0';
}

static void t_patterns_match_as_a_slow_reader_says(void **state)
{
	char pattern[6], word[6];

	(void)state;
	for (size_t p_len = 0; p_len <= 5; p_len++)
		for (unsigned p = 0; p < 1U << 2 * p_len; p++)
			for (size_t s_len = 0; s_len <= 5; s_len++)
				for (unsigned s = 0; s < 1U << s_len; s++) {
					spell(p, p_len, "ab*?", pattern);
					spell(s, s_len, "ab", word);
					if (text_matches(span_of(pattern, p_len), span_of(word, s_len)) != matches_slowly(pattern, word))
						fail_msg("%s against %s", pattern, word);
				}
	assert_true(text_matches(SPAN("*@EXAMPLE.org"), SPAN("anna@example.ORG")));
	assert_true(text_matches(SPAN("a\0*"), SPAN("A\0b")));
	assert_true(text_matches(SPAN("?"), SPAN("*")));
	assert_false(text_matches(SPAN("x"), SPAN("*")));
}

/* 10,000 stars against 10,000 letters: a matcher that tries all ways would not end. */
static void t_a_wicked_pattern_costs_little(void **state)
{
	static char pattern[20001], word[10000];

	(void)state;
	for (size_t i = 0; i < 20000; i += 2) {
		pattern[i] = '*';
		pattern[i + 1] = 'a';
	}
	pattern[20000] = 'b';
	memset(word, 'a', sizeof(word));
	assert_false(text_matches(span_of(pattern, 20001), span_of(word, sizeof(word))));
	assert_true(text_matches(span_of(pattern, 20000), span_of(word, sizeof(word))));
}

static void t_distance_counts_letters_to_change(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned distance;
	} cases[] = {
		{ "", "", 0 }, { "", "abc", 3 }, { "same", "same", 0 }, { "kitten", "sitting", 3 }, { "saturday", "sunday", 3 },
		{ "flaw", "lawn", 2 }, { "intention", "execution", 5 }, { "listen", "lisetn", 2 }, { "a", "A", 1 }, { "ab", "ba", 2 },
	};
	char a[256], b[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span left = span_of_text(cases[i].a), right = span_of_text(cases[i].b);

		assert_int_equal(text_distance(left, right), cases[i].distance);
		assert_int_equal(text_distance(right, left), cases[i].distance);
	}
	memset(a, 'a', sizeof(a));
	memset(b, 'b', sizeof(b));
	assert_int_equal(text_distance(span_of(a, 255), span_of(b, 255)), 255);
	assert_int_equal(text_distance(span_of(a, 255), span_of(a, 254)), 1);
	assert_int_equal(text_distance(span_of(a, 256), span_of(a, 256)), 255);
	assert_int_equal(text_distance(span_of(a, 255), SPAN_NONE), 255);
}

static void t_lower_case_is_ascii_only(void **state)
{
	char text[] = "AZ az \xc3\x84 @[`{";

	(void)state;
	text_lower_in_place(text, sizeof(text) - 1);
	assert_string_equal(text, "az az \xc3\x84 @[`{");
}

static void t_a_name_is_within_itself_and_what_it_lies_below(void **state)
{
	static const struct {
		const char *name, *domain;
		bool is_within;
	} cases[] = {
		{ "example.org", "example.org", true }, { "A.Example.ORG", "example.org", true }, { "a.b.example.org", "example.org", true },
		{ "aexample.org", "example.org", false }, { "org", "example.org", false }, { "example.org", "a.example.org", false },
		{ "example.net", "example.org", false }, { ".example.org", "example.org", true }, { "", "example.org", false }, { "", "", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (text_is_within(span_of_text(cases[i].name), span_of_text(cases[i].domain)) != cases[i].is_within)
			fail_msg("%s in %s", cases[i].name, cases[i].domain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_utf8_is_what_rfc_3629_says),
		cmocka_unit_test(t_every_code_point_is_judged_rightly),
		cmocka_unit_test(t_ascii_and_printable_are_told_apart),
		cmocka_unit_test(t_an_escaped_text_is_one_safe_line),
		cmocka_unit_test(t_a_json_string_is_one_whatever_is_in_it),
		cmocka_unit_test(t_patterns_match_as_a_slow_reader_says),
		cmocka_unit_test(t_a_wicked_pattern_costs_little),
		cmocka_unit_test(t_distance_counts_letters_to_change),
		cmocka_unit_test(t_lower_case_is_ascii_only),
		cmocka_unit_test(t_a_name_is_within_itself_and_what_it_lies_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
