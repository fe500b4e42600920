#include "mail/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/ip.h"
#include "base/text.h"
#include "mail/idn.h"

_Static_assert(ADDRESS_DOMAIN_MAX == IDN_DOMAIN_MAX, "one limit");

/* Path      = "<" [ A-d-l ":" ] Mailbox ">"        RFC 5321 4.1.2
 * A-d-l     = At-domain *( "," At-domain )
 * Mailbox   = Local-part "@" ( Domain / address-literal )
 * Local-part = Dot-string / Quoted-string          with UTF8-non-ascii: RFC 6531 3.3
 */

/* What is being read, the unquoted local part, and the canonical domain. */
struct reading {
	struct span rest;
	bool was_utf8;
	char bare[ADDRESS_LOCAL_MAX];
	size_t bare_len;
	char domain[ADDRESS_DOMAIN_MAX + 1];
	size_t domain_len;
};

static bool is_high(char c)
{
	return (unsigned char)c >= 0x80;
}

static bool is_atext(char c)
{
	return text_is_alpha(c) || text_is_digit(c) || is_high(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool is_next(const struct reading *r, char c)
{
	return r->rest.len && r->rest.at[0] == c;
}

static bool skip(struct reading *r, char c)
{
	if (!is_next(r, c))
		return false;
	r->rest = span_from(r->rest, 1);
	return true;
}

static bool keep_byte(struct reading *r, char c)
{
	if (r->bare_len == sizeof(r->bare))
		return false;
	r->bare[r->bare_len++] = c;
	return true;
}

static bool is_dot_string(struct span s)
{
	if (s.len == 0 || s.at[0] == '.' || s.at[s.len - 1] == '.')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_atext(s.at[i]) && (s.at[i] != '.' || s.at[i + 1] == '.'))
			return false;
	return true;
}

static enum pr_err read_dot_string(struct reading *r)
{
	size_t len = 0;

	while (len < r->rest.len && (is_atext(r->rest.at[len]) || r->rest.at[len] == '.'))
		len++;
	if (len > ADDRESS_LOCAL_MAX)
		return PR_FULL;
	if (!is_dot_string(span_first(r->rest, len)))
		return PR_BAD;
	memcpy(r->bare, r->rest.at, len);
	r->bare_len = len;
	r->rest = span_from(r->rest, len);
	return PR_OK;
}

/* Quoted-string: qtextSMTP = %d32-33 / %d35-91 / %d93-126, a backslash before any printable character. */
static enum pr_err read_quoted_string(struct reading *r)
{
	size_t before = r->rest.len;

	skip(r, '"');
	while (r->rest.len && !is_next(r, '"')) {
		bool paired = skip(r, '\\');
		char c = r->rest.len ? r->rest.at[0] : '\0';

		if ((unsigned char)c < 0x20 || c == 0x7f || (paired && is_high(c)))
			return PR_BAD;
		if (!keep_byte(r, c))
			return PR_FULL;
		r->rest = span_from(r->rest, 1);
	}
	if (!skip(r, '"') || r->bare_len == 0)
		return PR_BAD;
	return before - r->rest.len > ADDRESS_LOCAL_MAX ? PR_FULL : PR_OK;
}

/* U+0080 to U+009F are controls too. */
static bool has_c1(struct span s)
{
	for (size_t i = 0; i + 1 < s.len; i++)
		if ((unsigned char)s.at[i] == 0xc2 && (unsigned char)s.at[i + 1] < 0xa0)
			return true;
	return false;
}

static enum pr_err check_utf8(struct reading *r)
{
	struct span bare = span_of(r->bare, r->bare_len);

	if (text_is_ascii(bare))
		return PR_OK;
	r->was_utf8 = true;
	return text_is_utf8(bare) && !has_c1(bare) ? PR_OK : PR_BAD;
}

static enum pr_err read_local(struct reading *r)
{
	enum pr_err err = is_next(r, '"') ? read_quoted_string(r) : read_dot_string(r);

	return err ? err : check_utf8(r);
}

static bool has_brackets(struct span s)
{
	return s.len >= 2 && s.at[0] == '[' && s.at[s.len - 1] == ']';
}

bool address_parse_literal(struct span text, int *family, unsigned char address[16])
{
	static const struct span tag = { "IPv6:", 5 };
	struct span s;

	if (!has_brackets(text))
		return false;
	s = span_first(span_from(text, 1), text.len - 2);
	*family = span_starts_nocase(s, tag) ? 6 : 4;
	return ip_read(*family == 6 ? span_from(s, tag.len) : s, address) == (unsigned)*family;
}

bool address_parse_host(struct span text, int *family, unsigned char address[16])
{
	if (address_parse_literal(text, family, address))
		return true;
	if (has_brackets(text))
		text = span_first(span_from(text, 1), text.len - 2);
	*family = (int)ip_read(text, address);
	return *family != 0;
}

static enum pr_err canonical_literal(struct span text, char out[ADDRESS_DOMAIN_MAX + 1], size_t *len)
{
	unsigned char address[16];
	char shown[INET6_ADDRSTRLEN];
	struct buf b;
	int family;

	if (!address_parse_literal(text, &family, address))
		return PR_BAD;
	inet_ntop(family == 6 ? AF_INET6 : AF_INET, address, shown, sizeof(shown));
	buf_init(&b, ADDRESS_DOMAIN_MAX);
	buf_printf(&b, "[%s%s]", family == 6 ? "IPv6:" : "", shown);
	memcpy(out, b.at, b.len);
	out[b.len] = '\0';
	*len = b.len;
	buf_fini(&b);
	return PR_OK;
}

enum pr_err address_parse_domain(struct span text, unsigned allow, char out[ADDRESS_DOMAIN_MAX + 1], size_t *len)
{
	if (text.len > ADDRESS_DOMAIN_MAX)
		return PR_FULL;
	if (text.len && text.at[0] == '[')
		return canonical_literal(text, out, len);
	if (!text_is_ascii(text) && !(allow & ALLOW_UTF8))
		return text_is_utf8(text) ? PR_DENIED : PR_BAD;
	return idn_canonical(text, out, len);
}

static bool ends_domain(char c, bool in_literal)
{
	if (in_literal)
		return c == ']';
	return !text_is_alpha(c) && !text_is_digit(c) && !is_high(c) && c != '-' && c != '.' && c != '_';
}

static enum pr_err read_domain(struct reading *r)
{
	bool in_literal = is_next(r, '[');
	size_t len = 0;
	struct span text;

	while (len < r->rest.len && !ends_domain(r->rest.at[len], in_literal))
		len++;
	if (in_literal && len < r->rest.len)
		len++;
	text = span_first(r->rest, len);
	r->was_utf8 |= !text_is_ascii(text);
	r->rest = span_from(r->rest, len);
	return address_parse_domain(text, ALLOW_UTF8, r->domain, &r->domain_len);
}

/* Read and forgotten (RFC 5321 appendix F.2). */
static enum pr_err read_route(struct reading *r)
{
	do {
		enum pr_err err;

		if (!skip(r, '@'))
			return PR_BAD;
		err = read_domain(r);
		if (err)
			return err;
	} while (skip(r, ','));
	return skip(r, ':') ? PR_OK : PR_BAD;
}

static size_t put_local(const struct reading *r, bool quoted, char *to)
{
	size_t len = 0;

	if (quoted)
		to[len++] = '"';
	for (size_t i = 0; i < r->bare_len; i++) {
		if (quoted && (r->bare[i] == '"' || r->bare[i] == '\\'))
			to[len++] = '\\';
		to[len++] = r->bare[i];
	}
	if (quoted)
		to[len++] = '"';
	return len;
}

/* At most two bytes for each of the local part, its quotes, @, domain. */
#define CANONICAL_MAX (2 * ADDRESS_LOCAL_MAX + 3 + ADDRESS_DOMAIN_MAX)

static enum pr_err make_mailbox(const struct reading *r, unsigned allow, struct address *out)
{
	struct span bare = span_of(r->bare, r->bare_len);
	char text[CANONICAL_MAX];
	size_t local_len, len;

	if (r->was_utf8 && !(allow & ALLOW_UTF8))
		return PR_DENIED;
	*out = (struct address){ .kind = PATH_MAILBOX, .was_utf8 = r->was_utf8 };
	out->is_quoted = !is_dot_string(bare);
	out->has_utf8 = !text_is_ascii(bare);
	out->is_literal = r->domain[0] == '[';
	local_len = put_local(r, out->is_quoted, text);
	len = local_len;
	text[len++] = '@';
	memcpy(text + len, r->domain, r->domain_len);
	len += r->domain_len;
	if (local_len > ADDRESS_LOCAL_MAX || len > ADDRESS_MAX)
		return PR_FULL;
	memcpy(out->text, text, len);
	out->local_len = (unsigned char)local_len;
	out->len = (unsigned char)len;
	return PR_OK;
}

static enum pr_err make_special(struct address *out, enum address_kind kind, struct span text)
{
	*out = (struct address){ .kind = kind, .local_len = (unsigned char)text.len, .len = (unsigned char)text.len };
	memcpy(out->text, text.at, text.len);
	return PR_OK;
}

static enum pr_err read_mailbox(struct reading *r)
{
	enum pr_err err = read_local(r);

	if (err)
		return err;
	return skip(r, '@') ? read_domain(r) : PR_BAD;
}

static bool read_postmaster(struct reading *r)
{
	static const struct span word = { "postmaster>", 11 };

	if (!span_starts_nocase(r->rest, word))
		return false;
	r->rest = span_from(r->rest, word.len);
	return true;
}

static enum pr_err read_path(struct reading *r, unsigned allow, struct address *out)
{
	enum pr_err err;

	if (!skip(r, '<'))
		return PR_BAD;
	if ((allow & ALLOW_NULL) && skip(r, '>'))
		return make_special(out, PATH_NULL, SPAN_NONE);
	if ((allow & ALLOW_POSTMASTER) && read_postmaster(r))
		return make_special(out, PATH_POSTMASTER, SPAN("postmaster"));
	if (is_next(r, '@') && (err = read_route(r)))
		return err;
	err = read_mailbox(r);
	if (err)
		return err;
	return skip(r, '>') ? make_mailbox(r, allow, out) : PR_BAD;
}

enum pr_err address_parse_path(struct span *in, unsigned allow, struct address *out)
{
	struct reading r = { .rest = *in };
	enum pr_err err = read_path(&r, allow, out);

	if (!err)
		*in = r.rest;
	return err;
}

enum pr_err address_parse_mailbox(struct span text, unsigned allow, struct address *out)
{
	struct reading r = { .rest = text };
	enum pr_err err = read_mailbox(&r);

	if (err)
		return err;
	return r.rest.len ? PR_BAD : make_mailbox(&r, allow, out);
}

enum pr_err address_join(struct span bare, struct span domain, struct address *out)
{
	struct reading r = { .was_utf8 = !text_is_ascii(domain) };
	enum pr_err err = address_parse_domain(domain, ALLOW_UTF8, r.domain, &r.domain_len);

	for (size_t i = 0; i < bare.len && !err; i++) {
		if ((unsigned char)bare.at[i] < 0x20 || bare.at[i] == 0x7f)
			err = PR_BAD;
		else if (!keep_byte(&r, bare.at[i]))
			err = PR_FULL;
	}
	if (!err)
		err = bare.len ? check_utf8(&r) : PR_BAD;
	return err ? err : make_mailbox(&r, ALLOW_UTF8, out);
}

void address_split(struct span text, struct span *local, struct span *domain)
{
	size_t len = text.len;

	while (len > 0 && text.at[len - 1] != '@')
		len--;
	len = len ? len - 1 : text.len;
	*local = span_first(text, len);
	*domain = span_from(text, len + 1);
}

size_t address_local_bare(struct span local, char out[ADDRESS_LOCAL_MAX])
{
	bool quoted = local.len >= 2 && local.at[0] == '"' && local.at[local.len - 1] == '"';
	size_t len = 0;

	if (quoted)
		local = span_first(span_from(local, 1), local.len - 2);
	for (size_t i = 0; i < local.len && len < ADDRESS_LOCAL_MAX; i++) {
		if (quoted && local.at[i] == '\\' && i + 1 < local.len)
			i++;
		out[len++] = local.at[i];
	}
	return len;
}

size_t address_fold(struct span text, char out[ADDRESS_MAX])
{
	text = span_first(text, ADDRESS_MAX);
	for (size_t i = 0; i < text.len; i++)
		out[i] = text_lower(text.at[i]);
	return text.len;
}

bool address_same(struct span a, struct span b)
{
	return span_eq_nocase(a, b);
}

enum pr_err address_add_path(struct buf *out, struct span text)
{
	buf_add_char(out, '<');
	buf_add(out, text);
	return buf_add_char(out, '>');
}
