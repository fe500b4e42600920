/* What control.c, view.c and acts.c share; nobody else includes it. */
#ifndef SPOOL_CONTROL_PRIVATE_H
#define SPOOL_CONTROL_PRIVATE_H

#include "spool/spool.h"
#include "wire/filter.h"

#define NAMES_MAX 10	/* of messages that a part of an id may mean, told to choose from */

struct command {
	struct list list;
	struct control *control;
	struct channel *channel;
	uint32_t ask, rows, count;
	uint8_t action;
	char *text, *argument;
	struct filter filter;
	uint32_t cursor, rcpt;		/* the next message; the next recipient of `id` */
	struct msg_id id;		/* in hand; zeros: none */
	struct msg_id meant[NAMES_MAX];	/* by a part of an id */
	uint32_t n_meant;
	struct disk_reader *reader;
	struct span piece;
	int64_t patience;		/* until then it waits for expansions under way, monotonic; 0: it met none */
	uint32_t n_held, n_closed, n_flying;	/* messages that a retry means and can't move: held, without a way, under way already */
	struct span no_way;		/* why, of the last */
	bool chosen;			/* it is known which one message is meant */
	bool asked, reading, head_sent, ended;	/* asked, reading: the disk owes an answer */
};

struct control {
	struct spool *spool;
	struct list commands;
	struct deadline impatience;	/* the first of a command that waits for an expansion */
	unsigned n;
};

/* One recipient as the command line sees it, before and after the expansion. */
struct view {
	struct filter_recipient facts;
	uint8_t notify;
	int64_t next_ms;
};

struct originals {
	struct envelope env;
	struct envelope_rcpt *at;
	bool known;		/* the envelope was read */
};

static inline bool action_reads(uint8_t action) { return action <= QUEUE_CAT; }

/* view.c: a message as the command line sees it */
uint32_t views_count(const struct mail *m, const struct originals *o);
void view_at(const struct spool *sp, struct mail *m, const struct originals *o, uint32_t n, struct view *v);
bool command_means(const struct command *k, struct mail *m, const struct originals *o);
bool command_lists(struct command *k, struct mail *m, const struct originals *o);	/* true when all rows of m were sent */

/* acts.c */
void act_delete(struct command *k, struct mail *m);
/* Retry, hold, release and bounce are about recipients: those that the filter means. False: there was nothing to change. */
bool act_change(struct command *k, struct mail *m, const struct originals *o);

#endif
