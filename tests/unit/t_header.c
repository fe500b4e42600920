#include "mail/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"

#define OUT_MAX  8192
#define TOLD_MAX 2048
#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct span OUR_ID = { "mx.example.org", 14 };

struct told {
	char text[TOLD_MAX];
	size_t len;
};

static void on_field(void *owner, enum header_name name, struct span value, bool is_cut)
{
	struct told *t = owner;
	int n = snprintf(t->text + t->len, sizeof(t->text) - t->len, "%d=", (int)name);

	t->len += (size_t)n;
	assert_true(t->len + value.len + 1 < sizeof(t->text));
	memcpy(t->text + t->len, value.at, value.len);
	t->len += value.len;
	t->text[t->len++] = is_cut ? '~' : '|';
	t->text[t->len] = '\0';
}

struct result {
	struct header h;
	struct told told;
	char out[OUT_MAX];
	size_t len;
};

static void put(struct result *r, struct span s)
{
	assert_true(r->len + s.len <= sizeof(r->out));
	memcpy(r->out + r->len, s.at, s.len);
	r->len += s.len;
}

static void feed(struct result *r, struct span in)
{
	struct span out;

	while (header_take(&r->h, &in, &out) == HEADER_PART) {
		assert_true(out.len > 0);
		put(r, out);
	}
	assert_int_equal(in.len, 0);
}

static struct header_rules rules_of(struct result *r, unsigned remove)
{
	return (struct header_rules){ .own_id = OUR_ID, .remove = remove, .tell = ~0U, .on_field = on_field, .owner = &r->told };
}

/* In pieces of `piece` bytes after a first one of `first`. */
static void read_in(struct result *r, const struct header_rules *rules, struct span text, size_t first, size_t piece)
{
	r->len = r->told.len = 0;
	r->told.text[0] = '\0';
	header_init(&r->h, rules);
	feed(r, span_first(text, first));
	for (text = span_from(text, first); text.len; text = span_from(text, piece))
		feed(r, span_first(text, piece));
	put(r, header_close(&r->h));
}

static bool same(const struct result *a, const struct result *b)
{
	return a->len == b->len && memcmp(a->out, b->out, a->len) == 0 && strcmp(a->told.text, b->told.text) == 0 &&
	    memcmp(a->h.count, b->h.count, sizeof(a->h.count)) == 0 && a->h.n_fields == b->h.n_fields && a->h.n_removed == b->h.n_removed &&
	    a->h.faults == b->h.faults && a->h.size == b->h.size && a->h.ended == b->h.ended;
}

/* Whole, in two parts at every place, and byte by byte: always the same. The result is in *whole. */
static void read_every_cut(struct result *whole, struct span text, unsigned remove)
{
	static struct result part;
	struct header_rules rules = rules_of(whole, remove), part_rules = rules_of(&part, remove);

	read_in(whole, &rules, text, text.len, 1);
	for (size_t cut = 0; cut < text.len; cut++) {
		read_in(&part, &part_rules, text, cut, text.len);
		if (!same(whole, &part))
			fail_msg("cut at %zu differs: %.*s", cut, SPAN_ARG(text));
	}
	read_in(&part, &part_rules, text, 0, 1);
	assert_true(same(whole, &part));
	/* A copy of its very size, so that a sanitizer sees a byte read too many. */
	char *copy = mem_resize(NULL, text.len + 1);
	memcpy(copy, text.at, text.len);
	read_in(&part, &part_rules, span_of(copy, text.len), text.len, 1);
	mem_free(copy);
	assert_true(same(whole, &part));
}

static void assert_out(const struct result *r, const char *want)
{
	if (r->len != strlen(want) || memcmp(r->out, want, r->len) != 0)
		fail_msg("got <%.*s>, wanted <%s>", (int)r->len, r->out, want);
}

