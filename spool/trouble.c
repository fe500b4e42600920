/* What is told of a disk that is full or fails. Near its brim it is full and has room again with every segment that is freed
 * and filled: its trouble is told when it begins, and its end when there was none for a while. */
#include "spool/spool.h"

#define CALM_MS SECONDS(30)

static void on_calm(struct deadline *d)
{
	struct trouble *t = LIST_OWNER(d, struct trouble, calm);

	t->told_full = t->told_lost = false;
	spool_event(t->spool, EV_STORE_BACK, NULL, "");
}

void trouble_init(struct trouble *t, struct spool *sp)
{
	*t = (struct trouble){ .spool = sp };
	deadline_init(&t->calm, on_calm);
}

static void tell(struct trouble *t, enum event_code code, bool *told, const char *reason)
{
	if (!*told)
		spool_event(t->spool, code, NULL, reason);
	*told = true;
}

static void settled(struct trouble *t)
{
	struct spool *sp = t->spool;

	if (sp->full || sp->low || sp->failing)
		deadline_clear(sp->loop, &t->calm);
	else if ((t->told_full || t->told_lost) && !heap_has(&t->calm.node))
		deadline_set(sp->loop, &t->calm, spool_now(sp).mono_ms + CALM_MS);
}

void trouble_full(struct trouble *t, bool full)
{
	if (full && !t->spool->full)
		tell(t, EV_STORE_FULL, &t->told_full, "");
	t->spool->full = full;
	settled(t);
}

void trouble_low(struct trouble *t, bool low)
{
	if (low == t->spool->low)
		return;
	if (low)
		tell(t, EV_STORE_FULL, &t->told_full, "spool.min_free");
	t->spool->low = low;
	settled(t);
}

void trouble_failing(struct trouble *t, const char *why)
{
	if (why)
		tell(t, EV_STORE_LOST, &t->told_lost, why);
	t->spool->failing = why != NULL;
	settled(t);
}
