/* What must be written until it is written. */
#include "base/mem.h"
#include "spool/spool.h"

#define NOTES_KEPT 1024		/* free ones kept for the next */
#define REPEAT_MS  SECONDS(1)	/* after a write that failed */

struct note *note_new(struct spool *sp, const struct msg_id *id)
{
	struct list *l = list_take_first(&sp->free_notes);
	struct note *n = l ? LIST_OWNER(l, struct note, list) : mem_new(sizeof(*n));

	if (!l)
		buf_init(&n->bytes, STATE_MAX_BYTES);
	else
		sp->n_free_notes--;
	*n = (struct note){ .spool = sp, .id = *id, .bytes = n->bytes };
	list_init(&n->list);
	return n;
}

void note_drop(struct note *n)
{
	struct spool *sp = n->spool;

	list_remove(&n->list);
	buf_clear(&n->bytes);
	if (n->bytes.room > 4096 || n->is_annex)
		buf_shrink(&n->bytes);
	if (sp->n_free_notes >= NOTES_KEPT) {
		buf_fini(&n->bytes);
		mem_free(n);
		return;
	}
	list_add_first(&sp->free_notes, &n->list);
	sp->n_free_notes++;
}

static void note_done(struct note *n)
{
	if (n->done)
		n->done(n);
	if (n->erases)
		disk_erase(n->spool->disk, &n->id, NULL, NULL);	/* a disk that fails says so by itself */
	note_drop(n);
}

static void note_written(struct journal_request *r, enum pr_err err)
{
	struct note *n = (struct note *)(void *)((char *)r - offsetof(struct note, request));
	struct spool *sp = n->spool;

	if (err == PR_OK) {
		note_done(n);
		return;
	}
	list_remove(&n->list);
	list_add_last(&sp->failed, &n->list);
	if (!heap_has(&sp->repeat.node))
		deadline_set(sp->loop, &sp->repeat, spool_now(sp).mono_ms + REPEAT_MS);
}

void note_state(struct note *n, const struct mail *m, bool sync)
{
	if (n->expands) {
		list_remove(&n->list);
		list_add_last(&n->spool->expanded, &n->list);
	}
	n->request.done = note_written;
	journal_state(n->spool->journal, &n->request, &n->id, m->place, buf_span(&n->bytes), sync);
}

void note_annex(struct note *n)
{
	n->is_annex = true;
	n->request.done = note_written;
	journal_annex(n->spool->journal, &n->request, &n->id, buf_span(&n->bytes), false);
}

void note_finish(struct note *n, const struct mail *m)
{
	n->ends = true;
	n->erases = m->marks & MARK_ERASE;
	n->place = m->place;
	n->request.done = note_written;
	journal_finish(n->spool->journal, &n->request, &n->id, n->place, false);
}

void spool_whole_state(struct spool *sp, struct mail *m, struct buf *out)
{
	buf_clear(out);
	if (m->marks & MARK_UNEXPANDED && !(m->marks & MARK_HELD))
		(void)state_add(out, &(struct state_row){ .type = STATE_ROW_RELEASE, .n = STATE_ALL });
	BUG_ON(state_whole(&sp->books, m, spool_now(sp), out) != PR_OK);	/* the expansion was not larger */
}

static void note_repeat(struct note *n)
{
	struct mail *m = queue_find(n->spool->books.queue, &n->id);

	if (n->ends) {
		journal_finish(n->spool->journal, &n->request, &n->id, n->place, false);
	} else if (!m) {
		note_done(n);	/* its end is being written, which says more */
	} else if (n->is_annex) {
		note_annex(n);
	} else {
		if (!n->expands)
			spool_whole_state(n->spool, m, &n->bytes);
		note_state(n, m, true);
	}
}

static void on_repeat(struct deadline *d)
{
	struct spool *sp = LIST_OWNER(d, struct spool, repeat);
	struct list *l;

	while ((l = list_take_first(&sp->failed)))
		note_repeat(LIST_OWNER(l, struct note, list));
}

void notes_init(struct spool *sp)
{
	list_init(&sp->free_notes);
	list_init(&sp->expanded);
	list_init(&sp->failed);
	deadline_init(&sp->repeat, on_repeat);
}