static void what_is_in_a_header_is_counted(void **unused)
{
	static const struct {
		const char *text;
		enum header_name name;
		unsigned count, n_fields, faults;
	} rows[] = {
		{ "Received: a\r\nreceived: b\r\nRECEIVED:\r\n\tc\r\n\r\n", HEADER_RECEIVED, 3, 3, 0 },
		{ "Received : a\r\nReceived\t:b\r\n\r\n", HEADER_RECEIVED, 2, 2, 0 },
		{ "X-Received: a\r\nReceiveds: b\r\nReceive: c\r\n\r\n", HEADER_RECEIVED, 0, 3, 0 },
		{ "Subject: a\r\n Received: b\r\n\r\nReceived: c\r\n", HEADER_RECEIVED, 0, 1, 0 },
		{ "From: a\r\nFrom: b\r\n\r\n", HEADER_FROM, 2, 2, 0 },
		{ "Date: x\r\n\r\n", HEADER_DATE, 1, 1, 0 },
		{ "Date: x\r\n\r\n", HEADER_FROM, 0, 1, 0 },
		{ "message-id: <a@b>\r\n\r\n", HEADER_MESSAGE_ID, 1, 1, 0 },
		{ "Delivered-To: a@b\r\n", HEADER_DELIVERED_TO, 1, 1, 0 },
		{ "Return-Path: <>\r\nSender: a\r\nAuto-Submitted: no\r\n\r\n", HEADER_RETURN_PATH, 1, 3, 0 },
		{ "Sub\xc3\xa4ject: a\r\n\r\n", HEADER_OTHER, 1, 1, HEADER_8BIT },
		{ "Subject: \xc3\xa4\r\n\r\n", HEADER_SUBJECT, 1, 1, HEADER_8BIT },
		{ "Subject: a\r\n\r\n\xc3\xa4", HEADER_SUBJECT, 1, 1, 0 },
		{ "no field\r\nSubject: a\r\n\r\n", HEADER_SUBJECT, 1, 1, 0 },
		{ "aLongLineThatIsNoFieldAtAll\r\nSubject: a\r\n\r\n", HEADER_SUBJECT, 1, 1, 0 },
		{ "a long line of words that is no field\r\nSubject: a\r\n\r\n", HEADER_SUBJECT, 1, 1, 0 },
		{ ": a\r\nSubject: a\r\n\r\n", HEADER_SUBJECT, 1, 1, 0 },
		{ "Sub\1ject: a\r\nSubject: b\r\n\r\n", HEADER_SUBJECT, 1, 1, 0 },
		{ "X-A-Name-That-Is-Longer-Than-All-That-Matter: a\r\nSubject: b\r\n\r\n", HEADER_OTHER, 1, 2, 0 },
		{ "\r\nSubject: a\r\n\r\n", HEADER_SUBJECT, 0, 0, 0 },
		{ "", HEADER_OTHER, 0, 0, 0 },
	};
	static struct result r;

	(void)unused;
	for (size_t i = 0; i < N_OF(rows); i++) {
		read_every_cut(&r, span_of_text(rows[i].text), 0);
		if (r.h.count[rows[i].name] != rows[i].count || r.h.n_fields != rows[i].n_fields || r.h.faults != rows[i].faults)
			fail_msg("row %zu: count %u, fields %u, faults %u", i, r.h.count[rows[i].name], r.h.n_fields, r.h.faults);
		assert_out(&r, rows[i].text);
	}
}

