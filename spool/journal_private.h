/* What the journal's files share; nobody else includes it. */
#ifndef SPOOL_JOURNAL_PRIVATE_H
#define SPOOL_JOURNAL_PRIVATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "spool/journal.h"
#include "spool/recover.h"
#include "spool/segment.h"

enum segment_state { SEG_SPARE, SEG_OPENING, SEG_READY, SEG_OPEN, SEG_SEALED, SEG_FAILED, SEG_FREEING };

struct segment {
	uint32_t number, file, size;
	uint64_t mark;
	enum segment_state state;
	uint32_t used, synced;		/* bytes written, bytes that a good sync covers */
	uint32_t messages, chunks, annexes;	/* that live in it */
	uint64_t live_bytes;		/* an estimate: a message or annex that leaves takes the average with it */
	uint32_t n_copied;		/* STATEs and DONEs that counted when compaction wrote them here */
	uint64_t copied_bytes, gone_before;	/* their records; how many messages had left by then */
	unsigned pins;
	bool doubled;			/* a later copy of one of its messages exists */
	bool stuck;			/* could not be emptied: not tried again until something changes */
	bool unread;			/* not all that it holds is known: it is left as it is in this run */
	bool fresh;			/* its room was never written */
	bool torn;			/* what lies behind `synced` was refused, or is written again elsewhere */
};

/* A message that holds chunks, or of which there may be more than one copy: few. */
struct held {
	uint32_t segment, n;
	uint64_t bytes;
};
struct special {
	struct map_node node;
	struct place place;
	uint32_t oldest;
	unsigned n_held;
	struct held held[];
};

/* A message that compaction has moved: requests made before still name its old place. */
struct moved {
	struct map_node node;
	struct place from, to;
};

/* A request that the journal makes itself: a STATE, ANNEX or DONE that is written again as it was, the DONE of one that was refused. */
struct own_request {
	struct journal_request request;
	struct list list;
	struct journal *journal;
};

enum keeper_task { KEEPER_IDLE, KEEPER_MAKE, KEEPER_OPEN, KEEPER_REMOVE, KEEPER_COMPACT };
enum compact_step { COMPACT_NONE, COMPACT_SURVEY, COMPACT_WALK, COMPACT_BARRIER, COMPACT_FREE };

/* A message that compaction moves. */
struct moving {
	struct moving *next;
	struct journal_request request, chunk;
	struct journal *journal;
	struct msg_id id;
	struct place from;
	char *record, *piece;		/* as read: head and payload */
	size_t record_len, piece_len;
	struct record head;
	struct message_view view;
	struct journal_piece *pieces;
	unsigned next_piece;
	bool waits;			/* for its chunk to be written */
	struct span content, chunk_bytes;
	char *texts;			/* copies of brief and state */
};

struct compaction {
	enum compact_step step;
	struct segment *victim;
	struct survey_target target;
	struct survey survey;
	unsigned next;			/* entry to be looked at */
	unsigned under_way;		/* requests not done */
	bool failed;			/* the victim keeps something: it is not freed */
	bool cleared;			/* all that was written for it is synced */
	struct journal_request barrier;
	struct moving *reading;		/* the one that is being read */
	struct moving *queued;		/* those whose MESSAGE waits for its sync */
	struct map moved;
};

#define RESERVE_SEGMENTS 2		/* kept for outcomes, bounces and compaction: new mail never takes them */
#define AHEAD_SEGMENTS   2		/* made before they are needed */
#define SPARE_SEGMENTS   16		/* more than that are given back to the file system */
#define FAILURES_MAX     3		/* in a row, each on another segment: then new mail is refused */
#define RETRY_MS         1000

struct journal {
	struct journal_options options;
	struct journal_disk disk;
	const struct journal_owner *owner;
	void *arg;
	int64_t now;

	struct segment **used, **spare;	/* used: by number, rising */
	unsigned n_used, n_spare, room_used, room_spare;
	uint32_t next_number;
	uint64_t files[JOURNAL_FILES_MAX / 64];	/* a bit for each number that a file has */
	uint32_t *strange;			/* files that tell nothing of themselves: they are left as they are */
	unsigned n_strange;
	struct segment *current, *ready;

	struct list own;			/* own_request */
	struct journal_request *first, **last;	/* waiting */
	unsigned n_prompt;			/* of these, those that wait for no company */
	struct journal_request *group_first, **group_last;
	unsigned group_n;
	bool in_group;
	uint16_t group_number;

