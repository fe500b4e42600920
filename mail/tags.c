#include "mail/tags.h"

#include "base/base64.h"
#include "base/text.h"

#define BASE64_TEXT_MAX 8192	/* letters of one value */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span trim(struct span s)
{
	while (s.len > 0 && is_blank(*s.at))
		s = span_from(s, 1);
	while (s.len > 0 && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

static bool is_name(struct span name)
{
	if (name.len == 0 || !text_is_alpha(name.at[0]))
		return false;
	for (size_t i = 1; i < name.len; i++)
		if (!text_is_alpha(name.at[i]) && !text_is_digit(name.at[i]) && name.at[i] != '_')
			return false;
	return true;
}

/* A line end is one of a fold, and nothing else. */
static bool is_value(struct span value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];

		if (c == '\r') {
			if (i + 2 >= value.len || value.at[i + 1] != '\n' || (value.at[i + 2] != ' ' && value.at[i + 2] != '\t'))
				return false;
			i += 2;
		} else if (c != '\t' && (c < ' ' || c > '~')) {
			return false;
		}
	}
	return true;
}

static bool is_given(const struct tags *t, struct span name)
{
	for (unsigned i = 0; i < t->n; i++)
		if (span_eq_nocase(t->row[i].name, name))
			return true;
	return false;
}

static const char *read_tag(struct tags *t, struct span spec)
{
	size_t equals = span_find(spec, '=');
	struct span name = trim(span_first(spec, equals));

	if (equals == spec.len)
		return "a tag without =";
	if (!is_name(name))
		return "a tag whose name is none";
	if (!is_value(span_from(spec, equals + 1)))
		return "a tag whose value holds other than printable ASCII";
	if (is_given(t, name))
		return "a tag that is given twice";
	if (t->n == TAGS_MAX)
		return "too many tags";
	t->row[t->n++] = (struct tag){ name, trim(span_from(spec, equals + 1)) };
	return NULL;
}

const char *tags_read(struct tags *t, struct span text)
{
	const char *why = NULL;

	t->n = 0;
	for (struct span rest = text; rest.len > 0 && !why;) {
		struct span spec = span_cut(&rest, ';');

		if (trim(spec).len > 0)
			why = read_tag(t, spec);
		else if (trim(rest).len > 0)
			why = "an empty tag";
	}
	return why || t->n ? why : "no tag";
}

const struct span *tags_find(const struct tags *t, struct span name)
{
	for (unsigned i = 0; i < t->n; i++)
		if (span_eq(t->row[i].name, name))
			return &t->row[i].value;
	return NULL;
}

void tags_add_compact(struct buf *out, struct span value)
{
	while (value.len > 0) {
		size_t n = 0;

		while (n < value.len && !is_blank(value.at[n]))
			n++;
		(void)buf_add(out, span_first(value, n));
		value = span_from(value, n + 1);
	}
}

enum pr_err tags_decode(struct span value, void *out, size_t room, size_t *len)
{
	struct buf text;
	enum pr_err err;
	size_t n;

	*len = 0;
	buf_init(&text, BASE64_TEXT_MAX);
	tags_add_compact(&text, value);
	for (n = 0; n < 2 && text.len > 0 && text.at[text.len - 1] == '='; n++)
		text.len--;
	while (text.len % 4 > 1)
		(void)buf_add_char(&text, '=');
	err = text.overflowed ? PR_FULL : base64_decode(buf_span(&text), out, room, len);
	buf_fini(&text);
	return err;
}

struct span tags_word(struct span *list)
{
	return trim(span_cut(list, ':'));
}

bool tags_has_word(struct span list, struct span word)
{
	while (list.len > 0)
		if (span_eq_nocase(tags_word(&list), word))
			return true;
	return false;
}
