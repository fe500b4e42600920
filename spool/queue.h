/* What is known in memory of the messages in the spool. Addresses stay on the
 * disk: a message with one recipient costs sizeof(struct mail) and its places
 * in the table and the heap, a further recipient sizeof(struct rcpt). */
#ifndef SPOOL_QUEUE_H
#define SPOOL_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/id.h"
#include "base/span.h"
#include "spool/envelope.h"
#include "spool/journal.h"
#include "spool/words.h"

enum rcpt_state {
	RCPT_WAITING,		/* for its time */
	RCPT_DUE,		/* in the line of its site */
	RCPT_FLYING,		/* in the hands of a worker */
	RCPT_HELD,
	RCPT_EXPIRED,		/* its time is over; about to be FAILED */
	RCPT_DELIVERED, RCPT_RELAYED, RCPT_PASSED, RCPT_FAILED	/* settled */
};

enum rcpt_flag {		/* the low four bits are an enum wire_notify */
	RCPT_NOTIFY = 15,
	RCPT_SILENT = 16,	/* a copy for the archive: nobody is told of it */
	RCPT_NOTICED = 32,	/* its sender knows that it takes longer */
	RCPT_UNTOLD = 64,	/* settled, and its sender may have to be told */
	RCPT_DOUBT = 128	/* an attempt of unknown end went before */
};

struct rcpt {
	uint32_t way;		/* where to; spool/schedule.h */
	uint32_t due;		/* in ticks of the schedule */
	uint32_t words;		/* what was said last */
	uint32_t origin;	/* the number of the envelope's recipient it came from; when named: of its names (spool/words.h) */
	uint32_t sender;	/* under which it leaves, of the words; 0: the message's own */
	uint16_t tries;
	uint8_t state : 6;
	uint8_t named : 1;	/* an alias made another address of it */
	uint8_t released : 1;	/* by hand: no route holds it back any more */
	uint8_t flags;
};

enum mail_mark {		/* beside the enum wire_mail, which ends at 64 */
	MARK_FINISHING = 1 << 7,	/* its end is being written */
	MARK_UNEXPANDED = 1 << 8,	/* it has no recipients yet */
	MARK_HELD = 1 << 9,	/* before its expansion, or without looking inside */
	MARK_RECALLED = 1 << 10,	/* its times were made from wall times of an earlier run */
	MARK_BUSY = 1 << 11,	/* something is being written that must be done first */
	MARK_DOOMED = 1 << 12,	/* to be removed as soon as nobody holds it */
	MARK_STALLED = 1 << 13,	/* of an earlier run, while workers have not told yet */
	MARK_ERASE = 1 << 14,
	MARK_NULL_SENDER = 1 << 15
};

struct leg;

struct mail {
	struct msg_id id;
	struct heap_node wait;
	struct leg *legs;	/* in lines; spool/lines.c */
	union {
		struct rcpt one;	/* n_rcpts == 1 */
		struct rcpt *many;
		uint32_t next_free;	/* where there is no message */
	} to;
	int64_t born_mono;	/* may lie before the clock's beginning */
	uint64_t size;
	struct place place;
	struct place signature;	/* {0, 0}: it has none on the disk */
	uint32_t n_rcpts;
	uint32_t n_flying : 30;
	uint32_t is_held : 1;	/* counted as held; spool/schedule.c */
	uint32_t is_aside : 1;	/* to be held when it lands */
	uint32_t sender;	/* whose it is, for fairness: a hash */
	uint16_t marks;		/* enum wire_mail and enum mail_mark */
	uint16_t round;		/* of the next bounce */
};

struct queue;

struct queue *queue_new(void);
void queue_free(struct queue **q);
/* Zeroed but for the id, which must not be there. */
struct mail *queue_add(struct queue *q, const struct msg_id *id);
struct mail *queue_find(const struct queue *q, const struct msg_id *id);
void queue_remove(struct queue *q, struct mail *m);	/* its recipients refer to nothing any more: books_remove */
uint32_t queue_count(const struct queue *q);
size_t queue_memory(const struct queue *q);
/* A walk that may be left and taken up again, while messages come and go: each that is there from its begin to
 * its end is seen once. *cursor is 0 at first. NULL at the end. */
struct mail *queue_walk(const struct queue *q, uint32_t *cursor);

struct rcpt *mail_rcpt(struct mail *m, uint32_t n);	/* n < n_rcpts */
/* Adds n zeroed ones behind those that are there. */
void mail_add_rcpts(struct mail *m, uint32_t n);
bool mail_is_settled(struct mail *m);		/* it has recipients, and all are settled and told */
static inline bool rcpt_is_settled(const struct rcpt *r) { return r->state >= RCPT_DELIVERED; }

#endif
