/* Any bytes as an event: shown without a control byte, or not at all. */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "wire/event.h"

static void is_one_line(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		BUG_ON((unsigned char)b->at[i] < 0x20 || b->at[i] == 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of((const char *)data, size);
	struct event_view v;
	struct buf out;
	enum pr_err err = event_view(bytes, &v);

	buf_init(&out, 1u << 20);
	event_add_text_line(&out, bytes, "fuzz");
	is_one_line(&out);
	BUG_ON((out.len == 0) != (err != PR_OK));
	buf_clear(&out);
	event_add_json(&out, bytes, "fuzz");
	is_one_line(&out);
	BUG_ON(out.overflowed);
	buf_fini(&out);
	return 0;
}
