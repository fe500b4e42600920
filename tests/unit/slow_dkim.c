#include "slow_dkim.h"

#include <string.h>

#include "base/err.h"
#include "base/text.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* "Reduces all sequences of WSP within a line to a single SP", and drops those at its end. */
static void add_line(struct span line, struct buf *out)
{
	while (line.len > 0 && is_blank(line.at[line.len - 1]))
		line.len--;
	for (size_t i = 0; i < line.len; i++)
		if (!is_blank(line.at[i]))
			buf_add_char(out, line.at[i]);
		else if (i == 0 || !is_blank(line.at[i - 1]))
			buf_add_char(out, ' ');
}

static size_t line_end(struct span s)
{
	for (size_t i = 0; i + 1 < s.len; i++)
		if (s.at[i] == '\r' && s.at[i + 1] == '\n')
			return i;
	return s.len;
}

void slow_dkim_body(struct span body, struct buf *out)
{
	size_t begin = out->len;

	while (body.len > 0) {
		size_t n = line_end(body);

		add_line(span_first(body, n), out);
		buf_add(out, SPAN("\r\n"));
		body = span_from(body, n + 2);
	}
	while (out->len - begin >= 4 && memcmp(out->at + out->len - 4, "\r\n\r\n", 4) == 0)
		out->len -= 2;
	if (out->len - begin == 2 && memcmp(out->at + begin, "\r\n", 2) == 0)
		out->len -= 2;
}

void slow_dkim_field(struct span field, struct buf *out)
{
	size_t colon = span_find(field, ':');
	struct span name = span_trim(span_first(field, colon)), value = span_from(field, colon + 1);
	struct buf unfolded;

	buf_init(&unfolded, field.len + 1);
	while (value.len > 0) {
		size_t n = line_end(value);

		buf_add(&unfolded, span_first(value, n));
		value = span_from(value, n + 2);
	}
	for (size_t i = 0; i < name.len; i++)
		buf_add_char(out, text_lower(name.at[i]));
	buf_add_char(out, ':');
	add_line(span_trim(buf_span(&unfolded)), out);
	buf_fini(&unfolded);
}

void slow_dkim_simple_body(struct span body, struct buf *out)
{
	while (body.len > 1 && memcmp(body.at + body.len - 2, "\r\n", 2) == 0)
		body.len -= 2;
	(void)buf_add(out, body);
	(void)buf_add(out, SPAN("\r\n"));
}
