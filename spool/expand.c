/* Where mail goes: auth is asked once for each recipient, and what it says is
 * the first STATE of a message. Messages wait in a row of ids; a few are under
 * way at a time. */
#include <string.h>

#include "base/mem.h"
#include "mail/address.h"
#include "spool/expand_private.h"
#include "wire/pending.h"

#define CREDIT     1024		/* questions to auth under way */
#define AT_ONCE    256		/* messages being expanded */
#define EACH       64		/* questions of one message, so that a list of thousands delays nobody */
#define AGAIN_MS   SECONDS(20)	/* after auth could not tell */
#define AWAY_MS    MINUTES(1)	/* without auth, until what is over is given up: a restart takes a moment */

/* Ids that wait, first in, first out. */
struct row {
	struct msg_id *ids;
	uint32_t n, room, first;
};

struct expander {
	struct spool *spool;
	struct channel *auth;		/* NULL: away */
	struct pending pending;
	struct list active, free, free_questions;
	struct row waiting, later;	/* later: after AGAIN_MS */
	struct map ours;		/* domains */
	struct map_node *domains;
	struct deadline again, away;
	uint32_t n_active;
	bool pumping, starved;		/* starved: one could not ask for lack of credit, or of auth */
};

static void pump(struct expander *x);
static void on_away(struct deadline *d);

/* ---- rows of ids ----------------------------------------------------------------- */

static void row_add(struct row *w, const struct msg_id *id)
{
	if (w->first > 0 && w->first + w->n == w->room) {
		memmove(w->ids, w->ids + w->first, w->n * sizeof(*id));
		w->first = 0;
	}
	if (w->n == w->room) {
		w->room = w->room ? 2 * w->room : 64;
		w->ids = mem_resize(w->ids, w->room * sizeof(*id));
	}
	w->ids[w->first + w->n++] = *id;
}

static bool row_take(struct row *w, struct msg_id *id)
{
	if (w->n == 0)
		return false;
	*id = w->ids[w->first++];
	if (--w->n > 0)
		return true;
	mem_free(w->ids);
	*w = (struct row){ .ids = NULL };
	return true;
}

/* ---- birth and death ---------------------------------------------------------------- */

static void on_again(struct deadline *d)
{
	struct expander *x = LIST_OWNER(d, struct expander, again);
	struct msg_id id;

	while (row_take(&x->later, &id))
		row_add(&x->waiting, &id);
	pump(x);
}

struct expander *expander_new(struct spool *sp)
{
	struct expander *x = mem_new(sizeof(*x));

	x->spool = sp;
	pending_init(&x->pending, CREDIT);
	list_init(&x->active);
	list_init(&x->free);
	list_init(&x->free_questions);
	deadline_init(&x->again, on_again);
	deadline_init(&x->away, on_away);
	return x;
}

static struct expansion *expansion_new(struct expander *x, const struct msg_id *id)
{
	struct list *l = list_take_first(&x->free);
	struct expansion *e;

	if (l) {
		e = LIST_OWNER(l, struct expansion, list);
	} else {
		e = mem_new(sizeof(*e));
		buf_init(&e->bytes, ENVELOPE_MAX_BYTES + STATE_MAX_BYTES);
		buf_init(&e->rows, STATE_MAX_BYTES);
		arena_init(&e->arena, 1024);
	}
	e->expander = x;
	e->spool = x->spool;
	e->id = *id;
	e->began = spool_now(x->spool).mono_ms;
	map_init(&e->seen);
	list_add_last(&x->active, &e->list);
	x->n_active++;
	return e;
}

static void expansion_free(struct expansion *e)
{
	struct expander *x = e->expander;
	struct expansion clean = { .expander = x };

	disk_reader_close(&e->reader);
	map_fini(&e->seen);
	arena_reset(&e->arena);
	buf_clear(&e->bytes);
	buf_clear(&e->rows);
	if (e->bytes.room > 65536)
		buf_shrink(&e->bytes);
	if (e->rows.room > 65536)
		buf_shrink(&e->rows);
	list_remove(&e->list);
	clean.bytes = e->bytes;
	clean.rows = e->rows;
	clean.arena = e->arena;
	*e = clean;
	list_add_first(&x->free, &e->list);
	x->n_active--;
}

