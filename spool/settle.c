/* How a message ends: what its sender must know is told in a bounce, whose
 * record stands before the end of what it tells of, in one group. */
#include <string.h>

#include "base/mem.h"
#include "spool/bounce.h"
#include "spool/spool.h"
#include "spool/storm.h"
#include "wire/event.h"

#define TELL_AGAIN_MS SECONDS(10)	/* after a disk that failed */

/* A bounce on its way to the disk. */
struct telling {
	struct spool *spool;
	struct list list;
	struct msg_id id, bounce_id;	/* about which message; its own */
	enum bounce_kind kind;
	struct disk_reader *reader;
	struct deadline again;
	struct journal_request message, end;
	struct buf original, envelope, text, to_envelope, rows;
	struct span content;
	char brief[BRIEF_SIZE];
	uint64_t original_size;
	uint32_t flags;
	unsigned n_writing;
	enum pr_err err;
	bool last;			/* it ends the message it tells of */
};

static void tell_read(struct telling *t);

static void telling_free(struct telling *t)
{
	list_remove(&t->list);
	disk_reader_close(&t->reader);
	deadline_clear(t->spool->loop, &t->again);
	buf_fini(&t->original);
	buf_fini(&t->envelope);
	buf_fini(&t->text);
	buf_fini(&t->to_envelope);
	buf_fini(&t->rows);
	mem_free(t);
}

static void on_tell_again(struct deadline *d)
{
	tell_read(LIST_OWNER(d, struct telling, again));
}

static void tell_later(struct telling *t)
{
	disk_reader_close(&t->reader);
	deadline_set(t->spool->loop, &t->again, spool_now(t->spool).mono_ms + TELL_AGAIN_MS);
}

/* ---- ends ------------------------------------------------------------------------- */

static void event_finished(struct spool *sp, const struct mail *m)
{
	struct event ev;

	event_begin(&ev, EV_MESSAGE_FINISHED, spool_now(sp).wall_ms, &m->id);
	process_event(sp->process, &ev);
}

void mail_finish(struct spool *sp, struct mail *m, struct note *n)
{
	if (!n)
		n = note_new(sp, &m->id);
	event_finished(sp, m);
	schedule_leave(sp->books.schedule, m);
	note_finish(n, m);
	whereabouts_finished(sp->whereabouts, m);
	books_remove(&sp->books, m);
}

void mail_set_aside(struct spool *sp, struct mail *m, struct span why)
{
	struct instant now = spool_now(sp);
	struct note *n = note_new(sp, &m->id);
	struct event ev;

	(void)state_add(&n->bytes, &(struct state_row){ .type = STATE_ROW_HOLD, .n = STATE_ALL, .words = why });
	schedule_leave(sp->books.schedule, m);
	BUG_ON(state_apply(&sp->books, m, buf_span(&n->bytes), false, now) != PR_OK);
	m->is_aside = m->n_flying > 0;
	schedule_enter(sp->books.schedule, m);
	note_state(n, m, false);
	event_begin(&ev, EV_QUEUE_HELD, now.wall_ms, &m->id);
	event_text(&ev, EF_REASON, why);
	process_event(sp->process, &ev);
}

void mail_start(struct spool *sp, struct mail *m)
{
	if (m->marks & (MARK_STALLED | MARK_BUSY))
		return;
	schedule_enter(sp->books.schedule, m);
	if (m->marks & MARK_UNEXPANDED) {
		if (!(m->marks & MARK_HELD))
			expander_take(sp->expander, m, SPAN_NONE);
		return;
	}
	settle(sp, m);
}

/* ---- a bounce ------------------------------------------------------------------------- */

static void event_told(struct telling *t, enum event_code code)
{
	char text[ID_TEXT_LEN + 1];
	struct event ev;

	event_begin(&ev, code, spool_now(t->spool).wall_ms, &t->id);
	id_to_text(&t->bounce_id, text);
	event_text(&ev, EF_BOUNCE_ID, span_of(text, ID_TEXT_LEN));
	event_text(&ev, EF_KIND, t->kind == BOUNCE_DELAY ? SPAN("delay") : SPAN("outcome"));
	process_event(t->spool->process, &ev);
}

