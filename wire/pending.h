/* Questions under way: a slot each, with a generation, so that a late answer
 * finds nobody. The number of slots is the credit of the channel. */
#ifndef WIRE_PENDING_H
#define WIRE_PENDING_H

#include <stdint.h>

struct pending {
	struct pending_slot *slots;
	uint32_t credit, n, n_used, free_first, free_last;
	uint32_t none_below;	/* no slot below is open: where pending_take looks first */
	uint16_t generation;	/* of fresh slots */
};

void pending_init(struct pending *p, uint32_t credit);	/* at most 65,535 */
/* The same; its asks begin elsewhere than those of an earlier run, which the peer may still remember. */
void pending_init_at(struct pending *p, uint32_t credit, uint16_t generation);
void pending_fini(struct pending *p);
/* The ask to send, never 0; 0 when no credit is left. owner: who gets the answer. */
uint32_t pending_open(struct pending *p, void *owner);
void *pending_find(const struct pending *p, uint32_t ask);	/* NULL when it is late */
void *pending_close(struct pending *p, uint32_t ask);		/* gives the credit back; NULL when late */
uint32_t pending_used(const struct pending *p);
/* One that is open, closed; NULL: there is none. For a peer that is gone: who hears of it may close others. */
void *pending_take(struct pending *p);
/* Every one that is open, in any order; each may be closed by fn, none opened. */
void pending_each(struct pending *p, void (*fn)(void *arg, uint32_t ask, void *owner), void *arg);

#endif
