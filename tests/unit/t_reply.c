#include "mail/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static struct buf out;

static void assert_out(const char *want)
{
	assert_true(span_eq(buf_span(&out), span_of_text(want)));
	buf_fini(&out);
	buf_init(&out, 100000);
}

static void t_a_reply_is_written_line_by_line(void **state)
{
	static const struct reply hello = { 250, NULL, "mx.example\nPIPELINING\nSIZE 1000" }, bye = { 221, "2.0.0", "Bye" };

	(void)state;
	buf_init(&out, 100000);
	assert_int_equal(reply_add(&out, &hello), PR_OK);
	assert_out("250-mx.example\r\n250-PIPELINING\r\n250 SIZE 1000\r\n");
	assert_int_equal(reply_add(&out, &bye), PR_OK);
	assert_out("221 2.0.0 Bye\r\n");
	assert_int_equal(reply_add_words(&out, 550, "5.1.1", SPAN("a\r\nb\tc\x1b\0d\nlast"), true), PR_OK);
	assert_out("550-5.1.1 a?\r\n550-5.1.1 b?c??d\r\n550 5.1.1 last\r\n");
	assert_int_equal(reply_add_words(&out, 550, NULL, SPAN("gr\xc3\xbcn"), true), PR_OK);
	assert_out("550 gr\xc3\xbcn\r\n");
	assert_int_equal(reply_add_words(&out, 550, NULL, SPAN("gr\xc3\xbcn"), false), PR_OK);
	assert_out("550 gr??n\r\n");
	assert_int_equal(reply_add_words(&out, 550, NULL, SPAN("gr\xfcn"), true), PR_OK);
	assert_out("550 gr?n\r\n");
	assert_int_equal(reply_add_words(&out, 550, NULL, SPAN("a\xc2\x85" "b"), true), PR_OK);
	assert_out("550 a??b\r\n");
	assert_int_equal(reply_add_words(&out, 550, "5.0.0", SPAN_NONE, true), PR_OK);
	assert_out("550 5.0.0 \r\n");
	buf_fini(&out);
	buf_init(&out, 5);
	assert_int_equal(reply_add(&out, &bye), PR_FULL);
	buf_fini(&out);
}

static void read_whole(struct reply_reader *r, struct span in)
{
	reply_reader_init(r);
	assert_int_equal(reply_reader_feed(r, &in), PR_OK);
	assert_int_equal(in.len, 0);
}

/* Of any length, with blanks, without, and of characters of three bytes: what was written is read. */
static void t_long_words_are_wrapped_within_the_line(void **state)
{
	static const char *const kinds[] = { "word ", "x", "\xe4\xbe\x8b" };
	static struct reply_reader r;

	(void)state;
	buf_init(&out, 100000);
	for (size_t k = 0; k < N(kinds); k++)
		for (size_t n = 1; n < 700; n += 13) {
			struct buf words;
			struct span rest, line;

			buf_init(&words, 10000);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(buf_add_text(&words, kinds[k]), PR_OK);
			assert_int_equal(reply_add_words(&out, 451, "4.3.0", buf_span(&words), true), PR_OK);
			rest = buf_span(&out);
			while (rest.len) {
				line = span_cut(&rest, '\n');
				assert_true(line.len + 1 <= REPLY_LINE_MAX && text_is_utf8(line));
			}
			read_whole(&r, buf_span(&out));
			assert_int_equal(r.code, 451);
			assert_string_equal(r.enhanced, "4.3.0");
			buf_fini(&words);
			buf_clear(&out);
		}
	buf_fini(&out);
}

static void t_lines_written_have_a_ceiling(void **state)
{
	static struct reply_reader r;
	char many[300];

	(void)state;
	buf_init(&out, 100000);
	memset(many, '\n', sizeof(many));
	assert_int_equal(reply_add_words(&out, 250, NULL, span_of(many, sizeof(many)), true), PR_OK);
	read_whole(&r, buf_span(&out));
	assert_int_equal(r.n_lines, REPLY_WRITE_LINES);
	buf_fini(&out);
}

static void t_a_reply_is_the_same_over_every_cut(void **state)
{
	const struct span whole = SPAN("550-5.1.1 No such\tman\n550-5.1.2\r\n550 5.7.1 gr\xc3\xbcn\r\n220 next");
	static struct reply_reader r;

	(void)state;
	for (size_t a = 0; a <= whole.len; a++)
		for (size_t b = a; b <= whole.len; b++) {
			size_t ends[3] = { a, b, whole.len }, from = 0;
			enum pr_err err = PR_AGAIN;
			size_t left = 0;

			reply_reader_init(&r);
			for (int i = 0; i < 3 && err == PR_AGAIN; i++) {
				struct span in = span_first(span_from(whole, from), ends[i] - from);

				err = reply_reader_feed(&r, &in);
				left = in.len + whole.len - ends[i];
				from = ends[i];
			}
			assert_int_equal(err, PR_OK);
			assert_true(span_eq(span_from(whole, whole.len - left), SPAN("220 next")));
			assert_int_equal(r.code, 550);
			assert_string_equal(r.enhanced, "5.7.1");
			assert_string_equal(r.words, "No such man\n\ngr\xc3\xbcn");
			assert_true(span_eq(reply_reader_line(&r, 0), SPAN("No such man")) && span_eq(reply_reader_line(&r, 2), SPAN("gr\xc3\xbcn")));
			assert_int_equal(reply_reader_line(&r, 1).len + reply_reader_line(&r, 3).len, 0);
			assert_false(reply_reader_is_midway(&r));
		}
}

