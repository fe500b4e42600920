#include "auth/remember.h"

#include <string.h>

#include "base/mem.h"
#include "base/random.h"

struct remember *remember_new(void)
{
	struct remember *r = mem_new(sizeof(*r));

	random_bytes(r->key, sizeof(r->key));
	return r;
}

void remember_free(struct remember **r)
{
	if (*r)
		mem_wipe(*r, sizeof(**r));
	mem_free(*r);
	*r = NULL;
}

/* A key for each stored hash, and under it the password. */
static void digest_of(const struct remember *r, struct span stored, struct span password, uint64_t out[2])
{
	unsigned char own[SHA256_LEN], whole[SHA256_LEN];

	digest_hmac_sha256(span_of((const char *)r->key, sizeof(r->key)), stored, own);
	digest_hmac_sha256(span_of((const char *)own, sizeof(own)), password, whole);
	memcpy(out, whole, 2 * sizeof(out[0]));
	mem_wipe(own, sizeof(own));
	mem_wipe(whole, sizeof(whole));
}

static size_t group_of(const uint64_t digest[2])
{
	return digest[0] % (REMEMBER_SLOTS / REMEMBER_GROUP) * REMEMBER_GROUP;
}

bool remember_has(const struct remember *r, struct span stored, struct span password, int64_t mono_ms)
{
	const struct remember_slot *group;
	uint64_t digest[2];

	digest_of(r, stored, password, digest);
	group = &r->slots[group_of(digest)];
	for (unsigned i = 0; i < REMEMBER_GROUP; i++)
		if (group[i].until > mono_ms && digest_equal(group[i].digest, digest, sizeof(digest)))
			return true;
	return false;
}

void remember_note(struct remember *r, struct span stored, struct span password, int64_t mono_ms)
{
	struct remember_slot *group, *oldest;
	uint64_t digest[2];

	digest_of(r, stored, password, digest);
	group = oldest = &r->slots[group_of(digest)];
	for (unsigned i = 1; i < REMEMBER_GROUP; i++)
		if (group[i].until < oldest->until)
			oldest = &group[i];
	*oldest = (struct remember_slot){ { digest[0], digest[1] }, mono_ms + REMEMBER_MS };
}
