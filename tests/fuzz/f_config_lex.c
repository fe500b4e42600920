/* A configuration of any bytes: refused in words, or read the same by libconfuse and by the pre-pass. */
#include "master/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings *s = NULL;
	struct buf told;
	enum pr_err err;

	buf_init(&told, CONFIG_COMPLAINTS_MAX);
	err = config_parse("f", span_of((const char *)data, size), &s, &told);
	BUG_ON(err == PR_BAD && told.len == 0);
	BUG_ON(err == PR_OK && !s);
	for (size_t i = 0; i + 12 < told.len; i++)
		BUG_ON(memcmp(told.at + i, "read in two ", 12) == 0);
	settings_free(&s);
	buf_fini(&told);
	return 0;
}
