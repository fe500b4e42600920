/* How often each thing happened since the program began, by the names of events.def. */
#ifndef EVENTS_COUNTERS_H
#define EVENTS_COUNTERS_H

#include <stdint.h>

#include "base/buf.h"
#include "wire/event.h"

struct counters {
	uint64_t at[N_EVENTS];
};

void counters_add(struct counters *c, enum event_code code, uint64_t n);
uint64_t counters_of(const struct counters *c, const char *name);
/* name=number with blanks between; what never happened is left out. */
void counters_add_words(const struct counters *c, struct buf *words);

#endif
