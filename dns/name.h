/* Names of the DNS as they are kept here: lower-case text without the dot at
 * the end, "." for the root. Their labels hold printable ASCII without blanks,
 * dots, quotes and backslashes; a name with anything else is none. */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

#define NAME_TEXT_MAX 253
#define NAME_WIRE_MAX 255

struct name {
	unsigned char len;
	char at[NAME_TEXT_MAX + 1];	/* with a NUL */
};

static inline struct span name_span(const struct name *n) { return span_of(n->at, n->len); }
static inline bool name_eq(const struct name *a, const struct name *b) { return span_eq(name_span(a), name_span(b)); }
static inline bool name_is_root(const struct name *n) { return n->len == 1 && n->at[0] == '.'; }

/* With or without the dot at the end, in any case. */
bool name_from_text(struct span text, struct name *out);
/* From the form in packets, uncompressed, which must be all of the bytes. */
bool name_from_wire(const unsigned char *wire, size_t len, struct name *out);
/* Returns its length. */
size_t name_to_wire(const struct name *n, unsigned char out[NAME_WIRE_MAX]);

#endif
