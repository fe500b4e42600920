/* The bytes of a segment: header, records, table. Little endian. Pure.
 *
 *	header  one page; its first 512 bytes are said twice, at 0 and at 2048,
 *	        so that one broken sector costs nothing
 *	batch…  each begins on a page with a BATCH record, which tells how far
 *	        the segment was synced when the batch was written
 *	table   ends where the segment ends; only a sealed segment has one
 *
 * A record is a head of 64 bytes and its payload, aligned to 64 bytes. Each
 * head begins with the mark that was drawn for this use of the segment, so
 * that neither an earlier use nor bytes of a stranger can be taken for one. */
#ifndef SPOOL_SEGMENT_H
#define SPOOL_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "base/span.h"
#include "spool/journal.h"

#define SEGMENT_SIZE    (64u << 20)
#define SEGMENT_PAGE    4096u
#define SEGMENT_UNIT    64u		/* alignment of records, and their head's size */
#define SEGMENT_PROBE   (SEGMENT_PAGE + SEGMENT_UNIT)	/* bytes that tell what a file is */
#define SEGMENT_VERSION 1u

static inline uint64_t segment_align(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

/* ---- header ---------------------------------------------------------------- */

enum segment_use { SEGMENT_UNKNOWN, SEGMENT_FREE, SEGMENT_USED };

struct segment_header {
	enum segment_use use;
	uint32_t version, number, size;
	uint64_t mark;
};

/* Writes SEGMENT_PROBE bytes: the header, and in place of the first BATCH record nothing. */
void segment_put_header(char *at, const struct segment_header *h);
/* From the first SEGMENT_PROBE bytes. With both copies broken the first BATCH record speaks for them (a freed segment has none).
 * use is SEGMENT_UNKNOWN when nothing does: a new file. PR_DENIED when the version is newer than ours. */
enum pr_err segment_get_header(struct span probe, struct segment_header *out) MUST_USE;

bool segment_is_free(struct span probe);

/* ---- records ----------------------------------------------------------------- */

enum record_type { RECORD_NONE, RECORD_BATCH, RECORD_CHUNK, RECORD_MESSAGE, RECORD_STATE, RECORD_DONE, RECORD_TABLE, RECORD_ANNEX, N_RECORD_TYPES };
/* Its payload is one text, short enough for a table or to be read at once. */
static inline bool record_is_text(uint8_t type) { return type == RECORD_STATE || type == RECORD_ANNEX; }

struct record {
	uint8_t type;
	uint16_t group, group_n;	/* number of its group within the batch, and how many belong to it; 0: none */
	uint32_t len;			/* of the payload */
	uint32_t about;			/* MESSAGE: bytes of the payload before its content. DONE: the segment of its MESSAGE.
					 * BATCH: bytes that were synced. TABLE: number of entries */
	struct place own;
	struct place origin;		/* STATE, ANNEX: where it was first written. MESSAGE, DONE: in .segment, the oldest segment that
					 * may hold a copy of the message. BATCH: in .at, its length in units */
	struct msg_id id;
	uint32_t sum;			/* CRC32C of the payload (MESSAGE: of its first `about` bytes) */
};

void record_put(char at[SEGMENT_UNIT], uint64_t mark, const struct record *r);
/* PR_NONE when no record of this mark begins here; PR_BAD when one does, but it is not whole or not here. */
enum pr_err record_get(const char at[SEGMENT_UNIT], uint64_t mark, struct place own, struct record *out) MUST_USE;
/* Of any use of any segment: does a record begin here? */
bool record_find(const char at[SEGMENT_UNIT], struct record *out);
/* From its head to where the next one may begin. */
static inline uint64_t record_size(uint32_t len) { return segment_align((uint64_t)len + SEGMENT_UNIT, SEGMENT_UNIT); }
uint32_t record_sum(struct span payload);
bool record_sum_is(const struct record *r, const char *payload);

/* ---- the payload of a DONE ------------------------------------------------- */

/* Where it was first written: it ends what its id stood for until there. */
#define DONE_LEN 8u
void done_put(char at[DONE_LEN], struct place until);
struct place done_until(struct span payload);	/* without one it ends all */

/* ---- the payload of a MESSAGE ------------------------------------------------- */

/* brief, envelope, state, pieces, then the content. */
struct message_view {
	uint64_t size;
	struct span brief, envelope, state;
	struct span pieces;		/* encoded: message_piece */
	uint32_t n_pieces, content_len, content_sum;
};

#define MESSAGE_HEAD  40u
#define MESSAGE_PIECE 12u
/* Bytes before the content. */
uint64_t message_meta_len(const struct journal_message *m);
void message_put_meta(char *at, const struct journal_message *m, uint32_t content_len, uint32_t content_sum);
enum pr_err message_view(struct span meta, struct message_view *out) MUST_USE;
/* The whole payload of a MESSAGE: its sums too. */
enum pr_err message_check(const struct record *r, const char *payload, struct message_view *out) MUST_USE;
bool content_sum_is(const struct message_view *v, const char *content);
struct journal_piece message_piece(const struct message_view *v, unsigned n);

/* ---- table ---------------------------------------------------------------------- */

#define TABLE_STATE_MAX 512u	/* a longer state is read from its record */

struct table_entry {
	struct record record;		/* group, group_n and sum are not kept */
	uint64_t size;			/* MESSAGE */
	uint32_t n_pieces;
	bool has_state;			/* false: it must be read from the record */
	struct span brief, state;
};

void table_add(struct buf *b, const struct table_entry *e);
uint64_t table_entry_len(const struct table_entry *e);
/* Takes the next one off *rest; own.segment is the number of the table's segment. */
enum pr_err table_take(struct span *rest, uint32_t number, struct table_entry *out) MUST_USE;
/* Zeros the briefs and states of the messages that are meant, and leaves their DONEs; how many entries were changed. */
unsigned table_blank(struct span entries, bool (*is_meant)(void *arg, const struct msg_id *id), void *arg);
/* The same in a whole table as table_put wrote it, of whatever use of a segment; it is as whole afterwards as it was before. */
bool table_blank_whole(char *at, uint32_t entries_len, bool (*is_meant)(void *arg, const struct msg_id *id), void *arg);
/* Room that a table of that many bytes needs at the end of a segment, whole pages. */
uint64_t table_room(uint64_t bytes);
/* Writes table_room(entries.len) bytes, the end of the segment. */
void table_put(char *at, uint64_t mark, struct place own, struct span entries, uint32_t n);
/* From the last SEGMENT_UNIT bytes of a segment: where its table begins and how long it is, all in all. */
enum pr_err table_find(const char last[SEGMENT_UNIT], uint64_t mark, uint32_t number, uint32_t segment_size, struct record *out) MUST_USE;
/* The bytes from out->own.at on: checks them; *entries is what table_take takes. */
enum pr_err table_open(struct span bytes, const struct record *r, struct span *entries) MUST_USE;

#ifdef JOURNAL_FAULTS
/* Faults that tests plant, to see that they are caught. */
enum journal_fault { FAULT_NONE, FAULT_NO_SYNC, FAULT_EARLY_ANSWER, FAULT_EARLY_REUSE, FAULT_DONE_DROPPED, FAULT_NO_SUM, FAULT_ANNEX_DROPPED, N_FAULTS };
extern enum journal_fault journal_fault;
#define PLANTED(fault) (journal_fault == (fault))
#else
#define PLANTED(fault) false
#endif

#endif
