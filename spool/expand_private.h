/* What expand.c and targets.c share; nobody else includes it. */
#ifndef SPOOL_EXPAND_PRIVATE_H
#define SPOOL_EXPAND_PRIVATE_H

#include "base/arena.h"
#include "base/map.h"
#include "spool/spool.h"

struct expander;

struct question {
	struct expansion *expansion;
	struct list list;
	struct span address;
	struct span sender;		/* of the last target that leaves under one of its own */
	uint32_t origin, n_targets;
	uint8_t notify;
	bool is_for_admin;		/* nobody has the address: now it is asked where the admin's leads */
};

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

/* targets.c: what auth says becomes rows of the first STATE */
void question_take_target(struct question *q, const struct wire_expand_to *to);
void question_take_end(struct question *q, const struct wire_expand_done *done);
/* A bounce about what one of our own sent, to an address of ours that nobody has: somebody must hear of it. */
bool question_is_for_admin(const struct question *q, const struct wire_expand_done *done);
/* None of it is sent, and the sender hears why. */
void expansion_fail(struct expansion *e, const char *enhanced, struct span why);
bool expansion_is_too_large(const struct expansion *e);	/* more than may be journalled */

#endif
