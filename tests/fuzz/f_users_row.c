/* Any line: a row that is read is written and read again as it was, unless it would begin a comment. */
#include <stdint.h>

#include "mail/users_row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct users_row row, again;
	const char *why;
	struct buf out;
	enum pr_err err = users_row_parse(span_of((const char *)data, size), &row, &why);

	BUG_ON((err == PR_BAD) != (why != NULL));
	if (err != PR_OK)
		return 0;
	buf_init(&out, 2 * USERS_ROW_MAX);
	if (users_row_add(&row, &out) == PR_OK) {
		BUG_ON(users_row_parse(span_first(buf_span(&out), out.len - 1), &again, &why) != PR_OK);
		BUG_ON(!span_eq(row.address, again.address) || !span_eq(row.password, again.password) || row.is_disabled != again.is_disabled);
	} else {
		BUG_ON(size + sizeof("disabled") < USERS_ROW_MAX);
	}
	buf_fini(&out);
	return 0;
}
