/* Where mail goes: auth is asked once for each recipient, and what it says is
 * the first STATE of a message. Messages wait in a row of ids; a few are under
 * way at a time. */
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "spool/spool.h"
#include "wire/event.h"
#include "wire/pending.h"

#define CREDIT     1024		/* questions to auth under way */
#define AT_ONCE    256		/* messages being expanded */
#define EACH       64		/* questions of one message, so that a list of thousands delays nobody */
#define AGAIN_MS   SECONDS(20)	/* after auth could not tell */

/* Ids that wait, first in, first out. */
struct row {
	struct msg_id *ids;
	uint32_t n, room, first;
};

struct expansion;

struct question {
	struct expansion *expansion;
	struct list list;
	struct span address;
	uint32_t origin, n_targets;
	uint8_t notify;
};

struct expansion {
	struct expander *expander;
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
	bool temporary, asked;		/* asked: the disk, for the envelope */
};

struct target_key {
	struct map_node node;
};

struct expander {
	struct spool *spool;
	struct channel *auth;		/* NULL: away */
	struct pending pending;
	struct list active, free, free_questions;
	struct row waiting, later;	/* later: after AGAIN_MS */
	struct deadline again;
	uint32_t n_active;
	bool pumping, starved;		/* starved: one could not ask for lack of credit, or of auth */
};

static void pump(struct expander *x);

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
	pending_fini(&(*x)->pending);
	mem_free((*x)->waiting.ids);
	mem_free((*x)->later.ids);
	mem_free(*x);
	*x = NULL;
}

uint32_t expander_count(const struct expander *x)
{
	return x->n_active + x->waiting.n + x->later.n;
}

/* ---- the end of an expansion ------------------------------------------------------------ */

static struct mail *mail_of(const struct expansion *e)
{
	return queue_find(e->expander->spool->books.queue, &e->id);
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
	struct note *n = note_new(e->expander->spool, &e->id);

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
	struct spool *sp = e->expander->spool;

	expansion_free(e);
	mail_set_aside(sp, m, SPAN("its envelope can't be read from the disk"));
}

static void expansion_fail(struct expansion *e, const char *enhanced, struct span why);

