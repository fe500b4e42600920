/* Memory that dies together: what lives as long as a transaction, a job or a
 * configuration. arena_reset keeps the first block, so the steady state
 * allocates nothing. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/span.h"

struct arena_block;
struct arena {
	struct arena_block *blocks;
	size_t used;		/* bytes handed out since the last reset */
	size_t block_size;
};

void arena_init(struct arena *a, size_t block_size);	/* allocates nothing yet */
void arena_fini(struct arena *a);
void arena_reset(struct arena *a);
void *arena_new(struct arena *a, size_t size);		/* zeroed, aligned for any type */
char *arena_text(struct arena *a, struct span s);	/* a copy with a NUL behind it */
struct span arena_span(struct arena *a, struct span s);

#endif
