#include "smtpd/pool.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define KEPT_MAX 32	/* blocks kept for the next message */

void pool_init(struct pool *p, size_t ceiling)
{
	*p = (struct pool){ .ceiling = ceiling };
	list_init(&p->small);
	list_init(&p->large);
}

static void drop_all(struct list *head)
{
	struct list *n;

	while ((n = list_take_first(head)))
		mem_free(LIST_OWNER(n, struct pool_block, list));
}

void pool_fini(struct pool *p)
{
	drop_all(&p->small);
	drop_all(&p->large);
	p->n_kept = 0;
}

static struct list *shelf(struct pool *p, size_t room)
{
	return room == POOL_BLOCK ? &p->small : &p->large;
}

struct pool_block *pool_take(struct pool *p, size_t want)
{
	size_t room = want <= POOL_BLOCK ? POOL_BLOCK : POOL_BLOCK_MAX;
	struct pool_block *b;
	struct list *n;

	if (p->used + room > p->ceiling)
		return NULL;
	p->used += room;
	n = list_take_first(shelf(p, room));
	if (n) {
		p->n_kept--;
		b = LIST_OWNER(n, struct pool_block, list);
	} else {
		b = mem_resize(NULL, sizeof(*b) + room);
		list_init(&b->list);
	}
	b->pool = p;
	b->len = 0;
	b->room = room;
	return b;
}

void pool_give(struct pool_block **b)
{
	struct pool_block *block = *b;
	struct pool *p;

	*b = NULL;
	if (!block)
		return;
	p = block->pool;
	BUG_ON(p->used < block->room);
	p->used -= block->room;
	if (p->n_kept == KEPT_MAX) {
		mem_free(block);
		return;
	}
	p->n_kept++;
	list_add_first(shelf(p, block->room), &block->list);
}

bool pool_grow(struct pool_block **b)
{
	struct pool_block *larger = pool_take((*b)->pool, POOL_BLOCK_MAX);

	if (!larger)
		return false;
	memcpy(larger->bytes, (*b)->bytes, (*b)->len);
	larger->len = (*b)->len;
	pool_give(b);
	*b = larger;
	return true;
}

bool pool_charge(struct pool *p, size_t n)
{
	if (p->used + n > p->ceiling)
		return false;
	p->used += n;
	return true;
}

void pool_discharge(struct pool *p, size_t n)
{
	BUG_ON(p->used < n);
	p->used -= n;
}
