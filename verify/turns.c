#include "verify/turns.h"

#include "base/err.h"

#define LEVELS TURNS_LEVELS

void turns_init(struct turns *t)
{
	t->n_under_way = 0;
	for (unsigned i = 0; i < LEVELS; i++)
		list_init(&t->waiting[i]);
}

void turn_init(struct turn *turn)
{
	list_init(&turn->list);
	turn->n_waiting = turn->n_under_way = 0;
}

/* Where it belongs: in no list when nothing of it waits, or when it has all that anybody may have. */
static void place(struct turns *t, struct turn *turn)
{
	list_remove(&turn->list);
	if (turn->n_waiting > 0 && turn->n_under_way < LEVELS)
		list_add_last(&t->waiting[turn->n_under_way], &turn->list);
}

void turns_add(struct turns *t, struct turn *turn)
{
	if (turn->n_waiting++ == 0)
		place(t, turn);
}

/* So many places must be free for one more of who has that many. */
static unsigned need_of(unsigned level)
{
	return level == 0 ? 1 : TURNS_KEPT + level * TURNS_SHARE;
}

bool turns_are_short(const struct turns *t)
{
	return t->n_under_way == TURNS_PLACES && !list_is_empty(&t->waiting[0]);
}

struct turn *turns_next(struct turns *t)
{
	unsigned free = TURNS_PLACES - t->n_under_way;

	for (unsigned level = 0; level < LEVELS && free >= need_of(level); level++) {
		struct turn *turn;

		if (list_is_empty(&t->waiting[level]))
			continue;
		turn = LIST_OWNER(t->waiting[level].next, struct turn, list);
		turn->n_waiting--;
		turn->n_under_way++;
		t->n_under_way++;
		place(t, turn);
		return turn;
	}
	return NULL;
}

void turns_answered(struct turns *t, struct turn *turn)
{
	BUG_ON(turn->n_under_way == 0);
	turn->n_under_way--;
	t->n_under_way--;
	place(t, turn);
}

void turns_again(struct turns *t, struct turn *turn)
{
	turn->n_waiting++;
	turns_answered(t, turn);
}

void turns_leave(struct turns *t, struct turn *turn)
{
	t->n_under_way -= turn->n_under_way;
	turn->n_waiting = turn->n_under_way = 0;
	list_remove(&turn->list);
}
