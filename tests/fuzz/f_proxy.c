#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "smtpd/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size);
	struct proxy whole, part;
	size_t used = 0, none;

	if (proxy_parse(in, &used, &whole) != PROXY_DONE)
		return 0;
	BUG_ON(used > size || used > PROXY_MAX);
	BUG_ON(!whole.own && whole.from.family != 4 && whole.from.family != 6);
	for (size_t n = 0; n < used; n++)
		BUG_ON(proxy_parse(span_first(in, n), &none, &part) != PROXY_MORE);
	return 0;
}
