/* The journal: what the spool knows, on a disk that forgets what was not
 * synced (DESIGN 5). A core: it never touches a file or a clock. It takes
 * requests, and gives work for the disk; the shell (spool/disk_io.c, one writer
 * thread) does the work and says when it is done. The same core runs in tests
 * against a simulated disk.
 *
 * Promises: a request's `done` is called with PR_OK only after a sync without
 * error that covers it. After any crash, of processes or of the power, every
 * MESSAGE so acknowledged and not DONE is found again, whole, once. */
#ifndef SPOOL_JOURNAL_H
#define SPOOL_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/span.h"

struct journal;

/* Where a record's payload lies. Zero: nowhere. Small: it is kept for each queued message. */
struct place {
	uint32_t segment;	/* number of the segment's file */
	uint32_t at;		/* offset of the record in units of 64 bytes */
};

/* A request lives in its maker's memory until done is called; exactly once. */
struct journal_request {
	void (*done)(struct journal_request *, enum pr_err err);
	struct place place;	/* of the record, valid in done when err is PR_OK */
	struct journal_request *next;	/* the journal's */
};

/* Up to `n` spans make the payload, gathered without a copy: they must stay as they are until done. */
struct journal_bytes {
	const struct span *spans;
	unsigned n;
};

/* A piece of a large body, not acknowledged before it was written (not synced): done is called when its memory may go. */
void journal_chunk(struct journal *j, struct journal_request *r, const struct msg_id *id, struct journal_bytes bytes);
/* Makes a message exist: envelope, then prefix and body, or in place of the body the places of its chunks.
 * PR_FULL at once (through done) when the disk has no room for new mail; `ours` (bounces, compaction) may use the reserve. */
struct journal_message {
	struct msg_id id;
	struct span envelope;		/* spool/envelope.h; opaque here */
	struct journal_bytes content;	/* prefix, and the body when there are no chunks */
	const struct place *chunks;
	unsigned n_chunks;
	uint64_t size;			/* of the whole content, chunks too */
	bool ours;
};
void journal_message(struct journal *j, struct journal_request *r, const struct journal_message *m);
/* What changed for a message: outcomes, expansion, hold; opaque here. Sync is not waited for by outcomes of deliveries
 * unless `sync`; without it, it is covered by the next sync, within 50 ms. done always waits for that sync. */
void journal_state(struct journal *j, struct journal_request *r, const struct msg_id *id, struct place message, struct span state, bool sync);
/* The message is settled (or was withdrawn). */
void journal_finish(struct journal *j, struct journal_request *r, const struct msg_id *id, struct place message, bool sync);
/* All requests made between begin and end go into one batch: all of them are found after a crash, or none. */
void journal_group_begin(struct journal *j);
void journal_group_end(struct journal *j);

#endif
