#include "verify/fields.h"

#include "base/mem.h"
#include "base/text.h"

void fields_init(struct fields *f, size_t max_size, unsigned max_fields)
{
	*f = (struct fields){ .max_size = max_size, .max_fields = max_fields };
	buf_init(&f->text, max_size);
}

void fields_fini(struct fields *f)
{
	mem_free(f->row);
	f->row = NULL;
	f->n = 0;
	buf_fini(&f->text);
}

/* ---- cut into fields ------------------------------------------------------------------ */

/* The field at the front of *rest, which goes on in lines that begin with a blank; without its line end. */
static struct span take_field(struct span *rest)
{
	const char *from = rest->at, *end = rest->at + rest->len, *lf = from;
	struct span whole;

	while ((lf = memchr(lf, '\n', (size_t)(end - lf)))) {
		bool is_line_end = lf > from && lf[-1] == '\r';

		lf++;
		if (is_line_end && (lf == end || !text_is_blank(*lf)))
			break;
	}
	whole = lf ? span_of(from, (size_t)(lf - from) - 2) : *rest;
	*rest = span_from(*rest, lf ? (size_t)(lf - from) : rest->len);
	return whole;
}

static struct field field_of(struct span whole)
{
	size_t colon = span_find(whole, ':'), len = colon;

	while (len > 0 && text_is_blank(whole.at[len - 1]))
		len--;
	if (colon == whole.len || len == 0 || memchr(whole.at, '\n', colon))
		return (struct field){ whole, SPAN_NONE, SPAN_NONE };
	return (struct field){ whole, span_first(whole, len), span_from(whole, colon + 1) };
}

static unsigned count_lines(struct span text)
{
	unsigned n = 1;

	for (size_t i = 0; i < text.len; i++)
		n += text.at[i] == '\n';
	return n;
}

static void finish(struct fields *f)
{
	struct span rest = buf_span(&f->text);
	unsigned room = count_lines(rest);

	f->ended = true;
	f->row = mem_resize(NULL, (room < f->max_fields ? room : f->max_fields) * sizeof(struct field) + 1);
	while (rest.len > 0 && f->n < f->max_fields)
		f->row[f->n++] = field_of(take_field(&rest));
	f->too_large |= rest.len > 0;
}

/* ---- bytes as they come ----------------------------------------------------------------- */

/* Behind the ceiling nothing is kept; the empty line is looked for. */
static void skip(struct fields *f, struct span *in)
{
	static const char END[] = "\r\n\r\n";

	while (in->len > 0 && f->tail < 4) {
		char c = in->at[0];

		if (c == END[f->tail])
			f->tail++;
		else
			f->tail = c == '\r';
		*in = span_from(*in, 1);
	}
	if (f->tail == 4)
		finish(f);
}

static void begin_skipping(struct fields *f)
{
	struct span text = buf_span(&f->text);

	f->too_large = true;
	if (text.len > 2 && memcmp(text.at + text.len - 3, "\r\n\r", 3) == 0)
		f->tail = 3;
	else if (text.len > 1 && memcmp(text.at + text.len - 2, "\r\n", 2) == 0)
		f->tail = 2;
	else
		f->tail = text.len > 0 && text.at[text.len - 1] == '\r';
}

/* Where the body begins, behind the empty line; 0: not seen yet. `had` bytes were looked at before. */
static size_t body_begins(struct span text, size_t had)
{
	size_t from = had > 3 ? had - 3 : 0;
	const char *at;

	if (text.len >= 2 && memcmp(text.at, "\r\n", 2) == 0)
		return 2;
	at = memmem(text.at + from, text.len - from, "\r\n\r\n", 4);
	return at ? (size_t)(at - text.at) + 4 : 0;
}

static void gather(struct fields *f, struct span *in)
{
	size_t had = f->text.len, room = f->max_size - had, begins;
	struct span piece = span_first(*in, room);

	if (had == 0 && text_is_blank(in->at[0])) {
		finish(f);
		return;
	}
	(void)buf_add(&f->text, piece);
	begins = body_begins(buf_span(&f->text), had);
	*in = span_from(*in, begins ? begins - had : piece.len);
	if (begins) {
		f->text.len = begins - 2;
		finish(f);
	} else if (f->text.len == f->max_size) {
		begin_skipping(f);
	}
}

void fields_feed(struct fields *f, struct span *in)
{
	if (!f->ended && !f->too_large && in->len > 0)
		gather(f, in);
	if (!f->ended && f->too_large)
		skip(f, in);
}

void fields_close(struct fields *f)
{
	if (!f->ended)
		finish(f);
}

size_t fields_bytes(const struct fields *f)
{
	return f->text.room + f->n * sizeof(struct field);
}

/* ---- looking --------------------------------------------------------------------------------- */

const struct field *fields_find(const struct fields *f, struct span name, unsigned from)
{
	for (unsigned i = from; i < f->n; i++)
		if (span_eq_nocase(f->row[i].name, name))
			return &f->row[i];
	return NULL;
}

unsigned fields_count(const struct fields *f, struct span name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->n; i++)
		n += span_eq_nocase(f->row[i].name, name);
	return n;
}

void field_add_unfolded(struct buf *out, struct span value)
{
	while (value.len > 0) {
		const char *crlf = memmem(value.at, value.len, "\r\n", 2);
		size_t n = crlf ? (size_t)(crlf - value.at) : value.len;

		(void)buf_add(out, span_first(value, n));
		value = span_from(value, crlf ? n + 2 : n);
	}
}
