/* Any lines of a Dovecot, and any words of ours: what we say is one line, whatever is in it. */
#include <stdint.h>

#include "auth/dovecot.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char room[DOVECOT_LINE_MAX];
	struct span in = span_first(span_of((const char *)data, size), DOVECOT_LINE_MAX);
	struct dovecot_question q = { .id = 1, .user = span_first(in, 200), .password = in, .client = span_from(in, 3), .local = in };
	struct dovecot_line line;
	struct buf out;

	buf_init(&out, 8 * DOVECOT_LINE_MAX);
	dovecot_add_question(&out, &q);
	BUG_ON(out.overflowed || span_find(buf_span(&out), '\n') != out.len - 1);
	buf_fini(&out);
	while (in.len > 0) {
		if (dovecot_read(span_cut(&in, '\n'), room, &line) == PR_OK)
			BUG_ON(line.user.len > size || line.id > INT32_MAX);
	}
	return 0;
}
