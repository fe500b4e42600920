#include "spool/journal.h"

#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "spool/journal_private.h"

#define SCRATCH (256u << 10)

/* ---- birth and death -------------------------------------------------------- */

static uint64_t draw_random(void *arg)
{
	(void)arg;
	return random_u64();
}

struct journal *journal_new(const struct journal_options *o, const struct journal_disk *disk, const struct journal_owner *owner, void *arg)
{
	struct journal *j = mem_new(sizeof(*j));

	j->options = *o;
	if (!j->options.segment_size)
		j->options.segment_size = SEGMENT_SIZE;
	if (!j->options.draw)
		j->options.draw = draw_random;
	if (o->n_skip) {
		struct msg_id *skip = mem_new(o->n_skip * sizeof(*skip));

		memcpy(skip, o->skip, o->n_skip * sizeof(*skip));
		j->options.skip = skip;
	}
	j->disk = *disk;
	j->owner = owner;
	j->arg = arg;
	j->next_number = 1;
	j->last = &j->first;
	j->group_last = &j->group_first;
	j->batch_last = &j->batch;
	j->writer.writer = true;
	arena_init(&j->scratch, SCRATCH);
	buf_init(&j->table, j->options.segment_size);
	list_init(&j->own);
	map_init(&j->specials);
	map_init(&j->compact.moved);
	j->recovered = true;
	return j;
}

void journal_free(struct journal **jp)
{
	struct journal *j = *jp;

	if (!j)
		return;
	compact_fini(j);
	while (!list_is_empty(&j->own))
		own_free(LIST_OWNER(j->own.next, struct own_request, list));
	recovery_free(&j->recovery);
	for (unsigned i = 0; i < j->n_used; i++)
		mem_free(j->used[i]);
	for (unsigned i = 0; i < j->n_spare; i++)
		mem_free(j->spare[i]);
	if (j->task == KEEPER_MAKE || j->task == KEEPER_REMOVE)
		mem_free(j->tended);
	for (struct map_node *n; (n = map_next(&j->specials, NULL));)
		special_remove(j, MAP_OWNER(n, struct special, node));
	map_fini(&j->specials);
	map_fini(&j->compact.moved);
	mem_free(j->used);
	mem_free(j->strange);
	mem_free(j->spare);
	mem_free(j->iov);
	mem_free(j->table_bytes);
	if (j->options.n_skip)
		mem_free((void *)(uintptr_t)j->options.skip);
	buf_fini(&j->table);
	arena_fini(&j->scratch);
	mem_free(j);
	*jp = NULL;
}

/* ---- requests ------------------------------------------------------------------------ */

static void want_bytes(struct span *s)
{
	if (!s->at)
		*s = SPAN_NONE;
}

void journal_put(struct journal *j, struct journal_request *r, enum record_type type, bool prompt, bool ours)
{
	want_bytes(&r->message.brief);
	want_bytes(&r->message.envelope);
	want_bytes(&r->message.state);
	r->type = (uint8_t)type;
	r->urgency = prompt;
	r->ours = ours;
	r->since = j->now;
	r->next = NULL;
	r->group = r->group_n = 0;
	r->first = 0;
	if (j->in_group) {
		*j->group_last = r;
		j->group_last = &r->next;
		j->group_n++;
		return;
	}
	*j->last = r;
	j->last = &r->next;
	j->n_prompt += prompt;
}

struct own_request *own_new(struct journal *j)
{
	struct own_request *own = mem_new(sizeof(*own));

	own->journal = j;
	list_add_last(&j->own, &own->list);
	return own;
}

void own_free(struct own_request *own)
{
	list_remove(&own->list);
	mem_free(own);
}

void journal_chunk(struct journal *j, struct journal_request *r, const struct msg_id *id, struct journal_bytes bytes, bool ours)
{
	BUG_ON(j->in_group);
	r->message = (struct journal_message){ .id = *id, .content = bytes };
	journal_put(j, r, RECORD_CHUNK, true, ours);
}

void journal_chunk_drop(struct journal *j, const struct journal_piece *pieces, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		chunk_left(j, pieces[i].place.segment, 1, record_size(pieces[i].len));
}

void journal_message(struct journal *j, struct journal_request *r, const struct journal_message *m)
{
	BUG_ON(m->brief.len > JOURNAL_BRIEF_MAX);
	r->message = *m;
	r->about = r->origin = (struct place){ 0 };
	journal_put(j, r, RECORD_MESSAGE, true, m->ours || j->in_group);
}

