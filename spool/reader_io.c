/* Reading a message or its annex: mark, place, id and checksums are looked at before a byte leaves. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/uio.h>

#include "base/mem.h"
#include "spool/disk_private_io.h"

#define AHEAD_MESSAGE  16384	/* most messages are whole in it */
#define AHEAD_ENVELOPE 1024
#define AHEAD_ANNEX    4096

static void reader_go_on(struct disk_reader *r);

static void reader_unpin(struct disk_reader *r, unsigned which)
{
	if (r->pinned[which])
		journal_unpin(r->disk->journal, r->pinned[which]);
	r->pinned[which] = 0;
}

static void reader_free(struct disk_reader *r)
{
	reader_unpin(r, 0);
	reader_unpin(r, 1);
	mem_free(r->ahead);
	mem_free(r->meta);
	mem_free(r->bytes);
	mem_free(r);
}

/* False when it is gone. */
static bool reader_leave(struct disk_reader *r)
{
	bool closed = r->closed;

	if (--r->busy == 0 && closed && !r->under_way)
		reader_free(r);
	return !closed;
}

static void reader_run(struct task *t)
{
	struct disk_reader *r = (struct disk_reader *)t;

	r->error = file_read(t->disk, r->file, r->at, r->into, r->len);
}

static void reader_was_read(struct task *t)
{
	struct disk_reader *r = (struct disk_reader *)t;

	r->under_way = false;
	r->busy++;
	if (!r->closed)
		reader_go_on(r);
	(void)reader_leave(r);
}

static ssize_t read_now(struct disk_reader *r, char *into, uint64_t at, size_t len)
{
	struct iovec iov = { into, len };

	return preadv2(file_fd(r->disk, r->file), &iov, 1, (off_t)at, RWF_NOWAIT);
}

/* What is in the page cache is here at once; else the thread fetches it. */
static void reader_fetch(struct disk_reader *r, enum reading what, char *into, uint64_t at, size_t len)
{
	r->what = what;
	r->got = r->into = into;
	r->at = at;
	r->len = len;
	r->error = 0;
	if (len == 0 || read_now(r, into, at, len) == (ssize_t)len) {
		reader_go_on(r);
		return;
	}
	r->under_way = true;
	r->task.run = reader_run;
	r->task.done = reader_was_read;
	lane_put(&r->disk->reader, &r->task);
}

/* Some bytes of the MESSAGE, `from` its head on. Those that were not read ahead go into *own, which lives as long as the reader. */
static void reader_fetch_more(struct disk_reader *r, enum reading what, char **own, size_t from, size_t len)
{
	if (from + len <= r->ahead_len) {
		r->what = what;
		r->got = r->ahead + from;
		reader_go_on(r);
		return;
	}
	*own = mem_resize(NULL, len ? len : 1);
	reader_fetch(r, what, *own, (uint64_t)r->place.at * SEGMENT_UNIT + from, len);
}

static void reader_fetch_head(struct disk_reader *r)
{
	size_t room = r->handlers->on_annex ? AHEAD_ANNEX : r->handlers->on_piece ? AHEAD_MESSAGE : AHEAD_ENVELOPE;
	uint64_t at = (uint64_t)r->place.at * SEGMENT_UNIT;
	ssize_t n;

	r->ahead = mem_resize(NULL, room);
	n = read_now(r, r->ahead, at, room);
	if (n >= (ssize_t)SEGMENT_UNIT) {
		r->ahead_len = (size_t)n;
		reader_fetch_more(r, READ_HEAD, NULL, 0, SEGMENT_UNIT);
	} else {
		reader_fetch(r, READ_HEAD, r->ahead, at, SEGMENT_UNIT);
	}
}

static void tell_envelope(struct disk_reader *r, enum pr_err err)
{
	r->handlers->on_envelope(r->owner, r, err, err ? SPAN_NONE : r->view.envelope, err ? 0 : r->view.size);
}

static void tell_annex(struct disk_reader *r, enum pr_err err)
{
	r->handlers->on_annex(r->owner, r, err, err ? SPAN_NONE : span_of(r->got, r->head.len));
}

static void tell_begin(struct disk_reader *r, enum pr_err err)
{
	if (r->handlers->on_annex)
		tell_annex(r, err);
	else
		tell_envelope(r, err);
}

static void tell_damage(struct disk_reader *r, struct place place, uint64_t len)
{
	struct journal_damage d = { .has_id = true, .id = r->id, .place = place, .file = r->file, .len = (uint32_t)len };

	journal_tell_damage(r->disk->journal, &d);
}

static enum pr_err head_is_right(struct disk_reader *r, struct place place, enum record_type type)
{
	if (r->error)
		return PR_IO;
	if (record_get(r->got, r->mark, place, &r->head) != PR_OK || r->head.type != type || !id_eq(&r->head.id, &r->id))
		return PR_BAD;
	return r->head.about > r->head.len && type == RECORD_MESSAGE ? PR_BAD : PR_OK;
}

