/* Any From field: it ends, and each mailbox of it reads again as itself. */
#include <stdint.h>

#include "mail/author.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span value = span_of((const char *)data, size);
	struct address a, again;
	size_t before = size + 1;
	enum pr_err err;

	while ((err = author_next(&value, &a)) != PR_NONE) {
		BUG_ON(value.len >= before);
		before = value.len;
		if (err == PR_OK)
			BUG_ON(address_parse_mailbox(address_span(&a), ALLOW_UTF8, &again) != PR_OK || !address_same(address_span(&a), address_span(&again)));
	}
	return 0;
}
