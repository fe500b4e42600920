/* From segments back to truth: all that was found, message by message. Knows
 * no journal: it may run in a thread. */
#ifndef SPOOL_RECOVER_H
#define SPOOL_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "spool/survey.h"

/* A message that is queued. */
struct known {
	struct known *next;		/* with the same hash */
	struct msg_id id;
	struct place place;
	uint64_t size;
	struct place annex, annex_origin;
	uint32_t len, oldest, annex_len;
	struct span brief, base;	/* base: the state that its MESSAGE holds */
	struct late *states;
	struct span pieces;		/* struct journal_piece, n_pieces of them */
	unsigned n_pieces;
	struct place ended;		/* until there all of it is DONE; {0, 0}: nothing is */
	uint32_t done_about;		/* the segment that its DONE names */
};
struct late {
	struct late *next;
	struct place origin;
	struct span text;
};

struct recovery_segment {
	struct survey_target target;
	int error;			/* it could not be read, or not all of it, or not be written */
	bool doubled;			/* a later copy of one of its messages was found */
	bool sealed;
	uint32_t end, synced;
};
struct recovery {
	struct recovery_segment *segments;	/* by number, rising */
	unsigned n_segments;
	struct known **buckets;
	uint32_t n_buckets, n_known;
	struct arena memory;
	struct journal_damage *damages;
	unsigned n_damages;
	uint32_t walked_bucket;		/* how far recovery_next has come */
	struct known *walked;
};
void recovery_run(struct recovery *r, const struct disk_source *src);
/* The next message that is queued, NULL after the last. */
struct known *recovery_next(struct recovery *r);
/* Its states in order, at most `room`: returns how many there are. */
unsigned recovery_states(const struct known *k, struct span *out, unsigned room);
void recovery_free(struct recovery **r);

#endif
