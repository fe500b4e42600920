/* What `postrider trace` asks: all events of the messages that match.
 *
 * Two walks over the ring, in slices, so that a long search delays no event:
 * the first finds which messages are meant (and the bounces about them), the
 * second tells their events in order, and those that match by themselves. */
#ifndef EVENTS_SEARCH_H
#define EVENTS_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "events/ring.h"

/* An id or a part of it (six letters at least, its beginning or its end), an address or a pattern of addresses, a
 * Message-ID with or without <>, a client; nothing: all. */
#define SEARCH_QUERY_MAX 1024
/* Messages of one answer; a search for more tells the events of these only. */
#define SEARCH_MESSAGES  65536

enum search_step {
	SEARCH_MORE,	/* a slice was done; call again */
	SEARCH_WAITS,	/* no row may be told now: search_grant */
	SEARCH_DONE
};

struct search;
typedef void search_tell(void *arg, struct span event);

struct search *search_new(const struct ring *ring, struct span query, uint32_t rows);
void search_free(struct search **s);
void search_grant(struct search *s, uint32_t rows);
/* Looks at some bytes of the ring; gives what is found to tell. */
enum search_step search_run(struct search *s, search_tell *tell, void *arg);
uint32_t search_told(const struct search *s);

/* Wall time of the oldest event in memory, 0 when there is none. */
int64_t search_begins_ms(const struct ring *ring);

#endif