static void results_under_our_name_are_taken_out(void **unused)
{
	static const char *const forged[] = {
		"Authentication-Results: mx.example.org; spf=pass\r\n",
		"authentication-results:mx.example.org;spf=pass\r\n",
		"AUTHENTICATION-RESULTS: MX.EXAMPLE.ORG; spf=pass\r\n",
		"Authentication-Results: mx.example.org 1; spf=pass\r\n",
		"Authentication-Results: mx.example.org\t1; none\r\n",
		"Authentication-Results: mx.example.org/1; none\r\n",
		"Authentication-Results: mx.example.org\r\n",
		"Authentication-Results:\r\n mx.example.org;\r\n\tspf=pass\r\n",
		"Authentication-Results:\r\n\t\r\n \r\n mx.example.org; spf=pass\r\n",
		"Authentication-Results: (a comment) mx.example.org; spf=pass\r\n",
		"Authentication-Results: (a (nested \\) \\( ) one) mx.example.org; spf=pass\r\n",
		"Authentication-Results: (folded\r\n in ( two\r\n\tlines)) mx.example.org; spf=pass\r\n",
		"Authentication-Results: mx.example.org(a comment); spf=pass\r\n",
		"Authentication-Results: ()()mx.example.org; spf=pass\r\n",
		"Authentication-Results: \"mx.example.org\"; spf=pass\r\n",
		"Authentication-Results: \"mx.ex\\ample.org\"; spf=pass\r\n",
		"Authentication-Results: mx.example.org.; spf=pass\r\n",
		"Authentication-Results: (a) MX.Example.ORG. (b) 1 (c); spf=pass\r\n",
		"Authentication-Results: \"mx.example.org.\" 1; spf=pass\r\n",
		"Authentication-Results : mx.example.org; spf=pass\r\n",
		"Authentication-Results \t : mx.example.org; spf=pass\r\n",
		"Authentication-Results\r\n : mx.example.org; spf=pass\r\n",
		"Authentication-Results \r\n\t\r\n : mx.example.org; spf=pass\r\n",
		"Authentication-Results\r\n :\r\n mx.example.org; spf=pass\r\n",
		/* With none at all, or what leads to none: nobody writes it but who forges. */
		"Authentication-Results:\r\n",
		"Authentication-Results: \r\n \r\n",
		"Authentication-Results: ; spf=pass\r\n",
		"Authentication-Results: \"\"; spf=pass\r\n",
		"Authentication-Results: (never closed mx.example.org; spf=pass\r\n",
		"Authentication-Results: \"never closed mx.example.org; spf=pass\r\n",
	};
	static struct result r;
	char text[OUT_MAX];

	(void)unused;
	for (size_t i = 0; i < N_OF(forged); i++) {
		snprintf(text, sizeof(text), "From: a@b\r\n%sTo: c@d\r\n\r\nAuthentication-Results: mx.example.org; x\r\n", forged[i]);
		read_every_cut(&r, span_of_text(text), 0);
		if (r.h.n_removed != 1)
			fail_msg("not taken out: %s", forged[i]);
		assert_out(&r, "From: a@b\r\nTo: c@d\r\n\r\nAuthentication-Results: mx.example.org; x\r\n");
		assert_int_equal(r.h.count[HEADER_AUTHENTICATION_RESULTS], 1);
		assert_int_equal(r.h.n_fields, 3);
		/* As the last thing of a message, with and without its line's end. */
		read_every_cut(&r, span_of_text(forged[i]), 0);
		assert_out(&r, "");
	}
}

static void results_of_others_are_kept_byte_for_byte(void **unused)
{
	static const char *const others[] = {
		"Authentication-Results: mx.example.net; spf=pass\r\n",
		"Authentication-Results: mx.example.org.evil; spf=pass\r\n",
		"Authentication-Results: mx.example.orgs; spf=pass\r\n",
		"Authentication-Results: amx.example.org; spf=pass\r\n",
		"Authentication-Results: mx.example.or; spf=pass\r\n",
		"Authentication-Results: x; mx.example.org\r\n",
		"Authentication-Results: (mx.example.org) other.example; spf=pass\r\n",
		"Authentication-Results:\r\n (a\r\n comment)\r\n\tother.example 1;\r\n\tspf=pass (mx.example.org)\r\n",
		"Authentication-Results: \"other.example\"; spf=pass\r\n",
		"ARC-Authentication-Results: i=1; mx.example.org; spf=pass\r\n",
		"X-Authentication-Results: mx.example.org; spf=pass\r\n",
		"Authentication-Results-X: mx.example.org; spf=pass\r\n",
		"Authentication-Result: mx.example.org; spf=pass\r\n",
	};
	static struct result r;
	char text[OUT_MAX];

	(void)unused;
	for (size_t i = 0; i < N_OF(others); i++) {
		snprintf(text, sizeof(text), "From: a@b\r\n%sTo: c@d\r\n\r\nbody", others[i]);
		read_every_cut(&r, span_of_text(text), 0);
		assert_int_equal(r.h.n_removed, 0);
		assert_out(&r, text);
		read_every_cut(&r, span_of_text(others[i]), 0);
		assert_out(&r, others[i]);
	}
}

