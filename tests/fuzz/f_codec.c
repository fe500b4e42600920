/* Any packet: what is taken is what comes out again when it is put. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "wire/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char again[WIRE_PACKET_MAX];
	struct span rest = span_of((const char *)data, size);
	union wire_msg msg;
	enum wire_verb verb;
	const char *before = rest.at;
	size_t n;

	if (size > WIRE_PACKET_MAX)
		return 0;
	while (wire_get(&rest, &verb, &msg) == PR_OK) {
		n = wire_put(again, sizeof again, verb, &msg);
		BUG_ON(n != (size_t)(rest.at - before) || memcmp(again, before, n) != 0);
		before = rest.at;
	}
	return 0;
}
