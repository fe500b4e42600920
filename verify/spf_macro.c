#include "verify/spf_macro.h"

#include <stdio.h>

#include "base/text.h"

#define VALUE_MAX 320	/* octets of a letter's value that are looked at */

/*	macro-string   = *( macro-expand / macro-literal )
 *	macro-expand   = ( "%{" macro-letter transformers *delimiter "}" ) / "%%" / "%_" / "%-"
 *	macro-literal  = %x21-24 / %x26-7E
 *	macro-letter   = "s" / "l" / "o" / "d" / "i" / "p" / "h" / "c" / "r" / "t" / "v"
 *	transformers   = *DIGIT [ "r" ]
 *	delimiter      = "." / "-" / "+" / "," / "/" / "_" / "="
 *	domain-spec    = macro-string domain-end
 *	domain-end     = ( "." toplabel [ "." ] ) / macro-expand
 *	toplabel       = ( *alphanum ALPHA *alphanum ) / ( 1*alphanum "-" *( alphanum / "-" ) alphanum )
 *	explain-string = *( macro-string / SP )	*/
struct piece {
	bool is_expand;
	struct span literal;		/* what stands there without a letter */
	char letter;			/* in lower case; 0: none */
	bool is_escaped, is_reversed;
	unsigned keep;			/* parts at the right; 0: all */
	struct span delimiters;
};

/* ---- read ------------------------------------------------------------------------------- */

/* The number of *DIGIT, which is not zero where there is one. */
static bool take_keep(struct span *s, unsigned *keep)
{
	bool any = false;

	*keep = 0;
	for (; s->len > 0 && text_is_digit(s->at[0]); *s = span_from(*s, 1)) {
		any = true;
		if (*keep < VALUE_MAX)
			*keep = *keep * 10 + (unsigned)(s->at[0] - '0');
	}
	return !any || *keep > 0;
}

/* What stands between the braces. */
static bool read_letter(struct span s, struct piece *out)
{
	if (s.len == 0 || !strchr("slodiphcrtv", text_lower(s.at[0])) || s.at[0] == '\0')
		return false;
	out->letter = text_lower(s.at[0]);
	out->is_escaped = out->letter != s.at[0];
	s = span_from(s, 1);
	if (!take_keep(&s, &out->keep))
		return false;
	if (s.len > 0 && text_lower(s.at[0]) == 'r') {
		out->is_reversed = true;
		s = span_from(s, 1);
	}
	out->delimiters = s;
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] == '\0' || !strchr(".-+,/_=", s.at[i]))
			return false;
	return true;
}

static bool take_expand(struct span *rest, struct piece *out)
{
	size_t end;

	out->is_expand = true;
	if (rest->len < 2)
		return false;
	if (rest->at[1] == '{') {
		end = span_find(*rest, '}');
		if (end == rest->len || !read_letter(span_of(rest->at + 2, end - 2), out))
			return false;
		*rest = span_from(*rest, end + 1);
		return true;
	}
	switch (rest->at[1]) {
	case '%': out->literal = SPAN("%"); break;
	case '_': out->literal = SPAN(" "); break;
	case '-': out->literal = SPAN("%20"); break;
	default: return false;
	}
	*rest = span_from(*rest, 2);
	return true;
}

/* The next piece of what is not empty. */
static bool take_piece(struct span *rest, struct piece *out)
{
	size_t n;

	*out = (struct piece){ .literal = SPAN_NONE };
	if (rest->at[0] == '%')
		return take_expand(rest, out);
	n = span_find(*rest, '%');
	out->literal = span_first(*rest, n);
	*rest = span_from(*rest, n);
	return true;
}

/* last: its last piece. */
static bool read_all(struct span s, const char *forbidden, struct piece *last)
{
	*last = (struct piece){ .literal = SPAN_NONE };
	while (s.len > 0)
		if (!take_piece(&s, last) || (last->letter && strchr(forbidden, last->letter)) || !text_is_printable(last->literal))
			return false;
	return true;
}

bool spf_macro_is_explanation(struct span s)
{
	struct piece last;

	return read_all(s, "", &last);
}

bool spf_macro_is_good(struct span s)
{
	struct piece last;

	return span_find(s, ' ') == s.len && read_all(s, "crt", &last);
}

