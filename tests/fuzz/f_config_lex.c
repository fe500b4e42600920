/* A configuration of any bytes: refused in words, or read the same by libconfuse and by the pre-pass. */
#include "master/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines of complaints begin with the file's name, those of the source with blanks. */
static bool tells_of_two_ways(struct span told)
{
	while (told.len) {
		struct span line = span_cut(&told, '\n'), words = line;

		(void)span_cut(&words, ':');
		(void)span_cut(&words, ':');
		if (span_starts_nocase(line, SPAN("f:")) && span_starts_nocase(words, SPAN(" this can be read in two")))
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings *s = NULL;
	struct buf told;
	enum pr_err err;

	buf_init(&told, CONFIG_COMPLAINTS_MAX);
	err = config_parse("f", span_of((const char *)data, size), &s, &told);
	BUG_ON(err == PR_BAD && told.len == 0);
	BUG_ON(err == PR_OK && !s);
	BUG_ON(tells_of_two_ways(buf_span(&told)));
	settings_free(&s);
	buf_fini(&told);
	return 0;
}
