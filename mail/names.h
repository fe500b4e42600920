/* Addresses in the hundreds of thousands, each with a number: found by a
 * hash over their folded text (ASCII case does not count), kept as they were
 * written. An address costs its bytes and some 20 more. */
#ifndef MAIL_NAMES_H
#define MAIL_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

struct names_slot {
	uint32_t hash;
	uint32_t place;		/* in the pool, 1-based; 0 where the slot is free */
};

struct names {
	struct buf pool;
	struct names_slot *slots;
	uint32_t n, n_slots;
};

#define NAMES_NONE 0	/* no place */

void names_init(struct names *n);
void names_fini(struct names *n);
void names_clear(struct names *n);	/* keeps little memory */

/* The place of the address (canonical text of at most ADDRESS_MAX bytes), or NAMES_NONE. A place lasts as long as the set. */
uint32_t names_find(const struct names *n, struct span address);
/* Finds it or adds it with value; *is_new tells which. NAMES_NONE when the pool is full (4 GiB). */
uint32_t names_add(struct names *n, struct span address, uint32_t value, bool *is_new);
struct span names_text(const struct names *n, uint32_t place);	/* as it was added; moves with the next names_add */
uint32_t names_value(const struct names *n, uint32_t place);
void names_set_value(struct names *n, uint32_t place, uint32_t value);
/* All places one after the other; starts and ends with NAMES_NONE. */
uint32_t names_next(const struct names *n, uint32_t after);

#endif
