/* Bytes and numbers, the lowest byte first, off the front of what came; false where it is too short. Hot: they stand in a header. */
#ifndef WIRE_TAKE_H
#define WIRE_TAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

static inline bool take_bytes(struct span *rest, size_t n, struct span *out)
{
	if (n > rest->len)
		return false;
	*out = span_of(rest->at, n);
	*rest = span_of(rest->at + n, rest->len - n);
	return true;
}

static inline bool take_number(struct span *rest, unsigned bytes, uint64_t *out)
{
	struct span s;

	if (!take_bytes(rest, bytes, &s))
		return false;
	*out = 0;
	for (unsigned i = 0; i < bytes; i++)
		*out |= (uint64_t)(unsigned char)s.at[i] << 8 * i;
	return true;
}

#endif
