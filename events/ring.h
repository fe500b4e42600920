/* The latest events in memory, oldest first: a ring of encoded events
 * (wire/event.h) with a ceiling in bytes. An append forgets as many of the
 * oldest as it needs. A cursor survives that: where its event was forgotten it
 * goes on with the oldest one there is. */
#ifndef EVENTS_RING_H
#define EVENTS_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct ring {
	char *at;
	size_t size;		/* bytes of memory, fixed until ring_resize */
	size_t first, last;	/* offset of the oldest record, and of the next one to write */
	uint64_t first_serial, last_serial;	/* of the oldest event, and of the next one; equal when empty */
};

struct ring_cursor {
	uint64_t serial;	/* of the next event to be given */
	size_t place;		/* where it lies while it is there */
};

void ring_init(struct ring *r, size_t size);
void ring_fini(struct ring *r);
/* Keeps the latest events that fit. */
void ring_resize(struct ring *r, size_t size);
/* An event is at most EVENT_MAX bytes, which every ring can hold. */
void ring_add(struct ring *r, struct span event);

struct ring_cursor ring_begin(const struct ring *r);
/* The next event, valid until the next ring_add; false at the end. */
bool ring_next(const struct ring *r, struct ring_cursor *c, struct span *event);

static inline uint64_t ring_count(const struct ring *r) { return r->last_serial - r->first_serial; }

#endif
