/* Whose question goes to the DNS next. Answers that don't come hold their places for seconds, and strangers can have such names looked
 * up by the hundred: so each check may have as many questions under way as an eighth of the places that are free, and one; who has
 * fewest goes first, and the last places are for those that have none. Where even these are taken (turns_are_short) the question that
 * waited longest is to make room. */
#ifndef VERIFY_TURNS_H
#define VERIFY_TURNS_H

#include <stdbool.h>

#include "base/list.h"

#define TURNS_PLACES 128	/* questions under way: half of what dns works on at once for all checks, since there may be several of us */
#define TURNS_KEPT   32		/* of these, the last */
#define TURNS_SHARE  8
#define TURNS_LEVELS ((TURNS_PLACES - TURNS_KEPT) / TURNS_SHARE + 1)

struct turns {
	unsigned n_under_way;
	struct list waiting[TURNS_LEVELS];	/* struct turn, by what they have under way */
};

/* Of one check; belongs to it. */
struct turn {
	struct list list;
	unsigned n_waiting, n_under_way;
};

void turns_init(struct turns *t);
void turn_init(struct turn *turn);
/* One more of its questions waits. */
void turns_add(struct turns *t, struct turn *turn);
/* Who sends its next question now: it is under way then. NULL: nobody. */
struct turn *turns_next(struct turns *t);
/* A check that has nothing under way waits, and there is no place. */
bool turns_are_short(const struct turns *t);
/* One that was under way is answered. */
void turns_answered(struct turns *t, struct turn *turn);
/* One that was under way is to be sent again. */
void turns_again(struct turns *t, struct turn *turn);
/* The check has ended, whatever it waits for. */
void turns_leave(struct turns *t, struct turn *turn);

#endif
