/* Overwriting messages: wherever in the folder's files a record or a table
 * tells of them, what compaction left behind and what an earlier use of a
 * segment left there too. One pass serves all that wait for it. File by file,
 * so that the keeper's other work goes on in between. */
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "spool/disk_private_io.h"

#include <string.h>

#define ERASE_STEP (1u << 20)
#define ZEROS_MAX  (64u << 10)

struct wish {
	struct list list;
	struct map_node node;
	struct msg_id id;
	void (*done)(void *arg, enum pr_err err);
	void *arg;
};

struct eraser {
	struct task task;		/* of the pass: a file each time */
	struct list waiting;		/* for the next pass */
	struct list wishes;		/* of this one, */
	struct map ids;			/* which its thread looks up */
	uint32_t file;
	bool passes, again;		/* again: a table may have been written meanwhile that tells of them */
	int error;
	char *bytes;
};

static bool is_meant(void *arg, const struct msg_id *id)
{
	const struct eraser *e = arg;

	return map_find(&e->ids, id_span(id)) != NULL;
}

/* ---- in the thread ---------------------------------------------------------------------------- */

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

/* A table that a crash cuts short here has a wrong sum, and its segment is read record by record. */
static int rewrite_table(struct eraser *e, uint64_t at, uint32_t entries_len)
{
	size_t room = table_room(entries_len);
	char *bytes = mem_new(room);
	int error = file_read(e->task.disk, e->file, at, bytes, room);

	if (!error && table_blank_whole(bytes, entries_len, is_meant, e))
		error = file_rewrite(e->task.disk, e->file, at, bytes, room);
	mem_free(bytes);
	return error;
}

/* A record's head stays: it says whose the bytes were, and that they are not whole concerns nobody any more. A DONE tells nothing of
 * the message, and must be found. */
static int look_at(struct eraser *e, const char *unit, uint64_t at, uint64_t size)
{
	struct record r;

	if (!record_find(unit, &r) || at + SEGMENT_UNIT + r.len > size)
		return 0;
	if (r.type == RECORD_TABLE)
		return at + table_room(r.len) <= size ? rewrite_table(e, at, r.len) : 0;
	return r.len && r.type != RECORD_DONE && is_meant(e, &r.id) ? overwrite(e->task.disk, e->file, at + SEGMENT_UNIT, r.len) : 0;
}

static void erase_in_file(struct task *t)
{
	struct eraser *e = (struct eraser *)t;
	uint64_t size = file_size(t->disk, e->file);

	for (uint64_t at = SEGMENT_PAGE; at < size && !e->error; at += ERASE_STEP) {
		size_t len = size - at < ERASE_STEP ? size - at : ERASE_STEP;

		e->error = file_read(t->disk, e->file, at, e->bytes, len);
		for (size_t i = 0; i + SEGMENT_UNIT <= len && !e->error; i += SEGMENT_UNIT)
			e->error = look_at(e, e->bytes + i, at + i, size);
	}
}

/* ---- in the loop -------------------------------------------------------------------------------- */

static void pass_begin(struct eraser *e, struct disk *d)
{
	e->passes = true;
	e->file = 0;
	e->error = 0;
	while (!list_is_empty(&e->waiting)) {
		struct wish *w = LIST_OWNER(e->waiting.next, struct wish, list);

		list_remove(&w->list);
		list_add_last(&e->wishes, &w->list);
		if (!is_meant(e, &w->id))
			map_put(&e->ids, &w->node, id_span(&w->id));
	}
	e->again = !journal_blank(d->journal, is_meant, e);
	lane_put(&d->keeper, &e->task);
}

static void forget_wishes(struct eraser *e, struct list *wishes, bool tell)
{
	while (!list_is_empty(wishes)) {
		struct wish *w = LIST_OWNER(wishes->next, struct wish, list);

		list_remove(&w->list);
		if (tell && w->done)
			w->done(w->arg, e->error ? PR_IO : PR_OK);
		mem_free(w);
	}
}

static void file_done(struct task *t)
{
	struct eraser *e = (struct eraser *)t;
	bool ends = e->error || ++e->file >= files_count(t->disk);

	if (ends && e->again && !e->error) {
		e->again = !journal_blank(t->disk->journal, is_meant, e);
		e->file = 0;
		ends = false;
	}
	if (!ends) {
		lane_put(&t->disk->keeper, t);
		return;
	}
	map_fini(&e->ids);
	map_init(&e->ids);
	forget_wishes(e, &e->wishes, true);
	e->passes = false;
	if (!list_is_empty(&e->waiting))
		pass_begin(e, t->disk);
}

static struct eraser *eraser_new(void)
{
	struct eraser *e = mem_new(sizeof(*e));

	list_init(&e->waiting);
	list_init(&e->wishes);
	map_init(&e->ids);
	e->bytes = mem_new(ERASE_STEP);
	e->task.run = erase_in_file;
	e->task.done = file_done;
	return e;
}

void disk_erase(struct disk *d, const struct msg_id *id, void (*done)(void *arg, enum pr_err err), void *arg)
{
	struct wish *w = mem_new(sizeof(*w));

	if (!d->eraser)
		d->eraser = eraser_new();
	w->id = *id;
	w->done = done;
	w->arg = arg;
	list_add_last(&d->eraser->waiting, &w->list);
	if (!d->eraser->passes)
		pass_begin(d->eraser, d);
}

void eraser_free(struct eraser **ep)
{
	struct eraser *e = *ep;

	if (!e)
		return;
	*ep = NULL;
	map_fini(&e->ids);
	forget_wishes(e, &e->wishes, false);
	forget_wishes(e, &e->waiting, false);
	mem_free(e->bytes);
	mem_free(e);
}
