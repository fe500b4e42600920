#include "wire/filter.h"

#include "base/clock.h"
#include "base/quantity.h"
#include "base/text.h"

static const struct quantity_unit AGES[] = {
	{ SPAN("s"), SECONDS(1) }, { SPAN("min"), MINUTES(1) }, { SPAN("h"), HOURS(1) }, { SPAN("d"), HOURS(24) }, { SPAN(""), 0 },
};
static const struct quantity_unit COUNTS[] = { { SPAN(""), 1 }, { SPAN(""), 0 } };

static const char *const STATES[] = {
	[STATE_DUE] = "due", [STATE_WAITING] = "waiting", [STATE_FLYING] = "flying", [STATE_HELD] = "held",
	[STATE_DELIVERED] = "delivered", [STATE_FAILED] = "failed", [STATE_EXPANDED] = "expanded",
};
#define N_STATES (sizeof(STATES) / sizeof(STATES[0]))

static const struct word {
	const char *name;
	enum filter_field field;
	const struct quantity_unit *units;	/* of those that are compared */
	const char *help;
} WORDS[] = {
	{ "to", FILTER_TO, NULL, "to:*@example.net" },
	{ "from", FILTER_FROM, NULL, "from:anna@example.org" },
	{ "reason", FILTER_REASON, NULL, "reason:greylist" },
	{ "id", FILTER_ID, NULL, "id:01JD4Z7Q" },
	{ "state", FILTER_STATE, NULL, "state:held" },
	{ "age", FILTER_AGE, AGES, "age>2h" },
	{ "size", FILTER_SIZE, QUANTITY_SIZES, "size>1MB" },
	{ "tries", FILTER_TRIES, COUNTS, "tries>=3" },
};
#define N_WORDS (sizeof(WORDS) / sizeof(WORDS[0]))

const char *filter_state_text(enum wire_state state)
{
	return (unsigned)state < N_STATES ? STATES[state] : "unknown";
}

/* ---- reading ------------------------------------------------------------- */

static enum pr_err bad(struct buf *why, struct span term, const char *words)
{
	(void)buf_add_char(why, '`');
	text_add_escaped(why, term);
	(void)buf_printf(why, "` %s", words);
	return PR_BAD;
}

/* The term at the front, up to a blank outside quotes. */
static struct span take_term(struct span *rest)
{
	bool is_quoted = false;
	struct span term;
	size_t n = 0;

	while (rest->len && (rest->at[0] == ' ' || rest->at[0] == '\t'))
		*rest = span_from(*rest, 1);
	for (; n < rest->len && (is_quoted || (rest->at[n] != ' ' && rest->at[n] != '\t')); n++)
		if (rest->at[n] == '"')
			is_quoted = !is_quoted;
	term = span_first(*rest, n);
	*rest = span_from(*rest, n);
	return term;
}

/* Crockford's letters as ids are written: upper case, I and L read as 1, O as 0. */
static bool read_letters(struct span text, char out[ID_TEXT_LEN + 1])
{
	if (text.len < FILTER_ID_LEAST || text.len > ID_TEXT_LEN)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text_upper(text.at[i]);

		if (c == 'U' || (!text_is_digit(c) && !text_is_alpha(c)))
			return false;
		out[i] = c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
	}
	out[text.len] = '\0';
	return true;
}

static enum pr_err read_state(struct span text, int64_t *out)
{
	for (size_t i = 0; i < N_STATES; i++)
		if (span_eq(text, span_of_text(STATES[i]))) {
			*out = (int64_t)i;
			return PR_OK;
		}
	return PR_BAD;
}

static enum pr_err read_pattern(struct span text, struct span *out)
{
	if (text.len && text.at[0] == '"') {
		if (text.len < 2 || text.at[text.len - 1] != '"')
			return PR_BAD;
		text = span_of(text.at + 1, text.len - 2);
	}
	if (text.len == 0 || memchr(text.at, '"', text.len))
		return PR_BAD;
	*out = text;
	return PR_OK;
}

/* `:` or a comparison at the front of what follows the word. */
static bool take_operator(struct span *text, enum filter_op *op)
{
	char c = text->len ? text->at[0] : '\0';
	bool or_is = text->len > 1 && text->at[1] == '=';

	if (c == ':' || c == '=') {
		*op = FILTER_IS;
		or_is = false;
	} else if (c == '>') {
		*op = or_is ? FILTER_MORE_OR_IS : FILTER_MORE;
	} else if (c == '<') {
		*op = or_is ? FILTER_LESS_OR_IS : FILTER_LESS;
	} else {
		return false;
	}
	*text = span_from(*text, or_is ? 2 : 1);
	return true;
}

static enum pr_err read_value(const struct word *word, struct span value, struct filter_term *out)
{
	if (word->units)
		return quantity_read(value, word->units, &out->number) ? PR_OK : PR_BAD;
	if (word->field == FILTER_STATE)
		return read_state(value, &out->number);
	if (word->field == FILTER_ID)
		return read_letters(value, out->letters) ? PR_OK : PR_BAD;
	return read_pattern(value, &out->text);
}

static const struct word *word_find(struct span name)
{
	for (size_t i = 0; i < N_WORDS; i++)
		if (span_eq(name, span_of_text(WORDS[i].name)))
			return &WORDS[i];
	return NULL;
}