static void take_head(struct disk_reader *r)
{
	bool is_annex = r->handlers->on_annex != NULL;
	enum pr_err err = head_is_right(r, r->place, is_annex ? RECORD_ANNEX : RECORD_MESSAGE);

	if (!err && r->head.len > SEGMENT_SIZE)
		err = PR_BAD;
	if (err == PR_BAD)
		tell_damage(r, r->place, SEGMENT_UNIT);
	if (err)
		tell_begin(r, err);
	else if (is_annex)
		reader_fetch_more(r, READ_ANNEX, &r->bytes, SEGMENT_UNIT, r->head.len);
	else
		reader_fetch_more(r, READ_META, &r->meta, SEGMENT_UNIT, r->head.about);
}

static void take_annex(struct disk_reader *r)
{
	enum pr_err err = r->error ? PR_IO : record_sum_is(&r->head, r->got) ? PR_OK : PR_BAD;

	if (err == PR_BAD)
		tell_damage(r, r->place, record_size(r->head.len));
	tell_annex(r, err);
}

static void take_meta(struct disk_reader *r)
{
	enum pr_err err = r->error ? PR_IO : PR_OK;

	if (!err && (!record_sum_is(&r->head, r->got) || message_view(span_of(r->got, r->head.about), &r->view) != PR_OK ||
	    r->view.content_len != r->head.len - r->head.about))
		err = PR_BAD;
	if (err == PR_BAD)
		tell_damage(r, r->place, record_size(r->head.len));
	tell_envelope(r, err);
}

static void tell_piece(struct disk_reader *r, enum pr_err err, struct span bytes)
{
	r->handlers->on_piece(r->owner, r, err, bytes);
}

static void take_content(struct disk_reader *r)
{
	enum pr_err err = r->error ? PR_IO : content_sum_is(&r->view, r->got) ? PR_OK : PR_BAD;

	if (err == PR_BAD)
		tell_damage(r, r->place, record_size(r->head.len));
	tell_piece(r, err, err ? SPAN_NONE : span_of(r->got, r->view.content_len));
}

static void take_piece(struct disk_reader *r)
{
	struct journal_piece p = message_piece(&r->view, r->next_piece - 1);
	enum pr_err err = head_is_right(r, p.place, RECORD_CHUNK);

	if (!err && (r->head.len != p.len || !record_sum_is(&r->head, r->bytes + SEGMENT_UNIT)))
		err = PR_BAD;
	if (err == PR_BAD)
		tell_damage(r, p.place, record_size(p.len));
	tell_piece(r, err, err ? SPAN_NONE : span_of(r->bytes + SEGMENT_UNIT, p.len));
}

static void reader_go_on(struct disk_reader *r)
{
	switch (r->what) {
	case READ_HEAD:
		take_head(r);
		break;
	case READ_META:
		take_meta(r);
		break;
	case READ_CONTENT:
		take_content(r);
		break;
	case READ_PIECE:
		take_piece(r);
		break;
	case READ_ANNEX:
		take_annex(r);
		break;
	}
}

struct disk_reader *disk_read(struct disk *d, const struct msg_id *id, struct place place, const struct disk_reader_handlers *h, void *owner)
{
	struct disk_reader *r = mem_new(sizeof(*r));

	r->disk = d;
	r->handlers = h;
	r->owner = owner;
	r->id = *id;
	r->place = place;
	r->busy = 1;
	if (!journal_pin(d->journal, place.segment, &r->file, &r->mark)) {
		tell_begin(r, PR_NONE);
		return reader_leave(r) ? r : NULL;
	}
	r->pinned[0] = place.segment;
	reader_fetch_head(r);
	return reader_leave(r) ? r : NULL;
}

/* It went while its message was settled or moved elsewhere; else it is lost, and there is nothing to be kept of it. */
static void piece_is_gone(struct disk_reader *r, struct place place)
{
	bool is_lost = journal_is_at(r->disk->journal, &r->id, r->place);

	if (is_lost)
		tell_damage(r, place, 0);
	tell_piece(r, is_lost ? PR_BAD : PR_NONE, SPAN_NONE);
}

static void next_piece(struct disk_reader *r)
{
	struct journal_piece p = message_piece(&r->view, r->next_piece++);

	reader_unpin(r, 1);
	if (p.len > SEGMENT_SIZE || !journal_pin(r->disk->journal, p.place.segment, &r->file, &r->mark)) {
		piece_is_gone(r, p.place);
		return;
	}
	r->pinned[1] = p.place.segment;
	mem_free(r->bytes);
	r->bytes = mem_resize(NULL, SEGMENT_UNIT + (size_t)p.len);
	reader_fetch(r, READ_PIECE, r->bytes, (uint64_t)p.place.at * SEGMENT_UNIT, SEGMENT_UNIT + (size_t)p.len);
}

static void give_next(struct disk_reader *r)
{
	if (!r->content_given && r->view.content_len) {
		r->content_given = true;
		reader_fetch_more(r, READ_CONTENT, &r->bytes, SEGMENT_UNIT + (size_t)r->head.about, r->view.content_len);
		return;
	}
	if (r->next_piece < r->view.n_pieces)
		next_piece(r);
	else
		tell_piece(r, PR_OK, SPAN_NONE);
}

void disk_reader_next(struct disk_reader *r)
{
	r->busy++;
	give_next(r);
	(void)reader_leave(r);
}

void disk_reader_close(struct disk_reader **rp)
{
	struct disk_reader *r = *rp;

	if (!r)
		return;
	*rp = NULL;
	r->closed = true;
	if (!r->under_way && !r->busy)
		reader_free(r);
}
