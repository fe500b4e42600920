#include "spool/survey.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

/* ---- one segment ----------------------------------------------------------------- */

void survey_fini(struct survey *s)
{
	mem_free(s->entries);
	mem_free(s->damages);
	mem_free(s->bytes);
	arena_fini(&s->texts);
	memset(s, 0, sizeof(*s));
}

static void survey_init(struct survey *s)
{
	memset(s, 0, sizeof(*s));
	arena_init(&s->texts, 64u << 10);
}

static struct survey_entry *add_entry(struct survey *s, const struct table_entry *e, bool tail)
{
	if (s->n == s->room) {
		s->room = s->room ? s->room * 2 : 64;
		s->entries = mem_resize(s->entries, s->room * sizeof(*s->entries));
	}
	s->entries[s->n] = (struct survey_entry){ .entry = *e, .tail = tail };
	return &s->entries[s->n++];
}

static void add_damage(struct survey *s, const struct survey_target *t, uint64_t at, uint64_t len, const struct record *r)
{
	struct journal_damage *d;

	if (s->n_damages == s->room_damages) {
		s->room_damages = s->room_damages ? s->room_damages * 2 : 8;
		s->damages = mem_resize(s->damages, s->room_damages * sizeof(*d));
	}
	d = &s->damages[s->n_damages++];
	*d = (struct journal_damage){ .file = t->file, .place = { t->number, (uint32_t)(at / SEGMENT_UNIT) }, .len = (uint32_t)len };
	d->has_id = r != NULL;
	if (!r)
		return;
	d->id = r->id;
	d->type = r->type;
}

/* ---- record by record ---------------------------------------------------------------
 *
 * Two walks. The first follows the records from batch to batch, finds the next one by its mark where one is damaged, and learns
 * how far the segment was synced. The second judges them: what is bad below that offset is corruption, above it a torn write. */

struct scan {
	struct span bytes;
	const struct survey_target *target;
	struct survey *out;
	struct scanned {
		struct record record;
		uint32_t batch;			/* where its batch begins */
	} *records;
	struct gap { uint64_t at, len; } *gaps;
	unsigned n, room, n_gaps, room_gaps;
	uint64_t synced, batch, batch_end;
};

/* A free mark that was cut short has wiped the first BATCH record, but not the header: what it lacks says nothing. */
static bool is_half_freed(const struct scan *s, uint64_t at)
{
	static const char zeros[SEGMENT_UNIT];

	return s->batch_end == SEGMENT_PAGE && !memcmp(s->bytes.at + SEGMENT_PAGE, zeros, SEGMENT_UNIT) &&
	    !memcmp(s->bytes.at + at, zeros, SEGMENT_UNIT);
}

static void note_gap(struct scan *s, uint64_t at)
{
	if (is_half_freed(s, at))
		return;
	if (s->n_gaps && s->gaps[s->n_gaps - 1].at + s->gaps[s->n_gaps - 1].len == at) {
		s->gaps[s->n_gaps - 1].len += SEGMENT_UNIT;
		return;
	}
	if (s->n_gaps == s->room_gaps) {
		s->room_gaps = s->room_gaps ? s->room_gaps * 2 : 64;
		s->gaps = mem_resize(s->gaps, s->room_gaps * sizeof(*s->gaps));
	}
	s->gaps[s->n_gaps++] = (struct gap){ at, SEGMENT_UNIT };
}

static void note_record(struct scan *s, const struct record *r)
{
	if (s->n == s->room) {
		s->room = s->room ? s->room * 2 : 256;
		s->records = mem_resize(s->records, s->room * sizeof(*s->records));
	}
	s->records[s->n++] = (struct scanned){ *r, (uint32_t)s->batch };
}

static void note_batch(struct scan *s, const struct record *r, uint64_t at)
{
	if (r->about > s->synced && r->about <= at)
		s->synced = r->about;
	s->batch = at;
	s->batch_end = at + (uint64_t)r->origin.at * SEGMENT_UNIT;
}

