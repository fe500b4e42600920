/* Where mail goes: messages wait for their turn in a row of ids; a few are under way at a time (expansion.c). */
#include "base/mem.h"
#include "spool/expand_private.h"

#define AT_ONCE    256		/* messages being expanded */
#define AGAIN_MS   SECONDS(20)	/* after auth could not tell */
#define AWAY_MS    MINUTES(1)	/* without auth, until what is over is given up: a restart takes a moment */

static void pump(struct expander *x);
static void on_away(struct deadline *d);

/* ---- birth and death ---------------------------------------------------------------- */

static void on_again(struct deadline *d)
{
	struct expander *x = LIST_OWNER(d, struct expander, again);
	struct msg_id id;

	while (id_row_take(&x->later, &id))
		id_row_add(&x->waiting, &id);
	pump(x);
}

void expander_put_off(struct expander *x, const struct msg_id *id)
{
	id_row_add(&x->later, id);
	if (!heap_has(&x->again.node))
		deadline_set(x->spool->loop, &x->again, spool_now(x->spool).mono_ms + AGAIN_MS);
}

struct expander *expander_new(struct spool *sp)
{
	struct expander *x = mem_new(sizeof(*x));

	x->spool = sp;
	pending_init(&x->pending, EXPANDER_CREDIT);
	list_init(&x->active);
	list_init(&x->free);
	list_init(&x->free_questions);
	deadline_init(&x->again, on_again);
	deadline_init(&x->away, on_away);
	return x;
}

void expander_free(struct expander **x)
{
	struct list *l;

	if (!*x)
		return;
	expander_on_gone(*x, (*x)->auth);
	while (!list_is_empty(&(*x)->active))
		expansion_free(LIST_OWNER((*x)->active.next, struct expansion, list));
	while ((l = list_take_first(&(*x)->free)))
		expansion_destroy(LIST_OWNER(l, struct expansion, list));
	while ((l = list_take_first(&(*x)->free_questions)))
		mem_free(LIST_OWNER(l, struct question, list));
	deadline_clear((*x)->spool->loop, &(*x)->again);
	deadline_clear((*x)->spool->loop, &(*x)->away);
	pending_fini(&(*x)->pending);
	map_fini(&(*x)->ours);
	mem_free((*x)->domains);
	id_row_fini(&(*x)->waiting);
	id_row_fini(&(*x)->later);
	mem_free(*x);
	*x = NULL;
}

void expander_follow(struct expander *x)
{
	const struct settings *set = x->spool->settings;

	map_fini(&x->ours);
	mem_free(x->domains);
	x->domains = mem_new((set->n_domain + 1) * sizeof(*x->domains));
	for (unsigned i = 0; i < set->n_domain; i++)
		if (!map_find(&x->ours, span_of_text(set->domain[i].title)))
			map_put(&x->ours, &x->domains[i], span_of_text(set->domain[i].title));
}

