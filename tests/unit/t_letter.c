/* Messages as programs write them for sendmail(8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "ctl/letter.h"

#define CEILING 65536

/* Whole, then in two pieces cut at every byte: the same comes out. */
static void assert_letter(const char *text, bool dots, const char *want)
{
	for (size_t cut = 0; cut <= strlen(text); cut++) {
		struct letter l;
		struct buf out;

		letter_init(&l, CEILING, dots);
		if (letter_take(&l, span_of(text, cut)))
			(void)letter_take(&l, span_from(span_of_text(text), cut));
		letter_close(&l);
		buf_init(&out, CEILING);
		assert_int_equal(letter_add_to(&l, SPAN("F: f\r\n"), &out), PR_OK);
		assert_int_equal(buf_add_char(&out, '\0'), PR_OK);
		assert_string_equal(out.at, want);
		buf_fini(&out);
		letter_fini(&l);
	}
}

static void t_lines_end_in_crlf_and_fields_go_in_front(void **state)
{
	static const struct { const char *text; bool dots; const char *want; } table[] = {
		{ "A: b\n\nHello.\n", true, "F: f\r\nA: b\r\n\r\nHello.\r\n" },
		{ "A: b\r\n\r\nHello.\r\n", true, "F: f\r\nA: b\r\n\r\nHello.\r\n" },
		{ "A: b\n c\n\nHello.", true, "F: f\r\nA: b\r\n c\r\n\r\nHello.\r\n" },
		{ "A: b\n\nx\n.\nlost\n", true, "F: f\r\nA: b\r\n\r\nx\r\n" },
		{ "A: b\n\nx\n.", true, "F: f\r\nA: b\r\n\r\nx\r\n" },
		{ "A: b\n\nx\n.\nkept\n", false, "F: f\r\nA: b\r\n\r\nx\r\n.\r\nkept\r\n" },
		{ "A: b\n\n..\n. \n", true, "F: f\r\nA: b\r\n\r\n..\r\n. \r\n" },
		{ "just words\n", true, "F: f\r\n\r\njust words\r\n" },
		{ " blank first\nA: b\n", true, "F: f\r\n\r\n blank first\r\nA: b\r\n" },
		{ "\nbody\n", true, "F: f\r\n\r\nbody\r\n" },
		{ "A: b\nno field here\nC: d\n", true, "F: f\r\nA: b\r\n\r\nno field here\r\nC: d\r\n" },
		{ "From me Sat Nov 21\nA: b\n\nx\n", true, "F: f\r\nA: b\r\n\r\nx\r\n" },
		{ ">From me Sat Nov 21\nFrom: b\n\nx\n", true, "F: f\r\nFrom: b\r\n\r\nx\r\n" },
		{ "From : me\n\nx\n", true, "F: f\r\nFrom : me\r\n\r\nx\r\n" },
		{ "A: b\n", true, "F: f\r\nA: b\r\n\r\n" },
		{ "", true, "F: f\r\n\r\n" },
		{ ".\n", true, "F: f\r\n\r\n" },
		{ "A : b\n\nx\n", true, "F: f\r\nA : b\r\n\r\nx\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_letter(table[i].text, table[i].dots, table[i].want);
}

static enum pr_err note(void *arg, struct span address)
{
	(void)buf_printf(arg, "%.*s|", SPAN_ARG(address));
	return PR_OK;
}

static void t_recipients_are_found(void **state)
{
	static const struct { const char *text, *want; } table[] = {
		{ "To: a@b, c\nCc: \"X, Y\" <d@e>\nBcc: f\n\nTo: not@this\n", "a@b|c|d@e|f|" },
		{ "to: a@b,\n\tc@d\nSubject: To: x\n\n", "a@b|c@d|" },
		{ "To: a@b\nResent-To: r@s\nResent-Bcc: t\n\n", "r@s|t|" },
		{ "To: undisclosed-recipients:;\nBcc: a@b\n\n", "a@b|" },
		{ "Subject: x\n\nx\n", "" },
		{ "To:\n\n", "" },
		{ "To: a@b, <c\n\n", "a@b|!To: a@b, <c" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct letter l;
		struct buf got, bad;

		letter_init(&l, CEILING, true);
		assert_true(letter_take(&l, span_of_text(table[i].text)));
		letter_close(&l);
		buf_init(&got, CEILING);
		buf_init(&bad, CEILING);
		if (letter_recipients(&l, note, &got, &bad) != PR_OK)
			(void)buf_printf(&got, "!%.*s", SPAN_ARG(buf_span(&bad)));
		assert_int_equal(buf_add_char(&got, '\0'), PR_OK);
		assert_string_equal(got.at, table[i].want);
		buf_fini(&got);
		buf_fini(&bad);
		letter_fini(&l);
	}
}

static void t_fields_are_told_apart(void **state)
{
	struct letter l;

	(void)state;
	letter_init(&l, CEILING, true);
	assert_true(letter_take(&l, SPAN("FROM: a\nTo: b\n From: c\n\nDate: x\n\xc3\xa4\n")));
	letter_close(&l);
	assert_true(letter_has(&l, SPAN("From")));
	assert_true(letter_has(&l, SPAN("to")));
	assert_false(letter_has(&l, SPAN("Date")));
	assert_true(letter_has_8bit(&l));
	letter_fini(&l);
}

static void t_what_is_too_large_is_told(void **state)
{
	struct letter l;

	(void)state;
	letter_init(&l, 16, true);
	assert_false(letter_take(&l, SPAN("A: b\n\n0123456789\n")));
	assert_true(letter_is_too_large(&l));
	letter_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_lines_end_in_crlf_and_fields_go_in_front),
		cmocka_unit_test(t_recipients_are_found),
		cmocka_unit_test(t_fields_are_told_apart),
		cmocka_unit_test(t_what_is_too_large_is_told),
	};

	return cmocka_run_group_tests_name("letter", tests, NULL, NULL);
}
