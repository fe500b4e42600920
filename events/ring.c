#include "events/ring.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "wire/event.h"

/* A record is its length and its bytes, rounded up to RECORD_ALIGN. A record
 * never wraps: where one does not fit before the end, a length of zero says
 * that the next record is at the start. */
#define RECORD_ALIGN 8
#define RECORD_HEAD  sizeof(uint32_t)
#define RING_LEAST   ((size_t)4 * EVENT_MAX)

static size_t record_size(size_t len)
{
	return (RECORD_HEAD + len + RECORD_ALIGN - 1) & ~(size_t)(RECORD_ALIGN - 1);
}

static uint32_t length_at(const struct ring *r, size_t place)
{
	uint32_t len;

	memcpy(&len, r->at + place, sizeof(len));
	return len;
}

static void set_length(struct ring *r, size_t place, uint32_t len)
{
	memcpy(r->at + place, &len, sizeof(len));
}

/* Where the record that comes after what ended at `place` begins. */
static size_t settle(const struct ring *r, size_t place)
{
	return place == r->size || length_at(r, place) == 0 ? 0 : place;
}

void ring_init(struct ring *r, size_t size)
{
	size = size < RING_LEAST ? RING_LEAST : size & ~(size_t)(RECORD_ALIGN - 1);
	*r = (struct ring){ .at = mem_new(size), .size = size };
}

void ring_fini(struct ring *r)
{
	mem_free(r->at);
	r->at = NULL;
}

void ring_resize(struct ring *r, size_t size)
{
	struct ring bigger;
	struct ring_cursor c = ring_begin(r);
	struct span event;

	ring_init(&bigger, size);
	if (bigger.size == r->size) {
		ring_fini(&bigger);
		return;
	}
	bigger.first_serial = bigger.last_serial = r->first_serial;
	while (ring_next(r, &c, &event))
		ring_add(&bigger, event);
	ring_fini(r);
	*r = bigger;
}

static void forget_oldest(struct ring *r)
{
	r->first += record_size(length_at(r, r->first));
	r->first_serial++;
	if (r->first_serial != r->last_serial)
		r->first = settle(r, r->first);
}

/* Makes [last, last + need) free of records. */
static void make_room(struct ring *r, size_t need)
{
	if (r->last + need > r->size) {
		while (ring_count(r) > 0 && r->first >= r->last)
			forget_oldest(r);
		if (r->last < r->size)
			set_length(r, r->last, 0);
		r->last = 0;
	}
	while (ring_count(r) > 0 && r->first >= r->last && r->first < r->last + need)
		forget_oldest(r);
	if (ring_count(r) == 0)
		r->first = r->last;
}

void ring_add(struct ring *r, struct span event)
{
	size_t need = record_size(event.len);

	BUG_ON(event.len == 0 || event.len > EVENT_MAX);
	make_room(r, need);
	set_length(r, r->last, (uint32_t)event.len);
	memcpy(r->at + r->last + RECORD_HEAD, event.at, event.len);
	r->last += need;
	r->last_serial++;
}

struct ring_cursor ring_begin(const struct ring *r)
{
	return (struct ring_cursor){ .serial = r->first_serial, .place = r->first };
}

bool ring_next(const struct ring *r, struct ring_cursor *c, struct span *event)
{
	if (c->serial < r->first_serial)
		*c = ring_begin(r);
	if (c->serial == r->last_serial)
		return false;
	c->place = settle(r, c->place);
	*event = span_of(r->at + c->place + RECORD_HEAD, length_at(r, c->place));
	c->place += record_size(event->len);
	c->serial++;
	return true;
}
