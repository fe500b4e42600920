/* A message on its way: read, its chunks in the victim copied one by one, then its MESSAGE anew. */
#include <string.h>

#include "base/mem.h"
#include "spool/journal_private.h"

void move_free(struct moving *m)
{
	mem_free(m->record);
	mem_free(m->piece);
	mem_free(m->pieces);
	mem_free(m->texts);
	mem_free(m);
}

static void give_up(struct journal *j, const struct moving *m)
{
	struct journal_damage d = { .has_id = true, .id = m->id, .place = m->from, .len = (uint32_t)m->record_len };
	struct segment *s = segment_find(j, m->from.segment);

	d.file = s ? s->file : 0;
	j->compact.failed = true;
	j->owner->on_damaged(j->arg, &d);
}

static void read_at(struct journal *j, struct place place, char *into, size_t len)
{
	struct segment *s = segment_find(j, place.segment);

	j->keeper.at = (uint64_t)place.at * SEGMENT_UNIT;
	j->keeper.into = into;
	j->keeper.len = len;
	keeper_start(j, KEEPER_COMPACT, JOB_READ, s);
}

void move_begin(struct journal *j, const struct msg_id *id, struct place from)
{
	struct moving *m = mem_new(sizeof(*m));

	m->journal = j;
	m->id = *id;
	m->from = from;
	m->record = mem_new(SEGMENT_UNIT);
	m->record_len = SEGMENT_UNIT;
	j->compact.reading = m;
	read_at(j, from, m->record, SEGMENT_UNIT);
}

/* What was written for nothing. */
static void drop_copies(struct journal *j, const struct moving *m)
{
	for (unsigned i = 0; i < m->view.n_pieces && i < m->next_piece; i++) {
		struct journal_piece was = message_piece(&m->view, i);

		if (!place_eq(was.place, m->pieces[i].place))
			journal_chunk_drop(j, &m->pieces[i], 1);
	}
}

static void unqueue(struct compaction *c, struct moving *m)
{
	struct moving **at = &c->queued;

	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	c->under_way--;
}

/* Its old record is a copy from now on, and the victim's chunks are nobody's. */
static void leave_old_place(struct journal *j, const struct moving *m)
{
	struct segment *old = segment_find(j, m->from.segment);
	struct special *s = special_find(j, m->from);

	if (old)
		old->doubled = true;
	message_left(j, m->from);
	for (unsigned i = 0; s && i < s->n_held; i++)
		if (s->held[i].segment == j->compact.victim->number)
			chunk_left(j, s->held[i].segment, s->held[i].n, s->held[i].bytes);
	if (s)
		special_remove(j, s);
}

static void on_moved(struct journal_request *r, enum pr_err err)
{
	struct moving *m = (struct moving *)(void *)((char *)r - offsetof(struct moving, request));
	struct journal *j = m->journal;

	unqueue(&j->compact, m);
	if (err) {
		moved_remove(j, m->from);
		drop_copies(j, m);
		j->compact.failed = true;
	} else {
		leave_old_place(j, m);
		j->stats.compacted++;
		j->owner->on_moved(j->arg, &m->id, m->from, r->place);
	}
	move_free(m);
}

static void copy_texts(struct moving *m, struct journal_message *to)
{
	struct journal *j = m->journal;

	to->brief = to->state = SPAN_NONE;
	j->owner->state(j->arg, &m->id, &to->brief, &to->state);
	m->texts = mem_new(to->brief.len + to->state.len + 1);
	memcpy(m->texts, to->brief.at, to->brief.len);
	memcpy(m->texts + to->brief.len, to->state.at, to->state.len);
	to->brief.at = m->texts;
	to->state.at = m->texts + to->brief.len;
}

/* The state is taken as the request is queued: what changes from here on is written behind it. */
static void append_message(struct journal *j, struct moving *m)
{
	const struct special *s = special_find(j, m->from);
	struct journal_message to = { .id = m->id, .envelope = m->view.envelope, .size = m->view.size, .ours = true };
	uint32_t oldest = s ? s->oldest : m->from.segment;

	copy_texts(m, &to);
	m->content = span_of(m->record + SEGMENT_UNIT + m->head.about, m->head.len - m->head.about);
	to.content = (struct journal_bytes){ &m->content, 1 };
	to.chunks = m->pieces;
	to.n_chunks = m->view.n_pieces;
	m->request.done = on_moved;
	m->next = j->compact.queued;
	j->compact.queued = m;
	j->compact.under_way++;
	journal_message(j, &m->request, &to);
	m->request.about = m->from;
	m->request.origin.segment = oldest;
}

