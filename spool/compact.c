/* Emptying segments: what still counts in one is written again at the head of
 * the log, synced, and only then the segment gets its free mark. One at a time. */
#include <string.h>

#include "base/mem.h"
#include "spool/journal_private.h"

#define UNDER_WAY_MAX 256u	/* requests that wait for their sync at a time */
#define MOVING_MAX    (8u << 20)	/* bytes of messages being moved at a time */

/* A STATE or DONE that is written again as it was. */
struct copying {
	struct journal_request request;
	struct journal *journal;
};

/* A message on its way: read, its chunks in the victim copied one by one, then its MESSAGE anew. */
struct moving {
	struct moving *next;
	struct journal_request request, chunk;
	struct journal *journal;
	struct msg_id id;
	struct place from;
	char *record, *piece;		/* as read: head and payload */
	size_t record_len, piece_len;
	struct record head;
	struct message_view view;
	struct journal_piece *pieces;
	unsigned next_piece;
	bool waits;			/* for its chunk to be written */
	struct span content, chunk_bytes;
	char *texts;			/* copies of brief and state */
};

bool compact_is_under_way(const struct journal *j)
{
	return j->compact.step != COMPACT_NONE;
}

static void moving_free(struct moving *m)
{
	mem_free(m->record);
	mem_free(m->piece);
	mem_free(m->pieces);
	mem_free(m->texts);
	mem_free(m);
}

static void compact_end(struct journal *j)
{
	struct compaction *c = &j->compact;

	for (struct map_node *n; (n = map_next(&c->moved, NULL));) {
		map_remove(&c->moved, n);
		mem_free(MAP_OWNER(n, struct moved, node));
	}
	survey_fini(&c->survey);
	c->step = COMPACT_NONE;
	c->victim = NULL;
	j->look_for_victims = true;
}

void compact_fini(struct journal *j)
{
	struct compaction *c = &j->compact;

	if (c->reading)
		moving_free(c->reading);
	while (c->queued) {
		struct moving *m = c->queued;

		c->queued = m->next;
		moving_free(m);
	}
	compact_end(j);
}

/* ---- choosing ------------------------------------------------------------------ */

static bool may_be_victim(const struct segment *s)
{
	return (s->state == SEG_SEALED || s->state == SEG_FAILED) && !s->stuck && !s->pins;
}

/* What is dead costs least. Living ones are moved where segments are short: from mostly dead segments, and where the disk is
 * full from all that give back more than they take. */
static struct segment *choose(const struct journal *j, bool even_living)
{
	struct segment *best = NULL;

	for (unsigned i = 0; i < j->n_used; i++) {
		struct segment *s = j->used[i];
		uint64_t most = j->make_failed ? s->size / 4 * 3 : s->size / 4;
		bool dead = s->messages == 0 && s->chunks == 0;

		if (!may_be_victim(s) || (!dead && (!even_living || s->live_bytes > most)))
			continue;
		if (dead && s->doubled)
			return s;
		if (!best || s->live_bytes < best->live_bytes)
			best = s;
	}
	return best;
}

bool compact_begin(struct journal *j, bool even_living)
{
	struct compaction *c = &j->compact;
	struct segment *s = choose(j, even_living);

	if (!s)
		return false;
	c->victim = s;
	c->step = COMPACT_SURVEY;
	c->next = c->under_way = 0;
	c->failed = c->cleared = false;
	c->target = (struct survey_target){ .file = s->file, .number = s->number, .size = s->size, .mark = s->mark };
	if (s->torn)
		c->target.synced = s->synced;
	j->keeper.target = &c->target;
	j->keeper.survey = &c->survey;
	keeper_start(j, KEEPER_COMPACT, JOB_SURVEY, s);
	return true;
}

/* ---- a message on its way ------------------------------------------------------------ */

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

static void move_begin(struct journal *j, const struct msg_id *id, struct place from)
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
	moving_free(m);
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
		moving_free(m);
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
static void move_go_on(struct journal *j, struct moving *m)
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
	moving_free(m);
}

static bool piece_is_whole(const struct journal *j, const struct moving *m)
{
	const struct journal_piece *p = &m->pieces[m->next_piece];
	struct record head;

	return record_get(m->piece, j->compact.victim->mark, p->place, &head) == PR_OK && head.type == RECORD_CHUNK && head.len == p->len &&
	    id_eq(&head.id, &m->id) && record_sum_is(&head, m->piece + SEGMENT_UNIT);
}

static void move_was_read(struct journal *j, struct moving *m, int error)
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
		moving_free(m);
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

/* ---- walking through the victim ------------------------------------------------------- */

static void on_copied(struct journal_request *r, enum pr_err err)
{
	struct copying *copy = (struct copying *)(void *)((char *)r - offsetof(struct copying, request));
	struct compaction *c = &copy->journal->compact;

	c->under_way--;
	c->failed |= err != PR_OK;
	mem_free(copy);
}

static void copy_again(struct journal *j, const struct table_entry *e, struct place about)
{
	struct copying *copy = mem_new(sizeof(*copy));
	struct journal_request *r = &copy->request;

	copy->journal = j;
	r->done = on_copied;
	r->message = (struct journal_message){ .id = e->record.id, .state = e->state };
	r->about = about;
	r->origin = e->record.origin;
	j->compact.under_way++;
	journal_put(j, r, e->record.type, true, true);
}

