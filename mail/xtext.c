#include "mail/xtext.h"

#include "base/text.h"

/* RFC 3461 4: xchar = %x21-2A / %x2C-3C / %x3E-7E; hexchar = "+" 2(%x30-39 / %x41-46). */
static bool is_xchar(char c)
{
	return c > 0x20 && c < 0x7f && c != '+' && c != '=';
}

static int hex_value(char c)
{
	if (text_is_digit(c))
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum pr_err xtext_add(struct buf *out, struct span bytes)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.at[i];
		char escaped[3] = { '+', hex[c >> 4], hex[c & 15] };

		if (is_xchar(bytes.at[i]))
			buf_add_char(out, bytes.at[i]);
		else
			buf_add(out, span_of(escaped, sizeof(escaped)));
	}
	return out->overflowed ? PR_FULL : PR_OK;
}

/* The byte at the front of *text, which is moved over it; -1 when there is none. */
static int next_byte(struct span *text)
{
	char c = text->at[0];
	int high, low;

	if (is_xchar(c)) {
		*text = span_from(*text, 1);
		return (unsigned char)c;
	}
	if (c != '+' || text->len < 3)
		return -1;
	high = hex_value(text->at[1]);
	low = hex_value(text->at[2]);
	*text = span_from(*text, 3);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

enum pr_err xtext_decode(struct span text, struct buf *out)
{
	size_t before = out->len;

	while (text.len) {
		int c = next_byte(&text);

		if (c < 0) {
			out->len = before;
			return PR_BAD;
		}
		buf_add_char(out, (char)c);
	}
	return out->overflowed ? PR_FULL : PR_OK;
}

bool xtext_is_printable(struct span text)
{
	while (text.len) {
		int c = next_byte(&text);

		if (c < 0x20 || c > 0x7e)
			return false;
	}
	return true;
}

/* The character at the front of valid UTF-8, which is moved over it. */
static unsigned long next_character(struct span *text)
{
	unsigned char first = (unsigned char)text->at[0];
	size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	unsigned long c = len == 1 ? first : first & (0x7fU >> len);

	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)text->at[i] & 0x3f);
	*text = span_from(*text, len);
	return c;
}

enum pr_err xtext_add_utf8(struct buf *out, struct span address)
{
	if (!text_is_utf8(address))
		return PR_BAD;
	while (address.len) {
		unsigned long c = next_character(&address);

		if (c < 0x80 && c != '\\' && is_xchar((char)c))
			buf_add_char(out, (char)c);
		else
			buf_printf(out, "\\x{%02lX}", c);
	}
	return out->overflowed ? PR_FULL : PR_OK;
}

static void add_utf8(struct buf *out, unsigned long c)
{
	char bytes[4];
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		bytes[i] = (char)(0x80 | (c & 0x3f));
	bytes[0] = (char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c);
	buf_add(out, span_of(bytes, n));
}

/* RFC 6533 3: EmbeddedUnicodeChar = %x5C.78 "{" HEXPOINT "}", two to six digits
 * without leading zeros; of ASCII only what may not stand as it is. */
static bool take_embedded(struct span *text, struct buf *out)
{
	struct span rest = *text, digits;
	unsigned long c = 0;

	if (rest.len < 3 || rest.at[1] != 'x' || rest.at[2] != '{')
		return false;
	rest = span_from(rest, 3);
	if (span_find(rest, '}') == rest.len)
		return false;
	digits = span_cut(&rest, '}');
	if (digits.len < 2 || digits.len > 6 || digits.at[0] == '0')
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		int value = hex_value(digits.at[i]);

		if (value < 0)
			return false;
		c = c << 4 | (unsigned long)value;
	}
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || (c < 0x80 && c != ' ' && c != '+' && c != '=' && c != '\\'))
		return false;
	if (c < 0x80)
		buf_add_char(out, (char)c);
	else
		add_utf8(out, c);
	*text = rest;
	return true;
}

static bool take_utf8_piece(struct span *text, bool raw, struct buf *out)
{
	int c;

	if (text->at[0] == '\\')
		return take_embedded(text, out);
	if ((unsigned char)text->at[0] >= 0x80) {
		buf_add_char(out, text->at[0]);
		*text = span_from(*text, 1);
		return raw;
	}
	c = next_byte(text);
	if (c < 0x20 || c > 0x7e)
		return false;
	buf_add_char(out, (char)c);
	return true;
}

enum pr_err xtext_decode_utf8(struct span text, bool raw, struct buf *out)
{
	size_t before = out->len;

	if (!text_is_utf8(text))
		return PR_BAD;
	while (text.len)
		if (!take_utf8_piece(&text, raw, out)) {
			out->len = before;
			return PR_BAD;
		}
	return out->overflowed ? PR_FULL : PR_OK;
}
