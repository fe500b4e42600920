#include "events/counters.h"

#include <inttypes.h>
#include <string.h>

void counters_add(struct counters *c, enum event_code code, uint64_t n)
{
	if (code > EV_NONE && code < N_EVENTS)
		c->at[code] += n;
}

/* Several events may share a counter. */
uint64_t counters_of(const struct counters *c, const char *name)
{
	uint64_t sum = 0;

	for (unsigned i = EV_NONE + 1; i < N_EVENTS; i++)
		if (strcmp(event_kinds[i].counter, name) == 0)
			sum += c->at[i];
	return sum;
}

static bool is_first_of_its_name(unsigned code)
{
	for (unsigned i = EV_NONE + 1; i < code; i++)
		if (strcmp(event_kinds[i].counter, event_kinds[code].counter) == 0)
			return false;
	return true;
}

void counters_add_words(const struct counters *c, struct buf *words)
{
	for (unsigned i = EV_NONE + 1; i < N_EVENTS; i++) {
		const char *name = event_kinds[i].counter;
		uint64_t n = *name && is_first_of_its_name(i) ? counters_of(c, name) : 0;

		if (n > 0)
			buf_printf(words, "%s%s=%" PRIu64, words->len ? " " : "", name, n);
	}
}
