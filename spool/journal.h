/* The journal: what the spool knows, on a disk that forgets what was not
 * synced. A core: it never touches a file or a clock. It takes requests, gives
 * jobs to a disk (struct journal_disk) and is told when they are done; behind
 * it stands spool/disk_io.c, in tests a simulated disk.
 *
 * Promises: a request's `done` is called with PR_OK only after a sync without
 * error that covers it (a chunk's: when it is written). After any crash, of
 * processes or of the power, every MESSAGE so acknowledged and not finished is
 * found again, whole, once; a message that was never acknowledged is found
 * whole or not at all. */
#ifndef SPOOL_JOURNAL_H
#define SPOOL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/span.h"

struct journal;

/* Where a record lies. {0, 0}: nowhere. Small: it is kept for each queued message. */
struct place {
	uint32_t segment;	/* which use of a segment: never the same twice */
	uint32_t at;		/* offset of the record in units of 64 bytes */
};

static inline bool place_eq(struct place a, struct place b) { return a.segment == b.segment && a.at == b.at; }
/* Was a written after b? */
static inline bool place_after(struct place a, struct place b)
{
	return a.segment != b.segment ? a.segment > b.segment : a.at > b.at;
}

/* Spans that together make one text, gathered without a copy. */
struct journal_bytes {
	const struct span *spans;
	unsigned n;
};

/* A piece of a large body, as journal_chunk was given it. */
struct journal_piece {
	struct place place;
	uint32_t len;
};

#define JOURNAL_BRIEF_MAX   255u		/* bytes of a brief: it is repeated in the segment's table */
#define JOURNAL_CONTENT_MAX (1u << 20)		/* bytes of content in one record: a larger body comes in chunks */
#define JOURNAL_FILES_MAX   65536u		/* their numbers are below: 4 TiB of segments */
#define JOURNAL_LAZY_MS     50			/* the longest that a request without `sync` waits for company */

struct journal_message {
	struct msg_id id;
	struct span brief;		/* the owner's few words, given back by recovery without reading the message */
	struct span envelope;		/* opaque here */
	struct span state;		/* empty, or the state that it begins with */
	struct journal_bytes content;	/* prefix, and the body when there are no chunks */
	const struct journal_piece *chunks;	/* or the rest of the body, in order */
	unsigned n_chunks;
	uint64_t size;			/* of all the content, chunks too */
	bool ours;			/* bounces: may use the reserve */
};

/* A request lives in its maker's memory, and all that it points to (spans and
 * their bytes, pieces) stays as it is, until done is called: exactly once, never inside the call that made it. In done the
 * request may be freed or used again. */
struct journal_request {
	void (*done)(struct journal_request *, enum pr_err err);
	struct place place;		/* of the record, valid in done when err is PR_OK */

	/* The journal's own. */
	struct journal_request *next;
	struct journal_message message;
	struct place about, origin;
	uint32_t first;
	uint16_t group, group_n;
	uint8_t type, urgency;
	bool ours;
	int64_t since;
};

/* A piece of a large body. done is called when it is written, not synced. PR_FULL as journal_message. Chunks that no message
 * will name are given back by journal_chunk_drop. */
void journal_chunk(struct journal *j, struct journal_request *r, const struct msg_id *id, struct journal_bytes bytes, bool ours);
void journal_chunk_drop(struct journal *j, const struct journal_piece *pieces, unsigned n);

/* Makes a message exist. PR_FULL: the disk has no room for new mail. PR_IO: the disk fails, or lost one of its chunks. When it
 * was not PR_OK the chunks are still the caller's to drop. */
void journal_message(struct journal *j, struct journal_request *r, const struct journal_message *m);

/* What changed for a message: outcomes, expansion, hold. A state is a set of assignments: a run of states told again, in their order,
 * must lead to where it led before. Without `sync` it is covered by the next sync, within JOURNAL_LAZY_MS; done waits for it
 * in any case. `message`: where the owner knows the message to be. */
void journal_state(struct journal *j, struct journal_request *r, const struct msg_id *id, struct place message, struct span state, bool sync);
/* An annex: bytes beside a message, written once and read when they are needed (disk_read). The journal keeps them as long as the message,
 * its owner only their place. Of two the later counts. `sync` as for a state. */
void journal_annex(struct journal *j, struct journal_request *r, const struct msg_id *id, struct span bytes, bool sync);
/* The message is settled, or was withdrawn. From this call on `find` denies it. What is offered under its id after that is another one. */
void journal_finish(struct journal *j, struct journal_request *r, const struct msg_id *id, struct place message, bool sync);
/* All requests made between begin and end (no chunks) are found after a crash, or none of them. */
void journal_group_begin(struct journal *j);
void journal_group_end(struct journal *j);

/* Is there room for new mail, as far as can be told now? And the disk, does it work? */
bool journal_takes_mail(const struct journal *j);

/* Starts what can be started: called at the end of each turn in which requests were made, and when journal_due has come. */
void journal_turn(struct journal *j, int64_t mono_ms);
/* When it wants a turn at the latest; -1: only when something happens. */
int64_t journal_due(const struct journal *j);

/* Found by recovery. Spans last as long as the call. */
struct journal_found {
	struct msg_id id;
	struct place place;
	struct place annex;		/* {0, 0}: it has none */
	uint64_t size;
	struct span brief;
	const struct span *states;	/* in order; the first may be a whole one, that `state` gave when the message was moved */
	unsigned n_states;
	bool aside;			/* it is in the skip list: brief and states were not looked at and are empty */
};

