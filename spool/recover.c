#include "spool/recover.h"

#include <errno.h>
#include <stdlib.h>
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

static void add_damage(struct survey *s, const struct survey_target *t, uint64_t at, uint64_t len, const struct msg_id *id)
{
	struct journal_damage *d;

	if (s->n_damages == s->room_damages) {
		s->room_damages = s->room_damages ? s->room_damages * 2 : 8;
		s->damages = mem_resize(s->damages, s->room_damages * sizeof(*d));
	}
	d = &s->damages[s->n_damages++];
	*d = (struct journal_damage){ .file = t->file, .place = { t->number, (uint32_t)(at / SEGMENT_UNIT) }, .len = (uint32_t)len };
	d->has_id = id != NULL;
	if (id)
		d->id = *id;
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

	if (r->type == RECORD_STATE)
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
				add_damage(s->out, s->target, at, record_size(r->len), &r->id);
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
	if (r->type == RECORD_STATE) {
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
			add_damage(out, t, (uint64_t)e.record.own.at * SEGMENT_UNIT, record_size(e.record.len), &e.record.id);
			if (e.record.type == RECORD_STATE)
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

int survey_segment(const struct disk_source *src, const struct survey_target *t, struct survey *out)
{
	char *bytes;
	int error;

	if (survey_by_table(src, t, out) == PR_OK)
		return 0;
	bytes = mem_new(t->size);
	error = src->read(src->arg, t->file, 0, bytes, t->size);
	if (error) {
		mem_free(bytes);
		memset(out, 0, sizeof(*out));
		return error;
	}
	survey_scan(span_of(bytes, t->size), t, out);
	out->bytes = bytes;
	return 0;
}

/* ---- all of them --------------------------------------------------------------------------- */

static uint64_t id_hash(const struct msg_id *id)
{
	uint64_t a, b;

	/* Ids are made by us, and half of each is drawn: nobody chooses collisions. */
	memcpy(&a, id->bytes, sizeof(a));
	memcpy(&b, id->bytes + 8, sizeof(b));
	return (a ^ b * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xff51afd7ed558ccd);
}

static struct known **bucket_of(struct recovery *r, const struct msg_id *id)
{
	return &r->buckets[(id_hash(id) >> 32) & (r->n_buckets - 1)];
}

static void grow(struct recovery *r)
{
	struct known **old = r->buckets;
	uint32_t n = r->n_buckets;

	r->n_buckets = n ? n * 2 : 1024;
	r->buckets = mem_new(r->n_buckets * sizeof(struct known *));
	for (uint32_t i = 0; i < n; i++) {
		for (struct known *k = old[i], *next; k; k = next) {
			struct known **b = bucket_of(r, &k->id);

			next = k->next;
			k->next = *b;
			*b = k;
		}
	}
	mem_free(old);
}

static struct known *know(struct recovery *r, const struct msg_id *id)
{
	struct known **b;

	if (r->n_known >= r->n_buckets)
		grow(r);
	b = bucket_of(r, id);
	for (struct known *k = *b; k; k = k->next)
		if (id_eq(&k->id, id))
			return k;
	{
		struct known *k = arena_new(&r->memory, sizeof(*k));

		k->id = *id;
		k->next = *b;
		*b = k;
		r->n_known++;
		return k;
	}
}

static void damage(struct recovery *r, const struct journal_damage *d)
{
	if ((r->n_damages & (r->n_damages - 1)) == 0)
		r->damages = mem_resize(r->damages, (r->n_damages ? r->n_damages * 2 : 1) * sizeof(*d));
	r->damages[r->n_damages++] = *d;
}

static struct recovery_segment *segment_of(struct recovery *r, uint32_t number)
{
	unsigned low = 0, high = r->n_segments;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (r->segments[mid].target.number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low < r->n_segments && r->segments[low].target.number == number ? &r->segments[low] : NULL;
}

/* Is the chunk there? Where no sync is known to cover it, all of it is looked at. */
static bool piece_is_there(struct recovery *r, const struct disk_source *src, const struct journal_piece *p, bool tail)
{
	const struct recovery_segment *s = segment_of(r, p->place.segment);
	uint64_t at = (uint64_t)p->place.at * SEGMENT_UNIT;
	size_t len = SEGMENT_UNIT + (size_t)p->len;
	struct record head;
	bool whole;
	char *bytes;

	if (!s || p->len > s->target.size || at + len > s->target.size)
		return false;
	if (!tail || s->sealed || at + len <= s->synced)
		return true;
	bytes = mem_new(len);
	whole = !src->read(src->arg, s->target.file, at, bytes, len) && record_get(bytes, s->target.mark, p->place, &head) == PR_OK &&
	    head.type == RECORD_CHUNK && head.len == p->len && record_sum_is(&head, bytes + SEGMENT_UNIT);
	mem_free(bytes);
	return whole;
}

/* The places of a large message's chunks. False when one is missing. */
static bool read_pieces(struct recovery *r, const struct disk_source *src, const struct recovery_segment *s, const struct survey_entry *e,
    struct span *out)
{
	const struct record *rec = &e->entry.record;
	size_t len = SEGMENT_UNIT + (size_t)rec->about;
	char *bytes = mem_new(len);
	struct journal_piece *pieces;
	struct message_view v;
	struct record head;
	bool all = false;

	if (src->read(src->arg, s->target.file, (uint64_t)rec->own.at * SEGMENT_UNIT, bytes, len) ||
	    record_get(bytes, s->target.mark, rec->own, &head) != PR_OK || head.about != rec->about || !record_sum_is(&head, bytes + SEGMENT_UNIT) ||
	    message_view(span_of(bytes + SEGMENT_UNIT, head.about), &v) != PR_OK || v.n_pieces != e->entry.n_pieces)
		goto out;
	pieces = arena_new(&r->memory, v.n_pieces * sizeof(*pieces));
	all = true;
	for (unsigned i = 0; i < v.n_pieces && all; i++) {
		pieces[i] = message_piece(&v, i);
		all = piece_is_there(r, src, &pieces[i], e->tail);
	}
	*out = span_of((const char *)pieces, v.n_pieces * sizeof(*pieces));
out:
	mem_free(bytes);
	return all;
}

/* False when it is no message: an interrupted write. */
static bool take_message(struct recovery *r, const struct disk_source *src, struct recovery_segment *s, const struct survey_entry *e)
{
	const struct table_entry *t = &e->entry;
	struct span pieces = SPAN_NONE;
	struct known *k;
	struct recovery_segment *before;

	if (t->n_pieces && !read_pieces(r, src, s, e, &pieces)) {
		struct journal_damage d = { .has_id = true, .id = t->record.id, .place = t->record.own, .file = s->target.file,
			.len = (uint32_t)record_size(t->record.len) };

		/* An older copy whose chunks have moved: its DONE must not go before it does. */
		s->doubled = true;
		if (!e->tail)
			damage(r, &d);
		return !e->tail;
	}
	k = know(r, &t->record.id);
	before = k->place.segment ? segment_of(r, k->place.segment) : NULL;
	if (before)
		before->doubled = true;
	if (!k->oldest || t->record.origin.segment < k->oldest)
		k->oldest = t->record.origin.segment;
	k->place = t->record.own;
	k->size = t->size;
	k->len = t->record.len;
	k->brief = arena_span(&r->memory, t->brief);
	k->base = arena_span(&r->memory, t->state);
	k->pieces = pieces;
	k->n_pieces = t->n_pieces;
	return true;
}

static void take_state(struct recovery *r, const struct table_entry *t)
{
	struct known *k = know(r, &t->record.id);
	struct late **at = &k->states, *l;

	/* Nearly always the latest: it goes to the front, in falling order. One written again is told once. */
	while (*at && place_after((*at)->origin, t->record.origin))
		at = &(*at)->next;
	if (*at && place_eq((*at)->origin, t->record.origin))
		return;
	l = arena_new(&r->memory, sizeof(*l));
	l->origin = t->record.origin;
	l->text = arena_span(&r->memory, t->state);
	l->next = *at;
	*at = l;
}

static void take_done(struct recovery *r, const struct table_entry *t)
{
	struct known *k = know(r, &t->record.id);

	k->done = true;
	k->done_about = t->record.about;
}

/* The segment that a DONE names may be gone while an older one still holds a copy of the message: then it counts for that one. */
static void find_outlived_copies(struct recovery *r)
{
	for (uint32_t i = 0; i < r->n_buckets; i++) {
		for (const struct known *k = r->buckets[i]; k; k = k->next) {
			if (k->done && k->place.segment && k->place.segment != k->done_about)
				segment_of(r, k->place.segment)->doubled = true;
		}
	}
}

static void take_survey(struct recovery *r, const struct disk_source *src, struct recovery_segment *s, struct survey *survey)
{
	s->sealed = survey->sealed;
	s->end = survey->end;
	s->synced = survey->synced;
	for (unsigned i = 0; i < survey->n_damages; i++)
		damage(r, &survey->damages[i]);
	for (unsigned i = 0; i < survey->n; i++) {
		struct table_entry *t = &survey->entries[i].entry;

		if (t->record.type == RECORD_MESSAGE && !take_message(r, src, s, &survey->entries[i]))
			t->record.type = RECORD_NONE;
		else if (t->record.type == RECORD_STATE)
			take_state(r, t);
		else if (t->record.type == RECORD_DONE)
			take_done(r, t);
	}
}

/* Of a message that is settled, or lies whole elsewhere since, nothing is lost. */
static bool damage_matters(struct recovery *r, const struct journal_damage *d)
{
	const struct known *k;

	if (!d->has_id)
		return true;
	k = know(r, &d->id);
	return !k->done && !(k->place.segment && place_after(k->place, d->place));
}

static void forget_settled_damages(struct recovery *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->n_damages; i++)
		if (damage_matters(r, &r->damages[i]))
			r->damages[n++] = r->damages[i];
	r->n_damages = n;
}

/* What was found behind the last good sync may lie in memory only, and a sync that failed once may have left pages there that
 * the kernel takes for written: nothing is told of it before it was written again, as it is, and synced. */
static int settle(const struct disk_source *src, const struct survey *survey, const struct recovery_segment *s)
{
	uint64_t end = segment_align(survey->end, SEGMENT_PAGE);

	if (end > s->target.size)
		end = s->target.size;
	if (end <= survey->synced)
		return 0;
	return src->write(src->arg, s->target.file, survey->synced, survey->bytes + survey->synced, end - survey->synced);
}

/* What was found is said in a table: the next start need not read it all again, nor doubt what it finds. */
static void seal_found(const struct disk_source *src, const struct survey *survey, struct recovery_segment *s)
{
	struct buf entries;
	uint32_t n = 0;
	uint64_t room;
	char *bytes;

	buf_init(&entries, s->target.size);
	for (unsigned i = 0; i < survey->n; i++) {
		struct table_entry e = survey->entries[i].entry;

		if (e.record.type == RECORD_NONE)
			continue;
		e.has_state = e.state.len <= TABLE_STATE_MAX;
		table_add(&entries, &e);
		n++;
	}
	room = table_room(entries.len);
	if (survey->end + room <= s->target.size) {
		uint64_t at = s->target.size - room;

		bytes = mem_new(room);
		table_put(bytes, s->target.mark, (struct place){ s->target.number, (uint32_t)(at / SEGMENT_UNIT) }, buf_span(&entries), n);
		s->sealed = !src->write(src->arg, s->target.file, at, bytes, room);
		mem_free(bytes);
	}
	buf_fini(&entries);
}

static void damage_of_all(struct recovery *r, const struct recovery_segment *s)
{
	struct journal_damage d = { .place = { s->target.number, 0 }, .file = s->target.file, .len = s->target.size };

	damage(r, &d);
}

void recovery_run(struct recovery *r, const struct disk_source *src)
{
	for (unsigned i = 0; i < r->n_segments; i++) {
		struct recovery_segment *s = &r->segments[i];
		struct survey survey;

		s->error = survey_segment(src, &s->target, &survey);
		if (!s->error && !survey.sealed)
			s->error = settle(src, &survey, s);
		if (s->error)
			damage_of_all(r, s);
		take_survey(r, src, s, &survey);
		if (!s->error && !s->sealed && !survey.n_damages)
			seal_found(src, &survey, s);
		survey_fini(&survey);
	}
	find_outlived_copies(r);
	forget_settled_damages(r);
}

struct known *recovery_next(struct recovery *r)
{
	struct known *k = r->walked ? r->walked->next : NULL;

	for (;;) {
		while (!k && r->walked_bucket < r->n_buckets)
			k = r->buckets[r->walked_bucket++];
		if (!k)
			return NULL;
		if (!k->done && k->place.segment)
			break;
		k = k->next;
	}
	r->walked = k;
	return k;
}

unsigned recovery_states(const struct known *k, struct span *out, unsigned room)
{
	unsigned n = k->base.len ? 1 : 0, at;

	for (const struct late *l = k->states; l && place_after(l->origin, k->place); l = l->next)
		n++;
	if (n > room)
		return n;
	at = n;
	for (const struct late *l = k->states; l && place_after(l->origin, k->place); l = l->next)
		out[--at] = l->text;
	if (k->base.len)
		out[0] = k->base;
	return n;
}

void recovery_free(struct recovery **rp)
{
	struct recovery *r = *rp;

	if (!r)
		return;
	mem_free(r->segments);
	mem_free(r->buckets);
	mem_free(r->damages);
	arena_fini(&r->memory);
	mem_free(r);
	*rp = NULL;
}