static void expansion_settle(struct expansion *e)
{
	struct mail *m = mail_of(e);

	if (e->n_asked > 0 || e->rest.len > 0)
		return;
	if (!m || !may_expand(m)) {
		expansion_free(e);
	} else if (e->temporary && e->began >= schedule_deadline(e->expander->spool->books.schedule, m)) {
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

/* One address, one copy, whichever of its names it came by. */
static bool is_new_target(struct expansion *e, uint32_t site, struct span mailbox)
{
	size_t len = mailbox.len + sizeof(site);
	struct target_key *k;
	char *key;

	key = arena_new(&e->arena, len);
	memcpy(key, &site, sizeof(site));
	memcpy(key + sizeof(site), mailbox.at, mailbox.len);
	text_lower_in_place(key + sizeof(site), mailbox.len);
	if (map_find(&e->seen, span_of(key, len)))
		return false;
	k = arena_new(&e->arena, sizeof(*k));
	map_put(&e->seen, &k->node, span_of(key, len));
	return true;
}

static const struct set_route *route_of(const struct spool *sp, struct span address)
{
	struct span domain = address;
	const struct set_route *best = NULL;
	size_t best_len = 0;

	span_cut(&domain, '@');
	for (size_t at; (at = span_find(domain, '@')) < domain.len;)	/* a quoted local part may hold one */
		domain = span_from(domain, at + 1);
	for (unsigned i = 0; i < sp->settings->n_route; i++) {
		struct span pattern = span_of_text(sp->settings->route[i].title);

		if ((!best || pattern.len > best_len) && text_matches(pattern, domain)) {
			best = &sp->settings->route[i];
			best_len = pattern.len;
		}
	}
	return best;
}

static void add_hold_by_route(struct expansion *e, uint32_t n, struct span address)
{
	const struct set_route *route = route_of(e->expander->spool, address);

	if (!route || !route->hold)
		return;
	(void)state_add(&e->rows, &(struct state_row){ .type = STATE_ROW_HOLD, .n = n,
	    .words = SPAN("held by its route in the configuration") });
	e->n_held++;
}

static void add_target(struct question *q, uint8_t kind, struct span deliver, struct span mailbox, struct span address)
{
	struct expansion *e = q->expansion;
	bool same = span_eq(mailbox, q->address) && span_eq(address, q->address);

	(void)state_add(&e->rows, &(struct state_row){
		.type = STATE_ROW_TARGET, .n = e->n_targets, .origin = q->origin, .notify = q->notify, .kind = kind,
		.deliver = deliver, .mailbox = same ? SPAN_NONE : mailbox, .address = same ? SPAN_NONE : address,
	});
	e->n_targets++;
	q->n_targets++;
}

static void add_failure(struct question *q, const char *enhanced, struct span words)
{
	struct expansion *e = q->expansion;

	add_target(q, TARGET_MEMBER, SPAN_NONE, q->address, q->address);
	(void)state_add(&e->rows, &(struct state_row){
		.type = STATE_ROW_OUTCOME, .n = e->n_targets - 1, .fate = FATE_FAILED, .code = 550,
		.enhanced = span_of_text(enhanced), .words = words, .host = SPAN_NONE,
	});
}

static void on_expand_to(struct expander *x, const struct wire_expand_to *to)
{
	struct question *q = pending_find(&x->pending, to->ask);
	uint32_t site;

	if (!q || to->mailbox.len == 0)
		return;
	site = schedule_site(x->spool->books.schedule, to->deliver, SITE_NO_WAY, 1);
	if (q->expansion->n_targets >= ENVELOPE_MAX_TARGETS + q->expansion->env.n_rcpts || q->expansion->rows.overflowed)
		return;		/* on_expand_done says so */
	if (!is_new_target(q->expansion, site, to->mailbox)) {
		q->n_targets++;
		return;
	}
	add_target(q, to->kind == TARGET_ARCHIVE ? TARGET_ARCHIVE : TARGET_MEMBER, to->deliver, to->mailbox, to->address.len ? to->address : to->mailbox);
	if (site == SITE_FOREIGN)
		add_hold_by_route(q->expansion, q->expansion->n_targets - 1, to->mailbox);
}

static void event_expanded(struct question *q)
{
	struct spool *sp = q->expansion->expander->spool;
	struct event ev;

	event_begin(&ev, EV_RECIPIENT_EXPANDED, spool_now(sp).wall_ms, &q->expansion->id);
	event_text(&ev, EF_ORIG_TO, q->address);
	event_num(&ev, EF_COUNT, q->n_targets);
	process_event(sp->process, &ev);
}

static void question_answered(struct question *q, uint8_t result, struct span why)
{
	struct expansion *e = q->expansion;

	if (result == ADDRESS_TEMPORARY) {
		e->temporary = true;
		e->why = arena_span(&e->arena, why.len ? why : SPAN("It can't be told where this address leads"));
	} else if (result == ADDRESS_LOOP)
		add_failure(q, "5.4.6", why.len ? why : SPAN("The alias leads to itself"));
	else if (result == ADDRESS_DISABLED)
		add_failure(q, "5.2.1", why.len ? why : SPAN("The mailbox is disabled"));
	else if (result == ADDRESS_UNKNOWN || q->n_targets == 0)
		add_failure(q, "5.1.1", why.len ? why : SPAN("No such address here"));
	else if (q->n_targets > 1)
		event_expanded(q);
}

/* None of it is sent, and the sender hears why. */
static void expansion_fail(struct expansion *e, const char *enhanced, struct span why)
{
	struct span rows = e->env.rcpts;
	struct envelope_rcpt r;
	struct question q = { .expansion = e };

	buf_clear(&e->rows);
	e->n_held = 0;
	for (e->n_targets = 0; envelope_next(&rows, &r) && !e->rows.overflowed; q.origin++) {
		q.address = r.address;
		q.notify = r.notify;
		add_failure(&q, enhanced, why);
	}
}

static bool is_too_many(const struct expansion *e)
{
	return e->rows.overflowed || e->n_targets >= ENVELOPE_MAX_TARGETS + e->env.n_rcpts;
}

static void ask_more(struct expansion *e);

static void on_expand_done(struct expander *x, const struct wire_expand_done *done)
{
	struct question *q = pending_close(&x->pending, done->ask);
	struct expansion *e;

	if (!q)
		return;
	e = q->expansion;
	question_answered(q, done->result, done->why);
	list_add_first(&x->free_questions, &q->list);
	e->n_asked--;
	if (is_too_many(e) && e->rest.len == 0 && e->n_asked == 0)
		expansion_fail(e, "5.3.5", SPAN("Its aliases lead to too many addresses"));	/* more than may be journalled */
	ask_more(e);
	pump(x);
}

void expander_on_verb(struct expander *x, enum wire_verb verb, const union wire_msg *msg)
{
	if (verb == WIRE_expand_to)
		on_expand_to(x, &msg->expand_to);
	else if (verb == WIRE_expand_done)
		on_expand_done(x, &msg->expand_done);
}

/* ---- questions -------------------------------------------------------------------------------- */

static struct question *question_new(struct expansion *e, const struct envelope_rcpt *r)
{
	struct list *l = list_take_first(&e->expander->free_questions);
	struct question *q = l ? LIST_OWNER(l, struct question, list) : mem_new(sizeof(*q));

	*q = (struct question){ .expansion = e, .address = r->address, .origin = e->next_origin++, .notify = r->notify };
	list_init(&q->list);
	return q;
}

static bool ask_one(struct expansion *e)
{
	struct expander *x = e->expander;
	struct wire_expand_ask ask;
	struct envelope_rcpt r;

	if (e->n_asked == EACH || e->rest.len == 0)
		return false;
	if (!x->auth || pending_used(&x->pending) == CREDIT) {
		x->starved = true;
		return false;
	}
	if (!envelope_next(&e->rest, &r))
		return false;
	ask = (struct wire_expand_ask){ .ask = pending_open(&x->pending, question_new(e, &r)), .address = r.address };
	e->n_asked++;
	channel_put(x->auth, WIRE_expand_ask, &ask);
	return true;
}

static void ask_more(struct expansion *e)
{
	while (ask_one(e))
		;
	expansion_settle(e);
}

static void expansion_begin(struct expansion *e)
{
	struct mail *m = mail_of(e);

	if (!m) {
		expansion_free(e);
	} else if (envelope_decode(buf_span(&e->bytes), &e->env) != PR_OK) {
		expansion_damaged(e, m);
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

static void expansion_read(struct expander *x, struct mail *m)
{
	static const struct disk_reader_handlers handlers = { on_envelope, NULL };

	struct expansion *e = expansion_new(x, &m->id);
	struct disk_reader *r;

	e->asked = true;
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
			expansion_read(x, m);
	}
	x->pumping = false;
}

void expander_take(struct expander *x, struct mail *m, struct span envelope)
{
	struct expansion *e;

	if (!x->auth || x->waiting.n > 0 || x->n_active >= AT_ONCE || envelope.len == 0) {
		row_add(&x->waiting, &m->id);
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
	LIST_EACH_SAFE(l, &x->active) {
		struct expansion *e = LIST_OWNER(l, struct expansion, list);

		if (e->reader)
			continue;	/* it asks when it has been read: nobody is there, and it waits */
		row_add(&x->waiting, &e->id);
		expansion_free(e);
	}
}