static enum pr_err read_term(struct span term, struct filter_term *out, struct buf *why)
{
	const struct word *word;
	struct span value;
	char colon = '\0';
	size_t n = 0;

	if (span_eq(term, SPAN("all"))) {
		out->field = FILTER_ALL;
		return PR_OK;
	}
	while (n < term.len && (text_is_alpha(term.at[n]) || term.at[n] == '_'))
		n++;
	word = word_find(span_first(term, n));
	value = span_from(term, n);
	if (value.len)
		colon = value.at[0];
	if (!word || !take_operator(&value, &out->op)) {
		out->field = FILTER_ID;
		if (read_letters(term, out->letters))
			return PR_OK;
		if (memchr(term.at, '@', term.len) && !word)
			return bad(why, term, "could be either: to:ADDRESS or from:ADDRESS");
		return bad(why, term, "is neither an id (6 to 26 letters) nor one of to: from: state: reason: id: age> size> tries>");
	}
	out->field = word->field;
	if ((colon == ':') == (word->units != NULL) || read_value(word, value, out) != PR_OK) {
		(void)bad(why, term, "can't be read; ");
		(void)buf_printf(why, "it looks like %s", word->help);
		return PR_BAD;
	}
	return PR_OK;
}

enum pr_err filter_parse(struct span text, struct filter *out, struct buf *why)
{
	*out = (struct filter){ .n = 0 };
	if (text.len > FILTER_TEXT_MAX || !text_is_utf8(text)) {
		(void)buf_add_text(why, "the filter is too long or not UTF-8");
		return PR_BAD;
	}
	for (;;) {
		struct span term = take_term(&text);

		if (!term.len)
			return PR_OK;
		if (out->n == FILTER_TERMS_MAX) {
			(void)buf_printf(why, "the filter has more than %d terms", FILTER_TERMS_MAX);
			return PR_BAD;
		}
		if (read_term(term, &out->terms[out->n], why) != PR_OK)
			return PR_BAD;
		out->n++;
	}
}

/* ---- asking -------------------------------------------------------------- */

bool filter_is_one_id(const struct filter *f, struct msg_id *id)
{
	return f->n == 1 && f->terms[0].field == FILTER_ID && id_from_text(span_of_text(f->terms[0].letters), id);
}

bool filter_needs(const struct filter *f, enum filter_field field)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->terms[i].field == field)
			return true;
	return false;
}

bool filter_has_recipient_terms(const struct filter *f)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->terms[i].field >= FILTER_TO)
			return true;
	return false;
}

/* ---- matching ------------------------------------------------------------ */

static bool compare(const struct filter_term *t, int64_t value)
{
	switch (t->op) {
	case FILTER_IS:
		return value == t->number;
	case FILTER_MORE:
		return value > t->number;
	case FILTER_MORE_OR_IS:
		return value >= t->number;
	case FILTER_LESS:
		return value < t->number;
	case FILTER_LESS_OR_IS:
		return value <= t->number;
	}
	return false;
}

/* A whole id, its beginning, or its end. */
static bool id_matches(const char *letters, const struct msg_id *id)
{
	char text[ID_TEXT_LEN + 1];
	size_t len = strlen(letters);

	id_to_text(id, text);
	return memcmp(text, letters, len) == 0 || memcmp(text + ID_TEXT_LEN - len, letters, len) == 0;
}

static bool sender_matches(struct span pattern, struct span sender)
{
	if (span_eq(pattern, SPAN("<>")))
		return sender.len == 0;
	return text_matches(pattern, sender);
}

static bool message_term_matches(const struct filter_term *t, const struct filter_message *m, int64_t now_ms)
{
	switch (t->field) {
	case FILTER_ID:
		return id_matches(t->letters, &m->id);
	case FILTER_FROM:
		return sender_matches(t->text, m->sender);
	case FILTER_AGE:
		return compare(t, now_ms - m->received_ms);
	case FILTER_SIZE:
		return compare(t, (int64_t)m->size);
	default:
		return true;
	}
}

bool filter_message_matches(const struct filter *f, const struct filter_message *m, int64_t now_ms)
{
	for (unsigned i = 0; i < f->n; i++)
		if (!message_term_matches(&f->terms[i], m, now_ms))
			return false;
	return true;
}

static bool is_pattern(struct span text)
{
	return memchr(text.at, '*', text.len) || memchr(text.at, '?', text.len);
}

static bool holds_words(struct span reason, struct span words)
{
	for (size_t i = 0; i + words.len <= reason.len; i++)
		if (span_eq_nocase(span_of(reason.at + i, words.len), words))
			return true;
	return false;
}

static bool recipient_term_matches(const struct filter_term *t, const struct filter_recipient *r)
{
	switch (t->field) {
	case FILTER_TO:
		return text_matches(t->text, r->address) || (r->original.len && text_matches(t->text, r->original));
	case FILTER_STATE:
		return (int64_t)r->state == t->number;
	case FILTER_TRIES:
		return compare(t, r->tries);
	case FILTER_REASON:
		return is_pattern(t->text) ? text_matches(t->text, r->reason) : holds_words(r->reason, t->text);
	default:
		return true;
	}
}

bool filter_recipient_matches(const struct filter *f, const struct filter_recipient *r)
{
	for (unsigned i = 0; i < f->n; i++)
		if (!recipient_term_matches(&f->terms[i], r))
			return false;
	return true;
}