static void bounce_begin_life(struct telling *t)
{
	struct spool *sp = t->spool;
	struct mail *b = queue_add(sp->books.queue, &t->bounce_id);

	b->place = t->message.place;
	b->size = t->content.len;
	b->marks = (uint16_t)(t->flags | MARK_NULL_SENDER | MARK_UNEXPANDED);
	schedule_born(b, spool_now(sp).wall_ms, spool_now(sp));
	event_told(t, EV_DSN_SENT);
	expander_take(sp->expander, b, buf_span(&t->to_envelope));
}

static void tell_end(struct telling *t)
{
	struct spool *sp = t->spool;
	struct mail *m = queue_find(sp->books.queue, &t->id);

	BUG_ON(!m);	/* a busy one is not removed */
	if (t->err != PR_OK) {
		m->marks &= (uint16_t)~MARK_FINISHING;
		tell_later(t);
		return;
	}
	m->marks &= (uint16_t)~MARK_BUSY;
	BUG_ON(state_apply(&sp->books, m, buf_span(&t->rows), false, spool_now(sp)) != PR_OK);
	bounce_begin_life(t);
	if (t->last) {
		event_finished(sp, m);
		schedule_leave(sp->books.schedule, m);
		whereabouts_finished(sp->whereabouts, m);
		books_remove(&sp->books, m);
	} else {
		schedule_enter(sp->books.schedule, m);
		settle(sp, m);
	}
	telling_free(t);
}

static void tell_part_done(struct telling *t, enum pr_err err)
{
	if (err != PR_OK)
		t->err = err;
	if (--t->n_writing == 0)
		tell_end(t);
}

static void on_message_done(struct journal_request *r, enum pr_err err)
{
	tell_part_done((struct telling *)(void *)((char *)r - offsetof(struct telling, message)), err);
}

static void on_end_done(struct journal_request *r, enum pr_err err)
{
	tell_part_done((struct telling *)(void *)((char *)r - offsetof(struct telling, end)), err);
}

/* Does nothing of m remain when all outcomes are told? */
static bool is_all_settled(struct mail *m)
{
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		if (!rcpt_is_settled(mail_rcpt(m, i)))
			return false;
	return true;
}

static void tell_rows(struct telling *t, struct mail *m)
{
	buf_clear(&t->rows);
	if (t->kind == BOUNCE_DELAY)
		(void)state_add(&t->rows, &(struct state_row){ .type = STATE_ROW_NOTICED, .n = STATE_ALL });
	else
		(void)state_add(&t->rows, &(struct state_row){ .type = STATE_ROW_TOLD, .n = m->round + 1u });
	t->last = t->kind == BOUNCE_OUTCOMES && is_all_settled(m);
}

static void tell_write(struct telling *t, struct mail *m)
{
	struct journal *j = t->spool->journal;
	struct mail like = { .marks = (uint16_t)(t->flags | MARK_NULL_SENDER) };
	struct journal_message jm = { .id = t->bounce_id, .envelope = buf_span(&t->to_envelope), .size = t->content.len, .ours = true };

	brief_encode(&like, spool_now(t->spool).wall_ms, 1, t->brief);
	jm.brief = span_of(t->brief, BRIEF_SIZE);
	jm.content = (struct journal_bytes){ &t->content, 1 };
	tell_rows(t, m);
	t->err = PR_OK;
	t->n_writing = 2;
	t->message.done = on_message_done;
	t->end.done = on_end_done;
	journal_group_begin(j);
	journal_message(j, &t->message, &jm);
	if (t->last) {
		journal_finish(j, &t->end, &t->id, m->place, false);
		m->marks |= MARK_FINISHING;
	} else {
		journal_state(j, &t->end, &t->id, m->place, buf_span(&t->rows), false);
	}
	journal_group_end(j);
}

