#include "mail/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/slow_lines.h"

#define LONGEST 8
#define OUT_MAX 64

/* True when the end was found in this piece. */
static bool feed(struct lines *l, struct span piece, struct result *r)
{
	struct span in = piece, out;
	enum lines_step step;

	while ((step = lines_take(l, &in, &out)) == LINES_PART) {
		assert_true(out.len > 0 && r->len + out.len <= RESULT_MAX);
		memcpy(r->out + r->len, out.at, out.len);
		r->len += out.len;
	}
	r->used += piece.len - in.len;
	return step == LINES_END;
}

static void scan_cut(struct span s, size_t cut, enum lines_rule rule, bool dots, struct result *r)
{
	struct lines l;
	bool ended;

	result_clear(r);
	if (dots)
		lines_init_data(&l, rule, 998);
	else
		lines_init_chunks(&l, rule, 998);
	ended = feed(&l, span_first(s, cut), r) || feed(&l, span_from(s, cut), r);
	r->faults = l.faults;
	if (!ended)
		r->used = SIZE_MAX;
}

static bool same(const struct result *a, const struct result *b)
{
	return a->len == b->len && memcmp(a->out, b->out, a->len) == 0 && a->used == b->used && a->faults == b->faults;
}

static void check(const char *text, size_t len, enum lines_rule rule, bool dots)
{
	struct span s = span_of(text, len);
	struct result want, got;

	slow_lines(s, rule, dots, &want);
	for (size_t cut = 0; cut <= len; cut++) {
		scan_cut(s, cut, rule, dots, &got);
		if (!same(&want, &got))
			fail_msg("differs: rule %d, dots %d, length %zu, cut %zu", rule, dots, len, cut);
	}
}

static void every_string_to_eight_at_every_cut(void **unused)
{
	static const char letters[5] = { '\r', '\n', '.', 'a', '\0' };

	(void)unused;
	for (size_t len = 0, n = 1; len <= LONGEST; len++, n *= 5)
		for (size_t i = 0; i < n; i++) {
			char text[LONGEST + 1];
			size_t rest = i;

			for (size_t at = 0; at < len; at++, rest /= 5)
				text[at] = letters[rest % 5];
			/* A letter settles what a CR or a dot at the end would leave open. */
			text[len] = 'a';
			for (int rule = LINES_REFUSE; rule <= LINES_NORMALISE; rule++) {
				check(text, len + 1, (enum lines_rule)rule, true);
				check(text, len + 1, (enum lines_rule)rule, false);
			}
		}
}

/* The fast path: the same events at every place of a step of 64 bytes and across it. */
static void events_at_every_place_of_a_long_text(void **unused)
{
	static const char *const events[] = { "\r\n.\r\nQUIT\r\n", "\n.\r\nb", "\r\n.\nb", "\r\n.\rb", "\r\r\nb", "\n", "\r\n..b", "\r\n.b", "\r.\r\n" };

	(void)unused;
	for (size_t e = 0; e < sizeof(events) / sizeof(events[0]); e++)
		for (size_t at = 0; at < 200; at++)
			for (int rule = LINES_REFUSE; rule <= LINES_NORMALISE; rule++) {
				char text[256], small[OUT_MAX];
				size_t n = strlen(events[e]);
				struct span in, out;
				struct lines l;
				struct result want;
				size_t len = 0;

				memset(text, 'a', sizeof(text));
				memcpy(text + at, events[e], n);
				small[0] = 'a';
				memcpy(small + (at ? 1 : 0), events[e], n);
				small[n + (at ? 1 : 0)] = 'a';
				slow_lines(span_of(small, n + (at ? 2 : 1)), (enum lines_rule)rule, true, &want);
				lines_init_data(&l, (enum lines_rule)rule, 998);
				in = span_of(text, at + n + 1);
				enum lines_step step;
				while ((step = lines_take(&l, &in, &out)) == LINES_PART)
					len += out.len;
				assert_int_equal(step == LINES_END, want.used != SIZE_MAX);
				assert_int_equal(len, want.len + (at ? at - 1 : 0));
				assert_int_equal(l.faults, want.faults);
			}
}

static void last_line_of_chunks_gets_its_end(void **unused)
{
	static const struct {
		const char *text, *close;
	} rows[] = { { "", "" }, { "a\r\n", "" }, { "a", "\r\n" }, { "a\r", "\n" }, { "a\r\n.", "\r\n" } };

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span in = span_of_text(rows[i].text), out;
		struct lines l;

		lines_init_chunks(&l, LINES_NORMALISE, 998);
		while (lines_take(&l, &in, &out) == LINES_PART)
			;
		assert_true(span_eq(lines_close(&l), span_of_text(rows[i].close)));
	}
}

static void lines_too_long_are_noted(void **unused)
{
	static char text[2048];

	(void)unused;
	for (size_t len = 990; len < 1010; len++) {
		struct span in = span_of(text, len + 2), out;
		struct lines l;

		memset(text, 'a', sizeof(text));
		memcpy(text + len, "\r\n", 2);
		lines_init_data(&l, LINES_REFUSE, 998);
		while (lines_take(&l, &in, &out) == LINES_PART)
			;
		assert_int_equal((l.faults & LINES_TOO_LONG) != 0, len > 998);
	}
}

static void what_is_stuffed_comes_back(void **unused)
{
	static const char text[] = ".\r\n..a\r\nb.c\r\n.";

	(void)unused;
	for (size_t cut = 0; cut < sizeof(text); cut++) {
		struct span pieces[2] = { span_of(text, cut), span_of(text + cut, sizeof(text) - 1 - cut) }, out;
		struct result sent = { .len = 0 }, got = { .len = 0 };
		struct dots d;
		struct lines l;

		dots_init(&d);
		for (int i = 0; i < 2; i++)
			while (dots_take(&d, &pieces[i], &out)) {
				memcpy(sent.out + sent.len, out.at, out.len);
				sent.len += out.len;
			}
		out = dots_close(&d);
		memcpy(sent.out + sent.len, out.at, out.len);
		sent.len += out.len;
		lines_init_data(&l, LINES_REFUSE, 998);
		assert_true(feed(&l, span_of(sent.out, sent.len), &got));
		assert_int_equal(got.used, sent.len);
		assert_int_equal(got.len, sizeof(text) - 1 + 2);
		assert_memory_equal(got.out, text, sizeof(text) - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_string_to_eight_at_every_cut),
		cmocka_unit_test(events_at_every_place_of_a_long_text),
		cmocka_unit_test(last_line_of_chunks_gets_its_end),
		cmocka_unit_test(lines_too_long_are_noted),
		cmocka_unit_test(what_is_stuffed_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
