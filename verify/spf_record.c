#include "verify/spf_record.h"

#include "base/ip.h"
#include "base/text.h"
#include "verify/spf_macro.h"

#define VERSION "v=spf1"

bool spf_record_is(struct span text)
{
	return span_starts_nocase(text, SPAN(VERSION)) && (text.len == sizeof(VERSION) - 1 || text.at[sizeof(VERSION) - 1] == ' ');
}

/* ---- networks ------------------------------------------------------------------------- */

/*	ip4-cidr-length = "/" ("0" / %x31-39 0*1DIGIT)	; 0 to 32
 *	ip6-cidr-length = "/" ("0" / %x31-39 0*2DIGIT)	; 0 to 128	*/
static bool read_bits(struct span digits, unsigned max, unsigned char *out)
{
	unsigned long long n;

	if (!span_to_u64(digits, max, &n) || (digits.at[0] == '0' && digits.len > 1))
		return false;
	*out = (unsigned char)n;
	return true;
}

static size_t digits_at_end(struct span s)
{
	size_t n = 0;

	while (n < s.len && text_is_digit(s.at[s.len - 1 - n]))
		n++;
	return n;
}

/*	dual-cidr-length = [ ip4-cidr-length ] [ "/" ip6-cidr-length ]
 * off the end of s. False: it is out of range. */
static bool take_dual_bits(struct span *s, struct spf_term *t)
{
	size_t n = digits_at_end(*s);
	struct span head = span_first(*s, s->len - n);

	if (n > 0 && span_ends_nocase(head, SPAN("//"))) {
		if (!read_bits(span_from(*s, head.len), 128, &t->bits6))
			return false;
		*s = span_first(*s, head.len - 2);
		n = digits_at_end(*s);
		head = span_first(*s, s->len - n);
	}
	if (n > 0 && span_ends_nocase(head, SPAN("/"))) {
		if (!read_bits(span_from(*s, head.len), 32, &t->bits4))
			return false;
		*s = span_first(*s, head.len - 1);
	}
	return true;
}

/* What ip_read takes is what the ABNF says: no leading zeros, no shorter forms; for IPv6 that of RFC 4291 2.2. */
static const char *read_network(struct span s, struct spf_term *t)
{
	bool is_v6 = t->kind == SPF_IP6;
	size_t slash = span_find(s, '/');
	const char *why = is_v6 ? "has no IPv6 address or network behind it" : "has no IPv4 address or network behind it";

	if (ip_read(span_first(s, slash), t->network) != (is_v6 ? 6 : 4))
		return why;
	if (slash < s.len && !read_bits(span_from(s, slash + 1), is_v6 ? 128 : 32, is_v6 ? &t->bits6 : &t->bits4))
		return "has no length of a network behind its /";
	return NULL;
}

/* ---- mechanisms and modifiers ------------------------------------------------------------ */

static const struct word {
	struct span name;
	enum spf_kind kind;
} MECHANISMS[] = {
	{ { "all", 3 }, SPF_ALL }, { { "include", 7 }, SPF_INCLUDE }, { { "a", 1 }, SPF_A }, { { "mx", 2 }, SPF_MX }, { { "ptr", 3 }, SPF_PTR },
	{ { "ip4", 3 }, SPF_IP4 }, { { "ip6", 3 }, SPF_IP6 }, { { "exists", 6 }, SPF_EXISTS },
};

static const char *read_domain(struct span s, struct spf_term *t)
{
	t->domain = s;
	return spf_macro_is_domain(s) ? NULL : "needs a whole domain name (and nothing else) behind it";
}

