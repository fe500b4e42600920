/* Where a message is that smtpd took: withdrawn, or asked for after a crash of ours. */
#include "base/map.h"
#include "base/mem.h"
#include "spool/spool.h"
#include "wire/event.h"

#define ASKED_FOR_MS SECONDS(60)	/* after the start smtpd may ask for what an earlier run took; it waits 10 s for us */
#define FINISHED_MAX 65536	/* ids kept meanwhile: 1,000 a second */

struct question_in {			/* have_ask or withdraw, before recovery is done */
	struct list list;
	struct channel *channel;
	uint32_t ask;
	struct msg_id id;
	bool withdraws;
};

struct finished {			/* a message of an earlier run that ended in this one */
	struct map_node node;
	struct msg_id id;
};

struct whereabouts {
	struct spool *spool;
	struct list questions;
	struct map finished;
	struct deadline forget;		/* set while finished ones are kept */
};

static void finished_forget(struct whereabouts *w)
{
	for (struct map_node *n; (n = map_next(&w->finished, NULL));) {
		map_remove(&w->finished, n);
		mem_free(MAP_OWNER(n, struct finished, node));
	}
}

static void on_forget(struct deadline *d)
{
	finished_forget(LIST_OWNER(d, struct whereabouts, forget));
}

struct whereabouts *whereabouts_new(struct spool *sp)
{
	struct whereabouts *w = mem_new(sizeof(*w));

	w->spool = sp;
	list_init(&w->questions);
	map_init(&w->finished);
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
	finished_forget(*w);
	map_fini(&(*w)->finished);
	mem_free(*w);
	*w = NULL;
}

static void on_withdraw(struct whereabouts *w, const struct msg_id *id)
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

static bool is_or_was_here(const struct whereabouts *w, const struct msg_id *id)
{
	return queue_find(w->spool->books.queue, id) || map_find(&w->finished, span_of((const char *)id->bytes, 16));
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

	deadline_set(w->spool->loop, &w->forget, spool_now(w->spool).mono_ms + ASKED_FOR_MS);
	while ((l = list_take_first(&w->questions))) {
		answer(w, LIST_OWNER(l, struct question_in, list));
		mem_free(LIST_OWNER(l, struct question_in, list));
	}
}

void whereabouts_finished(struct whereabouts *w, const struct mail *m)
{
	struct finished *f;

	if (!(m->marks & MARK_RECALLED) || !heap_has(&w->forget.node) || w->finished.n >= FINISHED_MAX)
		return;
	f = mem_new(sizeof(*f));
	f->id = m->id;
	map_put(&w->finished, &f->node, span_of((const char *)f->id.bytes, 16));
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
