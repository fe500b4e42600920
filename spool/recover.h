/* From segments back to truth. What reads is a disk_source: files in the
 * spool, a simulated disk in tests. Knows no journal: it may run in a thread. */
#ifndef SPOOL_RECOVER_H
#define SPOOL_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "spool/segment.h"

struct disk_source {
	int (*read)(void *arg, uint32_t file, uint64_t at, void *into, size_t len);	/* 0, or an errno; EIO for fewer bytes */
	/* Writes and syncs. */
	int (*write)(void *arg, uint32_t file, uint64_t at, const void *bytes, size_t len);
	void *arg;
};

/* One segment, looked through: by its table where it has one, else record by record. */
struct survey_entry {
	struct table_entry entry;
	bool tail;			/* no sync is known to cover it */
};
struct survey {
	struct survey_entry *entries;
	struct journal_damage *damages;
	unsigned n, n_damages, room, room_damages;
	bool sealed;
	uint32_t end;			/* bytes used */
	uint32_t synced;
	struct arena texts;
	char *bytes;			/* what the spans of the entries point into */
};
struct survey_target {
	uint32_t file, number, size;
	uint64_t mark;
	uint32_t synced;		/* known to be synced up to here; 0: what its batches tell */
};
/* An errno when it can't be read at all. */
int survey_segment(const struct disk_source *src, const struct survey_target *t, struct survey *out);
/* Record by record; bytes: the whole segment, or what there is of it. They must stay as long as the survey. */
void survey_scan(struct span bytes, const struct survey_target *t, struct survey *out);
void survey_fini(struct survey *s);

/* A message that is queued. */
struct known {
	struct known *next;		/* with the same hash */
	struct msg_id id;
	struct place place;
	uint64_t size;
	uint32_t len, oldest;
	struct span brief, base;	/* base: the state that its MESSAGE holds */
	struct late *states;
	struct span pieces;		/* struct journal_piece, n_pieces of them */
	unsigned n_pieces;
	bool done;
	uint32_t done_about;		/* the segment that its DONE names */
};
struct late {
	struct late *next;
	struct place origin;
	struct span text;
};

struct recovery_segment {
	struct survey_target target;
	int error;			/* it could not be read */
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