static void tell_compose(struct telling *t)
{
	struct spool *sp = t->spool;
	struct mail *m = queue_find(sp->books.queue, &t->id);
	struct instant now = spool_now(sp);
	struct bounce b = { t->kind, span_of_text(sp->settings->top.hostname), t->bounce_id, buf_span(&t->original), t->original_size, now,
	    0 };
	struct envelope env;

	disk_reader_close(&t->reader);
	BUG_ON(!m);
	b.retry_until_ms = schedule_deadline(sp->books.schedule, m) - now.mono_ms + now.wall_ms;
	buf_clear(&t->text);
	buf_clear(&t->to_envelope);
	if (envelope_decode(buf_span(&t->envelope), &env) != PR_OK || env.sender.len == 0 ||
	    bounce_write(&b, &sp->books, m, &env, &t->text, &t->flags) != PR_OK ||
	    bounce_envelope(env.sender, t->flags, buf_span(&t->text), bounce_signer(sp->settings, b.hostname), now, &t->to_envelope) != PR_OK) {
		m->marks &= (uint16_t)~MARK_BUSY;	/* its record is not what we wrote: a person must look */
		mail_set_aside(sp, m, SPAN("its envelope can't be read from the disk"));
		telling_free(t);
		return;
	}
	t->content = buf_span(&t->text);
	tell_write(t, m);
}

static void on_envelope(void *owner, struct disk_reader *r, enum pr_err err, struct span envelope, uint64_t size)
{
	struct telling *t = owner;

	t->reader = r;
	if (err == PR_IO) {
		tell_later(t);
		return;
	}
	t->original_size = size;
	if (err == PR_OK)
		(void)buf_add(&t->envelope, envelope);
	if (err == PR_OK)
		disk_reader_next(r);
	else
		tell_compose(t);
}

static void on_piece(void *owner, struct disk_reader *r, enum pr_err err, struct span bytes)
{
	struct telling *t = owner;
	size_t room = BOUNCE_QUOTE_MAX - t->original.len;

	(void)buf_add(&t->original, span_first(bytes, room));
	if (err != PR_OK || bytes.len == 0 || bytes.len >= room)
		tell_compose(t);
	else
		disk_reader_next(r);
}

static void tell_read(struct telling *t)
{
	static const struct disk_reader_handlers handlers = { on_envelope, on_piece, NULL };
	struct mail *m = queue_find(t->spool->books.queue, &t->id);
	struct disk_reader *r;
	struct spool *sp = t->spool;
	struct msg_id id = t->id;

	BUG_ON(!m);
	buf_clear(&t->original);
	buf_clear(&t->envelope);
	r = disk_read(sp->disk, &id, m->place, &handlers, t);
	(void)r;	/* on_envelope is told it; t may be gone by now */
}

static struct msg_id bounce_id(const struct mail *m, enum bounce_kind kind)
{
	return id_derive(&m->id, kind == BOUNCE_DELAY ? BOUNCE_DELAY_ROUND : m->round);
}

/* The bounce of this round lies in the queue: it was written when what it tells of was moved. */
static bool is_told_already(const struct spool *sp, const struct mail *m, enum bounce_kind kind)
{
	struct msg_id id = bounce_id(m, kind);

	return queue_find(sp->books.queue, &id) != NULL;
}

static void tell(struct spool *sp, struct mail *m, enum bounce_kind kind)
{
	struct telling *t = mem_new(sizeof(*t));

	m->marks |= MARK_BUSY;
	t->spool = sp;
	list_add_last(&sp->tellings, &t->list);
	t->id = m->id;
	t->kind = kind;
	t->bounce_id = bounce_id(m, kind);
	deadline_init(&t->again, on_tell_again);
	buf_init(&t->original, BOUNCE_QUOTE_MAX);
	buf_init(&t->envelope, ENVELOPE_MAX_BYTES + STATE_MAX_BYTES);
	buf_init(&t->text, BOUNCE_MAX);
	buf_init(&t->to_envelope, 8192);
	buf_init(&t->rows, 64);
	tell_read(t);
}