static void t_nonsense_is_no_reply(void **state)
{
	static const struct span bad[] = {
		{ "\r\n", 2 }, { "25\r\n", 4 }, { "2500 x\r\n", 8 }, { "150 x\r\n", 7 }, { "600 x\r\n", 7 }, { "250x\r\n", 6 }, { " 250 x\r\n", 8 },
		{ "+25 x\r\n", 7 }, { "HTTP/1.1 400\r\n", 14 }, { "250-a\r\n251 b\r\n", 14 }, { "250-a\r\n\r\n", 9 }, { "25\0 x\r\n", 7 }, { "250\tx\r\n", 7 },
	};
	static struct reply_reader r;

	(void)state;
	for (size_t i = 0; i < N(bad); i++) {
		struct span in = bad[i];

		reply_reader_init(&r);
		if (reply_reader_feed(&r, &in) != PR_BAD)
			fail_msg("case %zu is taken", i);
	}
	read_whole(&r, SPAN("250\r\n"));
	assert_string_equal(r.words, "");
	read_whole(&r, SPAN("250 5.1.1 x\n"));
	assert_string_equal(r.enhanced, "");
	assert_string_equal(r.words, "5.1.1 x");
	read_whole(&r, SPAN("550 5.1 x\n"));
	assert_string_equal(r.enhanced, "");
	read_whole(&r, SPAN("550 5.1000.1 x\n"));
	assert_string_equal(r.enhanced, "");
	read_whole(&r, SPAN("550 5.123.456\n"));
	assert_string_equal(r.enhanced, "5.123.456");
}

static void t_words_read_hold_no_controls(void **state)
{
	static struct reply_reader r;

	(void)state;
	read_whole(&r, SPAN("550 a\0b\x1b[2Jc\rd\x7f\r\n"));
	assert_string_equal(r.words, "a?b?[2Jc?d?");
	read_whole(&r, SPAN("550 gr\xfcn \xc3\xbc\r\n"));
	assert_string_equal(r.words, "gr?n ??");
	read_whole(&r, SPAN("550 a\xc2\x9b" "2J\xc2\xa0\r\n"));
	assert_string_equal(r.words, "a??2J\xc2\xa0");
}

static void t_what_is_read_has_bounds(void **state)
{
	static char text[REPLY_READ_LINE_MAX + 10];
	static struct reply_reader r;
	struct span in;
	int n;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "250 ", 4);
	text[REPLY_READ_LINE_MAX] = '\n';
	read_whole(&r, span_of(text, REPLY_READ_LINE_MAX + 1));
	assert_int_equal(r.words_len, REPLY_READ_LINE_MAX - 4);
	text[REPLY_READ_LINE_MAX] = 'x';
	in = span_of(text, REPLY_READ_LINE_MAX + 1);
	reply_reader_init(&r);
	assert_int_equal(reply_reader_feed(&r, &in), PR_BAD);

	reply_reader_init(&r);
	text[3] = '-';
	text[100] = '\n';
	for (n = 0; n < REPLY_READ_LINES; n++) {
		in = span_of(text, 101);
		assert_int_equal(reply_reader_feed(&r, &in), PR_AGAIN);
	}
	assert_true(reply_reader_is_midway(&r));
	in = SPAN("250 end\r\n");
	assert_int_equal(reply_reader_feed(&r, &in), PR_BAD);

	reply_reader_init(&r);
	for (n = 0; n < REPLY_READ_LINES - 1; n++) {
		in = span_of(text, 101);
		assert_int_equal(reply_reader_feed(&r, &in), PR_AGAIN);
	}
	in = SPAN("250 end\r\n");
	assert_int_equal(reply_reader_feed(&r, &in), PR_OK);
	assert_int_equal(r.n_lines, REPLY_READ_LINES);
	assert_int_equal(r.words_len, REPLY_WORDS_MAX);
	assert_int_equal(reply_reader_line(&r, 4000000).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_reply_is_written_line_by_line),
		cmocka_unit_test(t_long_words_are_wrapped_within_the_line),
		cmocka_unit_test(t_lines_written_have_a_ceiling),
		cmocka_unit_test(t_a_reply_is_the_same_over_every_cut),
		cmocka_unit_test(t_nonsense_is_no_reply),
		cmocka_unit_test(t_words_read_hold_no_controls),
		cmocka_unit_test(t_what_is_read_has_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
