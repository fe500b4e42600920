#include "base/base64.h"

#include <stdint.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum pr_err base64_add(struct buf *out, struct span bytes)
{
	char *at = out->overflowed ? NULL : buf_room(out, BASE64_LEN(bytes.len));
	const unsigned char *in = (const unsigned char *)bytes.at;

	if (!at) {
		out->overflowed = true;
		return PR_FULL;
	}
	for (size_t i = 0; i < bytes.len; i += 3, at += 4) {
		size_t n = bytes.len - i;
		unsigned bits = (unsigned)in[i] << 16 | (n > 1 ? (unsigned)in[i + 1] << 8 : 0) | (n > 2 ? in[i + 2] : 0);

		at[0] = letters[bits >> 18];
		at[1] = letters[bits >> 12 & 63];
		at[2] = n > 1 ? letters[bits >> 6 & 63] : '=';
		at[3] = n > 2 ? letters[bits & 63] : '=';
	}
	buf_grew(out, BASE64_LEN(bytes.len));
	return PR_OK;
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four letters, the last `padding` of them "="; false when they are not that. */
static bool decode_four(const char *at, size_t padding, uint32_t *bits)
{
	*bits = 0;
	for (size_t i = 0; i < 4; i++) {
		int value = i < 4 - padding ? value_of(at[i]) : 0;

		if (value < 0)
			return false;
		*bits = *bits << 6 | (uint32_t)value;
	}
	return (*bits & ((1U << 8 * padding) - 1)) == 0;
}

enum pr_err base64_decode(struct span text, void *out, size_t room, size_t *len)
{
	unsigned char *to = out;
	size_t padding = 0;

	*len = 0;
	if (text.len % 4)
		return PR_BAD;
	while (padding < 2 && text.len && text.at[text.len - 1 - padding] == '=')
		padding++;
	if (text.len / 4 * 3 - padding > room)
		return PR_FULL;
	for (size_t i = 0; i < text.len; i += 4) {
		size_t missing = i + 4 == text.len ? padding : 0;
		uint32_t bits;

		if (!decode_four(text.at + i, missing, &bits))
			return PR_BAD;
		for (size_t n = 0; n < 3 - missing; n++)
			*to++ = (unsigned char)(bits >> (16 - 8 * n));
	}
	*len = text.len / 4 * 3 - padding;
	return PR_OK;
}
