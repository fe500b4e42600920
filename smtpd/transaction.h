/* One message being taken in: its envelope, and its body on the way to spool.
 * A small body gathers in one block and leaves whole; a larger one leaves
 * block by block within spool's window. */
#ifndef SMTPD_TRANSACTION_H
#define SMTPD_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/list.h"
#include "mail/address.h"
#include "mail/dkim_body.h"
#include "mail/header.h"
#include "mail/lines.h"
#include "mail/reply.h"
#include "smtpd/effects.h"
#include "smtpd/pool.h"
#include "smtpd/session.h"

enum body_way { BODY_NONE, BODY_BY_DATA, BODY_BY_BDAT };

#define AUTHORS_MAX 50	/* of a message: as many questions */

struct author {
	struct author *next;
	struct span address;
};

/* Who sent it, as verify says. */
enum verdict_state {
	VERDICT_NONE,			/* nobody asks */
	VERDICT_LOST,			/* verify is away: the next one is told all of it */
	VERDICT_ASKED,			/* verify was told all that came */
	VERDICT_TOLD
};

#define VERDICT_KEPT_MAX (1u << 20)	/* bytes of a message that are kept as evidence */

struct verdict {
	enum verdict_state state;
	uint32_t window;		/* bytes that may still be sent to verify */
	struct reply refusal;		/* code 0: it is taken */
	struct span quarantine, fields;
	struct buf kept;		/* the beginning of what verify was told, where evidence is wanted */
	size_t kept_charged;		/* of it, at the pool */
	bool is_kept_whole;		/* so far: what comes is kept too */
};

struct transaction {
	struct session *session;
	struct list gathering;		/* at the house, while the block holds all of the body */
	struct msg_id id;
	struct arena arena;
	struct span sender, envid;
	uint32_t flags;			/* set of enum wire_mail, as MAIL declared them */
	uint64_t declared_size;
	int64_t began_wall_ms, began_mono_ms;
	struct recipient *first, **last;
	unsigned n_rcpts;
	struct recipient *asked;	/* the one auth is asked about */
	struct span server;		/* the deliver section whose server is asked about it */
	struct span said_enhanced, said;	/* how that one refused it; a NUL stands behind them */
	/* the body */
	enum body_way way;
	struct lines lines;
	struct header_rules rules;
	struct span message_id;
	struct dkim_body hashed;	/* of a submission whose author's domain signs */
	unsigned char body_hash[SHA256_LEN];
	char from_domain[ADDRESS_DOMAIN_MAX + 1];	/* of the From field; "": not surely one, or none that signs */
	struct author *first_author, **last_author;	/* of the From fields, each once in each field */
	unsigned n_authors;
	bool authors_are_bad;		/* there are some that can't be read, or too many */
	struct author *asked_author;	/* the one auth is asked about */
	struct pool_block *block;
	struct verdict verdict;
	uint64_t size;			/* of what goes to spool */
	uint32_t window;		/* bytes that may still be sent */
	bool begun;			/* spool knows of it */
	bool committed;			/* all of it was handed over */
	bool submitted;			/* from a login or a trusted network */
	bool bounces_only;		/* there is a recipient who takes no other mail */
	bool is_back;			/* a recipient had it before: his name stands in its Delivered-To */
	size_t charged;			/* of the envelope, at the pool */
	const struct reply *refused;	/* the body is read to its end, and then this is said */
	struct header header;		/* last: the only part that is not zeroed at birth */
};

struct transaction *transaction_new(struct session *s);
void transaction_free(struct transaction **tx);
/* Forgets it; spool too, if it knows of it. Nothing when there is none. */
void transaction_end(struct session *s, struct effects *fx);
/* Counts the envelope's memory at the pool; false when it is short. */
bool transaction_charge(struct transaction *tx);

/* A body may begin: NULL, or why not. */
const struct reply *transaction_body_begin(struct transaction *tx, enum body_way way, struct effects *fx);
/* Takes n bytes at most of the front of *in towards spool; after a refusal all is taken and dropped.
 * PR_OK: all was taken; PR_NONE: the body's end was seen, the rest of *in comes after it; PR_AGAIN: no room now. */
enum pr_err transaction_body(struct transaction *tx, struct span *in, struct effects *fx) MUST_USE;
bool transaction_has_room(struct transaction *tx, struct effects *fx);
void transaction_refuse(struct transaction *tx, const struct reply *why, struct effects *fx);
/* The body has ended: NULL when it is good, or why it is refused. */
const struct reply *transaction_body_end(struct transaction *tx, struct effects *fx);
/* All that is left goes to spool, and the commit. */
void transaction_commit(struct transaction *tx, struct effects *fx);
/* The body begins to leave before it is whole: memory is short. */
void transaction_spill(struct session *s, struct effects *fx);

void transaction_window(struct session *s, uint32_t bytes);
/* Spool's last word on it, perhaps before its end. */
void transaction_stored(struct session *s, uint32_t result, struct effects *fx);
void transaction_spool_left(struct session *s, struct effects *fx);

#endif
