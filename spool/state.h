/* What the journal's states and briefs mean for a message in memory, and the
 * other way round. */
#ifndef SPOOL_STATE_H
#define SPOOL_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/span.h"
#include "spool/envelope.h"
#include "spool/queue.h"
#include "spool/schedule.h"
#include "spool/words.h"
#include "wire/verbs.h"

/* What is in memory, all of it. */
struct books {
	struct queue *queue;
	struct words *words;
	struct schedule *schedule;
};

#define BRIEF_SIZE 20

/* The few words by which recovery knows a message without reading it. */
void brief_encode(const struct mail *m, int64_t received_ms, uint32_t n_rcpts, char out[BRIEF_SIZE]);
/* Fills marks, sender and age. n_rcpts: of the envelope. */
enum pr_err brief_decode(struct span brief, struct mail *m, struct instant now) MUST_USE;

/* Applies rows that recovery found, or that were written just now. After the last: schedule_enter. PR_BAD leaves what was
 * applied before the bad row. */
enum pr_err state_apply(struct books *b, struct mail *m, struct span rows, bool recalled, struct instant now) MUST_USE;
/* All that is known of its recipients, as rows that lead there from nothing. */
enum pr_err state_whole(struct books *b, struct mail *m, struct instant now, struct buf *out) MUST_USE;

/* A recipient is settled, here and in *row, which the caller journals. */
void rcpt_settle(struct books *b, struct mail *m, uint32_t n, enum wire_fate fate, const struct saying *said);
/* The row that says how recipient n stands after its last attempt. */
struct state_row rcpt_outcome_row(const struct books *b, struct mail *m, uint32_t n, struct instant now);
/* Out of the books, which it must have left else (schedule_leave). */
void books_remove(struct books *b, struct mail *m);
void rcpt_say(struct books *b, struct rcpt *r, const struct saying *said);

/* Its addresses: its names, or those of the envelope's recipient. */
struct rcpt_names {
	uint32_t origin;
	struct span mailbox, address;	/* empty: the address of envelope recipient `origin` */
};
/* To it; where it was never tried itself, by its site. */
struct saying rcpt_last_said(const struct books *b, const struct rcpt *r);
struct rcpt_names rcpt_names(const struct books *b, const struct rcpt *r);
/* Under which its copy leaves; own: the message's. */
struct span rcpt_sender(const struct books *b, const struct rcpt *r, struct span own);

#endif
