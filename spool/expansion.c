/* Where one message goes: auth is asked for each of its recipients, and what it says is the first STATE. */
#include <string.h>

#include "base/mem.h"
#include "mail/address.h"
#include "spool/expand_private.h"
#include "spool/segment.h"

#define EACH 64	/* questions of one message, so that a list of thousands delays nobody */

/* ---- birth and death ----------------------------------------------------------------- */

struct expansion *expansion_new(struct expander *x, const struct msg_id *id)
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

void expansion_free(struct expansion *e)
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

void expansion_destroy(struct expansion *e)
{
	buf_fini(&e->bytes);
	buf_fini(&e->rows);
	arena_fini(&e->arena);
	mem_free(e);
}

/* ---- the end ------------------------------------------------------------------------- */

static struct mail *mail_of(const struct expansion *e)
{
	return queue_find(e->spool->books.queue, &e->id);
}

void expansion_written(struct spool *sp, struct mail *m, struct span rows)
{
	BUG_ON(state_apply(&sp->books, m, rows, false, spool_now(sp)) != PR_OK);
	if (m->marks & MARK_HELD) {		/* meanwhile */
		m->marks &= (uint16_t)~MARK_HELD;
		mail_set_aside(sp, m, SPAN("held by hand"));
	}
	mail_start(sp, m);
}

static void on_rows_written(struct note *n)
{
	struct spool *sp = n->spool;
	struct mail *m = queue_find(sp->books.queue, &n->id);

	if (!m)
		return;
	m->marks &= (uint16_t)~MARK_BUSY;
	if (m->marks & MARK_DOOMED)
		settle(sp, m);
	else
		expansion_written(sp, m, buf_span(&n->bytes));
}

bool expansion_may_begin(const struct mail *m)
{
	return m->marks & MARK_UNEXPANDED && !(m->marks & (MARK_DOOMED | MARK_HELD | MARK_BUSY));
}

/* Who fails here was in nobody's hands: no other event tells of him. */
static void tell_failed(const struct expansion *e, const struct mail *m)
{
	struct span rows = buf_span(&e->rows);
	struct state_row row, target = { .address = SPAN_NONE };

	while (state_next(&rows, &row) == PR_OK) {
		if (row.type == STATE_ROW_TARGET)
			target = row;
		if (row.type == STATE_ROW_OUTCOME && row.fate == FATE_FAILED)
			spool_event_failed(e->spool, m, &row, target.address.len ? target.address : envelope_address(&e->env, target.origin));
	}
}

static void expansion_write(struct expansion *e, struct mail *m)
{
	struct note *n = note_new(e->spool, &e->id);

	tell_failed(e, m);
	(void)buf_add(&n->bytes, buf_span(&e->rows));
	n->done = on_rows_written;
	n->expands = true;
	m->marks |= MARK_BUSY;
	note_state(n, m, e->n_held < e->n_targets);	/* what starts nothing waits for company */
}

/* To be tried again: what was asked is forgotten. */
static void expansion_put_off(struct expansion *e)
{
	expander_put_off(e->expander, &e->id);
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
	if (!m || !expansion_may_begin(m)) {
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

static bool all_foreign(const struct expander *x, struct span rcpts)
{
	struct envelope_rcpt r;

	while (envelope_next(&rcpts, &r))
		if (!is_foreign(x, r.address))
			return false;
	return true;
}

bool expansion_foreign(struct expander *x, const struct msg_id *id, const struct envelope *env, struct buf *rows)
{
	struct envelope_rcpt r;
	struct expansion *e;
	bool fits;

	buf_clear(rows);
	if (!all_foreign(x, env->rcpts))
		return false;
	e = expansion_new(x, id);
	e->env = *env;
	e->rest = env->rcpts;
	while (e->rows.len <= TABLE_STATE_MAX && envelope_next(&e->rest, &r))
		take_foreign(e, &r);
	fits = e->rows.len <= TABLE_STATE_MAX && buf_add(rows, buf_span(&e->rows)) == PR_OK;
	expansion_free(e);
	return fits;
}

void expansion_ask_auth(struct expander *x, struct question *q, struct span address)
{
	struct wire_expand_ask ask = { .ask = pending_open(&x->pending, q), .address = address, .sender = q->expansion->env.sender };

	channel_put(x->auth, WIRE_expand_ask, &ask);
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
	if (!x->auth || pending_used(&x->pending) == EXPANDER_CREDIT) {
		x->starved = true;
		return false;
	}
	if (!envelope_next(&e->rest, &r))
		return false;
	e->n_asked++;
	expansion_ask_auth(x, question_new(e, &r), r.address);
	return true;
}

void expansion_ask_more(struct expansion *e)
{
	while (ask_one(e))
		;
	if (expansion_is_too_large(e) && e->rest.len == 0 && e->n_asked == 0)
		expansion_fail(e, "5.2.4", SPAN("Its aliases lead to too many addresses"));
	expansion_settle(e);
}

void expansion_begin(struct expansion *e)
{
	struct mail *m = mail_of(e);

	if (!m) {
		expansion_free(e);
	} else if (envelope_decode(buf_span(&e->bytes), &e->env) != PR_OK) {
		expansion_damaged(e, m);
	} else if (e->gives_up && !e->expander->auth && expansion_may_begin(m)) {
		expansion_fail(e, "5.4.7", SPAN("It could not be asked for too long where this address leads"));
		expansion_write(e, m);
		expansion_free(e);
	} else {
		e->rest = e->env.rcpts;
		expansion_ask_more(e);
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

void expansion_read(struct expander *x, struct mail *m, bool gives_up)
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
