/* Passwords that were right a while ago, so that a program that logs in for
 * every message costs one slow hash and not hundreds. Kept are keyed digests
 * of password and stored hash together: with another stored hash (a changed
 * password) they are not found, and they are of no use outside this process. */
#ifndef AUTH_REMEMBER_H
#define AUTH_REMEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/span.h"

#define REMEMBER_MS    600000	/* mail programs look in every few minutes; and a stolen memory is soon worth nothing */
#define REMEMBER_SLOTS 8192	/* logins of ten minutes; of more the oldest of a group go: 192 KiB */
#define REMEMBER_GROUP 4

struct remember_slot {
	uint64_t digest[2];
	int64_t until;		/* monotonic ms */
};

struct remember {
	unsigned char key[SHA256_LEN];
	struct remember_slot slots[REMEMBER_SLOTS];
};

struct remember *remember_new(void);
void remember_free(struct remember **r);
bool remember_has(const struct remember *r, struct span stored, struct span password, int64_t mono_ms);
void remember_note(struct remember *r, struct span stored, struct span password, int64_t mono_ms);

#endif
