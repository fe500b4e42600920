#include "base/text.h"

#include <stdint.h>

#define DISTANCE_MAX 255

void text_lower_in_place(char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = text_lower(at[i]);
}

static bool is_continuation(unsigned char c, unsigned char low, unsigned char high)
{
	return c >= low && c <= high;
}

/* Length of the UTF-8 character at the front of s, 0 when it is none.
 * RFC 3629 4: the second byte's range depends on the first: that is what
 * forbids overlong forms, surrogates and what lies above U+10FFFF. */
static size_t utf8_len(struct span s)
{
	const unsigned char *at = (const unsigned char *)s.at;
	unsigned char first = at[0], low = 0x80, high = 0xbf;
	size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (len == 1)
		return 1;
	if (first < 0xc2 || first > 0xf4 || s.len < len)
		return 0;
	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	if (!is_continuation(at[1], low, high))
		return 0;
	for (size_t i = 2; i < len; i++)
		if (!is_continuation(at[i], 0x80, 0xbf))
			return 0;
	return len;
}

/* How many bytes at the front are ASCII, eight at a time. */
static size_t ascii_run(struct span s)
{
	size_t i = 0;

	for (; i + 8 <= s.len; i += 8) {
		uint64_t word;

		memcpy(&word, s.at + i, 8);
		if (word & 0x8080808080808080U)
			break;
	}
	while (i < s.len && (unsigned char)s.at[i] < 0x80)
		i++;
	return i;
}

bool text_is_utf8(struct span s)
{
	while (s.len) {
		size_t run = ascii_run(s);

		if (run == 0)
			run = utf8_len(s);
		if (run == 0)
			return false;
		s = span_from(s, run);
	}
	return true;
}

bool text_is_ascii(struct span s)
{
	return ascii_run(s) == s.len;
}

bool text_is_printable(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] < 0x20 || s.at[i] > 0x7e)
			return false;
	return true;
}

bool text_is_within(struct span name, struct span domain)
{
	bool is_longer = name.len > domain.len;

	return span_ends_nocase(name, domain) && (!is_longer || name.at[name.len - domain.len - 1] == '.');
}

/* What changes how a terminal or a reader shows the rest of a line: C1
 * controls (an 8-bit CSI among them), line and paragraph separators, marks
 * and overrides of writing direction. */
static bool is_tricky(struct span character)
{
	const unsigned char *at = (const unsigned char *)character.at;
	unsigned last;

	if (character.len == 2)
		return (at[0] == 0xc2 && at[1] < 0xa0) || (at[0] == 0xd8 && at[1] == 0x9c);
	if (character.len != 3 || at[0] != 0xe2)
		return false;
	last = (unsigned)at[1] << 8 | at[2];
	return (last >= 0x808e && last <= 0x808f) || (last >= 0x80a8 && last <= 0x80ae) || (last >= 0x81a6 && last <= 0x81a9);
}

static void add_hex(struct buf *b, struct span s)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];
		char escaped[4] = { '\\', 'x', hex[c >> 4], hex[c & 15] };

		buf_add(b, span_of(escaped, sizeof(escaped)));
	}
}

static size_t plain_run(struct span s, char also_not)
{
	size_t i = 0;

	for (; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if (c < 0x20 || c >= 0x7f || c == '\\' || s.at[i] == also_not)
			break;
	}
	return i;
}

void text_add_escaped(struct buf *b, struct span s)
{
	while (s.len) {
		size_t run = plain_run(s, '\\');
		size_t len = run ? run : utf8_len(s);
		struct span piece = span_first(s, len ? len : 1);

		if (run || (piece.len > 1 && !is_tricky(piece)))
			buf_add(b, piece);
		else
			add_hex(b, piece);
		s = span_from(s, piece.len);
	}
}

static void add_json_ascii(struct buf *b, char c)
{
	static const char shorts[] = "\bb\ff\nn\rr\tt\"\"\\\\";

	for (const char *s = shorts; *s; s += 2)
		if (*s == c) {
			buf_add_char(b, '\\');
			buf_add_char(b, s[1]);
			return;
		}
	buf_printf(b, "\\u%04x", (unsigned)(unsigned char)c);
}

void text_add_json(struct buf *b, struct span s)
{
	buf_add_char(b, '"');
	while (s.len) {
		size_t run = plain_run(s, '"');
		size_t len = run ? run : utf8_len(s);

		if (run || len > 1)
			buf_add(b, span_first(s, len));
		else if (len == 1)
			add_json_ascii(b, s.at[0]);
		else
			buf_add(b, SPAN("\xef\xbf\xbd"));
		s = span_from(s, len ? len : 1);
	}
	buf_add_char(b, '"');
}

bool text_matches(struct span pattern, struct span s)
{
	size_t p = 0, i = 0, star = SIZE_MAX, resume = 0;

	while (i < s.len) {
		if (p < pattern.len && pattern.at[p] == '*') {
			star = p++;
			resume = i;
		} else if (p < pattern.len && (pattern.at[p] == '?' || text_lower(pattern.at[p]) == text_lower(s.at[i]))) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			/* Only the last star needs to give up more: what came before it was matched as early as can be. */
			p = star + 1;
			i = ++resume;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.at[p] == '*')
		p++;
	return p == pattern.len;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned two = a < b ? a : b;

	return two < c ? two : c;
}

/* Levenshtein, one row at a time. */
unsigned text_distance(struct span a, struct span b)
{
	unsigned row[DISTANCE_MAX + 1];

	if (a.len > DISTANCE_MAX || b.len > DISTANCE_MAX)
		return DISTANCE_MAX;
	for (unsigned j = 0; j <= b.len; j++)
		row[j] = j;
	for (unsigned i = 0; i < a.len; i++) {
		unsigned diagonal = row[0];

		row[0] = i + 1;
		for (unsigned j = 0; j < b.len; j++) {
			unsigned above = row[j + 1];

			row[j + 1] = least(above + 1, row[j] + 1, diagonal + (a.at[i] != b.at[j]));
			diagonal = above;
		}
	}
	return row[b.len];
}
