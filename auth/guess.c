#include "auth/guess.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"

#define ACCOUNT_MAX 256
#define NETWORK_LEN 8	/* bytes of an IPv6 address that count */

struct guess *guess_new(void)
{
	return mem_new(sizeof(struct guess));
}

void guess_free(struct guess **g)
{
	mem_free(*g);
	*g = NULL;
}

/* account NUL client, the latter empty for the account alone. */
static uint64_t key_of(struct span account, struct span client)
{
	char text[ACCOUNT_MAX + 1 + INET6_ADDRSTRLEN], address[INET6_ADDRSTRLEN] = "";
	unsigned char v6[16];
	size_t len;

	account = span_first(account, ACCOUNT_MAX);
	client = span_first(client, sizeof(address) - 1);
	memcpy(text, account.at, account.len);
	text_lower_in_place(text, account.len);
	text[account.len] = '\0';
	len = account.len + 1;
	memcpy(address, client.at, client.len);
	if (inet_pton(AF_INET6, address, v6) == 1) {
		memcpy(text + len, v6, NETWORK_LEN);
		return map_hash(span_of(text, len + NETWORK_LEN)) | 1;
	}
	memcpy(text + len, client.at, client.len);
	return map_hash(span_of(text, len + client.len)) | 1;
}

static const struct guess_slot *find(const struct guess *g, uint64_t key, int64_t mono_ms)
{
	const struct guess_slot *group = &g->slots[(key >> 1) % (GUESS_SLOTS / GUESS_GROUP) * GUESS_GROUP];

	for (unsigned i = 0; i < GUESS_GROUP; i++)
		if (group[i].key == key && group[i].until > mono_ms)
			return &group[i];
	return NULL;
}

/* The slot of this key, or one in its place: a free one, else the one that would be free first. */
static struct guess_slot *take(struct guess *g, uint64_t key, int64_t mono_ms)
{
	struct guess_slot *group = &g->slots[(key >> 1) % (GUESS_SLOTS / GUESS_GROUP) * GUESS_GROUP], *first = group;

	for (unsigned i = 0; i < GUESS_GROUP; i++) {
		if (group[i].key == key && group[i].until > mono_ms)
			return &group[i];
		if (group[i].until < first->until)
			first = &group[i];
	}
	*first = (struct guess_slot){ .key = key };
	return first;
}

int64_t guess_delay_ms(const struct guess *g, struct span account, struct span client, int64_t mono_ms)
{
	const struct guess_slot *all = find(g, key_of(account, SPAN_NONE), mono_ms), *own = find(g, key_of(account, client), mono_ms);
	uint32_t mine = own ? own->failures : 0, others = all && all->failures > mine ? all->failures - mine : 0;
	int64_t ms = GUESS_FIRST_MS;

	if (own && own->is_known)
		return 0;
	if (others <= GUESS_FREE)
		return 0;
	for (uint32_t i = GUESS_FREE + 1; i < others && ms < GUESS_MOST_MS; i++)
		ms *= 2;
	return ms;
}

static void count(struct guess *g, uint64_t key, int64_t mono_ms)
{
	struct guess_slot *slot = take(g, key, mono_ms);

	slot->failures++;
	if (slot->until < mono_ms + GUESS_FORGET_MS)
		slot->until = mono_ms + GUESS_FORGET_MS;
}

void guess_failed(struct guess *g, struct span account, struct span client, int64_t mono_ms)
{
	count(g, key_of(account, SPAN_NONE), mono_ms);
	count(g, key_of(account, client), mono_ms);
}

void guess_succeeded(struct guess *g, struct span account, struct span client, int64_t mono_ms)
{
	struct guess_slot *slot = take(g, key_of(account, client), mono_ms);

	slot->is_known = true;
	slot->until = mono_ms + GUESS_KNOWN_MS;
}
