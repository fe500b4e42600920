/* What the command line does to messages. */
#include <string.h>

#include "spool/control_private.h"
#include "wire/event.h"

static void event_about(struct spool *sp, enum event_code code, const struct msg_id *id)
{
	struct event ev;

	event_begin(&ev, code, spool_now(sp).wall_ms, id);
	event_text(&ev, EF_REASON, SPAN("by hand"));
	process_event(sp->process, &ev);
}

void act_delete(struct command *k, struct mail *m)
{
	struct spool *sp = k->control->spool;

	event_about(sp, EV_QUEUE_DELETED, &m->id);
	if (k->action == QUEUE_ERASE)
		m->marks |= MARK_ERASE;
	if (m->n_flying > 0 || m->marks & MARK_BUSY) {
		m->marks |= MARK_DOOMED;
		jobs_cancel(sp->jobs, m);
		return;
	}
	mail_finish(sp, m, NULL);
}

static void bounce_one(struct command *k, struct mail *m, uint32_t n, const struct originals *o, struct buf *rows)
{
	struct spool *sp = k->control->spool;
	struct state_row row;
	struct view v;

	rcpt_settle(&sp->books, m, n, FATE_FAILED, &(struct saying){ 0, SPAN("5.7.0"),
	    k->argument[0] ? span_of_text(k->argument) : SPAN("The administrator gave it back"), SPAN_NONE });
	row = rcpt_outcome_row(&sp->books, m, n, spool_now(sp));
	(void)state_add(rows, &row);
	view_at(sp, m, o, n, &v);
	spool_event_failed(sp, m, &row, v.facts.address);
}

static bool would_change(const struct command *k, const struct rcpt *r)
{
	if (rcpt_is_settled(r) || r->state == RCPT_FLYING)
		return false;
	return k->action == QUEUE_BOUNCE || (r->state == RCPT_HELD) == (k->action == QUEUE_RELEASE);
}

static uint8_t row_type_of(uint8_t action)
{
	return action == QUEUE_HOLD ? STATE_ROW_HOLD : action == QUEUE_RELEASE ? STATE_ROW_RELEASE : STATE_ROW_RETRY;
}

/* Where it leads is asked anew, and asked once for all that go there. */
static void forget_way(struct schedule *s, uint32_t way)
{
	enum way_state state = schedule_way_state(s, way);

	if (state == WAY_LEADS || state == WAY_TROUBLED || state == WAY_FAILS)
		schedule_way_undecide(s, way);
}

static void act_on_rcpt(struct command *k, struct mail *m, uint32_t n, const struct originals *o, struct buf *rows)
{
	struct spool *sp = k->control->spool;

	if (k->action == QUEUE_BOUNCE) {
		bounce_one(k, m, n, o, rows);
		return;
	}
	if (k->action == QUEUE_RETRY)
		schedule_way_open(sp->books.schedule, mail_rcpt(m, n)->way, spool_now(sp));
	else if (k->action == QUEUE_REROUTE)
		forget_way(sp->books.schedule, mail_rcpt(m, n)->way);
	(void)state_add(rows, &(struct state_row){ .type = row_type_of(k->action), .n = n,
	    .words = k->action == QUEUE_HOLD ? (k->argument[0] ? span_of_text(k->argument) : SPAN("held by hand")) : SPAN_NONE });
}

static bool means_all(const struct command *k, struct mail *m, const struct originals *o)
{
	struct view v;

	for (uint32_t i = 0; i < o->env.n_rcpts; i++) {
		view_at(k->control->spool, m, o, i, &v);
		if (!filter_recipient_matches(&k->filter, &v.facts))
			return false;
	}
	return true;
}

/* Of a message that was never expanded each recipient of the envelope fails (all or none: who fails alone is not known yet), under the address that its sender knows. */
static void bounce_unexpanded(struct command *k, struct mail *m, const struct originals *o, struct buf *rows)
{
	struct spool *sp = k->control->spool;

	if (m->marks & MARK_BUSY || !means_all(k, m, o))
		return;
	m->marks &= (uint16_t)~MARK_HELD;
	for (uint32_t i = 0; i < o->env.n_rcpts; i++)
		(void)state_add(rows, &(struct state_row){ .type = STATE_ROW_TARGET, .n = i, .origin = i, .notify = o->at[i].notify });
	BUG_ON(state_apply(&sp->books, m, buf_span(rows), false, spool_now(sp)) != PR_OK);
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		bounce_one(k, m, i, o, rows);
}