/* Where the next record may begin. */
static uint64_t scan_one(struct scan *s, uint64_t at)
{
	struct place own = { s->target->number, (uint32_t)(at / SEGMENT_UNIT) };
	struct record r;

	if (record_get(s->bytes.at + at, s->target->mark, own, &r) != PR_OK || at + record_size(r.len) > s->bytes.len) {
		note_gap(s, at);
		return at + SEGMENT_UNIT;
	}
	if (r.type == RECORD_TABLE)
		return s->bytes.len;
	if (r.type == RECORD_BATCH)
		note_batch(s, &r, at);
	else
		note_record(s, &r);
	return at + record_size(r.len);
}

static void scan_walk(struct scan *s)
{
	uint64_t at = SEGMENT_PAGE;

	s->batch = s->batch_end = SEGMENT_PAGE;
	s->synced = s->target->synced > SEGMENT_PAGE ? s->target->synced : SEGMENT_PAGE;
	while (at + SEGMENT_UNIT <= s->bytes.len) {
		/* The rest of a batch's last page is empty. */
		if (at == s->batch_end)
			at = segment_align(at, SEGMENT_PAGE);
		if (at + SEGMENT_UNIT > s->bytes.len)
			break;
		at = scan_one(s, at);
	}
}

static bool record_is_whole(const struct scan *s, const struct record *r)
{
	const char *payload = s->bytes.at + (uint64_t)r->own.at * SEGMENT_UNIT + SEGMENT_UNIT;
	struct message_view v;

	return r->type == RECORD_MESSAGE ? message_check(r, payload, &v) == PR_OK : record_sum_is(r, payload);
}

static unsigned whole_members(const struct scan *s, unsigned of)
{
	const struct scanned *one = &s->records[of];
	unsigned n = 0;

	for (unsigned i = of; i > 0 && s->records[i - 1].batch == one->batch && s->records[i - 1].record.group == one->record.group; i--)
		n += record_is_whole(s, &s->records[i - 1].record);
	for (unsigned i = of; i < s->n && s->records[i].batch == one->batch && s->records[i].record.group == one->record.group; i++)
		n += record_is_whole(s, &s->records[i].record);
	return n;
}

static void take_entry(struct scan *s, const struct record *r, bool tail)
{
	const char *payload = s->bytes.at + (uint64_t)r->own.at * SEGMENT_UNIT + SEGMENT_UNIT;
	struct table_entry e = { .record = *r, .has_state = true, .brief = SPAN_NONE, .state = SPAN_NONE };
	struct message_view v;

	if (record_is_text(r->type) || r->type == RECORD_DONE)
		e.state = span_of(payload, r->len);
	if (r->type == RECORD_MESSAGE) {
		if (message_check(r, payload, &v))
			return;
		e.size = v.size;
		e.n_pieces = v.n_pieces;
		e.brief = v.brief;
		e.state = v.state;
	}
	add_entry(s->out, &e, tail);
}

static void scan_judge(struct scan *s)
{
	unsigned counted = UINT32_MAX;		/* the first of the group that was counted last */
	bool group_is_whole = false;

	for (unsigned i = 0; i < s->n; i++) {
		const struct record *r = &s->records[i].record;
		uint64_t at = (uint64_t)r->own.at * SEGMENT_UNIT;
		bool tail = at >= s->synced;

		if (at + record_size(r->len) > s->out->end)
			s->out->end = (uint32_t)(at + record_size(r->len));
		if (!record_is_whole(s, r)) {
			if (!tail)
				add_damage(s->out, s->target, at, record_size(r->len), r);
			continue;
		}
		if (tail && r->group) {
			const struct scanned *c = counted < s->n ? &s->records[counted] : NULL;

			if (!c || c->batch != s->records[i].batch || c->record.group != r->group) {
				counted = i;
				group_is_whole = whole_members(s, i) >= r->group_n;
			}
			if (!group_is_whole)
				continue;
		}
		take_entry(s, r, tail);
	}
	for (unsigned i = 0; i < s->n_gaps; i++)
		if (s->gaps[i].at < s->synced)
			add_damage(s->out, s->target, s->gaps[i].at, s->gaps[i].len, NULL);
}

void survey_scan(struct span bytes, const struct survey_target *t, struct survey *out)
{
	struct scan s = { .bytes = bytes, .target = t, .out = out };

	survey_init(out);
	out->end = SEGMENT_PAGE;
	scan_walk(&s);
	scan_judge(&s);
	out->synced = (uint32_t)s.synced;
	mem_free(s.records);
	mem_free(s.gaps);
}

