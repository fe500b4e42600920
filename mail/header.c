#include "mail/header.h"

#include <string.h>

#include "base/text.h"

/* A field is kept back from its first byte until it is known whether it
 * passes: after its name, or, of Authentication-Results, after the
 * authserv-id. What is kept back is copied only where the input ends
 * meanwhile. */
enum state {
	MESSAGE_START,
	LINE_START,		/* behind a CRLF, or at the beginning */
	LINE_START_CR,		/* and a CR: the empty line, if LF follows */
	IN_NAME,		/* kept back: a name, and blanks and folds up to its colon */
	IN_ID,			/* kept back: between the colon and the end of the authserv-id */
	IN_FIELD,		/* passes, to the end of the line */
	IN_DROPPED		/* goes, to the end of the line */
};

static const struct span names[N_HEADER_NAMES] = {
	[HEADER_OTHER] = { "", 0 }, [HEADER_RECEIVED] = { "Received", 8 }, [HEADER_FROM] = { "From", 4 }, [HEADER_DATE] = { "Date", 4 },
	[HEADER_MESSAGE_ID] = { "Message-ID", 10 }, [HEADER_DELIVERED_TO] = { "Delivered-To", 12 },
	[HEADER_RETURN_PATH] = { "Return-Path", 11 }, [HEADER_BCC] = { "Bcc", 3 }, [HEADER_RESENT_BCC] = { "Resent-Bcc", 10 },
	[HEADER_SENDER] = { "Sender", 6 }, [HEADER_SUBJECT] = { "Subject", 7 },
	[HEADER_AUTHENTICATION_RESULTS] = { "Authentication-Results", 22 }, [HEADER_AUTO_SUBMITTED] = { "Auto-Submitted", 14 },
};

#define NAME_LONGEST 22

void header_init(struct header *h, const struct header_rules *rules)
{
	memset(h, 0, offsetof(struct header, hold));
	h->rules = rules;
	h->state = MESSAGE_START;
	h->before = IN_FIELD;
}

static enum header_name name_of(struct span word)
{
	for (enum header_name n = HEADER_RECEIVED; n < N_HEADER_NAMES; n++)
		if (span_eq_nocase(word, names[n]))
			return n;
	return HEADER_OTHER;
}

/* The field that ended is told of. */
static void tell(struct header *h)
{
	if (h->telling)
		h->rules->on_field(h->rules->owner, h->name, span_trim(span_of(h->value, h->value_len)), h->is_cut);
	h->telling = h->is_cut = false;
	h->value_len = 0;
}

static void keep_value(struct header *h, struct span s)
{
	for (size_t i = 0; h->telling && !h->is_cut && i < s.len; i++) {
		if (s.at[i] == '\r' || s.at[i] == '\n')
			continue;
		if (h->value_len < sizeof(h->value))
			h->value[h->value_len++] = s.at[i];
		else
			h->is_cut = !text_is_blank(s.at[i]);
	}
}

static enum state drop_field(struct header *h)
{
	h->n_removed++;
	return IN_DROPPED;
}

static void count_field(struct header *h, enum header_name name)
{
	const struct header_rules *rules = h->rules;

	h->name = name;
	h->count[name]++;
	h->n_fields++;
	if (rules->max_fields && h->n_fields > rules->max_fields)
		h->faults |= HEADER_TOO_MANY;
	h->telling = rules->on_field && (rules->tell & HEADER_SET(name));
}

/* Without what stands before the colon. */
static struct span name_trim(struct span name)
{
	while (name.len > 0 && (text_is_blank(name.at[name.len - 1]) || name.at[name.len - 1] == '\r' || name.at[name.len - 1] == '\n'))
		name.len--;
	return name;
}

/* The name is whole: its colon was seen, or so many blanks that nothing more is waited for. */
static enum state begin_value(struct header *h, struct span name)
{
	const struct header_rules *rules = h->rules;

	count_field(h, name_of(name_trim(name)));
	if (rules->remove & HEADER_SET(h->name))
		return drop_field(h);
	if (h->name != HEADER_AUTHENTICATION_RESULTS || !rules->own_id.len)
		return IN_FIELD;
	if (name.len + 1 == sizeof(h->hold))
		return drop_field(h);
	h->id_len = 0;
	h->depth = 0;
	h->escaped = h->quoted = false;
	return IN_ID;
}

static enum state not_a_field(struct header *h)
{
	h->name = HEADER_OTHER;
	return IN_FIELD;
}

/* One more byte of a name; field: all from its first byte to this one. Blanks may stand between name and colon alone (RFC 5322 4.5);
 * it has no folds there, but some programs that show a message join such lines. */
