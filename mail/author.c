#include "mail/author.h"

#include <string.h>

#include "base/text.h"
#include "mail/idn.h"

#define ELEMENT_MAX (2 * ADDRESS_MAX)	/* of a mailbox without brackets, with what was between its comments */

/* What is in hand of one element. */
struct element {
	bool is_open, is_closed;	/* its brackets */
	bool is_bad;
	bool is_cut;			/* there was more than text holds: no harm in a phrase before the brackets */
	size_t len;
	char text[ELEMENT_MAX];		/* what counts: inside the brackets, or all without comments */
};

static void keep(struct element *e, char c)
{
	if (e->is_closed)
		e->is_bad |= c != ' ' && c != '\t';
	else if (e->len < sizeof(e->text))
		e->text[e->len++] = c;
	else
		e->is_cut = true;
}

/* A comment from its bracket on: its length, or all there is when it does not end. */
static size_t comment_len(struct span s, bool *ends)
{
	unsigned depth = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '\\')
			i++;
		else if (s.at[i] == '(')
			depth++;
		else if (s.at[i] == ')' && --depth == 0)
			return i + 1;
	}
	*ends = false;
	return s.len;
}

static size_t quoted_len(struct span s, bool *ends)
{
	for (size_t i = 1; i < s.len; i++) {
		if (s.at[i] == '\\')
			i++;
		else if (s.at[i] == '"')
			return i + 1;
	}
	*ends = false;
	return s.len;
}

static void bracket(struct element *e, char c)
{
	if (c == '<') {
		e->is_bad |= e->is_open;
		e->is_open = true;
		e->is_cut = false;
		e->len = 0;
	} else {
		e->is_bad |= !e->is_open || e->is_closed;
		e->is_closed = true;
	}
}

/* One comment, quoted string or byte from the front of *s. */
static void take(struct span *s, struct element *e)
{
	bool ends = true;
	size_t n = 1;

	if (s->at[0] == '(') {
		n = comment_len(*s, &ends);
		keep(e, ' ');
	} else if (s->at[0] == '"') {
		n = quoted_len(*s, &ends);
		for (size_t i = 0; i < n; i++)
			keep(e, s->at[i]);
	} else if (s->at[0] == '<' || s->at[0] == '>') {
		bracket(e, s->at[0]);
	} else if (s->at[0] == ':' && !e->is_open && !memchr(e->text, '[', e->len)) {
		e->is_bad |= memchr(e->text, '@', e->len) != NULL;
		e->is_cut = false;
		e->len = 0;		/* the name of a group */
	} else {
		keep(e, s->at[0]);
	}
	e->is_bad |= !ends;
	*s = span_from(*s, n);
}

static bool at_end_of_element(struct span s, const struct element *e)
{
	return s.len == 0 || ((s.at[0] == ',' || s.at[0] == ';') && e->is_open == e->is_closed);
}

/* PR_NONE: nothing is left. text lies in e. */
static enum pr_err next_element(struct span *value, struct element *e, struct span *text)
{
	while (value->len > 0) {
		*e = (struct element){ .len = 0 };
		while (!at_end_of_element(*value, e))
			take(value, e);
		*value = span_from(*value, 1);
		e->is_bad |= e->is_cut;
		*text = span_trim(span_of(e->text, e->len));
		if (text->len > 0 || e->is_open || e->is_bad)
			return e->is_bad || e->is_open != e->is_closed ? PR_BAD : PR_OK;
	}
	return PR_NONE;
}

enum pr_err author_next(struct span *value, struct address *out)
{
	struct element e;
	struct span text;
	enum pr_err err = next_element(value, &e, &text);

	if (err != PR_OK)
		return err;
	return address_parse_mailbox(text, ALLOW_UTF8, out) == PR_OK ? PR_OK : PR_BAD;
}

/* One quoted string, or atoms with dots anywhere. */
static bool is_local(struct span s)
{
	bool ends = true;

	if (s.len > 0 && s.at[0] == '"')
		return quoted_len(s, &ends) == s.len && ends;
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] <= ' ' || s.at[i] == 0x7f || strchr("()<>[]:;@\\,\"", s.at[i]))
			return false;
	return s.len > 0;
}

enum pr_err author_next_domain(struct span *value, char out[ADDRESS_DOMAIN_MAX + 1])
{
	struct element e;
	struct span text, domain, local;
	unsigned char literal[16];
	size_t len;
	int family;
	enum pr_err err = next_element(value, &e, &text);

	out[0] = '\0';
	if (err != PR_OK)
		return err;
	address_split(text, &local, &domain);
	if (local.len == text.len || !is_local(local))
		return PR_BAD;
	if (address_parse_literal(domain, &family, literal))
		return PR_OK;
	return idn_name(domain, out, &len);
}

enum pr_err author_next_words(struct span *value, struct buf *out)
{
	struct element e;
	struct span text;
	enum pr_err err = next_element(value, &e, &text);

	buf_clear(out);
	return err == PR_OK ? buf_add(out, text) : err;
}

bool author_domain(struct span value, char out[ADDRESS_DOMAIN_MAX + 1])
{
	struct address author;
	enum pr_err err;

	out[0] = 0;
	while ((err = author_next(&value, &author)) == PR_OK) {
		struct span domain = address_domain(&author);

		if (author.is_literal || (out[0] && !span_eq(domain, span_of_text(out))))
			return false;
		memcpy(out, domain.at, domain.len);
		out[domain.len] = 0;
	}
	return err == PR_NONE && out[0];
}