/* A record that is not what was written. */
struct journal_damage {
	bool has_id;
	struct msg_id id;		/* of the message that it belonged to, where its head could be read */
	struct place place;		/* {0, 0}: a whole file, which does not tell what it is */
	uint32_t file, len;
	uint8_t type;			/* enum record_type; 0: not known */
};

struct journal_stats {
	uint64_t messages, chunks, states, annexes, dones;	/* acknowledged since the start */
	uint64_t batches, syncs, failures;
	uint64_t bytes_written;				/* all of it, heads and tables too */
	uint64_t compacted;				/* messages moved */
	uint32_t largest_batch;				/* records in one */
	uint32_t segments, spare;			/* in use, ready to be used */
	uint64_t bytes_free;				/* in spare segments and in the rest of the open one */
	bool full, failing;
};
void journal_stats(const struct journal *j, struct journal_stats *out);

/* What it asks and tells its owner; all are called from inside journal_turn, journal_job_done or journal_recover. */
struct journal_owner {
	/* Recovery: each message that is queued; then on_recovered once. */
	void (*on_found)(void *owner, const struct journal_found *m);
	void (*on_recovered)(void *owner, const struct journal_stats *s);
	/* Recovery, compaction or a read met a record that is not whole; the message stays known to the owner if it was. */
	void (*on_damaged)(void *owner, const struct journal_damage *d);
	/* Compaction. Where is this message? False when it is not queued (any more). */
	bool (*find)(void *owner, const struct msg_id *id, struct place *place);
	/* The brief and the whole present state of a message that find has just found; copied before the return. */
	void (*state)(void *owner, const struct msg_id *id, struct span *brief, struct span *state);
	/* The message lies there from now on. The owner may have finished it meanwhile: then it does nothing. */
	void (*on_moved)(void *owner, const struct msg_id *id, struct place from, struct place to);
	/* Where is its annex? {0, 0}: it has none, or is not queued (any more). journal_finish asks for the last time. */
	struct place (*annex)(void *owner, const struct msg_id *id);
	void (*on_annex_moved)(void *owner, const struct msg_id *id, struct place from, struct place to);
	/* The disk: no room for new mail, or again room; failing (error: errno), or working again (0). */
	void (*on_full)(void *owner, bool full);
	void (*on_failing)(void *owner, int error);
};

/* ---- what follows is for the shell (spool/disk_io.c) and for tests ------- */

struct survey;
struct survey_target;

/* Bytes to be written: laid out as a struct iovec. */
struct journal_vec {
	void *at;
	size_t len;
};

enum journal_work {
	JOB_WRITE,	/* iov to file at `at`, then sync when asked */
	JOB_READ,	/* len bytes at `at` into `into`; fewer is an error */
	JOB_MAKE,	/* a new file of the segment's size, its room allocated, its name synced */
	JOB_REMOVE,
	JOB_SURVEY	/* spool/recover.h: survey_segment of `target` into `survey` */
};

struct journal_job {
	enum journal_work work;
	bool writer;		/* a batch; the others are the keeper's. One of each kind at a time */
	bool sync;
	uint32_t file;
	uint64_t at;
	struct journal_vec *iov;
	unsigned n_iov;
	size_t len;
	size_t fill;		/* JOB_WRITE: so much of the file was never written: zeros first, for syncs that need not also tell the
				 * file system of each new block. Where that can't be done cheaply it is left out */
	char *into;
	const struct survey_target *target;
	struct survey *survey;
	int error;		/* set by the shell: an errno, 0 when all went well */
	struct journal_job *next;	/* the shell's */
};

struct journal_disk {
	void (*start)(void *shell, struct journal_job *job);	/* never calls back before it returns */
	void *shell;
};

struct journal_options {
	uint32_t segment_size;		/* 0: SEGMENT_SIZE */
	const struct msg_id *skip;	/* messages to be set aside; copied */
	unsigned n_skip;
	uint64_t (*draw)(void *arg);	/* the marks; NULL: random_u64. Tests draw from their seed */
	void *draw_arg;
};

struct journal *journal_new(const struct journal_options *o, const struct journal_disk *disk, const struct journal_owner *owner, void *arg);
void journal_free(struct journal **j);	/* requests still waiting are forgotten; no job may be under way */

/* Before the first turn, for each file that is there: its first SEGMENT_PROBE bytes (fewer: it is unreadable, and left alone). A free mark that
 * was found was written again and synced before (segment_is_free): it may have been in memory only. PR_DENIED and
 * *version when it was written by a newer release. */
enum pr_err journal_file(struct journal *j, uint32_t file, struct span probe, uint32_t *version) MUST_USE;
bool journal_has_job(const struct journal *j);
bool journal_is_waiting(const struct journal *j);	/* for a sync */
void journal_job_done(struct journal *j, struct journal_job *job);

/* Recovery: the files to read, in order; then what was read, in slices of about `n` messages. False when all was told. */
struct recovery;
struct recovery *journal_recovery(struct journal *j);	/* to be given to recovery_run, in any thread */
bool journal_recover(struct journal *j, unsigned n);

/* A reader's hold on a segment: it is not freed until let go. False when there is no such segment (any more). */
bool journal_pin(struct journal *j, uint32_t segment, uint32_t *file, uint64_t *mark);
void journal_unpin(struct journal *j, uint32_t segment);
/* What the table of the open segment will say of messages that are meant, all of them finished, is zeroed. False while a table is
 * being written: that one says what it says. */
bool journal_blank(struct journal *j, bool (*is_meant)(void *arg, const struct msg_id *id), void *arg);
void journal_tell_damage(struct journal *j, const struct journal_damage *d);
/* Is that where the message lies now? */
bool journal_is_at(const struct journal *j, const struct msg_id *id, struct place place);

#endif