void journal_state(struct journal *j, struct journal_request *r, const struct msg_id *id, struct place message, struct span state, bool sync)
{
	r->message = (struct journal_message){ .id = *id, .state = state };
	r->about = message;
	r->origin = (struct place){ 0 };
	journal_put(j, r, RECORD_STATE, sync, true);
}

void journal_annex(struct journal *j, struct journal_request *r, const struct msg_id *id, struct span bytes, bool sync)
{
	r->message = (struct journal_message){ .id = *id, .state = bytes };
	r->about = r->origin = (struct place){ 0 };
	journal_put(j, r, RECORD_ANNEX, sync, true);
}

void journal_finish(struct journal *j, struct journal_request *r, const struct msg_id *id, struct place message, bool sync)
{
	annex_left(j, j->owner->annex(j->arg, id));
	r->message = (struct journal_message){ .id = *id };
	r->about = message;
	r->origin = (struct place){ 0 };
	journal_put(j, r, RECORD_DONE, sync, true);
}

void journal_group_begin(struct journal *j)
{
	BUG_ON(j->in_group);
	j->in_group = true;
}

void journal_group_end(struct journal *j)
{
	bool prompt = false;

	BUG_ON(!j->in_group || j->group_n > UINT16_MAX);
	j->in_group = false;
	if (!j->group_first)
		return;
	if (++j->group_number == 0)
		j->group_number = 1;
	for (struct journal_request *r = j->group_first; r; r = r->next)
		prompt |= r->urgency != 0;
	for (struct journal_request *r = j->group_first; r && j->group_n > 1; r = r->next) {
		r->group = j->group_number;
		r->group_n = (uint16_t)j->group_n;
	}
	*j->last = j->group_first;
	j->last = j->group_last;
	j->n_prompt += prompt;
	j->group_first->urgency = prompt;
	for (struct journal_request *r = j->group_first->next; r; r = r->next)
		r->urgency = 0;
	j->group_first = NULL;
	j->group_last = &j->group_first;
	j->group_n = 0;
}

struct journal_request *request_take(struct journal *j)
{
	struct journal_request *r = j->first;

	j->first = r->next;
	if (!j->first)
		j->last = &j->first;
	j->n_prompt -= r->urgency;
	r->next = NULL;
	return r;
}

/* ---- turns -------------------------------------------------------------------------------------------- */

static void tell_full(struct journal *j)
{
	bool full = journal_is_short(j, journal_current_has_room(j));

	if (full == j->full_told)
		return;
	j->full_told = full;
	if (j->owner->on_full)
		j->owner->on_full(j->arg, full);
}

void journal_turn(struct journal *j, int64_t mono_ms)
{
	if (mono_ms > j->now)
		j->now = mono_ms;
	writer_step(j);
	keeper_step(j);
	/* What the keeper needed may have been a batch, and the other way round. */
	writer_step(j);
	tell_full(j);
}

int64_t journal_due(const struct journal *j)
{
	int64_t due = -1;

	if (j->first && !j->writing) {
		due = j->n_prompt ? j->now : j->first->since + JOURNAL_LAZY_MS;
		if (due < j->write_again_at)
			due = j->write_again_at;
		/* Without a segment only the keeper can bring it on. */
		if (due <= j->now)
			due = j->now + (j->task == KEEPER_IDLE ? JOURNAL_LAZY_MS : RETRY_MS);
	}
	if (j->task == KEEPER_IDLE && journal_available(j) < RESERVE_SEGMENTS + AHEAD_SEGMENTS && (due < 0 || due > j->make_again_at))
		due = j->make_again_at > j->now ? j->make_again_at : j->now + 1;
	return due;
}

bool journal_blank(struct journal *j, bool (*is_meant)(void *arg, const struct msg_id *id), void *arg)
{
	table_blank(buf_span(&j->table), is_meant, arg);
	return !j->sealing;
}

bool journal_has_job(const struct journal *j)
{
	return j->writing || j->task != KEEPER_IDLE;
}

bool journal_is_waiting(const struct journal *j)
{
	return j->first || j->writing;
}

void journal_job_done(struct journal *j, struct journal_job *job)
{
	if (job == &j->writer)
		writer_done(j);
	else
		keeper_done(j);
	journal_turn(j, j->now);
}

void journal_stats(const struct journal *j, struct journal_stats *out)
{
	*out = j->stats;
	out->segments = j->n_used;
	out->spare = journal_available(j);
	out->bytes_free = (uint64_t)out->spare * j->options.segment_size;
	if (j->current)
		out->bytes_free += j->options.segment_size - j->current->used;
	out->full = j->full_told;
	out->failing = j->failing;
}
