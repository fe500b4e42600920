#include "dns/name.h"

#include <string.h>

#include "base/text.h"

#define LABEL_MAX 63

static bool label_is_good(struct span label)
{
	if (label.len == 0 || label.len > LABEL_MAX)
		return false;
	for (size_t i = 0; i < label.len; i++) {
		char c = label.at[i];

		if (c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '.')
			return false;
	}
	return true;
}

/* Nothing changes when the label is not good or does not fit. */
static bool add_label(struct name *n, struct span label)
{
	size_t dot = n->len > 0;

	if (!label_is_good(label) || n->len + dot + label.len > NAME_TEXT_MAX)
		return false;
	if (dot)
		n->at[n->len++] = '.';
	for (size_t i = 0; i < label.len; i++)
		n->at[n->len++] = text_lower(label.at[i]);
	return true;
}

static void finish(struct name *n)
{
	if (n->len == 0)
		n->at[n->len++] = '.';
	n->at[n->len] = 0;
}

bool name_from_text(struct span text, struct name *out)
{
	bool is_last = span_eq(text, SPAN("."));

	out->len = 0;
	if (!is_last && text.len > 1 && text.at[text.len - 1] == '.')
		text.len--;
	while (!is_last) {
		is_last = span_find(text, '.') == text.len;
		if (!add_label(out, span_cut(&text, '.')))
			return false;
	}
	finish(out);
	return true;
}

bool name_from_wire(const unsigned char *wire, size_t len, struct name *out)
{
	size_t at = 0;

	out->len = 0;
	while (at < len && wire[at] != 0) {
		size_t n = wire[at];

		if (n > LABEL_MAX || at + 1 + n >= len || !add_label(out, span_of((const char *)wire + at + 1, n)))
			return false;
		at += 1 + n;
	}
	if (at + 1 != len)
		return false;
	finish(out);
	return true;
}

size_t name_to_wire(const struct name *n, unsigned char out[NAME_WIRE_MAX])
{
	struct span rest = name_is_root(n) ? SPAN_NONE : name_span(n);
	size_t at = 0;

	while (rest.len > 0) {
		struct span label = span_cut(&rest, '.');

		out[at++] = (unsigned char)label.len;
		memcpy(out + at, label.at, label.len);
		at += label.len;
	}
	out[at++] = 0;
	return at;
}
