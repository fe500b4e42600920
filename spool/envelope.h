/* The bytes of a message's envelope and of what changes for it, as they stand
 * in the journal's MESSAGE and STATE records.
 *
 * A MESSAGE holds an envelope and behind it any number of state rows (the
 * present state, when the message was written again); a STATE holds rows
 * alone. Little endian; text is a length (u16) and its bytes. */
#ifndef SPOOL_ENVELOPE_H
#define SPOOL_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define ENVELOPE_MAX_RCPTS   100000	/* the ceiling of listen.max_recipients */
#define ENVELOPE_MAX_TARGETS 10000	/* what aliases may make of them */
#define ENVELOPE_MAX_BYTES   (64u << 20)	/* MAX_RCPTS with ORCPT of 500 bytes fit; a hostile writer stops here */
#define STATE_MAX_BYTES      (16u << 20)	/* MAX_RCPTS in foreign domains fit, and MAX_TARGETS with long names and senders */
#define STATE_STAND_MAX      64		/* of that, where one recipient stands: all its rows but TARGET and SENDER, without words */

struct envelope {
	uint32_t flags;		/* set of enum wire_mail */
	int64_t received_ms;
	struct span sender, envid, client, login, quarantine;
	struct span from_domain, body_hash;	/* for its signature; both empty where it is not to be signed */
	uint32_t n_rcpts;
	struct span rcpts;	/* their rows; envelope_next */
	struct span states;	/* the rows behind the envelope; state_next */
};

struct envelope_rcpt {
	uint8_t notify;		/* set of enum wire_notify, 0 when not given */
	struct span address, orcpt;
};

/* Rows are gathered first, for they come one by one; then the head is put
 * before them: out = head + rows. */
enum pr_err envelope_add_rcpt(struct buf *rows, const struct envelope_rcpt *r);
/* env->rcpts is what envelope_add_rcpt made, of n_rcpts rows; env->states goes behind. */
enum pr_err envelope_encode(const struct envelope *env, struct buf *out) MUST_USE;
/* Every row is checked; the spans point into bytes. */
enum pr_err envelope_decode(struct span bytes, struct envelope *out) MUST_USE;
/* Takes the next row off *rows, which came from envelope_decode; false at the end. */
bool envelope_next(struct span *rows, struct envelope_rcpt *out);
/* That of recipient n; empty when there is none. A walk. */
struct span envelope_address(const struct envelope *env, uint32_t n);

#define STATE_ALL UINT32_MAX	/* an n: every recipient, also before the expansion */

enum state_type {	/* each is an assignment: told again in the same order they lead to the same end */
	STATE_ROW_TARGET = 1,	/* recipient n after the expansion; numbers come without gaps */
	STATE_ROW_OUTCOME,	/* what came of an attempt at recipient n */
	STATE_ROW_HOLD,
	STATE_ROW_RELEASE,
	STATE_ROW_RETRY,	/* due at once, by hand */
	STATE_ROW_NOTICED,	/* the sender knows that it takes longer */
	STATE_ROW_TOLD,		/* the sender knows all outcomes so far; n: the round that comes next */
	STATE_ROW_SENDER	/* under which the message leaves for recipient n, in place of its own; after the target */
};

struct state_row {
	uint8_t type;
	uint32_t n;
	/* target */
	uint32_t origin;	/* the number of the envelope's recipient it came from */
	uint8_t notify;		/* of that recipient */
	uint8_t kind;		/* enum wire_target */
	struct span deliver;	/* its way: the section's name, or @ and a foreign domain; empty: nowhere */
	struct span mailbox, address;	/* both empty: that recipient's address */
	/* sender */
	struct span sender;
	/* outcome; a hold and a signature have words */
	uint8_t fate;		/* enum wire_fate */
	uint16_t code;
	uint16_t tries;		/* attempts so far */
	int64_t next_ms;	/* wall time of the next attempt, 0 without */
	struct span enhanced, words, host;
};

/* The whole row, or nothing of it. */
enum pr_err state_add(struct buf *out, const struct state_row *row);
/* Takes the next row off *rows. PR_NONE at the end, PR_BAD on any doubt. */
enum pr_err state_next(struct span *rows, struct state_row *out) MUST_USE;

#endif
