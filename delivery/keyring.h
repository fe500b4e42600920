/* The keys that sign, by domain, and their life. Pure: what is in DNS is told.
 *
 * Of each algorithm of a domain one key signs: the newest whose record was seen
 * in DNS; as long as that was none, the oldest. So the first key signs at once,
 * a newer one waits for its record, and the one before it goes on until then. */
#ifndef DELIVERY_KEYRING_H
#define DELIVERY_KEYRING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/key.h"
#include "base/list.h"
#include "base/map.h"
#include "wire/settings.h"
#include "wire/verbs.h"

struct ring_domain {
	struct map_node node;
	char *name;
	struct list keys;	/* the older first */
	int64_t expire_ms;	/* how long a signature is valid; -1: without end */
	bool is_missed;		/* it was told that there is no key */
};

struct ring_key {
	struct list list;
	struct ring_domain *domain;
	char *selector;
	struct key *key;
	struct buf public;
	int64_t made_ms;
	bool is_seen;		/* its record */
	bool is_due;		/* its record is to be looked up */
};

struct keyring {
	struct map domains;	/* those of the settings that are to be signed */
	unsigned n_keys;
};

struct keyring *keyring_new(const struct settings *s);
void keyring_free(struct keyring **r);
/* PR_BAD: not a key that signs, and *why. PR_NONE: not a domain of the ring. */
enum pr_err keyring_add(struct keyring *r, const struct wire_sign_key *told, const char **why) MUST_USE;
/* What was seen of the same keys before is still so. */
void keyring_inherit(struct keyring *r, const struct keyring *before);

struct ring_domain *keyring_find(const struct keyring *r, struct span domain);	/* NULL: not to be signed */
struct ring_key *keyring_signing(const struct ring_domain *d, enum key_kind kind);	/* NULL: none */
enum wire_key keyring_state(const struct ring_key *k);

/* Every key; fn returns true to stop there. NULL, or the one where it stopped. */
struct ring_key *keyring_each(const struct keyring *r, bool (*fn)(void *arg, struct ring_key *k), void *arg);

/* The records of all keys that wait are due. */
void keyring_look_again(struct keyring *r);
/* One that is due, which it is no more after this; NULL: none is. */
struct ring_key *keyring_take_due(struct keyring *r);
struct ring_key *keyring_find_key(const struct keyring *r, struct span domain, struct span selector);
/* True when this record is that of the key, so that it signs from now on. */
bool keyring_record(struct ring_key *k, struct span record);

#endif
