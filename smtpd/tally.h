/* What all workers count together, in memory that they share: connections
 * that are open, and token buckets. Each worker adds only to its own column,
 * so that a worker that dies takes its counts with it (its successor clears
 * the column), and nobody locks. A bucket is one number, the time at which it
 * is full again (GCRA), changed by compare and swap; a full bucket needs no
 * memory at all.
 *
 * Connections are counted in two rows of cells chosen by independent halves of a keyed
 * hash; the smaller one counts. Two keys that share both cells can only make
 * a limit stricter, and with 2,000 connections do so once in some thousand. */
#ifndef SMTPD_TALLY_H
#define SMTPD_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/settings.h"
#include "wire/verbs.h"

struct tally_region;

struct tally {
	struct tally_region *region;
	unsigned column;
};

/* What is counted: made by tally_key from what names it. */
struct tally_key {
	uint64_t hash;
};

/* region: WIRE_TALLY_SIZE bytes, zeroed by whoever made them, page-aligned. Takes the column over and clears it. */
void tally_init(struct tally *t, void *region, unsigned column);
/* Gives the column back: nothing of this worker counts any more. */
void tally_fini(struct tally *t);

struct tally_key tally_key(const struct tally *t, unsigned kind, unsigned listener, const void *name, size_t name_len);

void tally_add(struct tally *t, struct tally_key key, int n);
unsigned tally_count(const struct tally *t, struct tally_key key);

/* Is there a token in the bucket at this time? */
bool tally_rate_has(const struct tally *t, struct tally_key key, const struct set_rate *rate, int64_t mono_ms);
void tally_rate_take(struct tally *t, struct tally_key key, const struct set_rate *rate, int64_t mono_ms);

#endif
