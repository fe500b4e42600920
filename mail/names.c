#include "mail/names.h"

#include "base/map.h"
#include "base/mem.h"
#include "mail/address.h"

/* A record in the pool: value (u32), length (u8), text. */
#define RECORD_HEAD 5
#define FIRST_SLOTS 64	/* a power of two */

void names_init(struct names *n)
{
	*n = (struct names){ .n_slots = 0 };
	buf_init(&n->pool, UINT32_MAX);
}

void names_fini(struct names *n)
{
	buf_fini(&n->pool);
	mem_free(n->slots);
	*n = (struct names){ .n_slots = 0 };
}

void names_clear(struct names *n)
{
	if (n->n_slots > FIRST_SLOTS) {
		names_fini(n);
		names_init(n);
	} else if (n->n > 0) {
		memset(n->slots, 0, n->n_slots * sizeof(n->slots[0]));
		buf_clear(&n->pool);
		n->n = 0;
	}
}

static uint32_t fold_and_hash(struct span address, char folded[ADDRESS_MAX], size_t *len)
{
	*len = address_fold(address, folded);
	return (uint32_t)map_hash(span_of(folded, *len));
}

struct span names_text(const struct names *n, uint32_t place)
{
	const char *record = n->pool.at + place - 1;

	return span_of(record + RECORD_HEAD, (unsigned char)record[4]);
}

uint32_t names_value(const struct names *n, uint32_t place)
{
	uint32_t value;

	memcpy(&value, n->pool.at + place - 1, sizeof(value));
	return value;
}

void names_set_value(struct names *n, uint32_t place, uint32_t value)
{
	memcpy(n->pool.at + place - 1, &value, sizeof(value));
}

/* The slot that holds the address, or the free one where it would go. */
static struct names_slot *slot_of(const struct names *n, struct span address, uint32_t hash)
{
	uint32_t mask = n->n_slots - 1;

	for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
		struct names_slot *slot = &n->slots[i];

		if (slot->place == NAMES_NONE || (slot->hash == hash && address_same(names_text(n, slot->place), address)))
			return slot;
	}
}

uint32_t names_find(const struct names *n, struct span address)
{
	char folded[ADDRESS_MAX];
	size_t len;

	if (n->n == 0 || address.len > ADDRESS_MAX)
		return NAMES_NONE;
	return slot_of(n, address, fold_and_hash(address, folded, &len))->place;
}

static void grow(struct names *n)
{
	struct names_slot *old = n->slots;
	uint32_t n_old = n->n_slots;

	n->n_slots = n_old > 0 ? n_old * 2 : FIRST_SLOTS;
	n->slots = mem_new(n->n_slots * sizeof(n->slots[0]));
	for (uint32_t i = 0; i < n_old; i++) {
		uint32_t at = old[i].hash & (n->n_slots - 1);

		if (old[i].place == NAMES_NONE)
			continue;
		while (n->slots[at].place != NAMES_NONE)
			at = (at + 1) & (n->n_slots - 1);
		n->slots[at] = old[i];
	}
	mem_free(old);
}

uint32_t names_add(struct names *n, struct span address, uint32_t value, bool *is_new)
{
	char folded[ADDRESS_MAX], *record;
	struct names_slot *slot;
	uint32_t hash;
	size_t len;

	BUG_ON(address.len > ADDRESS_MAX);
	if (n->n + 1 > n->n_slots / 4 * 3)
		grow(n);
	hash = fold_and_hash(address, folded, &len);
	slot = slot_of(n, address, hash);
	*is_new = slot->place == NAMES_NONE;
	if (!*is_new)
		return slot->place;
	record = buf_room(&n->pool, RECORD_HEAD + address.len);
	if (!record)
		return NAMES_NONE;
	memcpy(record, &value, sizeof(value));
	record[4] = (char)address.len;
	memcpy(record + RECORD_HEAD, address.at, address.len);
	*slot = (struct names_slot){ .hash = hash, .place = (uint32_t)n->pool.len + 1 };
	buf_grew(&n->pool, RECORD_HEAD + address.len);
	n->n++;
	return slot->place;
}

uint32_t names_next(const struct names *n, uint32_t after)
{
	size_t at = after == NAMES_NONE ? 0 : after - 1 + RECORD_HEAD + names_text(n, after).len;

	return at < n->pool.len ? (uint32_t)at + 1 : NAMES_NONE;
}