uint32_t expander_count(const struct expander *x)
{
	return x->n_active + x->waiting.n + x->later.n;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void on_expand_done(struct expander *x, const struct wire_expand_done *done)
{
	struct question *q = pending_close(&x->pending, done->ask);
	struct expansion *e;

	if (!q)
		return;
	if (question_is_for_admin(q, done)) {
		q->is_for_admin = true;
		expansion_ask_auth(x, q, span_of_text(x->spool->settings->top.admin));
		return;
	}
	e = q->expansion;
	question_take_end(q, done);
	list_add_first(&x->free_questions, &q->list);
	e->n_asked--;
	expansion_ask_more(e);
	pump(x);
}

void expander_on_verb(struct expander *x, enum wire_verb verb, const union wire_msg *msg)
{
	struct question *q;

	if (verb == WIRE_expand_to && (q = pending_find(&x->pending, msg->expand_to.ask)))
		question_take_target(q, &msg->expand_to);
	else if (verb == WIRE_expand_done)
		on_expand_done(x, &msg->expand_done);
}

static void feed_starved(struct expander *x)
{
	x->starved = false;
	LIST_EACH_SAFE(l, &x->active) {
		struct expansion *e = LIST_OWNER(l, struct expansion, list);

		if (e->rest.len > 0 && e->n_asked == 0)
			expansion_ask_more(e);
	}
}

/* Those that wait for credit or for their turn. */
static void pump(struct expander *x)
{
	struct msg_id id;

	if (x->pumping || !x->auth)
		return;
	x->pumping = true;
	if (x->starved && pending_used(&x->pending) < EXPANDER_CREDIT)
		feed_starved(x);
	while (x->n_active < AT_ONCE && id_row_take(&x->waiting, &id)) {
		struct mail *m = queue_find(x->spool->books.queue, &id);

		if (m && expansion_may_begin(m))
			expansion_read(x, m, false);
	}
	x->pumping = false;
}

/* ---- without auth -------------------------------------------------------------------------------- */

static void await_auth(struct expander *x)
{
	if (!x->auth && !heap_has(&x->away.node))
		deadline_set(x->spool->loop, &x->away, spool_now(x->spool).mono_ms + AWAY_MS);
}

/* Those that have nobody to ask wait with the others. */
static void shelve_active(struct expander *x)
{
	LIST_EACH_SAFE(l, &x->active) {
		struct expansion *e = LIST_OWNER(l, struct expansion, list);

		if (e->reader)
			continue;	/* it asks when it has been read: nobody is there, and it waits */
		id_row_add(&x->waiting, &e->id);
		expansion_free(e);
	}
}

static bool is_over(void *arg, const struct msg_id *id)
{
	struct spool *sp = arg;
	const struct mail *m = queue_find(sp->books.queue, id);

	return m && schedule_is_over(sp->books.schedule, m, spool_now(sp));
}

/* Nobody can be asked, which is an attempt: what is over ends here, and its sender hears of it. */
static void on_away(struct deadline *d)
{
	struct expander *x = LIST_OWNER(d, struct expander, away);
	struct msg_id ids[AT_ONCE];
	uint32_t n;

	shelve_active(x);
	n = id_row_take_those(&x->waiting, is_over, x->spool, ids, AT_ONCE);
	for (uint32_t i = 0; i < n; i++) {
		struct mail *m = queue_find(x->spool->books.queue, &ids[i]);

		if (m && expansion_may_begin(m))
			expansion_read(x, m, true);
	}
	if (x->waiting.n > 0)
		await_auth(x);
}

void expander_take(struct expander *x, struct mail *m, struct span envelope)
{
	struct expansion *e;

	if (!x->auth || x->waiting.n > 0 || x->n_active >= AT_ONCE || envelope.len == 0) {
		id_row_add(&x->waiting, &m->id);
		await_auth(x);
		pump(x);
		return;
	}
	e = expansion_new(x, &m->id);
	(void)buf_add(&e->bytes, envelope);
	expansion_begin(e);
}

static void question_drop(void *arg, uint32_t ask, void *owner)
{
	struct expander *x = arg;
	struct question *q = owner;

	(void)pending_close(&x->pending, ask);
	list_add_first(&x->free_questions, &q->list);
}

void expander_on_gone(struct expander *x, struct channel *auth)
{
	if (!auth || x->auth != auth)
		return;
	x->auth = NULL;
	pending_each(&x->pending, question_drop, x);
	shelve_active(x);
	if (x->waiting.n > 0 || x->n_active > 0)
		await_auth(x);
}

/* The end of the one before, if it is not seen yet, tells nothing any more: what it was asked is asked again. */
void expander_wired(struct expander *x, struct channel *auth)
{
	expander_on_gone(x, x->auth);
	x->auth = auth;
	deadline_clear(x->spool->loop, &x->away);
	pump(x);
}
