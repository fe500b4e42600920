#include "mail/dkim_record.h"

#include "base/base64.h"

#define KEY_TEXT_MAX 4096	/* letters of p=; an RSA key of 16,384 bits takes 2,800 */
#define STRING_MAX   255	/* of a TXT record (RFC 1035 3.3) */

static struct span type_of(enum dkim_algorithm algorithm)
{
	return algorithm == DKIM_RSA_SHA256 ? SPAN("rsa") : SPAN("ed25519");
}

enum pr_err dkim_record_add(struct buf *out, enum dkim_algorithm algorithm, struct span key)
{
	(void)buf_add(out, SPAN("v=DKIM1; k="));
	(void)buf_add(out, type_of(algorithm));
	(void)buf_add(out, SPAN("; p="));
	return base64_add(out, key);
}

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

/* Equal but for blanks within a, which may be folded anywhere. */
static bool same_key(struct span a, struct span b)
{
	size_t n = 0;

	for (size_t i = 0; i < a.len; i++) {
		if (is_blank(a.at[i]))
			continue;
		if (n == b.len || a.at[i] != b.at[n])
			return false;
		n++;
	}
	return n == b.len && n > 0;
}

/* One of several words with colons between. */
static bool has_word(struct span list, struct span word, struct span any)
{
	while (list.len > 0) {
		struct span one = trim(span_cut(&list, ':'));

		if (span_eq(one, word) || (any.len && span_eq(one, any)))
			return true;
	}
	return false;
}

struct wanted {
	struct span type, key;
	bool has_key;
};

/* False when this tag speaks against it. */
static bool tag_agrees(struct wanted *w, struct span name, struct span value)
{
	if (span_eq(name, SPAN("k")))
		return span_eq(value, w->type);
	if (span_eq(name, SPAN("h")))
		return has_word(value, SPAN("sha256"), SPAN_NONE);
	if (span_eq(name, SPAN("s")))
		return has_word(value, SPAN("email"), SPAN("*"));
	if (span_eq(name, SPAN("v")))
		return span_eq(value, SPAN("DKIM1"));
	if (!span_eq(name, SPAN("p")))
		return true;
	w->has_key = same_key(value, w->key);
	return w->has_key;
}

static bool says(struct span record, struct wanted *w)
{
	bool has_type = false;

	while (record.len > 0) {
		struct span value = span_cut(&record, ';'), name = trim(span_cut(&value, '='));

		if (!tag_agrees(w, name, trim(value)))
			return false;
		has_type |= span_eq(name, SPAN("k"));
	}
	return w->has_key && (has_type || span_eq(w->type, SPAN("rsa")));
}

bool dkim_record_has(struct span record, enum dkim_algorithm algorithm, struct span key)
{
	struct wanted w = { .type = type_of(algorithm) };
	struct buf text;
	bool found;

	buf_init(&text, KEY_TEXT_MAX);
	found = base64_add(&text, key) == PR_OK;
	w.key = buf_span(&text);
	found = found && says(record, &w);
	buf_fini(&text);
	return found;
}

enum pr_err dkim_record_add_name(struct buf *out, struct span selector, struct span domain)
{
	(void)buf_add(out, selector);
	(void)buf_add(out, SPAN("._domainkey."));
	return buf_add(out, domain);
}

enum pr_err dkim_record_add_quoted(struct buf *out, struct span record)
{
	enum pr_err err = PR_OK;

	for (bool is_first = true; record.len > 0 && err == PR_OK; is_first = false) {
		(void)buf_add_text(out, is_first ? "\"" : " \"");
		(void)buf_add(out, span_first(record, STRING_MAX));
		err = buf_add_char(out, '"');
		record = span_from(record, STRING_MAX);
	}
	return err;
}
