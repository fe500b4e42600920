#include "spool/recover.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

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

/* The later of two; of copies of one, whichever. */
static void take_annex(struct recovery *r, const struct table_entry *t)
{
	struct known *k = know(r, &t->record.id);

	if (place_after(k->annex_origin, t->record.origin))
		return;
	k->annex = t->record.own;
	k->annex_origin = t->record.origin;
	k->annex_len = t->record.len;
}

static void take_done(struct recovery *r, const struct table_entry *t)
{
	struct known *k = know(r, &t->record.id);
	struct place until = done_until(t->state);

	if (place_after(k->ended, until))
		return;
	k->ended = until;
	k->done_about = t->record.about;
}

/* Its sender may have offered it again since, under the same id. */
static bool is_over(const struct known *k, struct place at)
{
	return k->ended.segment && !place_after(at, k->ended);
}

/* The segment that a DONE names may be gone while an older one still holds a copy of the message: then it counts for that one. */
static void find_outlived_copy(struct recovery *r, const struct known *k)
{
	if (k->place.segment && is_over(k, k->place) && k->place.segment != k->done_about)
		segment_of(r, k->place.segment)->doubled = true;
}

/* It may be of what the id stood for before: an annex is never older than its message. */
static void drop_old_annex(struct known *k)
{
	if (k->annex_origin.segment < k->oldest || is_over(k, k->annex_origin))
		k->annex = (struct place){ 0, 0 };
}

static void take_dones(struct recovery *r)
{
	for (uint32_t i = 0; i < r->n_buckets; i++) {
		for (struct known *k = r->buckets[i]; k; k = k->next) {
			find_outlived_copy(r, k);
			drop_old_annex(k);
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
		else if (t->record.type == RECORD_ANNEX)
			take_annex(r, t);
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
	/* What is left of one whose DONE could be dropped. */
	if (!k->place.segment && (d->type == RECORD_CHUNK || record_is_text(d->type)))
		return false;
	if (k->annex.segment && d->type == RECORD_ANNEX)
		return false;
	return !is_over(k, d->place) && !(k->place.segment && place_after(k->place, d->place));
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
		/* Nothing is written over what may be readable another time. */
		if (!s->error && survey.is_partial)
			s->error = EIO;
		else if (!s->error && !survey.sealed)
			s->error = settle(src, &survey, s);
		if (s->error)
			damage_of_all(r, s);
		take_survey(r, src, s, &survey);
		if (!s->error && !s->sealed && !survey.n_damages)
			seal_found(src, &survey, s);
		survey_fini(&survey);
	}
	take_dones(r);
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
		if (k->place.segment && !is_over(k, k->place))
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
