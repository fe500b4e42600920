/* Bytes that claim to be a configuration: refused, or decoded to what encodes to the same bytes. */
#include <stdlib.h>

#include "wire/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings *s;
	struct buf again;

	if (settings_decode(span_of((const char *)data, size), &s) != PR_OK)
		return 0;
	buf_init(&again, size);
	if (settings_encode(s, (char)data[0], &again) != PR_OK || !span_eq(buf_span(&again), span_of((const char *)data, size)))
		abort();
	buf_fini(&again);
	settings_free(&s);
	return 0;
}