/* As long as a copy of its message may be found, its DONE must be found too. */
static bool done_counts(const struct journal *j, const struct record *r)
{
	const struct segment *s = segment_find(j, r->about);

	if (PLANTED(FAULT_DONE_DROPPED))
		return false;
	if (s && s != j->compact.victim)
		return true;
	for (unsigned i = 0; i < j->n_used; i++) {
		s = j->used[i];
		if (s != j->compact.victim && s->doubled && s->number >= r->origin.segment && s->number <= r->about)
			return true;
	}
	return false;
}

static bool holds_chunks_of_victim(const struct journal *j, struct place place)
{
	const struct special *s = special_find(j, place);

	for (unsigned i = 0; s && i < s->n_held; i++)
		if (s->held[i].segment == j->compact.victim->number)
			return true;
	return false;
}

static bool is_moving(const struct journal *j, const struct msg_id *id)
{
	for (const struct moving *m = j->compact.queued; m; m = m->next)
		if (id_eq(&m->id, id))
			return true;
	return false;
}

static void look_at(struct journal *j, const struct survey_entry *entry)
{
	const struct table_entry *e = &entry->entry;
	const struct record *r = &e->record;
	bool queued;
	struct place now;

	/* Its request goes on elsewhere, with its group. */
	if (entry->tail && j->compact.victim->torn)
		return;
	if (r->type == RECORD_DONE) {
		if (done_counts(j, r))
			copy_again(j, e, (struct place){ r->about, 0 });
		return;
	}
	queued = j->owner->find(j->arg, &r->id, &now);
	if (!queued)
		return;
	if (r->type == RECORD_STATE) {
		if (place_after(r->origin, now))
			copy_again(j, e, now);
		return;
	}
	if (is_moving(j, &r->id))
		return;
	if (place_eq(now, r->own) || (r->type == RECORD_CHUNK && holds_chunks_of_victim(j, now)))
		move_begin(j, &r->id, now);
}

static void on_barrier(struct journal_request *r, enum pr_err err)
{
	struct compaction *c = (struct compaction *)(void *)((char *)r - offsetof(struct compaction, barrier));

	c->under_way--;
	c->failed |= err != PR_OK;
	c->cleared = true;
}

static uint64_t bytes_moving(const struct compaction *c)
{
	uint64_t n = 0;

	for (const struct moving *m = c->queued; m; m = m->next)
		n += m->record_len;
	return n;
}

static void walk(struct journal *j)
{
	struct compaction *c = &j->compact;

	if (c->reading) {
		if (!c->reading->waits)
			move_go_on(j, c->reading);
		return;
	}
	while (c->next < c->survey.n && !c->failed && c->under_way < UNDER_WAY_MAX && bytes_moving(c) < MOVING_MAX && !c->reading)
		look_at(j, &c->survey.entries[c->next++]);
	if (c->reading || (c->next < c->survey.n && !c->failed) || c->under_way)
		return;
	/* What was left out was left out because of DONEs and moves that may still wait for their sync. */
	c->step = COMPACT_BARRIER;
	c->barrier = (struct journal_request){ .done = on_barrier };
	c->under_way++;
	journal_put(j, &c->barrier, RECORD_NONE, true, true);
}

static void free_victim(struct journal *j)
{
	struct compaction *c = &j->compact;
	struct segment *s = c->victim;
	struct segment_header h = { .use = SEGMENT_FREE, .number = s->number, .size = s->size, .mark = s->mark };

	if (c->failed || s->messages || s->chunks) {
		s->stuck = true;
		compact_end(j);
		return;
	}
	if (s->pins)
		return;
	c->step = COMPACT_FREE;
	s->state = SEG_FREEING;
	segment_put_header(j->header, &h);
	keeper_write(j, KEEPER_COMPACT, s, 0, j->header, sizeof(j->header));
}

static void freed(struct journal *j, int error)
{
	struct segment *s = j->compact.victim;

	if (error) {
		s->state = SEG_FAILED;
		s->stuck = true;
		s->doubled = true;
		j->stats.failures++;
	} else {
		segment_forget(j, s);
		segment_add_spare(j, s);
	}
	compact_end(j);
}

void compact_go_on(struct journal *j)
{
	struct compaction *c = &j->compact;

	if (c->step == COMPACT_WALK)
		walk(j);
	else if (c->step == COMPACT_BARRIER && c->cleared)
		free_victim(j);
}

void compact_job_done(struct journal *j, int error)
{
	struct compaction *c = &j->compact;

	if (c->step == COMPACT_FREE) {
		freed(j, error);
		return;
	}
	if (c->step == COMPACT_WALK) {
		move_was_read(j, c->reading, error);
		return;
	}
	c->step = COMPACT_WALK;
	if (!error) {
		for (unsigned i = 0; i < c->survey.n_damages; i++)
			j->owner->on_damaged(j->arg, &c->survey.damages[i]);
		return;
	}
	c->victim->stuck = true;
	compact_end(j);
}
