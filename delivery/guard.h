/* The loop guard: has this message been delivered to one of its mailboxes
 * before? Looks for Delivered-To in the header as it passes. */
#ifndef DELIVERY_GUARD_H
#define DELIVERY_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

#define GUARD_LINE_MAX 320	/* bytes kept of a header line: the field's name and an address */

struct guard {
	bool is_over;		/* the header is */
	size_t len;		/* of the line so far, what was not kept too */
	char line[GUARD_LINE_MAX];
};

void guard_init(struct guard *g);
/* The next bytes of the message. Calls on_delivered_to with the value of each such field. */
void guard_feed(struct guard *g, struct span bytes, void (*on_delivered_to)(void *arg, struct span value), void *arg);

#endif