static void expansion_destroy(struct expansion *e)
{
	buf_fini(&e->bytes);
	buf_fini(&e->rows);
	arena_fini(&e->arena);
	mem_free(e);
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
	mem_free((*x)->waiting.ids);
	mem_free((*x)->later.ids);
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

/* ---- the end of an expansion ------------------------------------------------------------ */

static struct mail *mail_of(const struct expansion *e)
{
	return queue_find(e->spool->books.queue, &e->id);
}

static void on_rows_written(struct note *n)
{
	struct spool *sp = n->spool;
	struct mail *m = queue_find(sp->books.queue, &n->id);

	if (!m)
		return;
	m->marks &= (uint16_t)~MARK_BUSY;
	if (m->marks & MARK_DOOMED) {
		settle(sp, m);
		return;
	}
	BUG_ON(state_apply(&sp->books, m, buf_span(&n->bytes), false, spool_now(sp)) != PR_OK);
	if (m->marks & MARK_HELD) {		/* meanwhile */
		m->marks &= (uint16_t)~MARK_HELD;
		mail_set_aside(sp, m, SPAN("held by hand"));
	}
	mail_start(sp, m);
}

static bool may_expand(const struct mail *m)
{
	return m->marks & MARK_UNEXPANDED && !(m->marks & (MARK_DOOMED | MARK_HELD | MARK_BUSY));
}

static void expansion_write(struct expansion *e, struct mail *m)
{
	struct note *n = note_new(e->spool, &e->id);

	(void)buf_add(&n->bytes, buf_span(&e->rows));
	n->done = on_rows_written;
	n->expands = true;
	m->marks |= MARK_BUSY;
	note_state(n, m, e->n_held < e->n_targets);	/* what starts nothing waits for company */
}

/* To be tried again: what was asked is forgotten. */
static void expansion_put_off(struct expansion *e)
{
	struct expander *x = e->expander;

	row_add(&x->later, &e->id);
	if (!heap_has(&x->again.node))
		deadline_set(x->spool->loop, &x->again, spool_now(x->spool).mono_ms + AGAIN_MS);
	expansion_free(e);
}

static void expansion_damaged(struct expansion *e, struct mail *m)
{
	struct spool *sp = e->spool;

	expansion_free(e);
	mail_set_aside(sp, m, SPAN("its envelope can't be read from the disk"));
}

static void expansion_settle(struct expansion *e)
{
	struct mail *m = mail_of(e);

	if (e->n_asked > 0 || e->rest.len > 0)
		return;
	if (!m || !may_expand(m)) {
		expansion_free(e);
	} else if (e->temporary && e->began >= schedule_deadline(e->spool->books.schedule, m)) {
		expansion_fail(e, "5.4.7", e->why);
		expansion_write(e, m);
		expansion_free(e);
	} else if (e->temporary) {
		expansion_put_off(e);
	} else {
		expansion_write(e, m);
		expansion_free(e);
	}
}

/* ---- answers --------------------------------------------------------------------------------- */

static void ask_more(struct expansion *e);

static void ask_auth(struct expander *x, struct question *q, struct span address)
{
	struct wire_expand_ask ask = { .ask = pending_open(&x->pending, q), .address = address, .sender = q->expansion->env.sender };

	channel_put(x->auth, WIRE_expand_ask, &ask);
}

static void on_expand_done(struct expander *x, const struct wire_expand_done *done)
{
	struct question *q = pending_close(&x->pending, done->ask);
	struct expansion *e;

	if (!q)
		return;
	if (question_is_for_admin(q, done)) {
		q->is_for_admin = true;
		ask_auth(x, q, span_of_text(x->spool->settings->top.admin));
		return;
	}
	e = q->expansion;
	question_take_end(q, done);
	list_add_first(&x->free_questions, &q->list);
	e->n_asked--;
	ask_more(e);
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

/* ---- questions -------------------------------------------------------------------------------- */

static struct question *question_new(struct expansion *e, const struct envelope_rcpt *r)
{
	struct list *l = list_take_first(&e->expander->free_questions);
	struct question *q = l ? LIST_OWNER(l, struct question, list) : mem_new(sizeof(*q));

	*q = (struct question){ .expansion = e, .address = r->address, .sender = SPAN_NONE, .origin = e->next_origin++, .notify = r->notify };
	list_init(&q->list);
	return q;
}

/* An address that is in no domain of ours leads to itself: auth need not say so. */
static bool is_foreign(const struct expander *x, struct span address)
{
	const char *hostname = x->spool->settings->top.hostname;
	struct span local, domain;

	address_split(address, &local, &domain);
	return address.len <= ADDRESS_MAX && domain.len > 0 && !map_find(&x->ours, domain) && !span_eq_nocase(domain, span_of_text(hostname));
}

static void take_foreign(struct expansion *e, const struct envelope_rcpt *r)
{
	struct question *q = question_new(e, r);

	question_take_target(q, &(struct wire_expand_to){ .deliver = SPAN_NONE, .kind = TARGET_MEMBER, .mailbox = r->address,
	    .address = r->address, .sender = SPAN_NONE });
	question_take_end(q, &(struct wire_expand_done){ .result = ADDRESS_OK, .why = SPAN_NONE });
	list_add_first(&e->expander->free_questions, &q->list);
}

static bool ask_one(struct expansion *e)
{
	struct expander *x = e->expander;
	struct span rest = e->rest;
	struct envelope_rcpt r;

	if (e->n_asked == EACH || e->rest.len == 0)
		return false;
	if (e->n_asked == 0 && envelope_next(&rest, &r) && is_foreign(x, r.address)) {	/* else it waits its turn: they keep their order */
		e->rest = rest;
		take_foreign(e, &r);
		return true;
	}
	if (!x->auth || pending_used(&x->pending) == CREDIT) {
		x->starved = true;
		return false;
	}
	if (!envelope_next(&e->rest, &r))
		return false;
	e->n_asked++;
	ask_auth(x, question_new(e, &r), r.address);
	return true;
}

static void ask_more(struct expansion *e)
{
	while (ask_one(e))
		;
	if (expansion_is_too_large(e) && e->rest.len == 0 && e->n_asked == 0)
		expansion_fail(e, "5.2.4", SPAN("Its aliases lead to too many addresses"));
	expansion_settle(e);
}

static void expansion_begin(struct expansion *e)
{
	struct mail *m = mail_of(e);

	if (!m) {
		expansion_free(e);
	} else if (envelope_decode(buf_span(&e->bytes), &e->env) != PR_OK) {
		expansion_damaged(e, m);
	} else if (e->gives_up && !e->expander->auth && may_expand(m)) {
		expansion_fail(e, "5.4.7", SPAN("It could not be asked for too long where this address leads"));
		expansion_write(e, m);
		expansion_free(e);
	} else {
		e->rest = e->env.rcpts;
		ask_more(e);
	}
}

static void on_envelope(void *owner, struct disk_reader *r, enum pr_err err, struct span envelope, uint64_t size)
{
	struct expansion *e = owner;
	struct mail *m = mail_of(e);

	(void)size;
	e->asked = false;
	e->reader = r;
	if (err == PR_OK)
		err = buf_add(&e->bytes, envelope);
	disk_reader_close(&e->reader);
	if (err == PR_OK)
		expansion_begin(e);
	else if (m && err == PR_BAD)
		expansion_damaged(e, m);
	else
		expansion_put_off(e);
}

static void expansion_read(struct expander *x, struct mail *m, bool gives_up)
{
	static const struct disk_reader_handlers handlers = { on_envelope, NULL, NULL };

	struct expansion *e = expansion_new(x, &m->id);
	struct disk_reader *r;

	e->asked = true;
	e->gives_up = gives_up;
	r = disk_read(x->spool->disk, &m->id, m->place, &handlers, e);
	if (e->asked)		/* not answered yet: e is as it was */
		e->reader = r;
}

static void feed_starved(struct expander *x)
{
	x->starved = false;
	LIST_EACH_SAFE(l, &x->active) {
		struct expansion *e = LIST_OWNER(l, struct expansion, list);

		if (e->rest.len > 0 && e->n_asked == 0)
			ask_more(e);
	}
}

/* Those that wait for credit or for their turn. */
static void pump(struct expander *x)
{
	struct msg_id id;

	if (x->pumping || !x->auth)
		return;
	x->pumping = true;
	if (x->starved && pending_used(&x->pending) < CREDIT)
		feed_starved(x);
	while (x->n_active < AT_ONCE && row_take(&x->waiting, &id)) {
		struct mail *m = queue_find(x->spool->books.queue, &id);

		if (m && may_expand(m))
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
		row_add(&x->waiting, &e->id);
		expansion_free(e);
	}
}

/* Takes at most `most` whose deadline is past out of the row. */
static uint32_t row_take_over(struct expander *x, struct msg_id *ids, uint32_t most)
{
	struct spool *sp = x->spool;
	struct row *w = &x->waiting;
	uint32_t n = 0, kept = 0;

	for (uint32_t i = 0; i < w->n; i++) {
		struct msg_id id = w->ids[w->first + i];
		struct mail *m = queue_find(sp->books.queue, &id);

		if (n < most && m && schedule_is_over(sp->books.schedule, m, spool_now(sp)))
			ids[n++] = id;
		else
			w->ids[w->first + kept++] = id;
	}
	w->n = kept;
	return n;
}

/* Nobody can be asked, which is an attempt: what is over ends here, and its sender hears of it. */
static void on_away(struct deadline *d)
{
	struct expander *x = LIST_OWNER(d, struct expander, away);
	struct msg_id ids[AT_ONCE];
	uint32_t n;

	shelve_active(x);
	n = row_take_over(x, ids, AT_ONCE);
	for (uint32_t i = 0; i < n; i++) {
		struct mail *m = queue_find(x->spool->books.queue, &ids[i]);

		if (m && may_expand(m))
			expansion_read(x, m, true);
	}
	if (x->waiting.n > 0)
		await_auth(x);
}

void expander_take(struct expander *x, struct mail *m, struct span envelope)
{
	struct expansion *e;

	if (!x->auth || x->waiting.n > 0 || x->n_active >= AT_ONCE || envelope.len == 0) {
		row_add(&x->waiting, &m->id);
		await_auth(x);
		pump(x);
		return;
	}
	e = expansion_new(x, &m->id);
	(void)buf_add(&e->bytes, envelope);
	expansion_begin(e);
}

void expander_wired(struct expander *x, struct channel *auth)
{
	x->auth = auth;
	deadline_clear(x->spool->loop, &x->away);
	pump(x);
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
