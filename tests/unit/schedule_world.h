/* A schedule with mail, in simulated time. */
#ifndef TESTS_SCHEDULE_WORLD_H
#define TESTS_SCHEDULE_WORLD_H

#include "spool/schedule.h"
#include "spool/state.h"

#define KINDS (1u << SITE_LOCAL | 1u << SITE_LMTP | 1u << SITE_SMTP)

struct world {
	struct queue *queue;
	struct words *words;
	struct schedule *schedule;
	struct instant now;
	uint32_t lmtp, local;	/* ways that are there */
	uint32_t n_ids;
};

int setup(void **state);
int teardown(void **state);
/* It leads to the site of that key from now on. */
uint32_t way_to(struct world *w, const char *name, enum site_kind kind, uint64_t key);
struct mail *mail_new(struct world *w, uint32_t way, uint32_t n, uint32_t sender);	/* due at once */
void mail_free(struct world *w, struct mail *m);
void pass(struct world *w, int64_t ms);
bool run_due(struct world *w, struct due *last);	/* its bounces and notices are as written */
/* A job starts and fails for now, with that word about its site; a second passes. False: none could start. */
bool try_and_fail(struct world *w, enum site_word word);
void end(struct world *w, const struct start *s, enum site_word word);	/* a job that was pulled: all are delivered */
extern struct start start;	/* of the last one that was pulled */

#endif
