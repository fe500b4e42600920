/* One segment, looked through: what stands in it, and how much of that can
 * be trusted. What reads is a disk_source: files in the spool, a simulated
 * disk in tests. Knows no journal: it may run in a thread. */
#ifndef SPOOL_SURVEY_H
#define SPOOL_SURVEY_H

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
	bool is_partial;		/* some of it can't be read, and was taken for zeros */
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
/* An errno when nothing of it can be read. */
int survey_segment(const struct disk_source *src, const struct survey_target *t, struct survey *out);
/* Record by record; bytes: the whole segment, or what there is of it. They must stay as long as the survey. */
void survey_scan(struct span bytes, const struct survey_target *t, struct survey *out);
void survey_fini(struct survey *s);

#endif
