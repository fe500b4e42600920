/* Emptying segments: what still counts in one is written again at the head of
 * the log, synced, and only then the segment gets its free mark. One at a time. */
#include <string.h>

#include "base/mem.h"
#include "spool/journal_private.h"

#define UNDER_WAY_MAX 256u	/* requests that wait for their sync at a time */
#define MOVING_MAX    (8u << 20)	/* bytes of messages being moved at a time */

bool compact_is_under_way(const struct journal *j)
{
	return j->compact.step != COMPACT_NONE;
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
		move_free(c->reading);
	while (c->queued) {
		struct moving *m = c->queued;

		c->queued = m->next;
		move_free(m);
	}
	compact_end(j);
}

/* ---- choosing ------------------------------------------------------------------ */

static bool may_be_victim(const struct segment *s)
{
	return (s->state == SEG_SEALED || s->state == SEG_FAILED) && !s->stuck && !s->unread && !s->pins;
}

static uint64_t count_living(const struct journal *j)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < j->n_used; i++)
		n += j->used[i]->messages;
	return n;
}

/* Nobody counts the STATEs and DONEs that still tell something: what was copied once is taken for living until half of the
 * messages that they may belong to have left. Else the same ones would be written again and again while a long queue waits. */
static bool tells_something(const struct journal *j, const struct segment *s, uint64_t n_living)
{
	uint64_t gone = j->n_gone - s->gone_before, about = n_living + gone < s->n_copied ? n_living + gone : s->n_copied;

	return s->copied_bytes > s->size / 4 && gone < about / 2;
}

/* What is dead costs least. Living ones are moved where segments are short: from mostly dead segments, and where the disk is
 * full from all that give back more than they take. */
static struct segment *choose(const struct journal *j, bool even_living)
{
	struct segment *best = NULL;
	uint64_t n_living = count_living(j);

	for (unsigned i = 0; i < j->n_used; i++) {
		struct segment *s = j->used[i];
		uint64_t most = j->make_failed ? s->size / 4 * 3 : s->size / 4;
		bool dead = s->messages == 0 && s->chunks == 0 && s->annexes == 0 && !tells_something(j, s, n_living);

		if (!may_be_victim(s) || (!dead && (!even_living || s->live_bytes + s->copied_bytes > most)))
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

/* ---- walking through the victim ------------------------------------------------------- */

static void note_copied(struct journal *j, const struct journal_request *r)
{
	struct segment *s = segment_find(j, r->place.segment);

	s->n_copied++;
	s->copied_bytes += record_size((uint32_t)request_payload_len(r));
	s->gone_before = j->n_gone;
}

static void on_copied(struct journal_request *r, enum pr_err err)
{
	struct own_request *copy = (struct own_request *)(void *)r;
	struct compaction *c = &copy->journal->compact;

	c->under_way--;
	c->failed |= err != PR_OK;
	if (!err && r->type != RECORD_ANNEX)
		note_copied(copy->journal, r);
	if (!err && r->type == RECORD_ANNEX)
		copy->journal->owner->on_annex_moved(copy->journal->arg, &r->message.id, r->about, r->place);
	own_free(copy);
}

static void copy_again(struct journal *j, const struct table_entry *e, struct place about)
{
	struct own_request *copy = own_new(j);
	struct journal_request *r = &copy->request;

	r->done = on_copied;
	r->message = (struct journal_message){ .id = e->record.id, .state = e->state };
	r->about = about;
	r->origin = e->record.origin;
	j->compact.under_way++;
	journal_put(j, r, e->record.type, true, true);
}

/* As long as a copy of its message may be found, its DONE must be found too. */
static bool done_counts(const struct journal *j, const struct table_entry *e)
{
	const struct record *r = &e->record;
	const struct segment *s = segment_find(j, r->about);
	uint32_t last = done_until(e->state).segment;

	if (PLANTED(FAULT_DONE_DROPPED))
		return false;
	if (s && s != j->compact.victim)
		return true;
	for (unsigned i = 0; i < j->n_used; i++) {
		s = j->used[i];
		if (s != j->compact.victim && s->doubled && s->number >= r->origin.segment && s->number <= last)
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
		if (done_counts(j, e))
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
	if (r->type == RECORD_ANNEX) {
		if (place_eq(j->owner->annex(j->arg, &r->id), r->own) && !PLANTED(FAULT_ANNEX_DROPPED))
			copy_again(j, e, r->own);
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
	if (s->pins) {		/* its readers may take hours: until the last one has left others are emptied */
		compact_end(j);
		return;
	}
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

/* Of a message that is settled nothing is lost; it may have been erased. */
static void tell_damages(struct journal *j)
{
	const struct survey *s = &j->compact.survey;
	struct place now;

	for (unsigned i = 0; i < s->n_damages; i++)
		if (!s->damages[i].has_id || j->owner->find(j->arg, &s->damages[i].id, &now))
			j->owner->on_damaged(j->arg, &s->damages[i]);
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
	if (!error && !c->survey.is_partial) {
		tell_damages(j);
		return;
	}
	c->victim->stuck = true;
	compact_end(j);
}