static enum state step_name(struct header *h, struct span field)
{
	char c = field.at[field.len - 1];
	struct span name = span_first(field, field.len - 1);
	char last = name.len ? name.at[name.len - 1] : '\0';

	if (c == ':')
		return name.len ? begin_value(h, name) : not_a_field(h);
	if (text_is_blank(c) || c == '\r' || (c == '\n' && last == '\r'))
		return field.len < sizeof(h->hold) ? IN_NAME : begin_value(h, name);
	if ((unsigned char)c < 0x20 || text_is_blank(last))
		return not_a_field(h);
	if (field.len <= NAME_LONGEST)
		return IN_NAME;
	/* Longer than all that matter: it passes, its colon is looked for on the way. */
	h->colon_due = true;
	h->name = HEADER_OTHER;
	return IN_FIELD;
}

/* authserv-id = value (RFC 8601 2.2), a token or a quoted string (RFC 2045 5.1). */
static bool is_token(char c)
{
	return (unsigned char)c > 0x20 && c != 0x7f && !strchr("()<>@,;:\\\"/[]?=", c);
}

static void match_id(struct header *h, char c)
{
	struct span own = h->rules->own_id;

	/* A dot at the end names the same host. Beyond own.len: does not match. */
	if (c == '.' && h->id_len == own.len)
		return;
	if (h->id_len < own.len && text_lower(own.at[h->id_len]) == text_lower(c))
		h->id_len++;
	else
		h->id_len = own.len + 1;
}

static enum state end_id(struct header *h)
{
	return h->id_len == h->rules->own_id.len || h->id_len == 0 ? drop_field(h) : IN_FIELD;
}

static enum state step_comment(struct header *h, char c)
{
	if (h->escaped)
		h->escaped = false;
	else if (c == '\\')
		h->escaped = true;
	else if (c == '(')
		h->depth++;
	else if (c == ')')
		h->depth--;
	return IN_ID;
}

static enum state step_quoted(struct header *h, char c)
{
	if (!h->escaped && c == '\\') {
		h->escaped = true;
		return IN_ID;
	}
	if (!h->escaped && c == '"')
		return end_id(h);
	h->escaped = false;
	if (c != '\r' && c != '\n')
		match_id(h, c);
	return IN_ID;
}

/* One more byte behind the colon. Whatever leaves it undecided makes the
 * field go: nobody needs one that is so written, but who forges. */
static enum state step_id(struct header *h, struct span field)
{
	char c = field.at[field.len - 1];

	keep_value(h, span_of(&c, 1));
	if (field.len == sizeof(h->hold))
		return drop_field(h);
	if (h->depth)
		return step_comment(h, c);
	if (h->quoted)
		return step_quoted(h, c);
	if (is_token(c)) {
		match_id(h, c);
		return IN_ID;
	}
	if (h->id_len)
		return end_id(h);
	if (c == '(')
		h->depth = 1;
	else if (c == '"')
		h->quoted = true;
	else if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
		return drop_field(h);
	return IN_ID;
}

/* ---- reading ---------------------------------------------------------------- */

struct passage {
	const char *at, *end;	/* what is left of the input */
	const char *pass;	/* what passes begins here and ends at `kept`, or at `at` */
	const char *kept;	/* the field kept back begins here; NULL: there is none, or it is in h->hold */
};

static struct span between(const char *from, const char *to)
{
	return span_of(from, (size_t)(to - from));
}

/* A blank at the beginning would go on in the field that is put in front: the message has no header. */
static struct span step_message_start(struct header *h, const struct passage *p)
{
	h->state = LINE_START;
	h->ended = text_is_blank(*p->at);
	return h->ended ? SPAN("\r\n") : SPAN_NONE;
}

/* At a line's first byte: does the field go on or end? True when it was kept back to its end, undecided: it goes. */
static bool step_line_start(struct header *h, struct passage *p)
{
	bool undecided = h->before == IN_ID;
	char c = *p->at;

	if (text_is_blank(c)) {
		h->state = h->before;
		return false;
	}
	tell(h);
	if (undecided) {
		h->before = (unsigned char)drop_field(h);
		return true;
	}
	if (c == '\r') {
		h->state = LINE_START_CR;
		p->at++;
		return false;
	}
	h->state = IN_NAME;
	p->kept = p->at;
	return false;
}

static void step_line_start_cr(struct header *h, struct passage *p)
{
	if (*p->at != '\n') {
		h->state = (unsigned char)not_a_field(h);
		return;
	}
	p->at++;
	h->ended = true;
}

static void end_line(struct header *h)
{
	h->before = h->state;
	h->state = LINE_START;
}

