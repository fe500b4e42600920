#include "base/heap.h"

#include "base/err.h"
#include "base/mem.h"

#define HEAP_FIRST_ROOM 16

void heap_init(struct heap *h)
{
	*h = (struct heap){ 0 };
}

void heap_fini(struct heap *h)
{
	mem_free(h->nodes);
	*h = (struct heap){ 0 };
}

/* Places count from 1, nodes from 0. */
static void put(struct heap *h, size_t place, struct heap_node *n)
{
	h->nodes[place - 1] = n;
	n->place = place;
}

static void rise(struct heap *h, struct heap_node *n)
{
	size_t place = n->place;

	while (place > 1 && h->nodes[place / 2 - 1]->at > n->at) {
		put(h, place, h->nodes[place / 2 - 1]);
		place /= 2;
	}
	put(h, place, n);
}

static void sink(struct heap *h, struct heap_node *n)
{
	size_t place = n->place;

	for (size_t child = place * 2; child <= h->n; child = place * 2) {
		if (child < h->n && h->nodes[child]->at < h->nodes[child - 1]->at)
			child++;
		if (h->nodes[child - 1]->at >= n->at)
			break;
		put(h, place, h->nodes[child - 1]);
		place = child;
	}
	put(h, place, n);
}

static void add_last(struct heap *h, struct heap_node *n)
{
	if (h->n == h->room) {
		h->room = h->room ? h->room * 2 : HEAP_FIRST_ROOM;
		h->nodes = mem_resize(h->nodes, h->room * sizeof(*h->nodes));
	}
	h->n++;
	put(h, h->n, n);
}

void heap_set(struct heap *h, struct heap_node *n, int64_t at)
{
	n->at = at;
	if (!heap_has(n))
		add_last(h, n);
	rise(h, n);
	sink(h, n);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
	struct heap_node *last;

	if (!heap_has(n))
		return;
	BUG_ON(n->place > h->n || h->nodes[n->place - 1] != n);
	last = h->nodes[h->n - 1];
	h->n--;
	if (last != n) {
		put(h, n->place, last);
		rise(h, last);
		sink(h, last);
	}
	n->place = 0;
}

struct heap_node *heap_first(const struct heap *h)
{
	return h->n ? h->nodes[0] : NULL;
}
