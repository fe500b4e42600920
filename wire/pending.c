#include "wire/pending.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

/* ask = generation << 16 | slot; generations are 1..65535, so that no ask is
 * 0. Free slots are used in turn (first in, first out): a slot's generation
 * comes around only after as many questions as slots times 65,535. */

struct pending_slot {
	void *owner;
	uint32_t next_free;
	uint16_t generation;
	bool is_open;
};

#define NO_SLOT     UINT32_MAX
#define CREDIT_MAX  65535u
#define FIRST_SLOTS 16u	/* an idle channel costs little; the table grows to its credit as it is used */

void pending_init(struct pending *p, uint32_t credit)
{
	BUG_ON(credit > CREDIT_MAX);
	*p = (struct pending){ .credit = credit, .free_first = NO_SLOT, .free_last = NO_SLOT, .generation = 1 };
}

void pending_init_at(struct pending *p, uint32_t credit, uint16_t generation)
{
	pending_init(p, credit);
	p->generation = generation ? generation : 1;
}

void pending_fini(struct pending *p)
{
	mem_free(p->slots);
	pending_init(p, 0);
}

static void slot_give_back(struct pending *p, uint32_t at)
{
	p->slots[at].next_free = NO_SLOT;
	if (p->free_last == NO_SLOT)
		p->free_first = at;
	else
		p->slots[p->free_last].next_free = at;
	p->free_last = at;
}

static void slots_grow(struct pending *p)
{
	uint32_t n = p->n ? p->n * 2 : FIRST_SLOTS;

	if (n > p->credit)
		n = p->credit;
	p->slots = mem_resize(p->slots, n * sizeof *p->slots);
	for (uint32_t at = p->n; at < n; at++) {
		p->slots[at] = (struct pending_slot){ .generation = p->generation };
		slot_give_back(p, at);
	}
	p->n = n;
}

static uint32_t ask_at(const struct pending *p, uint32_t at)
{
	return (uint32_t)p->slots[at].generation << 16 | at;
}

uint32_t pending_open(struct pending *p, void *owner)
{
	struct pending_slot *slot;
	uint32_t at;

	if (p->n_used == p->credit)
		return 0;
	if (p->free_first == NO_SLOT)
		slots_grow(p);
	at = p->free_first;
	slot = &p->slots[at];
	p->free_first = slot->next_free;
	if (p->free_first == NO_SLOT)
		p->free_last = NO_SLOT;
	slot->owner = owner;
	slot->is_open = true;
	p->n_used++;
	if (at < p->none_below)
		p->none_below = at;
	return ask_at(p, at);
}

static struct pending_slot *slot_of(const struct pending *p, uint32_t ask)
{
	uint32_t at = ask & 0xffff;

	if (at >= p->n || !p->slots[at].is_open || p->slots[at].generation != ask >> 16)
		return NULL;
	return &p->slots[at];
}

void *pending_find(const struct pending *p, uint32_t ask)
{
	const struct pending_slot *slot = slot_of(p, ask);

	return slot ? slot->owner : NULL;
}

void *pending_close(struct pending *p, uint32_t ask)
{
	struct pending_slot *slot = slot_of(p, ask);

	if (!slot)
		return NULL;
	slot->is_open = false;
	if (++slot->generation == 0)
		slot->generation = 1;
	p->n_used--;
	slot_give_back(p, ask & 0xffff);
	return slot->owner;
}

void *pending_take(struct pending *p)
{
	for (; p->none_below < p->n; p->none_below++)
		if (p->slots[p->none_below].is_open)
			return pending_close(p, ask_at(p, p->none_below));
	return NULL;
}

uint32_t pending_used(const struct pending *p)
{
	return p->n_used;
}

void pending_each(struct pending *p, void (*fn)(void *arg, uint32_t ask, void *owner), void *arg)
{
	uint32_t n = p->n;

	for (uint32_t at = 0; at < n; at++)
		if (p->slots[at].is_open)
			fn(arg, ask_at(p, at), p->slots[at].owner);
}
