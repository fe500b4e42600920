/* Overwriting a message: wherever in the folder's files a record of it stands,
 * what compaction left behind and what an earlier use of a segment left there
 * too. File by file, so that the keeper's other work goes on in between. */
#include "base/mem.h"
#include "spool/disk_private_io.h"

#include <string.h>

#define ERASE_STEP (1u << 20)
#define ZEROS_MAX  (64u << 10)

struct erasure {
	struct task task;
	struct msg_id id;
	uint32_t file;
	char *bytes;
	int error;
	void (*done)(void *arg, enum pr_err err);
	void *arg;
};

static int overwrite(struct disk *d, uint32_t file, uint64_t at, uint64_t len)
{
	static const char zeros[ZEROS_MAX];
	int error = 0;

	while (len && !error) {
		size_t n = len < ZEROS_MAX ? len : ZEROS_MAX;

		error = file_rewrite(d, file, at, zeros, n);
		at += n;
		len -= n;
	}
	return error;
}

/* Its head stays: it says whose the bytes were, and that they are not whole concerns nobody any more. */
static int look_at(struct erasure *e, const char *unit, uint64_t at, uint64_t size)
{
	struct record r;

	if (!record_is_of(unit, &e->id, &r) || r.type == RECORD_DONE || at + SEGMENT_UNIT + r.len > size)
		return 0;
	return overwrite(e->task.disk, e->file, at + SEGMENT_UNIT, r.len);
}

static void erase_run(struct task *t)
{
	struct erasure *e = (struct erasure *)t;
	uint64_t size = file_size(t->disk, e->file);

	for (uint64_t at = SEGMENT_PAGE; at < size && !e->error; at += ERASE_STEP) {
		size_t len = size - at < ERASE_STEP ? size - at : ERASE_STEP;

		e->error = file_read(t->disk, e->file, at, e->bytes, len);
		for (size_t i = 0; i + SEGMENT_UNIT <= len && !e->error; i += SEGMENT_UNIT)
			e->error = look_at(e, e->bytes + i, at + i, size);
	}
}

static void erase_done(struct task *t)
{
	struct erasure *e = (struct erasure *)t;

	e->file++;
	if (!e->error && e->file < files_count(t->disk)) {
		lane_put(&t->disk->keeper, t);
		return;
	}
	if (e->done)
		e->done(e->arg, e->error ? PR_IO : PR_OK);
	mem_free(e->bytes);
	mem_free(e);
}

void disk_erase(struct disk *d, const struct msg_id *id, void (*done)(void *arg, enum pr_err err), void *arg)
{
	struct erasure *e = mem_new(sizeof(*e));

	e->id = *id;
	e->bytes = mem_new(ERASE_STEP);
	e->done = done;
	e->arg = arg;
	e->task.run = erase_run;
	e->task.done = erase_done;
	lane_put(&d->keeper, &e->task);
}
