/* The keys under which senders of forwarded mail are rewritten. The newest
 * that is not of the future makes addresses, all of them are read. Pure. */
#ifndef AUTH_SRS_KEYS_H
#define AUTH_SRS_KEYS_H

#include <stdint.h>

#include "base/span.h"

#define SRS_KEY_LEN  32
#define SRS_KEYS_MAX 16	/* more are dropped */

struct srs_key {
	uint32_t from_day;	/* since 1970: it makes addresses from that day on */
	char bytes[SRS_KEY_LEN];
};

struct srs_keys {
	struct srs_key all[SRS_KEYS_MAX], coming[SRS_KEYS_MAX];
	unsigned n, n_coming;
};

/* It counts from the next srs_keys_take on, with which all go that were not added anew. Of two of one day the first makes. */
void srs_keys_add(struct srs_keys *k, uint32_t from_day, struct span key);
void srs_keys_take(struct srs_keys *k);
void srs_keys_wipe(struct srs_keys *k);
struct span srs_keys_maker(const struct srs_keys *k, uint32_t today);	/* empty: there is none */
/* All of them, as spans; returns their number. */
unsigned srs_keys_spans(const struct srs_keys *k, struct span out[SRS_KEYS_MAX]);

#endif