/* ---- by its table ---------------------------------------------------------------------- */

/* A state too long for the table. */
static int read_state(const struct disk_source *src, const struct survey_target *t, struct survey *out, struct table_entry *e)
{
	const struct record *r = &e->record;
	uint64_t at = (uint64_t)r->own.at * SEGMENT_UNIT;
	struct message_view v;
	struct record head;
	char *bytes;
	int error;

	if (r->len > t->size || at + record_size(r->len) > t->size)
		return EIO;
	bytes = arena_new(&out->texts, SEGMENT_UNIT + (size_t)r->len);
	error = src->read(src->arg, t->file, at, bytes, SEGMENT_UNIT + (size_t)r->len);
	if (error)
		return error;
	if (record_get(bytes, t->mark, r->own, &head) != PR_OK || head.len != r->len || head.type != r->type)
		return EIO;
	if (record_is_text(r->type)) {
		e->state = span_of(bytes + SEGMENT_UNIT, r->len);
		return record_sum_is(&head, bytes + SEGMENT_UNIT) ? 0 : EIO;
	}
	if (message_check(&head, bytes + SEGMENT_UNIT, &v))
		return EIO;
	e->state = v.state;
	return 0;
}

static bool take_table(const struct disk_source *src, const struct survey_target *t, struct survey *out, struct span entries, uint32_t n)
{
	struct table_entry e;

	for (; n; n--) {
		if (table_take(&entries, t->number, &e) != PR_OK)
			return false;
		if (!e.has_state && read_state(src, t, out, &e)) {
			add_damage(out, t, (uint64_t)e.record.own.at * SEGMENT_UNIT, record_size(e.record.len), &e.record);
			if (record_is_text(e.record.type))
				continue;
			e.state = SPAN_NONE;
		}
		add_entry(out, &e, false);
	}
	return entries.len == 0;
}

/* PR_NONE: it has none, or one that can't be trusted. */
static enum pr_err survey_by_table(const struct disk_source *src, const struct survey_target *t, struct survey *out)
{
	char last[SEGMENT_UNIT];
	struct record r;
	struct span entries;
	size_t len;

	if (t->size < 2 * SEGMENT_PAGE || src->read(src->arg, t->file, t->size - SEGMENT_UNIT, last, sizeof(last)))
		return PR_NONE;
	if (table_find(last, t->mark, t->number, t->size, &r) != PR_OK)
		return PR_NONE;
	survey_init(out);
	len = SEGMENT_UNIT + (size_t)r.len;
	out->bytes = mem_new(len);
	if (!src->read(src->arg, t->file, (uint64_t)r.own.at * SEGMENT_UNIT, out->bytes, len) &&
	    table_open(span_of(out->bytes, len), &r, &entries) == PR_OK && take_table(src, t, out, entries, r.about)) {
		out->sealed = true;
		out->end = out->synced = t->size;
		return PR_OK;
	}
	survey_fini(out);
	return PR_NONE;
}

/* A bad sector costs its page. */
static int read_pages(const struct disk_source *src, const struct survey_target *t, char *bytes)
{
	int error = EIO, one;

	for (uint64_t at = 0; at < t->size; at += SEGMENT_PAGE) {
		size_t len = t->size - at < SEGMENT_PAGE ? t->size - at : SEGMENT_PAGE;

		one = src->read(src->arg, t->file, at, bytes + at, len);
		if (one)
			memset(bytes + at, 0, len);
		else
			error = 0;
	}
	return error;
}

int survey_segment(const struct disk_source *src, const struct survey_target *t, struct survey *out)
{
	bool is_partial;
	char *bytes;
	int error;

	if (survey_by_table(src, t, out) == PR_OK)
		return 0;
	bytes = mem_new(t->size);
	error = src->read(src->arg, t->file, 0, bytes, t->size);
	is_partial = error != 0;
	if (error)
		error = read_pages(src, t, bytes);
	if (error) {
		mem_free(bytes);
		memset(out, 0, sizeof(*out));
		return error;
	}
	survey_scan(span_of(bytes, t->size), t, out);
	out->bytes = bytes;
	out->is_partial = is_partial;
	return 0;
}
