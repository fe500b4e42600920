/* Who guesses at an account gets slow answers. What one address may try is a
 * limit of its listener; here many addresses that try one account are seen
 * together. From the fourth failure of others on each answer waits, up to
 * eight seconds, the right password's too (else the wait would tell). Nobody
 * is locked out, and where the account logged in from lately is not slowed at
 * all. An account that does not exist is slowed as one that does. */
#ifndef AUTH_GUESS_H
#define AUTH_GUESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define GUESS_FREE      3	/* failures */
#define GUESS_FIRST_MS  250	/* doubled by each */
#define GUESS_MOST_MS   8000	/* mail programs wait longer than that */
#define GUESS_FORGET_MS 900000	/* since the last failure */
#define GUESS_KNOWN_MS  86400000	/* since a login from there */
#define GUESS_SLOTS     16384	/* accounts and pairs that are looked at: 384 KiB */
#define GUESS_GROUP     4

struct guess_slot {
	uint64_t key;
	int64_t until;		/* monotonic ms, then it is free */
	uint32_t failures;
	bool is_known;		/* a pair that logged in */
};

struct guess {
	struct guess_slot slots[GUESS_SLOTS];
};

struct guess *guess_new(void);
void guess_free(struct guess **g);

/* account: what was given as login, ASCII case does not count; client: its address as text, of IPv6 the /64 counts. */
int64_t guess_delay_ms(const struct guess *g, struct span account, struct span client, int64_t mono_ms);
void guess_failed(struct guess *g, struct span account, struct span client, int64_t mono_ms);
void guess_succeeded(struct guess *g, struct span account, struct span client, int64_t mono_ms);

#endif
