/* What is due next: a binary heap of nodes embedded in what they order. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	int64_t at;		/* the key: an instant; smallest first */
	size_t place;		/* 1-based place in the heap, 0 when in none */
};

struct heap {
	struct heap_node **nodes;
	size_t n, room;
};

void heap_init(struct heap *h);
void heap_fini(struct heap *h);			/* frees the heap, not what it orders */
void heap_set(struct heap *h, struct heap_node *n, int64_t at);	/* adds, or moves */
void heap_remove(struct heap *h, struct heap_node *n);		/* nothing when it is in none */
struct heap_node *heap_first(const struct heap *h);		/* NULL when empty */

static inline bool heap_has(const struct heap_node *n) { return n->place != 0; }

#endif
