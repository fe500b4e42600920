#include "mail/dkim_field.h"

#include "base/text.h"

/* A fold at the front of s: its line end. */
static bool is_fold(struct span s)
{
	return s.len > 2 && s.at[0] == '\r' && s.at[1] == '\n' && text_is_blank(s.at[2]);
}

static void relax_name(struct buf *out, struct span name)
{
	while (name.len > 0 && text_is_blank(name.at[name.len - 1]))
		name.len--;
	for (size_t i = 0; i < name.len; i++)
		(void)buf_add_char(out, text_lower(name.at[i]));
}

/* How much of the front has neither blanks nor folds. */
static size_t word_len(struct span s)
{
	size_t n = 0;

	while (n < s.len && !text_is_blank(s.at[n]) && !is_fold(span_from(s, n)))
		n++;
	return n;
}

static void relax_value(struct buf *out, struct span value)
{
	for (bool is_first = true; value.len > 0;) {
		size_t n = word_len(value);

		if (n == 0) {
			value = span_from(value, is_fold(value) ? 2 : 1);
			continue;
		}
		if (!is_first)
			(void)buf_add_char(out, ' ');
		(void)buf_add(out, span_first(value, n));
		value = span_from(value, n);
		is_first = false;
	}
}

void dkim_field_canonical(struct span whole, bool is_relaxed, struct buf *out)
{
	struct span name = whole;

	if (!is_relaxed) {
		(void)buf_add(out, whole);
		return;
	}
	name.len = span_find(whole, ':');
	relax_name(out, name);
	(void)buf_add_char(out, ':');
	relax_value(out, span_from(whole, name.len + 1));
}

static bool is_space(char c)
{
	return text_is_blank(c) || c == '\r' || c == '\n';
}

void dkim_field_unsigned(struct span whole, struct span signature, bool is_relaxed, struct buf *out)
{
	const char *from = signature.at, *to = signature.at + signature.len, *end = whole.at + whole.len;
	struct buf text;

	while (is_space(from[-1]))
		from--;
	while (to < end && is_space(*to))
		to++;
	buf_init(&text, whole.len);
	(void)buf_add(&text, span_of(whole.at, (size_t)(from - whole.at)));
	(void)buf_add(&text, span_of(to, (size_t)(end - to)));
	dkim_field_canonical(buf_span(&text), is_relaxed, out);
	buf_fini(&text);
}
