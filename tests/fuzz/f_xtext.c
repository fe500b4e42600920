/* Encoded text from anywhere: refused, or decoded and encoded back. */
#include <stdint.h>

#include "base/base64.h"
#include "base/text.h"
#include "mail/xtext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_xtext(struct span text)
{
	struct buf bytes, back, again;

	buf_init(&bytes, text.len);
	buf_init(&back, 3 * text.len);
	buf_init(&again, 3 * text.len);
	if (xtext_decode(text, &bytes) == PR_OK) {
		BUG_ON(xtext_add(&back, buf_span(&bytes)) || xtext_decode(buf_span(&back), &again));
		BUG_ON(!span_eq(buf_span(&bytes), buf_span(&again)));
		BUG_ON(xtext_is_printable(text) != text_is_printable(buf_span(&bytes)));
	} else {
		BUG_ON(bytes.len || xtext_is_printable(text));
	}
	buf_clear(&bytes);
	BUG_ON(xtext_decode_utf8(text, text.len & 1, &bytes) == PR_OK ? !text_is_utf8(buf_span(&bytes)) : bytes.len > 0);
	buf_fini(&bytes);
	buf_fini(&back);
	buf_fini(&again);
}

static void check_base64(struct span text)
{
	static char bytes[1 << 16];
	struct buf back;
	size_t len;

	buf_init(&back, text.len);
	if (base64_decode(text, bytes, sizeof(bytes), &len) == PR_OK)
		BUG_ON(base64_add(&back, span_of(bytes, len)) || !span_eq(buf_span(&back), text));
	else
		BUG_ON(len);
	buf_fini(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of((const char *)data, size);

	check_xtext(text);
	check_base64(text);
	return 0;
}