static void on_chunk_copied(struct journal_request *r, enum pr_err err)
{
	struct moving *m = (struct moving *)(void *)((char *)r - offsetof(struct moving, chunk));
	struct compaction *c = &m->journal->compact;

	c->under_way--;
	m->waits = false;
	if (err) {
		c->failed = true;
		c->reading = NULL;
		drop_copies(m->journal, m);
		move_free(m);
		return;
	}
	m->pieces[m->next_piece++].place = r->place;
}

static void append_chunk(struct journal *j, struct moving *m)
{
	m->chunk_bytes = span_of(m->piece + SEGMENT_UNIT, m->piece_len - SEGMENT_UNIT);
	m->chunk.done = on_chunk_copied;
	m->waits = true;
	j->compact.under_way++;
	journal_chunk(j, &m->chunk, &m->id, (struct journal_bytes){ &m->chunk_bytes, 1 }, true);
}

static bool take_whole(struct moving *m, const struct segment *s)
{
	if (record_get(m->record, s->mark, m->from, &m->head) != PR_OK || m->head.type != RECORD_MESSAGE || !id_eq(&m->head.id, &m->id))
		return false;
	if (m->head.about > m->head.len || m->head.len > s->size)
		return false;
	return m->record_len == SEGMENT_UNIT || message_check(&m->head, m->record + SEGMENT_UNIT, &m->view) == PR_OK;
}

static void take_pieces(struct moving *m)
{
	m->pieces = mem_new(m->view.n_pieces * sizeof(*m->pieces) + 1);
	for (unsigned i = 0; i < m->view.n_pieces; i++)
		m->pieces[i] = message_piece(&m->view, i);
}

/* Goes on with what is read next, or queues it. */
void move_go_on(struct journal *j, struct moving *m)
{
	struct place now;

	while (m->next_piece < m->view.n_pieces && m->pieces[m->next_piece].place.segment != j->compact.victim->number)
		m->next_piece++;
	if (m->next_piece < m->view.n_pieces) {
		const struct journal_piece *p = &m->pieces[m->next_piece];

		mem_free(m->piece);
		m->piece_len = SEGMENT_UNIT + (size_t)p->len;
		m->piece = mem_new(m->piece_len);
		read_at(j, p->place, m->piece, m->piece_len);
		return;
	}
	j->compact.reading = NULL;
	if (j->owner->find(j->arg, &m->id, &now) && place_eq(now, m->from)) {
		append_message(j, m);
		return;
	}
	drop_copies(j, m);
	move_free(m);
}

static bool piece_is_whole(const struct journal *j, const struct moving *m)
{
	const struct journal_piece *p = &m->pieces[m->next_piece];
	struct record head;

	return record_get(m->piece, j->compact.victim->mark, p->place, &head) == PR_OK && head.type == RECORD_CHUNK && head.len == p->len &&
	    id_eq(&head.id, &m->id) && record_sum_is(&head, m->piece + SEGMENT_UNIT);
}

void move_was_read(struct journal *j, struct moving *m, int error)
{
	const struct segment *s = segment_find(j, m->from.segment);
	bool whole = !error && s;

	if (whole && m->pieces)
		whole = piece_is_whole(j, m);
	else if (whole)
		whole = take_whole(m, s);
	if (!whole) {
		j->compact.reading = NULL;
		give_up(j, m);
		drop_copies(j, m);
		move_free(m);
		return;
	}
	if (m->pieces) {
		append_chunk(j, m);
		return;
	}
	if (m->record_len == SEGMENT_UNIT) {
		m->record_len += m->head.len;
		m->record = mem_resize(m->record, m->record_len);
		read_at(j, m->from, m->record, m->record_len);
		return;
	}
	take_pieces(m);
	move_go_on(j, m);
}
