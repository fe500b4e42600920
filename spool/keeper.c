/* The keeper: makes segments ahead of need, opens the next, empties old ones, gives back what is too many. */
#include "base/mem.h"
#include "spool/journal_private.h"

void keeper_start(struct journal *j, enum keeper_task task, enum journal_work work, struct segment *s)
{
	j->task = task;
	j->tended = s;
	j->keeper.work = work;
	j->keeper.file = s->file;
	j->keeper.error = 0;
	if (work != JOB_WRITE)
		j->keeper.sync = false;
	j->disk.start(j->disk.shell, &j->keeper);
}

void keeper_write(struct journal *j, enum keeper_task task, struct segment *s, uint64_t at, void *bytes, size_t len)
{
	j->keeper_iov = (struct journal_vec){ bytes, len };
	j->keeper.at = at;
	j->keeper.iov = &j->keeper_iov;
	j->keeper.n_iov = 1;
	j->keeper.len = len;
	j->keeper.sync = !(PLANTED(FAULT_EARLY_REUSE) && task == KEEPER_COMPACT);
	j->stats.bytes_written += len;
	j->stats.syncs++;
	keeper_start(j, task, JOB_WRITE, s);
}

static void open_next(struct journal *j)
{
	struct segment *s = segment_take_spare(j);
	struct segment_header h = { .use = SEGMENT_USED, .size = j->options.segment_size };

	s->number = h.number = j->next_number++;
	while (!s->mark)
		s->mark = j->options.draw(j->options.draw_arg);
	h.mark = s->mark;
	s->size = h.size;
	s->state = SEG_OPENING;
	s->used = s->synced = SEGMENT_PAGE;
	segment_add_used(j, s);
	j->ready = s;
	segment_put_header(j->header, &h);
	j->keeper.fill = s->fresh ? h.size : 0;
	keeper_write(j, KEEPER_OPEN, s, 0, j->header, sizeof(j->header));
}

static void make_one(struct journal *j)
{
	struct segment *s = mem_new(sizeof(*s));

	s->file = file_take(j);
	s->size = j->options.segment_size;
	s->fresh = true;
	j->keeper.len = s->size;
	keeper_start(j, KEEPER_MAKE, JOB_MAKE, s);
}

static void remove_one(struct journal *j)
{
	keeper_start(j, KEEPER_REMOVE, JOB_REMOVE, segment_take_spare(j));
}

void keeper_step(struct journal *j)
{
	unsigned spare = journal_available(j);

	if (j->task != KEEPER_IDLE)
		return;
	if (!j->ready && j->n_spare && j->now >= j->write_again_at) {
		open_next(j);
		return;
	}
	if (compact_is_under_way(j)) {
		compact_go_on(j);
		if (j->task != KEEPER_IDLE)
			return;
	} else if (j->recovered && j->look_for_victims) {
		if (compact_begin(j, spare < RESERVE_SEGMENTS + AHEAD_SEGMENTS))
			return;
		j->look_for_victims = false;
	}
	if (spare < RESERVE_SEGMENTS + AHEAD_SEGMENTS && j->now >= j->make_again_at && (!j->failing || spare == 0))
		make_one(j);
	else if (j->n_spare > SPARE_SEGMENTS)
		remove_one(j);
}

static void made(struct journal *j, struct segment *s, int error)
{
	j->make_failed = error != 0;
	if (!error) {
		segment_add_spare(j, s);
		return;
	}
	j->make_again_at = j->now + RETRY_MS;
	j->look_for_victims = true;
	file_give_back(j, s->file);
	mem_free(s);
}

/* Whether its header is on the disk is not known, but it tells of no record; the next use writes all of it anew. */
static void opened(struct journal *j, struct segment *s, int error)
{
	if (!error) {
		s->state = SEG_READY;
		s->fresh = false;
		return;
	}
	j->ready = NULL;
	segment_forget(j, s);
	segment_add_spare_last(j, s);
	writer_failed_again(j, error);
}

void keeper_done(struct journal *j)
{
	enum keeper_task task = j->task;
	struct segment *s = j->tended;
	int error = j->keeper.error;

	j->task = KEEPER_IDLE;
	j->tended = NULL;
	j->keeper.fill = 0;
	switch (task) {
	case KEEPER_MAKE:
		made(j, s, error);
		break;
	case KEEPER_OPEN:
		opened(j, s, error);
		break;
	case KEEPER_REMOVE:
		file_give_back(j, s->file);
		mem_free(s);
		break;
	default:
		compact_job_done(j, error);
		break;
	}
}