/* What of a piece belongs to the value: of a field with a long name, what is behind the colon that comes yet. */
static struct span value_in(struct header *h, struct span s, bool line_ends)
{
	if (!h->colon_due)
		return s;
	h->colon_due = !line_ends;
	if (span_find(s, ':') < s.len) {
		h->colon_due = false;
		count_field(h, HEADER_OTHER);
	}
	return span_from(s, span_find(s, ':') + 1);
}

/* The rest of a line that passes or goes. */
static void skip_line(struct header *h, struct passage *p)
{
	const char *lf = memchr(p->at, '\n', (size_t)(p->end - p->at));
	const char *to = lf ? lf + 1 : p->end;

	keep_value(h, value_in(h, between(p->at, to), lf));
	p->at = to;
	if (h->state == IN_DROPPED)
		p->pass = to;
	if (lf)
		end_line(h);
}

/* One more byte of what is kept back. */
static void step_kept(struct header *h, struct passage *p)
{
	char c = *p->at++;
	struct span field;

	if (p->kept) {
		field = between(p->kept, p->at);
	} else {
		h->hold[h->hold_len++] = c;
		field = span_of(h->hold, h->hold_len);
		p->pass = p->at;
	}
	h->state = (unsigned char)(h->state == IN_NAME ? step_name(h, field) : step_id(h, field));
}

/* Gives what passes before the field that goes; the field is forgotten. */
static struct span forget_kept(struct header *h, struct passage *p)
{
	struct span before = p->kept ? between(p->pass, p->kept) : SPAN_NONE;

	h->hold_len = 0;
	p->kept = NULL;
	p->pass = p->at;
	return before;
}

static struct span pass_kept(struct header *h, struct passage *p)
{
	struct span held = span_of(h->hold, h->hold_len);

	h->hold_len = 0;
	p->kept = NULL;
	return held;
}

/* One step; what it returns, if not empty, passes at once. */
static struct span step(struct header *h, struct passage *p)
{
	struct span out = SPAN_NONE;

	switch ((enum state)h->state) {
	case MESSAGE_START:
		return step_message_start(h, p);
	case LINE_START:
		if (h->before == IN_NAME && !text_is_blank(*p->at)) {
			h->before = (unsigned char)not_a_field(h);
			return pass_kept(h, p);
		}
		return step_line_start(h, p) ? forget_kept(h, p) : out;
	case LINE_START_CR:
		step_line_start_cr(h, p);
		return out;
	case IN_FIELD:
	case IN_DROPPED:
		skip_line(h, p);
		return out;
	case IN_NAME:
	case IN_ID:
		break;
	}
	step_kept(h, p);
	if (h->state == IN_DROPPED)
		out = forget_kept(h, p);
	else if (h->state == IN_FIELD)
		out = pass_kept(h, p);
	if (p->at[-1] == '\n')
		end_line(h);
	return out;
}

/* The input has ended: what is kept back moves to the hold, the rest passes. */
static struct span pass_rest(struct header *h, struct passage *p)
{
	struct span rest = between(p->pass, p->kept ? p->kept : p->at), kept;

	if (!p->kept)
		return rest;
	kept = between(p->kept, p->at);
	memcpy(h->hold, kept.at, kept.len);
	h->hold_len = kept.len;
	return rest;
}

static void count_bytes(struct header *h, struct span s)
{
	h->size += s.len;
	if (h->rules->max_size && h->size > h->rules->max_size)
		h->faults |= HEADER_TOO_LARGE;
	if (!text_is_ascii(s))
		h->faults |= HEADER_8BIT;
}

static enum header_step pass_body(struct span *in, struct span *out)
{
	*out = *in;
	*in = span_from(*in, in->len);
	return out->len ? HEADER_PART : HEADER_MORE;
}

enum header_step header_take(struct header *h, struct span *in, struct span *out)
{
	struct passage p = { in->at, in->at + in->len, in->at, NULL };
	struct span passes = SPAN_NONE;

	if (h->ended)
		return pass_body(in, out);
	while (p.at < p.end && !h->ended && !passes.len)
		passes = step(h, &p);
	count_bytes(h, between(in->at, p.at));
	if (!passes.len)
		passes = pass_rest(h, &p);
	*in = between(p.at, p.end);
	*out = passes;
	if (passes.len)
		return HEADER_PART;
	return pass_body(in, out);	/* something is left only behind the header's end */
}

struct span header_held(const struct header *h)
{
	return span_of(h->hold, h->hold_len);
}

struct span header_close(struct header *h)
{
	struct span held = span_of(h->hold, h->hold_len);
	bool undecided = h->state == IN_ID || (h->state == LINE_START && h->before == IN_ID);

	tell(h);
	if (undecided)
		h->n_removed++;
	h->hold_len = 0;
	return undecided ? SPAN_NONE : held;
}