static void five_forged_ones_leave_nothing(void **unused)
{
	static const char ours[] = "Authentication-Results: mx.example.org;\r\n dkim=pass\r\n", other[] = "Authentication-Results: b; c\r\n";
	static struct result r;
	char text[OUT_MAX] = "", want[OUT_MAX] = "";

	(void)unused;
	for (int i = 0; i < 5; i++) {
		strcat(strcat(text, ours), i == 2 ? other : "Subject: x\r\n");
		strcat(want, i == 2 ? other : "Subject: x\r\n");
	}
	read_every_cut(&r, span_of_text(text), 0);
	assert_out(&r, want);
	assert_int_equal(r.h.n_removed, 5);
	assert_int_equal(r.h.count[HEADER_AUTHENTICATION_RESULTS], 6);
}

/* Blanks before the colon, a comment or a fold without end do not push a forged field through the hold. */
static void what_stays_undecided_goes(void **unused)
{
	static const struct {
		const char *before, *fill, *after;
	} rows[] = {
		{ "Authentication-Results:", " ", "mx.example.org; spf=pass\r\n" },
		{ "Authentication-Results", " ", ": mx.example.org; spf=pass\r\n" },
		{ "Authentication-Results", "\r\n ", ": mx.example.org; spf=pass\r\n" },
		{ "Authentication-Results:", "\r\n ", "mx.example.org; spf=pass\r\n" },
		{ "Authentication-Results:", "(", "mx.example.org; spf=pass\r\n more\r\n" },
		{ "Authentication-Results: (", "a", ") mx.example.org; spf=pass\r\n" },
		{ "Authentication-Results: \"", "a", "\"; spf=pass\r\n" },
		{ "Authentication-Results: (", "\\(", ") mx.example.org; spf=pass\r\n" },
	};
	static struct result r;

	(void)unused;
	for (size_t i = 0; i < N_OF(rows); i++) {
		char text[4096];
		size_t len = 0;

		len += (size_t)sprintf(text, "From: a\r\n%s", rows[i].before);
		while (len < HEADER_HOLD_MAX + 100)
			len += (size_t)sprintf(text + len, "%s", rows[i].fill);
		len += (size_t)sprintf(text + len, "%sTo: b\r\n\r\n", rows[i].after);
		read_every_cut(&r, span_of(text, len), 0);
		assert_out(&r, "From: a\r\nTo: b\r\n\r\n");
		assert_int_equal(r.h.n_removed, 1);
	}
}

static void a_long_name_with_blanks_passes(void **unused)
{
	static struct result r;
	char text[4096];
	size_t len = (size_t)sprintf(text, "X-Other");

	(void)unused;
	memset(text + len, ' ', HEADER_HOLD_MAX + 100);
	len += HEADER_HOLD_MAX + 100;
	len += (size_t)sprintf(text + len, ": a\r\n\r\n");
	read_every_cut(&r, span_of(text, len), 0);
	assert_int_equal(r.len, len);
	assert_int_equal(r.h.n_fields, 1);
}

static void fields_named_by_the_rules_are_taken_out(void **unused)
{
	static struct result r;

	(void)unused;
	read_every_cut(&r, span_of_text("To: a\r\nBcc: b,\r\n c\r\nbcc : d\r\nResent-Bcc:e\r\nBcc-X: f\r\nCc: g\r\nBcc: h"),
	    HEADER_SET(HEADER_BCC) | HEADER_SET(HEADER_RESENT_BCC));
	assert_out(&r, "To: a\r\nBcc-X: f\r\nCc: g\r\n");
	assert_int_equal(r.h.n_removed, 4);
	assert_int_equal(r.h.count[HEADER_BCC], 3);
}

static void values_are_told_unfolded(void **unused)
{
	static const struct {
		const char *text, *told;
	} rows[] = {
		{ "Message-ID: <a@b>\r\n\r\n", "4=<a@b>|" },
		{ "Message-ID:\r\n\t<a@b>  \r\n\r\n", "4=<a@b>|" },
		{ "Subject: one\r\n two\r\nSubject:\r\n", "10=one two||10=|" },
		{ "Bcc: x\r\nX: y\r\n", "7=x|0=y|" },
		{ "Authentication-Results: (c) other; a\r\n b\r\n", "11=(c) other; a b|" },
		{ "Authentication-Results: mx.example.org; a\r\n b\r\n", "11=mx.example.org; a b|" },
		{ "Subject: cut off", "10=cut off|" },
	};
	static struct result r;

	(void)unused;
	for (size_t i = 0; i < N_OF(rows); i++) {
		char want[128] = "";

		/* "||" in a row stands for the end of one value and the next. */
		for (const char *at = rows[i].told; *at; at++)
			if (at[0] != '|' || at[1] != '|')
				strncat(want, at, 1);
		read_every_cut(&r, span_of_text(rows[i].text), HEADER_SET(HEADER_BCC));
		assert_string_equal(r.told.text, want);
	}
}

