/* Any line: a row that is read is written and read again as it was. */
#include <stdint.h>
#include <string.h>

#include "mail/tokens_row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tokens_row row, again;
	const char *why;
	struct buf out;
	enum pr_err err = tokens_row_parse(span_of((const char *)data, size), &row, &why);

	BUG_ON((err == PR_BAD) != (why != NULL));
	(void)token_is(span_of((const char *)data, size));
	if (err != PR_OK)
		return 0;
	buf_init(&out, 2 * TOKENS_ROW_MAX);
	if (tokens_row_add(&row, &out) == PR_OK) {
		BUG_ON(tokens_row_parse(span_first(buf_span(&out), out.len - 1), &again, &why) != PR_OK);
		BUG_ON(!span_eq(row.address, again.address) || !span_eq(row.label, again.label) || row.created != again.created);
		BUG_ON(memcmp(row.digest, again.digest, sizeof(row.digest)) != 0);
	} else {
		BUG_ON(row.address.len <= TOKENS_ROW_MAX / 2);
	}
	buf_fini(&out);
	return 0;
}
