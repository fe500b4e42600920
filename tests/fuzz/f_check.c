/* A whole check: any message in any pieces, by any modes, with a DNS that the input makes. It ends after few rounds and questions and
 * before its time, with the same verdict and fields however the bytes came, and all that it says is well-formed.
 *
 * Three parts with a byte 1 between: four bytes of choices and the sender; the message; lines "NAME|TEXT", the TXT records. Other
 * names get what their letters choose. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "verify/check.h"
#include "verify/dkim.h"

#define INPUT_MAX     6000
#define ROUNDS_MAX    60
#define QUESTIONS_MAX 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	unsigned char choice[4];	/* modes; client and more; pieces; the DNS */
	struct span sender, message, zone;
};

struct outcome {
	unsigned code;
	struct buf text;	/* all that is said to others */
};

static struct check_house house;
static struct settings *set;

static void set_up(void)
{
	if (house.dkim)
		return;
	set = settings_new();
	set->top.hostname = settings_text(set, SPAN("mx.example.test"));
	set->verify.max_questions = QUESTIONS_MAX;
	set->verify.max_header = 4096;
	set->verify.max_fields = 50;
	house = (struct check_house){ set, dkim_house_new() };
}

static bool read_input(struct span all, struct input *in)
{
	struct span options = span_cut(&all, 1);

	if (options.len < sizeof(in->choice))
		return false;
	memcpy(in->choice, options.at, sizeof(in->choice));
	in->sender = span_from(options, sizeof(in->choice));
	in->message = span_cut(&all, 1);
	in->zone = all;
	return in->sender.len <= 320 && !memchr(in->sender.at, 0, in->sender.len);
}

/* ---- the DNS ------------------------------------------------------------------------------------ */

static unsigned letters(const struct facts_question *q, unsigned seed)
{
	unsigned h = 2166136261U ^ seed ^ (unsigned)q->type;

	for (size_t i = 0; i < q->name.len; i++)
		h = (h ^ (unsigned char)q->name.at[i]) * 16777619U;
	return h >> 8;
}

static bool answer_from_zone(struct facts *f, const struct facts_question *q, struct span zone)
{
	bool any = false;

	while (q->type == RECORD_TXT && zone.len > 0) {
		struct span text = span_cut(&zone, '\n'), name = span_cut(&text, '|');

		if (!span_eq_nocase(name, q->name))
			continue;
		facts_record(f, q->number, text);
		any = true;
	}
	if (any)
		facts_answer(f, q->number, RESOLVED, false);
	return any;
}

static struct span record_of(enum wire_record type)
{
	static const char address[16] = { (char)192, 0, 2, 1 };

	switch (type) {
	case RECORD_A: return span_of(address, 4);
	case RECORD_AAAA: return span_of(address, 16);
	case RECORD_MX: return span_of("\0\12mx.d0.example", 15);
	case RECORD_PTR: return SPAN("mx.d0.example");
	default: return SPAN("v=spf1 a mx -all");
	}
}

/* False: it will never be answered. */
static bool answer(struct facts *f, const struct facts_question *q, const struct input *in)
{
	static const enum wire_resolve results[] = { RESOLVED, RESOLVED, RESOLVED, RESOLVE_NO_NAME, RESOLVE_NO_NAME, RESOLVE_NO_DATA, RESOLVE_TEMPORARY,
		RESOLVE_REFUSED };
	unsigned chosen = letters(q, in->choice[3]) % 9;

	BUG_ON(q->name.len == 0 || q->name.len > FACTS_NAME_MAX);
	if (answer_from_zone(f, q, in->zone))
		return true;
	if (chosen == 8 && in->choice[3] & 1)
		return false;
	if (chosen < 3)
		facts_record(f, q->number, record_of(q->type));
	facts_answer(f, q->number, results[chosen % 8], false);
	return true;
}

/* ---- what is said --------------------------------------------------------------------------------- */

static bool is_field_start(struct span line)
{
	size_t colon = span_find(line, ':');

	for (size_t i = 0; i < colon; i++)
		if (line.at[i] <= ' ' || line.at[i] > '~')
			return false;
	return colon > 0 && colon < line.len;
}