static void a_long_value_is_told_cut(void **unused)
{
	static struct result r;
	char text[2000];

	(void)unused;
	memset(text, 'a', sizeof(text));
	memcpy(text, "Subject:", 8);
	read_every_cut(&r, span_of(text, sizeof(text)), 0);
	assert_int_equal(r.told.len, 3 + HEADER_VALUE_MAX + 1);
	assert_int_equal(r.told.text[r.told.len - 1], '~');
}

static void blanks_hide_no_end_of_a_value(void **unused)
{
	static struct result r;
	char text[2000];

	(void)unused;
	memset(text, ' ', sizeof(text));
	memcpy(text, "From: a", 7);
	read_every_cut(&r, span_of(text, sizeof(text)), 0);
	assert_string_equal(r.told.text, "2=a|");
	text[sizeof(text) - 1] = 'b';
	read_every_cut(&r, span_of(text, sizeof(text)), 0);
	assert_string_equal(r.told.text, "2=a~");
	memcpy(text + 1000, "\r\n", 2);
	read_every_cut(&r, span_of(text, sizeof(text)), 0);
	assert_string_equal(r.told.text, "2=a~");
	memcpy(text + 1000, "\r\nTo:", 5);	/* of that field nothing was cut */
	read_every_cut(&r, span_of(text, sizeof(text)), 0);
	assert_string_equal(r.told.text, "2=a|0=b|");
}

static void limits_are_noted_at_their_byte(void **unused)
{
	static struct result r;
	const struct span text = SPAN("A: b\r\nC: d\r\nE: f\r\n\r\nbody that does not count");
	struct header_rules rules = rules_of(&r, 0);

	(void)unused;
	for (size_t max = 1; max < 30; max++) {
		rules.max_size = max;
		rules.max_fields = (unsigned)max;
		read_in(&r, &rules, text, max, 3);
		assert_int_equal((r.h.faults & HEADER_TOO_LARGE) != 0, max < 20);
		assert_int_equal((r.h.faults & HEADER_TOO_MANY) != 0, max < 3);
		assert_int_equal(r.h.size, 20);
	}
	rules.max_fields = 1;
	rules.max_size = 0;
	read_in(&r, &rules, SPAN("A-Name-Longer-Than-All-That-Matter: b\r\nAnother-Name-Longer-Than-All-That-Matter: b\r\n"), 0, 7);
	assert_int_equal(r.h.faults, HEADER_TOO_MANY);
}

/* A first line that begins with a blank would go on in the field that is put in front of it. */
static void nothing_goes_on_in_the_field_put_in_front(void **unused)
{
	static struct result r;

	(void)unused;
	read_every_cut(&r, SPAN(" (forged)\r\nAuthentication-Results: mx.example.org; spf=pass\r\n\r\nbody"), 0);
	assert_out(&r, "\r\n (forged)\r\nAuthentication-Results: mx.example.org; spf=pass\r\n\r\nbody");
	assert_true(r.h.ended);
	assert_int_equal(r.h.n_fields, 0);
	read_every_cut(&r, SPAN("\t\r\n"), 0);
	assert_out(&r, "\r\n\t\r\n");
}

static void no_one_hides_behind_a_line_that_is_no_field(void **unused)
{
	static struct result r;

	(void)unused;
	read_every_cut(&r, SPAN("From: a\r\nnot a field\r\nAuthentication-Results: mx.example.org; x\r\n :\r\nReceived: b\r\n\r\n"), 0);
	assert_out(&r, "From: a\r\nnot a field\r\nReceived: b\r\n\r\n");
	assert_int_equal(r.h.count[HEADER_RECEIVED], 1);
}