/* rest: what stands behind the name of a mechanism, with its ":" or "/". NULL, or what is wrong. */
static const char *read_mechanism(struct span rest, struct spf_term *t)
{
	bool has_value = rest.len > 0 && rest.at[0] == ':';

	if (t->kind == SPF_ALL)
		return rest.len > 0 ? "takes nothing behind it" : NULL;
	if (t->kind == SPF_IP4 || t->kind == SPF_IP6)
		return read_network(span_from(rest, has_value), t);
	if ((t->kind == SPF_A || t->kind == SPF_MX) && !take_dual_bits(&rest, t))
		return "has no length of a network behind its /";
	if (has_value)
		return read_domain(span_from(rest, 1), t);
	if (rest.len > 0)
		return "has something behind it that can't be read";
	return t->kind == SPF_INCLUDE || t->kind == SPF_EXISTS ? "needs a domain name behind it" : NULL;
}

static const char *read_modifier(struct span name, struct span value, struct spf_record *r, struct spf_term *t)
{
	const struct spf_term **place = NULL;

	t->kind = SPF_OTHER;
	if (span_eq_nocase(name, SPAN("redirect"))) {
		t->kind = SPF_REDIRECT;
		place = &r->redirect;
	} else if (span_eq_nocase(name, SPAN("exp"))) {
		t->kind = SPF_EXP;
		place = &r->exp;
	}
	if (!place)
		return spf_macro_is_good(value) ? NULL : "has a macro in it that can't be read";
	if (*place)
		return "stands there twice";
	*place = t;
	return read_domain(value, t);
}

/*	name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )	*/
static size_t name_len(struct span s)
{
	size_t n = 0;

	while (n < s.len && (text_is_alpha(s.at[n]) || (n > 0 && (text_is_digit(s.at[n]) || memchr("-_.", s.at[n], 3)))))
		n++;
	return n;
}

/*	directive = [ qualifier ] mechanism
 *	modifier  = redirect / explanation / unknown-modifier	*/
static const char *read_term(struct spf_record *r, struct spf_term *t)
{
	struct span s = t->text;
	bool is_qualified = memchr("+-~?", s.at[0], 4);
	size_t n;

	t->qualifier = is_qualified ? s.at[0] : '+';
	s = span_from(s, is_qualified);
	n = name_len(s);
	if (n < s.len && s.at[n] == '=' && n > 0)
		return is_qualified ? "is a modifier, which takes no sign before it" : read_modifier(span_first(s, n), span_from(s, n + 1), r, t);
	for (size_t i = 0; i < sizeof(MECHANISMS) / sizeof(*MECHANISMS); i++)
		if (span_eq_nocase(span_first(s, n), MECHANISMS[i].name)) {
			t->kind = MECHANISMS[i].kind;
			r->has_all |= t->kind == SPF_ALL;
			return read_mechanism(span_from(s, n), t);
		}
	return "is no mechanism of SPF";
}

/* ---- the record --------------------------------------------------------------------------- */

static unsigned count_terms(struct span s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.at[i] != ' ' && (i == 0 || s.at[i - 1] == ' ');
	return n;
}

static bool fault(struct spf_record *r, struct span term, const char *why)
{
	r->fault = term;
	r->why = why;
	return false;
}

bool spf_record_read(struct span text, struct arena *arena, struct spf_record *out)
{
	struct span rest = span_from(text, sizeof(VERSION) - 1);
	unsigned n = count_terms(rest);
	const char *why;

	*out = (struct spf_record){ .fault = SPAN_NONE };
	if (text.len > SPF_RECORD_MAX)
		return fault(out, SPAN_NONE, "is too large");
	if (!text_is_printable(text))
		return fault(out, SPAN_NONE, "has bytes in it that are not printable ASCII");
	if (n > SPF_TERMS_MAX)
		return fault(out, SPAN_NONE, "has too many terms");
	out->row = arena_new(arena, (n + 1) * sizeof(struct spf_term));
	while (rest.len > 0) {
		struct spf_term *t = &out->row[out->n];

		t->text = span_cut(&rest, ' ');
		if (t->text.len == 0)
			continue;
		if (t->text.len > SPF_TERM_MAX)
			return fault(out, span_first(t->text, 60), "is too long");
		t->bits4 = 32;
		t->bits6 = 128;
		why = read_term(out, t);
		if (why)
			return fault(out, t->text, why);
		out->n++;
	}
	return true;
}