static void check_fields(struct span fields)
{
	bool is_first = true;

	BUG_ON(fields.len == 0);
	while (fields.len > 0) {
		struct span line = span_cut(&fields, '\n');

		BUG_ON(line.len < 3 || line.len > 998 || line.at[line.len - 1] != '\r');
		line.len--;
		BUG_ON(line.at[0] == '\t' ? is_first : !is_field_start(line));
		line = span_from(line, line.at[0] == '\t');
		BUG_ON(!text_is_utf8(line) || memchr(line.at, '\r', line.len) || span_trim(line).len == 0);
		for (size_t i = 0; i < line.len; i++)
			BUG_ON((unsigned char)line.at[i] < ' ' || line.at[i] == 0x7f);
		is_first = false;
	}
}

static void check_row(void *arg, const struct check_row *row)
{
	struct outcome *o = arg;
	struct span detail = row->detail;

	BUG_ON(memchr(row->why.at, '\n', row->why.len) || memchr(row->about.at, '\n', row->about.len));
	while (detail.len > 0) {
		struct span word = span_cut(&detail, ' ');

		BUG_ON(span_find(word, '=') == word.len);
	}
	(void)buf_printf(&o->text, "%s %s %.*s %.*s %.*s\n", row->method, row->result, SPAN_ARG(row->about), SPAN_ARG(row->detail), SPAN_ARG(row->why));
}

static void check_said(struct check *c, struct outcome *o)
{
	const struct check_told *told = check_told(c);
	struct event_view view;
	struct event ev;
	struct span tale = check_tale(c);

	BUG_ON(told->code != 0 && told->code != 451 && told->code != 550);
	BUG_ON((told->code == 0) != (told->words.len == 0) && told->quarantine.len == 0);
	BUG_ON(told->code && told->quarantine.len > 0);
	BUG_ON(!text_is_printable(told->words) || told->words.len > 400 || !text_is_printable(told->quarantine));
	check_fields(told->fields);
	for (size_t i = 0; i < tale.len; i++)
		BUG_ON((unsigned char)tale.at[i] < ' ' && tale.at[i] != '\n');
	check_event(c, &ev, 1800000000000);
	BUG_ON(event_view(event_bytes(&ev), &view) != PR_OK);
	o->code = told->code;
	(void)buf_add(&o->text, told->words);
	(void)buf_add(&o->text, told->quarantine);
	(void)buf_add(&o->text, told->fields);
	check_each_row(c, check_row, o);
}

/* ---- a check ---------------------------------------------------------------------------------------- */

static struct check_ask ask_of(const struct input *in)
{
	static const char client[16] = { (char)192, 0, 2, 1 };
	static const size_t sizes[] = { 4, 16, 0, 4 };
	struct check_ask ask = { .spf = CHECKS_OFF + in->choice[0] % 3, .dkim = CHECKS_OFF + in->choice[0] / 3 % 3, .dmarc = CHECKS_OFF + in->choice[0] / 9 % 3,
		.received_spf = in->choice[1] & 1, .tells = in->choice[1] & 2, .helo = in->choice[1] & 4 ? SPAN("d0.example") : in->sender, .sender = in->sender };

	ask.client = span_of(client, sizes[in->choice[1] >> 3 & 3]);
	return ask;
}

static void run(const struct input *in, size_t piece, struct outcome *o)
{
	struct check_ask ask = ask_of(in);
	struct instant now = { .mono_ms = 5000, .wall_ms = 1800000000000 };
	struct check *c = check_new(&house, &ask, now);
	struct span rest = in->message;
	unsigned rounds = 0;

	BUG_ON(check_go_on(c, now));
	for (; rest.len > 0; rest = span_from(rest, piece))
		check_part(c, span_first(rest, piece));
	check_end(c, now);
	while (!check_go_on(c, now)) {
		struct facts_question q;
		bool any = false;

		BUG_ON(now.mono_ms >= check_due(c) || ++rounds > ROUNDS_MAX);
		while (facts_next(check_facts(c), &q))
			any |= answer(check_facts(c), &q, in);
		if (!any)
			now.mono_ms = check_due(c);
	}
	BUG_ON(facts_asked(check_facts(c)) > QUESTIONS_MAX);
	buf_init(&o->text, 1 << 20);
	check_said(c, o);
	check_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, pieces;
	struct input in;

	set_up();
	if (size > INPUT_MAX || !read_input(span_of((const char *)data, size), &in))
		return 0;
	run(&in, SIZE_MAX, &whole);
	run(&in, 1 + in.choice[2] % 64U, &pieces);
	BUG_ON(whole.code != pieces.code || !span_eq(buf_span(&whole.text), buf_span(&pieces.text)));
	buf_fini(&whole.text);
	buf_fini(&pieces.text);
	return 0;
}
