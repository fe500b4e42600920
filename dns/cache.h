/* Answers that still count, within a bound of memory: what was not asked for
 * the longest time makes room. */
#ifndef DNS_CACHE_H
#define DNS_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "dns/answer.h"
#include "dns/packet.h"

struct cache;

struct cache *cache_new(void);		/* of no size: it keeps nothing */
void cache_free(struct cache **c);
void cache_set_size(struct cache *c, size_t bytes);
void cache_clear(struct cache *c);
/* In place of what was kept for that question; one whose ttl is 0 is not kept. Takes a reference of its own. */
void cache_put(struct cache *c, const struct question *q, struct answer *a, int64_t now);
/* Borrows; NULL when there is none that still counts. */
struct answer *cache_find(struct cache *c, const struct question *q, int64_t now);
size_t cache_bytes(const struct cache *c);
size_t cache_count(const struct cache *c);

#endif
