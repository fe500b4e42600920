/* Hash map from bytes to a pointer, keyed with a per-process random seed
 * (SipHash), so that strangers can't choose collisions. Nodes are embedded;
 * the map owns neither keys nor values: the key's bytes live in the owner. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct map_node {
	struct map_node *next;
	struct span key;
	uint64_t hash;
};

struct map {
	struct map_node **buckets;
	size_t n, n_buckets;
};

#define MAP_OWNER(node, type, member) ((type *)(void *)((char *)(node) - offsetof(type, member)))

void map_init(struct map *m);
void map_fini(struct map *m);
void map_put(struct map *m, struct map_node *n, struct span key);	/* the key must not be there */
struct map_node *map_find(const struct map *m, struct span key);	/* borrows; NULL when absent */
void map_remove(struct map *m, struct map_node *n);
/* Walks all, in any order: start with NULL, NULL ends it. To remove one while
 * walking, take the next one first; nothing may be put meanwhile. */
struct map_node *map_next(const struct map *m, const struct map_node *after);
uint64_t map_hash(struct span key);

#endif
