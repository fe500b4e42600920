/* What the journal asks of its owner and tells him: what was found, moved, damaged; no room; a disk that fails. */
#include <string.h>

#include "spool/spool.h"
#include "wire/event.h"

void spool_event(struct spool *sp, enum event_code code, const struct msg_id *id, const char *reason)
{
	struct event ev;

	event_begin(&ev, code, spool_now(sp).wall_ms, id);
	event_text(&ev, EF_REASON, span_of_text(reason));
	process_event(sp->process, &ev);
}

void spool_event_failed(struct spool *sp, const struct mail *m, const struct state_row *row, struct span to)
{
	struct instant now = spool_now(sp);
	struct event ev;

	event_begin(&ev, EV_DELIVERY_FAILED, now.wall_ms, &m->id);
	event_text(&ev, EF_TO, to);
	event_num(&ev, EF_RCPT, row->n);
	event_num(&ev, EF_ATTEMPT, row->tries);
	event_num(&ev, EF_MS, now.mono_ms - m->born_mono);
	event_text(&ev, EF_DSN, row->enhanced);
	event_text(&ev, EF_REPLY, row->words);
	process_event(sp->process, &ev);
}

static void found_aside(struct spool *sp, struct mail *m)
{
	m->marks |= MARK_UNEXPANDED | MARK_HELD;
	schedule_born(m, id_wall_ms(&m->id), spool_now(sp));
	spool_event(sp, EV_QUEUE_HELD, &m->id, "a program died over it twice");
}

static void on_found(void *owner, const struct journal_found *f)
{
	struct spool *sp = owner;
	struct instant now = spool_now(sp);
	struct mail *m;
	enum pr_err err;

	if (queue_find(sp->books.queue, &f->id))
		return;
	m = queue_add(sp->books.queue, &f->id);
	m->place = f->place;
	m->signature = f->annex;
	m->size = f->size;
	process_note(sp->process, &f->id);
	if (f->aside) {
		found_aside(sp, m);
		m->marks |= MARK_STALLED;
		process_note(sp->process, NULL);
		return;
	}
	err = brief_decode(f->brief, m, now);
	for (unsigned i = 0; i < f->n_states && err == PR_OK; i++)
		err = state_apply(&sp->books, m, f->states[i], true, now);
	m->marks |= MARK_STALLED;
	if (err != PR_OK) {
		m->marks |= MARK_HELD;
		spool_event(sp, EV_STORE_DAMAGED, &f->id, "its state can't be read");
	}
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		if (mail_rcpt(m, i)->state == RCPT_WAITING)
			mail_rcpt(m, i)->flags |= RCPT_DOUBT;
	process_note(sp->process, NULL);
}

static void on_recovered(void *owner, const struct journal_stats *stats)
{
	struct spool *sp = owner;
	struct event ev;

	(void)stats;
	sp->recovered = true;
	event_begin(&ev, EV_STORE_RECOVERED, spool_now(sp).wall_ms, NULL);
	event_num(&ev, EF_COUNT, queue_count(sp->books.queue));
	process_event(sp->process, &ev);
	jobs_recovered(sp->jobs);
	whereabouts_recovered(sp->whereabouts);
}

static void on_damaged(void *owner, const struct journal_damage *d)
{
	struct spool *sp = owner;
	struct event ev;
	char name[DISK_ASIDE_NAME];

	if (!disk_set_aside(sp->disk, d, name))
		return;
	event_begin(&ev, EV_STORE_DAMAGED, spool_now(sp).wall_ms, d->has_id ? &d->id : NULL);
	event_num(&ev, EF_SIZE, d->len);
	event_text(&ev, EF_FILE, span_of(name, strlen(name)));
	process_event(sp->process, &ev);
}

static bool on_find(void *owner, const struct msg_id *id, struct place *place)
{
	struct spool *sp = owner;
	struct mail *m = queue_find(sp->books.queue, id);

	if (!m || m->marks & MARK_FINISHING)
		return false;
	*place = m->place;
	return true;
}

static void on_state(void *owner, const struct msg_id *id, struct span *brief, struct span *state)
{
	struct spool *sp = owner;
	struct mail *m = queue_find(sp->books.queue, id);
	struct instant now = spool_now(sp);

	BUG_ON(!m);
	brief_encode(m, m->born_mono - now.mono_ms + now.wall_ms, m->n_rcpts, sp->brief);
	spool_whole_state(sp, m, &sp->whole);
	LIST_EACH(l, &sp->expanded)	/* on its way to the disk, perhaps there already: it is never expanded twice */
		if (id_eq(&LIST_OWNER(l, struct note, list)->id, id))
			(void)buf_add(&sp->whole, buf_span(&LIST_OWNER(l, struct note, list)->bytes));
	settle_add_under_way(sp, id, &sp->whole);
	*brief = span_of(sp->brief, BRIEF_SIZE);
	*state = buf_span(&sp->whole);
}

static void on_moved(void *owner, const struct msg_id *id, struct place from, struct place to)
{
	struct spool *sp = owner;
	struct mail *m = queue_find(sp->books.queue, id);

	if (m && place_eq(m->place, from))
		m->place = to;
}

static struct place on_annex(void *owner, const struct msg_id *id)
{
	struct spool *sp = owner;
	struct mail *m = queue_find(sp->books.queue, id);

	return m && !(m->marks & MARK_FINISHING) ? m->signature : (struct place){ 0, 0 };
}

static void on_annex_moved(void *owner, const struct msg_id *id, struct place from, struct place to)
{
	struct spool *sp = owner;
	struct mail *m = queue_find(sp->books.queue, id);

	if (m && place_eq(m->signature, from))
		m->signature = to;
}

static void on_full(void *owner, bool full)
{
	struct spool *sp = owner;

	trouble_full(&sp->trouble, full);
}

static void on_failing(void *owner, int error)
{
	struct spool *sp = owner;

	trouble_failing(&sp->trouble, error ? strerror(error) : NULL);
}

const struct journal_owner spool_as_owner = { on_found, on_recovered, on_damaged, on_find, on_state, on_moved, on_annex, on_annex_moved, on_full,
	on_failing };
