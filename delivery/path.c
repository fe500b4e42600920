#include "delivery/path.h"

#include "base/digest.h"
#include "base/text.h"

#define HASH_SHOWN 20	/* bytes of the digest that a long name ends in: no two are found alike */

static const struct span LOCAL = { ":local", 6 };
static const struct span DOMAIN = { ":domain", 7 };

static bool starts(struct span s, struct span with)
{
	return s.len >= with.len && memcmp(s.at, with.at, with.len) == 0;
}

static bool has_placeholder(struct span s)
{
	for (; s.len > 0; s = span_from(s, 1))
		if (starts(s, LOCAL) || starts(s, DOMAIN))
			return true;
	return false;
}

struct span path_prefix(struct span template)
{
	size_t end = 0;

	for (struct span rest = template; rest.len > 0;) {
		struct span component = span_cut(&rest, '/');

		if (has_placeholder(component))
			break;
		end = (size_t)(component.at - template.at) + component.len + (rest.len > 0 ? 1 : 0);
	}
	return span_first(template, end);
}

static bool stands_for_itself(unsigned char c, bool is_utf8)
{
	if (c >= 0x80)
		return is_utf8;
	return text_is_alpha((char)c) || text_is_digit((char)c) || (c != 0 && strchr("_-+=.,@~", c) != NULL);
}

static void add_escaped(struct buf *out, struct span text)
{
	bool is_utf8 = text_is_utf8(text);

	if (text.len == 0)
		buf_add_char(out, '%');
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (stands_for_itself(c, is_utf8) && !(i == 0 && c == '.'))
			buf_add_char(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static void add_placeholders(struct buf *out, struct span component, struct span local, struct span domain)
{
	while (component.len > 0) {
		if (starts(component, LOCAL)) {
			add_escaped(out, local);
			component = span_from(component, LOCAL.len);
		} else if (starts(component, DOMAIN)) {
			add_escaped(out, domain);
			component = span_from(component, DOMAIN.len);
		} else {
			buf_add_char(out, component.at[0]);
			component = span_from(component, 1);
		}
	}
}

/* Puts the digest of the whole name in place of what is too much of it. */
static void shorten(struct buf *out, size_t from)
{
	static const size_t kept = PATH_COMPONENT_MAX - 2 - 2 * (size_t)HASH_SHOWN;
	unsigned char digest[SHA256_LEN];

	if (out->len - from <= PATH_COMPONENT_MAX)
		return;
	digest_sha256(span_of(out->at + from, out->len - from), digest);
	out->len = from + kept;
	buf_add(out, SPAN("%~"));
	for (unsigned i = 0; i < HASH_SHOWN; i++)
		buf_printf(out, "%02x", digest[i]);
}

/* The domain is what comes after the last @: a quoted local part may hold one, a domain never does. */
static void split(struct span mailbox, struct span *local, struct span *domain)
{
	size_t at = mailbox.len;

	while (at > 0 && mailbox.at[at - 1] != '@')
		at--;
	*local = span_first(mailbox, at > 0 ? at - 1 : mailbox.len);
	*domain = at > 0 ? span_from(mailbox, at) : SPAN_NONE;
}

enum pr_err path_fill(struct buf *out, struct span template, struct span mailbox)
{
	struct span rest = span_from(template, path_prefix(template).len), local, domain;
	size_t start = out->len;

	split(mailbox, &local, &domain);
	while (rest.len > 0) {
		struct span component = span_cut(&rest, '/');
		size_t from;

		if (component.len == 0)
			continue;
		if (out->len > start)
			buf_add_char(out, '/');
		from = out->len;
		add_placeholders(out, component, local, domain);
		if (out->overflowed)
			return PR_FULL;
		shorten(out, from);
	}
	return out->overflowed ? PR_FULL : PR_OK;
}