void settle_add_under_way(struct spool *sp, const struct msg_id *id, struct buf *out)
{
	LIST_EACH(l, &sp->tellings) {
		struct telling *t = LIST_OWNER(l, struct telling, list);

		if (t->n_writing > 0 && id_eq(&t->id, id))
			(void)buf_add(out, buf_span(&t->rows));
	}
}

/* ---- rounds ------------------------------------------------------------------------------- */

static bool has_untold(struct mail *m)
{
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		if (mail_rcpt(m, i)->flags & RCPT_UNTOLD)
			return true;
	return false;
}

/* Empty: the sender is told. */
static struct span why_silent(struct spool *sp, struct mail *m, enum bounce_kind kind)
{
	if (!bounce_is_wanted(m, kind))
		return m->marks & (MAIL_BOUNCE | MARK_NULL_SENDER) ? SPAN("null sender") : SPAN("not asked for");
	if (is_told_already(sp, m, kind))
		return SPAN("told already");
	if (!storm_may(sp->storm, m->sender, &sp->settings->retry.bounce_limit, spool_now(sp).mono_ms))
		return SPAN("too many to this sender");
	return SPAN_NONE;
}

static void event_dropped(struct spool *sp, const struct mail *m, struct span why)
{
	struct event ev;

	event_begin(&ev, EV_DSN_DROPPED, spool_now(sp).wall_ms, &m->id);
	event_text(&ev, EF_REASON, why);
	process_event(sp->process, &ev);
}

/* Nobody wants to hear it. */
static void pass_over(struct spool *sp, struct mail *m, struct span why)
{
	struct note *n;

	event_dropped(sp, m, why);
	if (is_all_settled(m)) {
		mail_finish(sp, m, NULL);
		return;
	}
	n = note_new(sp, &m->id);
	(void)state_add(&n->bytes, &(struct state_row){ .type = STATE_ROW_TOLD, .n = m->round + 1u });
	BUG_ON(state_apply(&sp->books, m, buf_span(&n->bytes), false, spool_now(sp)) != PR_OK);
	note_state(n, m, false);
}

void settle(struct spool *sp, struct mail *m)
{
	struct span why;

	if (m->marks & (MARK_BUSY | MARK_UNEXPANDED) && !(m->marks & MARK_DOOMED))
		return;
	if (m->marks & MARK_BUSY || m->n_flying > 0)
		return;
	if (m->marks & MARK_DOOMED) {
		mail_finish(sp, m, NULL);
		return;
	}
	if (!has_untold(m)) {
		if (mail_is_settled(m))
			mail_finish(sp, m, NULL);
		return;
	}
	if (schedule_is_near(sp->books.schedule, m))
		return;
	why = why_silent(sp, m, BOUNCE_OUTCOMES);
	if (why.len == 0)
		tell(sp, m, BOUNCE_OUTCOMES);
	else
		pass_over(sp, m, why);
}

/* ---- time -------------------------------------------------------------------------------------- */

void settle_notice(struct spool *sp, struct mail *m)
{
	struct note *n;

	if (m->marks & MARK_BUSY)
		return;		/* the sender hears of it anyway; asked again when that is done */
	if (why_silent(sp, m, BOUNCE_DELAY).len == 0) {
		tell(sp, m, BOUNCE_DELAY);
		return;
	}
	n = note_new(sp, &m->id);
	(void)state_add(&n->bytes, &(struct state_row){ .type = STATE_ROW_NOTICED, .n = STATE_ALL });
	BUG_ON(state_apply(&sp->books, m, buf_span(&n->bytes), false, spool_now(sp)) != PR_OK);
	note_state(n, m, false);
}
