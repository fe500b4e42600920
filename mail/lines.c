#include "mail/lines.h"

#include <string.h>

#include "base/err.h"
#include "mail/masks.h"

/* Bytes looked at in one step; a bit of a mask each. */
#define STEP MASK_BYTES

enum state {
	IN_TEXT,		/* within a line */
	AFTER_CR,		/* a CR was given out; what comes decides what it was */
	AT_LINE,		/* behind CRLF, where a dot means something */
	AT_SOFT_LINE,		/* behind a bare CR or LF that was normalised: a dot is unstuffed, but ends nothing */
	AFTER_DOT,		/* CRLF and a dot, which is kept back */
	AFTER_DOT_CR		/* CRLF, a dot and a CR, which are kept back */
};

struct masks {
	uint64_t cr, lf, dot, nul, high;
};

static inline struct masks look(const char *at)
{
	return (struct masks){ mask_of(at, '\r'), mask_of(at, '\n'), mask_of(at, '.'), mask_of(at, '\0'), mask_high(at) };
}

#ifdef MASK_WIDE
MASK_WIDE static inline struct masks look_wide(const char *at)
{
	return (struct masks){ mask_of_wide(at, '\r'), mask_of_wide(at, '\n'), mask_of_wide(at, '.'), mask_of_wide(at, '\0'), mask_high_wide(at) };
}
#endif

static void init(struct lines *l, enum lines_rule rule, size_t max_line, bool dots)
{
	BUG_ON(max_line < STEP);
	*l = (struct lines){ .rule = rule, .dots = dots, .state = AT_LINE, .max_line = max_line };
}

void lines_init_data(struct lines *l, enum lines_rule rule, size_t max_line)
{
	init(l, rule, max_line, true);
}

void lines_init_chunks(struct lines *l, enum lines_rule rule, size_t max_line)
{
	init(l, rule, max_line, false);
}

/* n bytes of a run, with a bit in lf for each LF among them. */
static inline void measure_lines(struct lines *l, uint64_t lf, unsigned n)
{
	if (lf) {
		if (l->line_len + (unsigned)__builtin_ctzll(lf) > l->max_line + 1)
			l->faults |= LINES_TOO_LONG;
		l->line_len = n - 1 - (63 - (unsigned)__builtin_clzll(lf));
	} else {
		l->line_len += n;
	}
}

/* How many bytes at the front are plain text and whole CRLFs: up to a bare CR's
 * successor, a bare LF, or a dot at a line's beginning. l->state is IN_TEXT. */
MASK_INLINE size_t run_by(struct lines *l, struct span in, struct masks (*look_at)(const char *at))
{
	uint64_t cr_before = 0, lf_before = 0, nul = 0, high = 0;
	size_t done = 0;

	while (done < in.len) {
		size_t left = in.len - done;
		unsigned n = left < STEP ? (unsigned)left : STEP;
		uint64_t within = n < STEP ? (1ULL << n) - 1 : ~0ULL, events;
		char last[STEP];
		struct masks m;

		if (n < STEP) {
			memset(last, 'x', sizeof(last));
			memcpy(last, in.at + done, n);
		}
		m = look_at(n < STEP ? last : in.at + done);
		events = ((m.cr << 1 | cr_before) ^ m.lf) & within;
		if (l->dots)
			events |= m.dot & (m.lf << 1 | lf_before) & within;
		if (events) {
			n = (unsigned)__builtin_ctzll(events);
			within = (1ULL << n) - 1;
		}
		nul |= m.nul & within;
		high |= m.high & within;
		measure_lines(l, m.lf & within, n);
		done += n;
		if (events)
			break;
		cr_before = m.cr >> 63;
		lf_before = m.lf >> 63;
	}
	l->faults |= (nul ? LINES_NUL : 0) | (high ? LINES_8BIT : 0);
	if (l->line_len > l->max_line + 1)
		l->faults |= LINES_TOO_LONG;
	return done;
}

#ifdef MASK_WIDE
MASK_WIDE static size_t run_wide(struct lines *l, struct span in)
{
	return run_by(l, in, look_wide);
}
#endif

static size_t plain_run(struct lines *l, struct span in)
{
#ifdef MASK_WIDE
	if (mask_is_wide())
		return run_wide(l, in);
#endif
	return run_by(l, in, look);
}

/* After a bare CR or LF at which the line ends by our rule. */
static void begin_soft_line(struct lines *l)
{
	if (l->line_len > l->max_line)
		l->faults |= LINES_TOO_LONG;
	l->line_len = 0;
	l->state = AT_SOFT_LINE;
}

/* A CR was given out and no LF follows it: what must be given out now. */
static struct span bare_cr(struct lines *l)
{
	l->faults |= LINES_BARE_CR;
	if (l->rule == LINES_REFUSE) {
		l->state = IN_TEXT;
		return SPAN_NONE;
	}
	begin_soft_line(l);
	return SPAN("\n");
}

/* An LF at the front of *in that no CR precedes. */
static struct span bare_lf(struct lines *l, struct span *in)
{
	struct span lf = span_first(*in, 1);

