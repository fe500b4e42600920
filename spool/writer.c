/* The writer: one batch after the other into the open segment; seals it, and leaves it when the disk fails. */
#include "base/mem.h"
#include "spool/journal_private.h"

void writer_start(struct journal *j, uint64_t at, uint64_t len, bool sync)
{
	struct journal_job *w = &j->writer;

	w->work = JOB_WRITE;
	w->file = j->current->file;
	w->at = at;
	w->iov = j->iov;
	w->n_iov = j->n_iov;
	w->len = len;
	w->sync = sync && !PLANTED(FAULT_NO_SYNC);
	w->error = 0;
	j->writing = true;
	j->stats.bytes_written += len;
	j->stats.syncs += w->sync;
	j->disk.start(j->disk.shell, w);
}

static void seal(struct journal *j)
{
	struct segment *s = j->current;
	uint64_t room = table_room(j->table.len), at = j->options.segment_size - room;

	mem_free(j->table_bytes);
	j->table_bytes = mem_new(room);
	table_put(j->table_bytes, s->mark, (struct place){ s->number, (uint32_t)(at / SEGMENT_UNIT) }, buf_span(&j->table), j->table_n);
	j->n_iov = 0;
	batch_add(j, j->table_bytes, room);
	j->sealing = true;
	writer_start(j, at, room, true);
}

static void current_end(struct journal *j, enum segment_state state)
{
	j->current->state = state;
	j->current = NULL;
	buf_clear(&j->table);
	j->table_n = 0;
	mem_free(j->table_bytes);
	j->table_bytes = NULL;
	j->look_for_victims = true;
}

static bool opening_is_allowed(const struct journal *j, const struct journal_request *r)
{
	unsigned spare = journal_available(j);

	/* The last one is for compaction, which brings others back. */
	return request_is_new_mail(r) ? spare > RESERVE_SEGMENTS : spare > 1 || !j->make_failed || j->compact.under_way;
}

static void current_begin(struct journal *j)
{
	struct segment *s = j->ready;

	if (!s || s->state != SEG_READY || !opening_is_allowed(j, j->first))
		return;
	j->ready = NULL;
	j->current = s;
	s->state = SEG_OPEN;
	s->used = s->synced = SEGMENT_PAGE;
}

static bool is_time_to_write(const struct journal *j)
{
	return j->first && j->now >= j->write_again_at && (j->n_prompt || j->now >= j->first->since + JOURNAL_LAZY_MS);
}

/* Those at the front that can't be taken hear it now. */
static void refuse_what_must_be(struct journal *j)
{
	while (j->first) {
		struct journal_request *r = j->first;
		enum pr_err err = request_judge(j);

		if (!err && request_is_new_mail(r)) {
			if (j->current)
				j->batch_end = j->current->used + SEGMENT_UNIT;
			if (journal_is_short(j, j->current && batch_takes_first(j)))
				err = PR_FULL;
		}
		if (!err)
			return;
		request_refuse(j, err);
	}
}

void writer_step(struct journal *j)
{
	if (j->writing)
		return;
	arena_reset(&j->scratch);
	refuse_what_must_be(j);
	if (!is_time_to_write(j))
		return;
	if (!j->current)
		current_begin(j);
	if (!j->current)
		return;
	j->batch_end = j->current->used + SEGMENT_UNIT;
	if (batch_takes_first(j))
		batch_write(j);
	else
		seal(j);
}

void writer_failed_again(struct journal *j, int error)
{
	j->stats.failures++;
	if (++j->failures < FAILURES_MAX)
		return;
	j->write_again_at = j->now + RETRY_MS;
	if (j->failing)
		return;
	j->failing = true;
	if (j->owner->on_failing)
		j->owner->on_failing(j->arg, error);
}

/* The kernel may have dropped the pages: this segment is not written or synced again. What waited for the sync, whose memory is
 * still there, goes to the front, for another segment. */
static void writer_failed(struct journal *j, int error)
{
	struct journal_request *r = batch_clear(j), **last = &r;

	j->current->doubled = j->current->torn = true;
	current_end(j, SEG_FAILED);
	for (; *last; last = &(*last)->next)
		j->n_prompt += (*last)->urgency;
	if (r) {
		*last = j->first;
		if (!j->first)
			j->last = last;
		j->first = r;
	}
	writer_failed_again(j, error);
}

static void writer_worked(struct journal *j)
{
	struct segment *s = j->current;
	bool was_failing = j->failing;

	if (!j->writer.sync && !PLANTED(FAULT_NO_SYNC)) {
		s->used = j->batch_end;
		batch_ack(j, batch_clear(j));
		if (PLANTED(FAULT_EARLY_ANSWER)) {
			j->n_iov = 0;
			writer_start(j, s->used, 0, true);
		}
		return;
	}
	j->failures = 0;
	j->failing = false;
	s->used = s->synced = j->sealing ? s->size : j->batch_end;
	if (j->sealing)
		current_end(j, SEG_SEALED);
	if (was_failing) {
		segments_unstick(j);
		if (j->owner->on_failing)
			j->owner->on_failing(j->arg, 0);
	}
	batch_ack(j, batch_clear(j));
}

void writer_done(struct journal *j)
{
	j->writing = false;
	if (j->writer.error)
		writer_failed(j, j->writer.error);
	else
		writer_worked(j);
	j->sealing = false;
}
