/* What expand.c, expansion.c and targets.c share; nobody else includes it. */
#ifndef SPOOL_EXPAND_PRIVATE_H
#define SPOOL_EXPAND_PRIVATE_H

#include "base/arena.h"
#include "base/map.h"
#include "spool/id_row.h"
#include "spool/spool.h"
#include "wire/pending.h"

#define EXPANDER_CREDIT 1024	/* questions to auth under way */

/* All expansions: whose turn it is, and auth. */
struct expander {
	struct spool *spool;
	struct channel *auth;		/* NULL: away */
	struct pending pending;
	struct list active, free, free_questions;
	struct id_row waiting, later;	/* later: after AGAIN_MS */
	struct map ours;		/* domains */
	struct map_node *domains;
	struct deadline again, away;
	uint32_t n_active;
	bool pumping, starved;		/* starved: one could not ask for lack of credit, or of auth */
};

/* Of one recipient, at auth. */
struct question {
	struct expansion *expansion;
	struct list list;
	struct span address;
	struct span sender;		/* of the last target that leaves under one of its own */
	uint32_t origin, n_targets;
	uint8_t notify;
	bool is_for_admin;		/* nobody has the address: now it is asked where the admin's leads */
};

/* Of one message. */
struct expansion {
	struct expander *expander;
	struct spool *spool;
	struct list list;
	struct msg_id id;
	struct buf bytes;		/* the envelope */
	struct envelope env;
	struct span rest;		/* recipients not asked for yet */
	struct buf rows;
	struct arena arena;
	struct map seen;		/* targets, to send to each once */
	struct disk_reader *reader;
	int64_t began;			/* the attempt */
	struct span why;		/* it can't be told now */
	uint32_t next_origin, n_asked, n_targets, n_held;
	bool temporary, asked, gives_up;	/* asked: the disk, for the envelope; gives_up: where auth is still away */
};

/* expand.c */
void expander_put_off(struct expander *x, const struct msg_id *id);	/* to be tried again in a while */

/* expansion.c. From begin, ask_more and read on it may be over, and gone. */
struct expansion *expansion_new(struct expander *x, const struct msg_id *id);
void expansion_free(struct expansion *e);	/* kept for the next one */
void expansion_destroy(struct expansion *e);	/* one that is kept */
bool expansion_may_begin(const struct mail *m);
void expansion_begin(struct expansion *e);	/* bytes are there */
void expansion_read(struct expander *x, struct mail *m, bool gives_up);	/* they are read from the disk first */
void expansion_ask_more(struct expansion *e);
void expansion_ask_auth(struct expander *x, struct question *q, struct span address);

/* targets.c: what auth says becomes rows of the first STATE */
void question_take_target(struct question *q, const struct wire_expand_to *to);
void question_take_end(struct question *q, const struct wire_expand_done *done);
/* A bounce about what one of our own sent, to an address of ours that nobody has: somebody must hear of it. */
bool question_is_for_admin(const struct question *q, const struct wire_expand_done *done);
/* None of it is sent, and the sender hears why. */
void expansion_fail(struct expansion *e, const char *enhanced, struct span why);
bool expansion_is_too_large(const struct expansion *e);	/* more than may be journalled, now or when each of them stands somewhere */

#endif