	l->faults |= LINES_BARE_LF;
	*in = span_from(*in, 1);
	if (l->rule == LINES_REFUSE) {
		l->state = IN_TEXT;
		l->line_len++;
		return lf;
	}
	begin_soft_line(l);
	return SPAN("\r\n");
}

static struct span take_after_cr(struct lines *l, struct span *in)
{
	struct span lf = span_first(*in, 1);

	if (in->at[0] != '\n')
		return bare_cr(l);
	*in = span_from(*in, 1);
	if (l->line_len > l->max_line + 1)
		l->faults |= LINES_TOO_LONG;
	l->line_len = 0;
	l->state = AT_LINE;
	return lf;
}

static struct span take_at_line(struct lines *l, struct span *in)
{
	bool is_true = l->state == AT_LINE;

	l->state = IN_TEXT;
	if (l->dots && in->at[0] == '.') {
		*in = span_from(*in, 1);
		l->line_len = 1;
		l->state = is_true ? AFTER_DOT : IN_TEXT;
	}
	return SPAN_NONE;
}

static struct span take_after_dot(struct lines *l, struct span *in)
{
	if (in->at[0] == '\r') {
		*in = span_from(*in, 1);
		l->state = AFTER_DOT_CR;
	} else {
		l->state = IN_TEXT;
	}
	return SPAN_NONE;
}

/* A dot and a CR were kept back, and no LF follows: the CR is a bare one. */
static struct span give_kept_cr(struct lines *l)
{
	l->line_len++;
	l->state = AFTER_CR;
	return SPAN("\r");
}

static struct span take_text(struct lines *l, struct span *in)
{
	size_t n = plain_run(l, *in);
	struct span run = span_first(*in, n);

	if (n == 0)
		return bare_lf(l, in);
	*in = span_from(*in, n);
	if (run.at[n - 1] == '\r')
		l->state = AFTER_CR;
	else if (run.at[n - 1] == '\n')
		l->state = AT_LINE;
	return run;
}

static struct span take_some(struct lines *l, struct span *in)
{
	switch ((enum state)l->state) {
	case AFTER_CR:
		return take_after_cr(l, in);
	case AT_LINE:
	case AT_SOFT_LINE:
		return take_at_line(l, in);
	case AFTER_DOT:
		return take_after_dot(l, in);
	case AFTER_DOT_CR:
		return give_kept_cr(l);
	case IN_TEXT:
		break;
	}
	return take_text(l, in);
}

enum lines_step lines_take(struct lines *l, struct span *in, struct span *out)
{
	while (in->len) {
		if (l->state == AFTER_DOT_CR && in->at[0] == '\n') {
			*in = span_from(*in, 1);
			return LINES_END;
		}
		*out = take_some(l, in);
		if (out->len) {
			l->size += out->len;
			return LINES_PART;
		}
	}
	return LINES_MORE;
}

struct span lines_close(struct lines *l)
{
	struct span rest = SPAN_NONE;

	if (l->state == AFTER_CR) {
		(void)bare_cr(l);
		rest = SPAN("\n");
	} else if (l->state == IN_TEXT && l->size > 0) {
		rest = SPAN("\r\n");
	}
	l->state = AT_LINE;
	l->size += rest.len;
	return rest;
}

void dots_init(struct dots *d)
{
	*d = (struct dots){ .last = '\n', .before_last = '\r' };
}

static void note_sent(struct dots *d, struct span s)
{
	d->before_last = s.len > 1 ? (unsigned char)s.at[s.len - 2] : d->last;
	d->last = (unsigned char)s.at[s.len - 1];
}

/* Up to the first dot behind a CR or LF, the first byte apart. */
MASK_INLINE size_t before_dot_by(struct span s, struct masks (*look_at)(const char *at))
{
	uint64_t end_before = 0;
	size_t done = 0;

	for (; s.len - done >= STEP; done += STEP) {
		struct masks m = look_at(s.at + done);
		uint64_t ends = m.cr | m.lf, found = m.dot & (ends << 1 | end_before);

		if (found)
			return done + (unsigned)__builtin_ctzll(found);
		end_before = ends >> 63;
	}
	for (; done < s.len; done++) {
		if (end_before && s.at[done] == '.')
			return done;
		end_before = s.at[done] == '\r' || s.at[done] == '\n';
	}
	return done;
}

#ifdef MASK_WIDE
MASK_WIDE static size_t before_dot_wide(struct span s)
{
	return before_dot_by(s, look_wide);
}
#endif

static size_t run_before_dot(struct span s)
{
#ifdef MASK_WIDE
	if (mask_is_wide())
		return before_dot_wide(s);
#endif
	return before_dot_by(s, look);
}

bool dots_take(struct dots *d, struct span *in, struct span *out)
{
	if (in->len == 0)
		return false;
	if (in->at[0] == '.' && (d->last == '\n' || d->last == '\r')) {
		*out = SPAN(".");
		note_sent(d, *out);
		return true;
	}
	*out = span_first(*in, run_before_dot(*in));
	note_sent(d, *out);
	*in = span_from(*in, out->len);
	return true;
}

struct span dots_close(const struct dots *d)
{
	return d->last == '\n' && d->before_last == '\r' ? SPAN(".\r\n") : SPAN("\r\n.\r\n");
}