static bool is_top_label(struct span s)
{
	bool any_letter = false, any_hyphen = false;

	for (size_t i = 0; i < s.len; i++) {
		if (!text_is_alpha(s.at[i]) && !text_is_digit(s.at[i]) && s.at[i] != '-')
			return false;
		any_letter |= text_is_alpha(s.at[i]);
		any_hyphen |= s.at[i] == '-';
	}
	return s.len > 0 && (any_letter || any_hyphen) && s.at[0] != '-' && s.at[s.len - 1] != '-';
}

bool spf_macro_is_domain(struct span s)
{
	struct piece last;
	const char *dot;
	struct span tail;

	if (span_find(s, ' ') < s.len || !read_all(s, "crt", &last))
		return false;
	if (last.is_expand)
		return true;
	tail = last.literal;
	if (tail.len > 0 && tail.at[tail.len - 1] == '.')
		tail.len--;
	dot = memrchr(tail.at, '.', tail.len);
	return dot && is_top_label(span_from(tail, (size_t)(dot - tail.at) + 1));
}

bool spf_macro_uses(struct span s, const char *letters)
{
	struct piece p;

	while (s.len > 0)
		if (take_piece(&s, &p) && p.letter && strchr(letters, p.letter))
			return true;
	return false;
}

/* ---- expanded ----------------------------------------------------------------------------- */

static size_t add_nibbles(const struct client *c, char *to)
{
	static const char HEX[] = "0123456789ABCDEF";
	size_t n = 0;

	for (unsigned i = 0; i < 16; i++) {
		to[n++] = HEX[c->at[i] >> 4];
		to[n++] = '.';
		to[n++] = HEX[c->at[i] & 15];
		to[n++] = '.';
	}
	return n - 1;
}

static size_t put(char *room, size_t at, struct span s)
{
	s = span_first(s, VALUE_MAX - 1);
	memcpy(room + at, s.at, s.len);
	return at + s.len;
}

/* What a letter stands for; room: where it may be made. */
static struct span value_of(char letter, const struct spf_words *w, char room[2 * VALUE_MAX])
{
	size_t n = 0;

	switch (letter) {
	case 'l': return w->local;
	case 'o': return w->domain;
	case 'd': return w->current;
	case 'p': return w->validated;
	case 'h': return w->helo;
	case 'r': return w->receiver.len ? w->receiver : SPAN("unknown");
	case 'v': return w->client->is_v6 ? SPAN("ip6") : SPAN("in-addr");
	case 's':
		n = put(room, 0, w->local);
		room[n++] = '@';
		n = put(room, n, w->domain);
		break;
	case 'i':
		if (w->client->is_v6)
			return span_of(room, add_nibbles(w->client, room));
		client_text(w->client, room);
		return span_of_text(room);
	case 'c':
		client_text(w->client, room);
		return span_of_text(room);
	case 't':
		n = (size_t)snprintf(room, VALUE_MAX, "%llu", (unsigned long long)w->now_s);
		break;
	default:
		break;
	}
	return span_of(room, n);
}

static void add_part(struct buf *out, struct span s, bool is_escaped)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];

		if (!is_escaped || text_is_alpha(c) || text_is_digit(c) || (c != '\0' && strchr("-._~", c)))
			(void)buf_add_char(out, c);
		else
			(void)buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
	}
}

/* RFC 7208 7.3: cut at the delimiters, turned around, the parts at the right kept, joined by dots. */
static void add_value(struct span value, const struct piece *p, struct buf *out)
{
	struct span parts[VALUE_MAX + 1];
	struct span delimiters = p->delimiters.len ? p->delimiters : SPAN(".");
	size_t n = 0, from = 0, keep;

	value = span_first(value, VALUE_MAX);
	for (size_t i = 0; i <= value.len; i++)
		if (i == value.len || memchr(delimiters.at, value.at[i], delimiters.len)) {
			parts[n++] = span_of(value.at + from, i - from);
			from = i + 1;
		}
	keep = p->keep && p->keep < n ? p->keep : n;
	for (size_t i = 0; i < keep; i++) {
		if (i > 0)
			(void)buf_add_char(out, '.');
		add_part(out, parts[p->is_reversed ? keep - 1 - i : n - keep + i], p->is_escaped);
	}
}

void spf_macro_expand(struct span s, const struct spf_words *words, struct buf *out)
{
	char room[2 * VALUE_MAX];
	struct piece p;

	while (s.len > 0 && take_piece(&s, &p))
		if (p.letter)
			add_value(value_of(p.letter, words, room), &p, out);
		else
			(void)buf_add(out, p.literal);
}
