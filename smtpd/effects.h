/* What a session wants done: a fixed row that belongs to the loop. One
 * session is fed at a time and its effects are done before the next. */
#ifndef SMTPD_EFFECTS_H
#define SMTPD_EFFECTS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/span.h"
#include "smtpd/pool.h"
#include "wire/event.h"

enum effect_type {
	FX_ASK_ADDRESS,		/* text: may mail come to this address? */
	FX_ASK_SENDER,		/* text: may the login use this address, and does it still count? empty: only the second */
	FX_DROP_ADDRESS,	/* the answer to one of these is not waited for any more */
	FX_ASK_RECIPIENT,	/* recipient: does that server take mail to it? */
	FX_DROP_RECIPIENT,	/* the answer is not waited for any more */
	FX_LOGIN,		/* what session_attempt says begins a login */
	FX_LOGIN_STEP,		/* what it says answers the challenge */
	FX_DROP_LOGIN,		/* nobody waits for the login any more */
	FX_BEGIN,		/* the session's transaction goes to spool: begin and all its recipients */
	FX_PART,		/* block: the next bytes of it; the effect owns the block */
	FX_COMMIT,		/* it is whole: commit, and the prefix in effects.prefix */
	FX_ABORT,		/* it will never be whole */
	FX_DROP_MAIL,		/* the answer is not waited for any more */
	FX_WITHDRAW,		/* id: its client was told 4xx; when spool is away, as soon as it is back */
	FX_HAVE,		/* id: is it on the disk? */
	FX_CHECK,		/* verify is asked who sent what comes */
	FX_CHECK_PART,		/* part: the next bytes for it, of effects.checked */
	FX_CHECK_END,		/* that was all of it */
	FX_CHECK_CANCEL,	/* nobody waits for the verdict any more */
	FX_CHECK_STUCK,		/* who was asked for it does nothing any more: the master ends it */
	FX_EVIDENCE,		/* evidence: to be kept of the message that killed verify, if there is a file for it */
	FX_START_TLS,		/* text: the first bytes of it, when they were read already */
	FX_EVENT,		/* event */
	FX_CLOSE		/* what was said leaves, then the connection ends; the session is over */
};

struct effect {
	enum effect_type type;
	union {
		struct span text;
		struct {
			struct span address, deliver;
		} recipient;
		struct pool_block *block;
		struct {
			size_t at, len;
		} part;
		struct {
			struct span helo, sender, message;
		} evidence;
		struct msg_id id;
		struct {
			uint64_t size;
			uint32_t flags;	/* set of enum wire_mail */
			struct span quarantine;	/* why it goes to .Junk; empty: it does not */
			struct span body_hash, from_domain;	/* of the transaction; empty where nothing is to be signed */
		} commit;
		const struct event *event;
	};
};

#define EFFECTS_MAX        24
#define EFFECTS_EVENTS_MAX 8
#define EFFECTS_OUT_MAX    32768	/* replies beyond leave before the session goes on */

struct effects {
	struct effect row[EFFECTS_MAX];
	unsigned n, n_events;
	bool must_leave;	/* they are done before the session goes on: always those that speak of its transaction, or its login */
	struct event events[EFFECTS_EVENTS_MAX];
	struct buf out;		/* replies, in order: one write before all other effects */
	struct buf prefix;	/* of FX_COMMIT */
	struct buf checked;	/* of FX_CHECK_PART */
};

void effects_init(struct effects *fx);
void effects_fini(struct effects *fx);
void effects_clear(struct effects *fx);
struct effect *effects_add(struct effects *fx, enum effect_type type);
/* The next bytes for verify: copied. */
void effects_check_part(struct effects *fx, struct span bytes);
/* Room for an event; fill it with event_begin and so on. */
struct event *effects_event(struct effects *fx);
/* A step makes at most 8 effects, 3 of them events: is there room for one more step, and may it be made? */
bool effects_have_room(const struct effects *fx);

#endif
