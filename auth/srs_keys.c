#include "auth/srs_keys.h"

#include <string.h>

#include "base/mem.h"

void srs_keys_add(struct srs_keys *k, uint32_t from_day, struct span key)
{
	struct srs_key *one;

	if (k->n_coming == SRS_KEYS_MAX || key.len != SRS_KEY_LEN)
		return;
	one = &k->coming[k->n_coming++];
	one->from_day = from_day;
	memcpy(one->bytes, key.at, SRS_KEY_LEN);
}

void srs_keys_take(struct srs_keys *k)
{
	memcpy(k->all, k->coming, sizeof(k->all));
	k->n = k->n_coming;
	mem_wipe(k->coming, sizeof(k->coming));
	k->n_coming = 0;
}

void srs_keys_wipe(struct srs_keys *k)
{
	mem_wipe(k, sizeof(*k));
}

static struct span bytes_of(const struct srs_key *key)
{
	return span_of(key->bytes, SRS_KEY_LEN);
}

struct span srs_keys_maker(const struct srs_keys *k, uint32_t today)
{
	const struct srs_key *best = NULL;

	for (unsigned i = 0; i < k->n; i++)
		if (k->all[i].from_day <= today && (!best || k->all[i].from_day > best->from_day))
			best = &k->all[i];
	return best ? bytes_of(best) : SPAN_NONE;
}

unsigned srs_keys_spans(const struct srs_keys *k, struct span out[SRS_KEYS_MAX])
{
	for (unsigned i = 0; i < k->n; i++)
		out[i] = bytes_of(&k->all[i]);
	return k->n;
}