static void rows_for_unexpanded(struct command *k, struct mail *m, const struct originals *o, struct buf *rows)
{
	bool held = m->marks & MARK_HELD;

	if (k->action == QUEUE_BOUNCE)
		bounce_unexpanded(k, m, o, rows);
	else if (k->action == QUEUE_HOLD ? !held : held == (k->action == QUEUE_RELEASE))
		(void)state_add(rows, &(struct state_row){ .type = row_type_of(k->action), .n = STATE_ALL });
}

/* A retry does not move what is held, or leads nowhere: whoever asks is told. */
static void note_stuck(struct command *k, struct mail *m, const struct originals *o)
{
	struct spool *sp = k->control->spool;
	bool is_held = false, is_closed = false, is_flying = false;
	struct view v;

	for (uint32_t i = 0; i < m->n_rcpts; i++) {
		const struct rcpt *r = mail_rcpt(m, i);

		view_at(sp, m, o, i, &v);
		if (!filter_recipient_matches(&k->filter, &v.facts))
			continue;
		is_held |= r->state == RCPT_HELD;
		is_flying |= r->state == RCPT_FLYING;
		if (r->state != RCPT_WAITING || schedule_way_state(sp->books.schedule, r->way) != WAY_CLOSED)
			continue;
		is_closed = true;
		k->no_way = spool_no_way(r->way);
	}
	k->n_held += is_held;
	k->n_closed += is_closed;
	k->n_flying += is_flying;
}

static bool can_move(const struct command *k, const struct rcpt *r)
{
	return k->action != QUEUE_RETRY || schedule_way_state(k->control->spool->books.schedule, r->way) != WAY_CLOSED;
}

/* The recipients that the filter means, as they stand now: their numbers. */
static void find_meant(struct command *k, struct mail *m, const struct originals *o, struct buf *meant)
{
	struct view v;

	for (uint32_t i = 0; i < m->n_rcpts; i++) {
		view_at(k->control->spool, m, o, i, &v);
		if (would_change(k, mail_rcpt(m, i)) && can_move(k, mail_rcpt(m, i)) && filter_recipient_matches(&k->filter, &v.facts))
			(void)buf_add(meant, span_of((const char *)&i, sizeof(i)));
	}
}

static void rows_for(struct command *k, struct mail *m, struct span meant, const struct originals *o, struct buf *rows)
{
	for (uint32_t n; meant.len; meant = span_from(meant, sizeof(n))) {
		memcpy(&n, meant.at, sizeof(n));
		act_on_rcpt(k, m, n, o, rows);
	}
}

bool act_change(struct command *k, struct mail *m, const struct originals *o)
{
	struct spool *sp = k->control->spool;
	struct note *n = note_new(sp, &m->id);
	struct buf meant;

	buf_init(&meant, (size_t)m->n_rcpts * sizeof(uint32_t));
	find_meant(k, m, o, &meant);
	if (k->action == QUEUE_RETRY)
		note_stuck(k, m, o);
	schedule_leave(sp->books.schedule, m);
	if (m->marks & MARK_UNEXPANDED)
		rows_for_unexpanded(k, m, o, &n->bytes);
	else
		rows_for(k, m, buf_span(&meant), o, &n->bytes);
	buf_fini(&meant);
	if (n->bytes.len == 0) {
		note_drop(n);
		schedule_enter(sp->books.schedule, m);
		return false;
	}
	if (k->action == QUEUE_HOLD || k->action == QUEUE_RELEASE)
		event_about(sp, k->action == QUEUE_HOLD ? EV_QUEUE_HELD : EV_QUEUE_RELEASED, &m->id);
	if (k->action != QUEUE_BOUNCE)
		BUG_ON(state_apply(&sp->books, m, buf_span(&n->bytes), false, spool_now(sp)) != PR_OK);
	note_state(n, m, true);
	mail_start(sp, m);
	return true;
}
