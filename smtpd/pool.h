/* Memory of bodies on their way, one ceiling a process. A body gathers in a
 * block; the block itself travels to the channel, which gives it back when
 * its bytes have left. */
#ifndef SMTPD_POOL_H
#define SMTPD_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "base/span.h"
#include "wire/verbs.h"

#define POOL_CEILING   (32 * 1024 * 1024)
#define POOL_BLOCK     (16 * 1024)	/* most mail fits in one */
#define POOL_BLOCK_MAX WIRE_PART_MAX

struct pool_block {
	struct list list;
	struct pool *pool;
	size_t len, room;
	char bytes[];
};

struct pool {
	size_t used, ceiling;	/* what is out, in blocks and in charges */
	struct list small, large;	/* what came back and is kept */
	size_t n_kept;
};

void pool_init(struct pool *p, size_t ceiling);
void pool_fini(struct pool *p);
/* A block with room for want bytes, or for POOL_BLOCK_MAX when want is more. NULL when memory is short. */
struct pool_block *pool_take(struct pool *p, size_t want);
void pool_give(struct pool_block **b);
/* The same bytes in a block of POOL_BLOCK_MAX. False when memory is short; the old one stays. */
bool pool_grow(struct pool_block **b);
/* Other memory that grows with what strangers send counts too. False at the ceiling. */
bool pool_charge(struct pool *p, size_t n);
void pool_discharge(struct pool *p, size_t n);

static inline struct span pool_block_span(const struct pool_block *b)
{
	return span_of(b->bytes, b->len);
}

#endif
