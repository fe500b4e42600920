/* Any words from outside, a line each: one field comes of them, whose lines are short and whose comments are closed. */
#include <stdint.h>

#include "base/err.h"
#include "mail/header.h"
#include "mail/received.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(struct span field)
{
	size_t line = 0;
	int open = 0;

	for (size_t i = 0; i < field.len; i++, line++) {
		open += field.at[i] == '(';
		open -= field.at[i] == ')';
		BUG_ON(open < 0 || open > 1 || line > 998 || field.at[i] == '"' || field.at[i] == '\\' || field.at[i] == '\0');
		if (field.at[i] != '\n')
			continue;
		BUG_ON(field.at[i - 1] != '\r' || (i + 1 < field.len && field.at[i + 1] != '\t'));
		line = 0;
	}
	BUG_ON(open != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct header_rules rules = { .remove = 0 };
	struct span rest = span_of((const char *)data, size), out;
	static struct header h;
	struct received r = { .wall_ms = (int64_t)size * 1000000007 };
	struct span *const words[] = { &r.helo, &r.client_name, &r.client_ip, &r.by, &r.id, &r.tls_version, &r.tls_cipher, &r.only_rcpt };
	unsigned char bits = size ? data[size - 1] : 0;
	struct buf field;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		*words[i] = span_cut(&rest, '\n');
	r.extended = bits & 1;
	r.tls = bits & 2;
	r.utf8 = bits & 4;
	r.auth = bits & 8;
	r.lmtp = bits & 16;
	buf_init(&field, 65536);
	if (received_add(&field, &r) == PR_OK) {
		check_lines(buf_span(&field));
		header_init(&h, &rules);
		for (rest = buf_span(&field); header_take(&h, &rest, &out) == HEADER_PART;)
			;
		BUG_ON(h.n_fields != 1 || h.count[HEADER_RECEIVED] != 1 || h.ended);
	}
	buf_fini(&field);
	return 0;
}
