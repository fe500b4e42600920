/* The spool's folder: the only code that writes and syncs. The journal runs in
 * the loop, and its batches are written between two turns (struct chore); one
 * thread does housekeeping, one reads what is not in the page cache. */
#ifndef SPOOL_DISK_IO_H
#define SPOOL_DISK_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "loop/loop.h"
#include "spool/journal.h"

struct disk;

struct disk_options {
	const char *folder;
	uint64_t min_free;		/* no new segment when less than this would be left on the disk; 0: no such limit */
	uint32_t segment_size;		/* 0: SEGMENT_SIZE; smaller in tests */
	const struct msg_id *skip;	/* messages to be set aside */
	unsigned n_skip;
};

/* Opens the folder, locks it, reads the heads of its segments, and goes on with recovery in a thread: new mail may be handed in
 * at once. NULL and *why (static text, or one that names the version; valid until the next call) when the folder can't be had:
 * locked by another, not there, of a newer format. */
struct disk *disk_open(struct loop *loop, const struct disk_options *o, const struct journal_owner *owner, void *arg, const char **why);
struct journal *disk_journal(struct disk *d);
/* Waits for the jobs under way, then closes. Requests that were not acknowledged are forgotten. */
void disk_close(struct disk **d);
/* Calls done(arg) in a later turn, when nothing is under way and nothing waits: for a clean end. */
void disk_when_idle(struct disk *d, void (*done)(void *arg), void *arg);
void disk_min_free(struct disk *d, uint64_t bytes);

/* Reading a message: its segments stay while the reader lives. Mark, place, id and checksums are checked before a byte is given. */
struct disk_reader;
struct disk_reader_handlers {
	/* The envelope (and whole state at the time of writing), in answer to disk_read. err: PR_BAD when what lies there is not
	 * this message (on_damaged was told), PR_NONE when there is no such segment, PR_IO. The spans last as long as the call. */
	void (*on_envelope)(void *owner, struct disk_reader *r, enum pr_err err, struct span envelope, uint64_t size);
	/* The next piece, in answer to disk_reader_next, valid until the next call of it or disk_reader_close.
	 * PR_OK with an empty span: that was all. err: as above; PR_NONE: its message was settled or moved meanwhile. May be NULL when
	 * only the envelope is wanted. */
	void (*on_piece)(void *owner, struct disk_reader *r, enum pr_err err, struct span bytes);
	/* Where it is set an annex is read, and this alone is called, once: err as above, its bytes last as long as the call. */
	void (*on_annex)(void *owner, struct disk_reader *r, enum pr_err err, struct span bytes);
};
/* Handlers may be called before these return (what is in the page cache is read at once). The reader may be closed in a
 * handler; disk_read then returns NULL. */
struct disk_reader *disk_read(struct disk *d, const struct msg_id *id, struct place place, const struct disk_reader_handlers *h, void *owner);
void disk_reader_next(struct disk_reader *r);
void disk_reader_close(struct disk_reader **r);

/* Overwrites what records and tables hold of a message, wherever they are in the folder, and syncs. Called when its journal_finish is
 * done. All files are read for it, once for all that wait: it takes its time. */
void disk_erase(struct disk *d, const struct msg_id *id, void (*done)(void *arg, enum pr_err err), void *arg);	/* done may be NULL */

/* Keeps the bytes of a damaged record in a file of the folder, whose name it tells; a file that does not tell what it is is kept
 * itself. Called from on_damaged. False: an earlier run kept them, and said so: a segment that was not sealed is looked through
 * at each start. */
#define DISK_ASIDE_NAME 32
bool disk_set_aside(struct disk *d, const struct journal_damage *damage, char name[DISK_ASIDE_NAME]);

#endif
