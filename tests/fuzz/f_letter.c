/* Any standard input of sendmail(8), in two pieces: lines end in CRLF, the header stands, recipients end. */
#include <stdint.h>

#include "ctl/letter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum pr_err count(void *arg, struct span address)
{
	(void)address;
	(*(size_t *)arg)++;
	return PR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of((const char *)data, size);
	size_t cut = size ? data[0] : 0, n = 0;
	struct buf out, bad;
	struct letter l;

	letter_init(&l, 3 * size + 16, size & 1);
	if (letter_take(&l, span_first(text, cut)))
		(void)letter_take(&l, span_from(text, cut));
	BUG_ON(letter_is_too_large(&l));
	letter_close(&l);
	buf_init(&out, 4 * size + 64);
	buf_init(&bad, 1024);
	BUG_ON(letter_add_to(&l, SPAN("F: f\r\n"), &out) != PR_OK);
	BUG_ON(out.len < 2 || out.at[out.len - 1] != '\n' || out.at[out.len - 2] != '\r');
	(void)!letter_recipients(&l, count, &n, &bad);
	BUG_ON(n > size);
	buf_fini(&out);
	buf_fini(&bad);
	letter_fini(&l);
	return 0;
}
