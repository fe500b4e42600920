#include "smtpd/known.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"

#define N_SLOTS 1024	/* two addresses of one slot take turns */

struct known_slot {
	uint8_t answer, len;
	char address[126];	/* longer ones are asked each time */
};

static struct known_slot *slot_of(const struct known *k, struct span address)
{
	return &k->slots[map_hash(address) % N_SLOTS];
}

void known_note(struct known *k, struct span address, enum wire_address answer)
{
	struct known_slot *slot;

	if ((answer != ADDRESS_OK && answer != ADDRESS_FOREIGN) || address.len == 0 || address.len > sizeof(slot->address))
		return;
	if (!k->slots)
		k->slots = mem_new(N_SLOTS * sizeof(*k->slots));
	slot = slot_of(k, address);
	slot->answer = (uint8_t)answer;
	slot->len = (uint8_t)address.len;
	memcpy(slot->address, address.at, address.len);
}

bool known_find(const struct known *k, struct span address, enum wire_address *answer)
{
	const struct known_slot *slot;

	if (!k->slots || address.len == 0)
		return false;
	slot = slot_of(k, address);
	if (!span_eq(span_of(slot->address, slot->len), address))
		return false;
	*answer = (enum wire_address)slot->answer;
	return true;
}

void known_forget(struct known *k)
{
	mem_free(k->slots);
	k->slots = NULL;
}