	struct journal_job writer;
	bool writing, sealing;
	struct journal_request *batch, **batch_last;
	struct arena scratch;
	struct journal_vec *iov;
	unsigned n_iov, room_iov;
	uint32_t batch_end;
	unsigned batch_n;
	bool batch_has_group;
	struct buf table;
	uint32_t table_n;
	char *table_bytes;

	struct journal_job keeper;
	enum keeper_task task;
	struct segment *tended;			/* by the keeper's job */
	struct journal_vec keeper_iov;
	char header[SEGMENT_PROBE];
	bool look_for_victims;
	struct compaction compact;
	uint64_t n_gone;			/* messages that left a segment */
	struct map specials;

	bool make_failed, full_told, failing;
	int64_t make_again_at, write_again_at;
	unsigned failures;
	struct recovery *recovery;
	bool recovered;
	struct journal_stats stats;
};

/* segments.c */
uint32_t file_take(struct journal *j);	/* the lowest number that no file has; JOURNAL_FILES_MAX: there is none */
void file_give_back(struct journal *j, uint32_t file);
struct segment *segment_find(const struct journal *j, uint32_t number);
void segment_add_used(struct journal *j, struct segment *s);
void segment_forget(struct journal *j, struct segment *s);	/* out of used */
void segment_add_spare(struct journal *j, struct segment *s);
void segment_add_spare_last(struct journal *j, struct segment *s);	/* the others are tried before it */
struct segment *segment_take_spare(struct journal *j);
void segments_unstick(struct journal *j);
unsigned journal_available(const struct journal *j);

/* census.c */
struct special *special_find(const struct journal *j, struct place place);
void special_add(struct journal *j, struct place place, uint32_t oldest, const struct journal_piece *pieces, unsigned n);
void special_remove(struct journal *j, struct special *s);
void chunk_left(struct journal *j, uint32_t segment, uint32_t n, uint64_t bytes);
void message_left(struct journal *j, struct place place);	/* one message less in its segment */
void message_settled(struct journal *j, struct place place);	/* its chunks too */
void annex_came(struct journal *j, struct place place, uint32_t len);
void annex_left(struct journal *j, struct place place);
struct place moved_to(const struct journal *j, struct place place);
void moved_add(struct journal *j, struct place from, struct place to);
void moved_remove(struct journal *j, struct place from);

/* journal.c: the requests that wait */
void journal_put(struct journal *j, struct journal_request *r, enum record_type type, bool prompt, bool ours);
struct own_request *own_new(struct journal *j);
void own_free(struct own_request *own);
struct journal_request *request_take(struct journal *j);	/* the first */

/* admit.c */
uint64_t request_content_len(const struct journal_request *r);
uint64_t request_payload_len(const struct journal_request *r);
uint64_t request_entry_len(const struct journal_request *r);	/* in the table */
bool request_is_new_mail(const struct journal_request *r);
bool journal_is_short(const struct journal *j, bool fits_current);
bool journal_current_has_room(const struct journal *j);
enum pr_err request_judge(const struct journal *j);	/* may the first be written, and all that must go with it? */
void request_refuse(struct journal *j, enum pr_err err);	/* the first, with its group */

/* batch.c */
bool batch_takes_first(const struct journal *j);	/* does it fit behind the batch as it is? */
void batch_add(struct journal *j, const void *at, size_t len);
void batch_write(struct journal *j);
struct journal_request *batch_clear(struct journal *j);
void batch_ack(struct journal *j, struct journal_request *r);

/* writer.c */
void writer_start(struct journal *j, uint64_t at, uint64_t len, bool sync);
void writer_step(struct journal *j);
void writer_done(struct journal *j);
void writer_failed_again(struct journal *j, int error);

/* keeper.c */
void keeper_start(struct journal *j, enum keeper_task task, enum journal_work work, struct segment *s);
void keeper_write(struct journal *j, enum keeper_task task, struct segment *s, uint64_t at, void *bytes, size_t len);
void keeper_step(struct journal *j);
void keeper_done(struct journal *j);

/* move.c */
void move_begin(struct journal *j, const struct msg_id *id, struct place from);
void move_was_read(struct journal *j, struct moving *m, int error);
void move_go_on(struct journal *j, struct moving *m);	/* with what is read next, or queues it */
void move_free(struct moving *m);

/* compact.c */
bool compact_begin(struct journal *j, bool even_living);	/* false: no segment is worth it */
void compact_go_on(struct journal *j);				/* starts a keeper's job where it needs one */
void compact_job_done(struct journal *j, int error);
bool compact_is_under_way(const struct journal *j);
void compact_fini(struct journal *j);

#endif
