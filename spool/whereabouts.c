/* Where a message is that smtpd took: withdrawn, or asked for after a crash of ours. */
#include "base/map.h"
#include "base/mem.h"
#include "spool/spool.h"
#include "wire/event.h"

#define ASKED_FOR_MS SECONDS(60)	/* smtpd waits 10 s for us after a crash, the master 2 s after that of a worker */
#define REMEMBERED_MAX 65536	/* ids kept meanwhile: 1,000 a second */

struct question_in {			/* have_ask or withdraw, before recovery is done */
	struct list list;
	struct channel *channel;
	uint32_t ask;
	struct msg_id id;
	bool withdraws;
};

/* What may have ended before somebody asks for it: a message of an earlier run, and one that a file brought, which is taken up again
 * when its worker died. */
struct remembered {
	struct map_node node;
	struct list list;
	struct msg_id id;
	int64_t until;
};

struct whereabouts {
	struct spool *spool;
	struct list questions;
	struct map remembered;
	struct list row;		/* of them, the oldest first */
	struct deadline forget;		/* the first of them */
	int64_t asked_until;		/* for what an earlier run took */
};

/* ---- what is remembered ------------------------------------------------------------ */

static struct remembered *find(const struct whereabouts *w, const struct msg_id *id)
{
	struct map_node *node = map_find(&w->remembered, id_span(id));

	return node ? MAP_OWNER(node, struct remembered, node) : NULL;
}

static void forget(struct whereabouts *w, struct remembered *r)
{
	map_remove(&w->remembered, &r->node);
	list_remove(&r->list);
	mem_free(r);
}

static struct remembered *oldest(const struct whereabouts *w)
{
	return list_is_empty(&w->row) ? NULL : LIST_OWNER(w->row.next, struct remembered, list);
}

static void on_forget(struct deadline *d)
{
	struct whereabouts *w = LIST_OWNER(d, struct whereabouts, forget);
	int64_t now = spool_now(w->spool).mono_ms;
	struct remembered *r;

	while ((r = oldest(w)) && r->until <= now)
		forget(w, r);
	if (r)
		deadline_set(w->spool->loop, &w->forget, r->until);
}

static void remember(struct whereabouts *w, const struct msg_id *id)
{
	struct remembered *r;

	if (w->remembered.n >= REMEMBERED_MAX || find(w, id))
		return;
	r = mem_new(sizeof(*r));
	r->id = *id;
	r->until = spool_now(w->spool).mono_ms + ASKED_FOR_MS;
	map_put(&w->remembered, &r->node, id_span(&r->id));
	list_add_last(&w->row, &r->list);
	if (!heap_has(&w->forget.node))
		deadline_set(w->spool->loop, &w->forget, r->until);
}

void whereabouts_finished(struct whereabouts *w, const struct mail *m)
{
	if (m->marks & MARK_RECALLED && !(m->marks & MARK_DOOMED) && spool_now(w->spool).mono_ms < w->asked_until)
		remember(w, &m->id);
}

void whereabouts_stored(struct whereabouts *w, const struct msg_id *id, struct span client)
{
	if (span_starts_nocase(client, SPAN("uid:")))
		remember(w, id);
}

/* ---- birth and death --------------------------------------------------------------- */

struct whereabouts *whereabouts_new(struct spool *sp)
{
	struct whereabouts *w = mem_new(sizeof(*w));

	w->spool = sp;
	list_init(&w->questions);
	map_init(&w->remembered);
	list_init(&w->row);
	deadline_init(&w->forget, on_forget);
	return w;
}

void whereabouts_free(struct whereabouts **w)
{
	struct list *l;

	if (!*w)
		return;
	while ((l = list_take_first(&(*w)->questions)))
		mem_free(LIST_OWNER(l, struct question_in, list));
	deadline_clear((*w)->spool->loop, &(*w)->forget);
	while (oldest(*w))
		forget(*w, oldest(*w));
	map_fini(&(*w)->remembered);
	mem_free(*w);
	*w = NULL;
}

/* ---- questions ---------------------------------------------------------------------- */

static void withdraw(struct whereabouts *w, const struct msg_id *id)
{
	bool arrives = intake_withdraw(w->spool->intake, id);
	struct mail *m = queue_find(w->spool->books.queue, id);
	struct event ev;

	if (!arrives && !m)
		return;
	event_begin(&ev, EV_MESSAGE_WITHDRAWN, spool_now(w->spool).wall_ms, id);
	process_event(w->spool->process, &ev);
	if (!m)
		return;
	if (m->n_flying == 0 && !(m->marks & MARK_BUSY)) {
		mail_finish(w->spool, m, NULL);
		return;
	}
	m->marks |= MARK_DOOMED;
	jobs_cancel(w->spool->jobs, m);
}

/* Whoever withdrew it sends it again. */
static void on_withdraw(struct whereabouts *w, const struct msg_id *id)
{
	struct remembered *r;

	withdraw(w, id);
	if ((r = find(w, id)))
		forget(w, r);
}

static bool is_or_was_here(const struct whereabouts *w, const struct msg_id *id)
{
	const struct mail *m = queue_find(w->spool->books.queue, id);

	return m ? !(m->marks & MARK_DOOMED) : find(w, id) != NULL;
}

static void answer(struct whereabouts *w, const struct question_in *q)
{
	struct wire_have_told told = { .ask = q->ask };

	if (q->withdraws) {
		on_withdraw(w, &q->id);
		return;
	}
	told.yes = is_or_was_here(w, &q->id);
	channel_put(q->channel, WIRE_have_told, &told);
}

/* Before all that was queued is known nothing can be said. */
static void answer_or_keep(struct whereabouts *w, struct question_in q)
{
	struct question_in *kept;

	if (w->spool->recovered) {
		answer(w, &q);
		return;
	}
	kept = mem_new(sizeof(*kept));
	*kept = q;
	list_add_last(&w->questions, &kept->list);
}

void whereabouts_recovered(struct whereabouts *w)
{
	struct list *l;

	w->asked_until = spool_now(w->spool).mono_ms + ASKED_FOR_MS;
	while ((l = list_take_first(&w->questions))) {
		answer(w, LIST_OWNER(l, struct question_in, list));
		mem_free(LIST_OWNER(l, struct question_in, list));
	}
}

void whereabouts_on_verb(struct whereabouts *w, struct channel *ch, enum wire_verb verb, const union wire_msg *msg)
{
	if (verb == WIRE_have_ask) {
		answer_or_keep(w, (struct question_in){ .channel = ch, .ask = msg->have_ask.ask, .id = msg->have_ask.id });
		return;
	}
	if (verb != WIRE_withdraw)
		return;
	if (!w->spool->recovered)
		answer_or_keep(w, (struct question_in){ .channel = ch, .id = msg->withdraw.id, .withdraws = true });
	on_withdraw(w, &msg->withdraw.id);
}

void whereabouts_on_gone(struct whereabouts *w, struct channel *ch)
{
	LIST_EACH_SAFE(l, &w->questions) {
		struct question_in *q = LIST_OWNER(l, struct question_in, list);

		if (q->channel != ch || q->withdraws)
			continue;
		list_remove(l);
		mem_free(q);
	}
}