static void nul_cuts_nothing(void **unused)
{
	static struct result r;

	(void)unused;
	read_every_cut(&r, SPAN("Subject: a\0b\r\nAuthentication-Results: \0mx.example.org; x\r\nX\0: y\r\nReceived: z\r\n\r\n\0"), 0);
	assert_int_equal(r.h.count[HEADER_RECEIVED], 1);
	assert_true(r.h.ended);
	assert_memory_equal(r.out, "Subject: a\0b\r\n", 14);
}

/* ---- time ------------------------------------------------------------------------ */

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seconds that n times `unit` between before and after take, in pieces of 4 KiB; the least of three. */
static double time_of(const char *before, const char *unit, size_t n, const char *after)
{
	struct header_rules rules = { .own_id = OUR_ID };
	size_t one = strlen(unit), len = strlen(before) + n * one + strlen(after), at = strlen(before);
	char *text = mem_resize(NULL, len + 1);
	static struct header h;
	double least = 1e9;

	memcpy(text, before, at);
	for (size_t i = 0; i < n; i++, at += one)
		memcpy(text + at, unit, one);
	memcpy(text + at, after, strlen(after) + 1);
	for (int i = 0; i < 3; i++) {
		double began = seconds(), took;
		struct span rest = span_of(text, len), out;

		header_init(&h, &rules);
		while (rest.len) {
			struct span in = span_first(rest, 4096);

			rest = span_from(rest, in.len);
			while (header_take(&h, &in, &out) == HEADER_PART)
				;
		}
		(void)header_close(&h);
		took = seconds() - began;
		least = took < least ? took : least;
	}
	mem_free(text);
	return least;
}

static void time_is_linear_in_every_attack(void **unused)
{
	static const struct {
		const char *before, *unit, *after;
	} rows[] = {
		{ "Subject: ", "aaaaaaaaaa", "\r\n\r\n" },		/* a line of 1 MB */
		{ "", "aaaaaaaaaa", "\r\n\r\n" },			/* a name of 1 MB */
		{ "", "Subj: a\r\n", "\r\n" },				/* 100,000 fields */
		{ "Subject: a\r\n", " a\r\n", "\r\n" },			/* 100,000 folds */
		{ "Authentication-Results:\r\n", " \r\n", "\r\n" },
		{ "Authentication-Results\r\n", " \r\n", "\r\n" },
		{ "Authentication-Results: ", "(", "\r\n\r\n" },	/* 100,000 ( */
		{ "", "Authentication-Results: ((((((((\r\n", "\r\n" },
		{ "", "Authentication-Results: mx.example.org\r\n", "\r\n" },
		{ "", "A                                                                                                      \r\n", "\r\n" },
		{ "A", "                    ", ": b\r\n\r\n" },
	};

	(void)unused;
	for (size_t i = 0; i < N_OF(rows); i++) {
		double some = time_of(rows[i].before, rows[i].unit, 25000, rows[i].after);
		double more = time_of(rows[i].before, rows[i].unit, 100000, rows[i].after);

		/* Four times as much: far from the sixteen of a square. What is that short is not measured. */
		if (more > 0.02 && more > 9 * some)
			fail_msg("row %zu: %.4f s, four times as much %.4f s", i, some, more);
		assert_true(more < 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_a_header_is_counted),
		cmocka_unit_test(results_under_our_name_are_taken_out),
		cmocka_unit_test(results_of_others_are_kept_byte_for_byte),
		cmocka_unit_test(five_forged_ones_leave_nothing),
		cmocka_unit_test(what_stays_undecided_goes),
		cmocka_unit_test(a_long_name_with_blanks_passes),
		cmocka_unit_test(fields_named_by_the_rules_are_taken_out),
		cmocka_unit_test(values_are_told_unfolded),
		cmocka_unit_test(a_long_value_is_told_cut), cmocka_unit_test(blanks_hide_no_end_of_a_value),
		cmocka_unit_test(limits_are_noted_at_their_byte),
		cmocka_unit_test(nothing_goes_on_in_the_field_put_in_front),
		cmocka_unit_test(no_one_hides_behind_a_line_that_is_no_field),
		cmocka_unit_test(nul_cuts_nothing),
		cmocka_unit_test(time_is_linear_in_every_attack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
