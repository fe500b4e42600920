#include "spool/journal.h"

#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/random.h"
#include "spool/journal_private.h"

#define BATCH_MAX   (4u << 20)		/* bytes after which a batch takes no more: the next sync is not far */
#define BATCH_N_IOV 1000u		/* one pwritev takes 1024 */
#define COPY_MAX    1024u		/* shorter payloads are copied beside their head */
#define SCRATCH     (256u << 10)

static const char ZEROS[SEGMENT_PAGE];

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

/* ---- segments ------------------------------------------------------------------ */

static void list_put(struct segment ***list, unsigned *n, unsigned *room, struct segment *s, unsigned at)
{
	if (*n == *room) {
		*room = *room ? *room * 2 : 16;
		*list = mem_resize(*list, *room * sizeof(**list));
	}
	memmove(*list + at + 1, *list + at, (*n - at) * sizeof(**list));
	(*list)[at] = s;
	(*n)++;
}

static void list_take(struct segment **list, unsigned *n, unsigned at)
{
	(*n)--;
	memmove(list + at, list + at + 1, (*n - at) * sizeof(*list));
}

/* The first that is not below number. */
static unsigned used_place(const struct journal *j, uint32_t number)
{
	unsigned low = 0, high = j->n_used;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (j->used[mid]->number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct segment *segment_find(const struct journal *j, uint32_t number)
{
	unsigned at = used_place(j, number);

	return at < j->n_used && j->used[at]->number == number ? j->used[at] : NULL;
}

void segment_forget(struct journal *j, struct segment *s)
{
	unsigned at = used_place(j, s->number);

	BUG_ON(at == j->n_used || j->used[at] != s);
	list_take(j->used, &j->n_used, at);
}

void segment_add_spare(struct journal *j, struct segment *s)
{
	*s = (struct segment){ .file = s->file, .size = s->size, .state = SEG_SPARE };
	list_put(&j->spare, &j->n_spare, &j->room_spare, s, j->n_spare);
}

static void segment_add_used(struct journal *j, struct segment *s)
{
	list_put(&j->used, &j->n_used, &j->room_used, s, used_place(j, s->number));
}

enum pr_err journal_file(struct journal *j, uint32_t file, struct span probe, uint32_t *version)
{
	struct segment_header h;
	enum pr_err err = segment_get_header(probe, &h);
	struct segment *s;

	*version = h.version;
	if (err)
		return err;
	if (file >= j->next_file)
		j->next_file = file + 1;
	if (h.number >= j->next_number)
		j->next_number = h.number + 1;
	s = mem_new(sizeof(*s));
	*s = (struct segment){ .file = file, .size = h.size ? h.size : j->options.segment_size, .number = h.number, .mark = h.mark };
	/* What tells nothing of itself was never opened: a file made ahead, or one whose making was interrupted. */
	if (h.use != SEGMENT_USED || segment_find(j, h.number)) {
		segment_add_spare(j, s);
		return PR_OK;
	}
	s->state = SEG_SEALED;
	s->used = s->synced = s->size;
	segment_add_used(j, s);
	return PR_OK;
}

unsigned journal_available(const struct journal *j)
{
	return j->n_spare + (j->ready ? 1 : 0);
}

bool journal_pin(struct journal *j, uint32_t number, uint32_t *file, uint64_t *mark)
{
	struct segment *s = segment_find(j, number);

	if (!s || s->state == SEG_FREEING)
		return false;
	s->pins++;
	*file = s->file;
	*mark = s->mark;
	return true;
}

void journal_unpin(struct journal *j, uint32_t number)
{
	struct segment *s = segment_find(j, number);

	BUG_ON(!s || !s->pins);
	s->pins--;
}

void journal_tell_damage(struct journal *j, const struct journal_damage *d)
{
	j->owner->on_damaged(j->arg, d);
}

/* ---- who lives where --------------------------------------------------------------- */

static struct span place_key(const struct place *p)
{
	return span_of((const char *)p, sizeof(*p));
}

struct special *special_find(const struct journal *j, struct place place)
{
	struct map_node *n = j->specials.n ? map_find(&j->specials, place_key(&place)) : NULL;

	return n ? MAP_OWNER(n, struct special, node) : NULL;
}

static void held_add(struct special *s, uint32_t segment, uint64_t bytes)
{
	unsigned i = 0;

	while (i < s->n_held && s->held[i].segment != segment)
		i++;
	if (i == s->n_held)
		s->held[s->n_held++] = (struct held){ .segment = segment };
	s->held[i].n++;
	s->held[i].bytes += bytes;
}

static unsigned count_segments(const struct journal_piece *pieces, unsigned n)
{
	unsigned changes = 0;

	for (unsigned i = 0; i < n; i++)
		if (i == 0 || pieces[i].place.segment != pieces[i - 1].place.segment)
			changes++;
	return changes;
}

void special_add(struct journal *j, struct place place, uint32_t oldest, const struct journal_piece *pieces, unsigned n)
{
	struct special *s = mem_new(sizeof(*s) + count_segments(pieces, n) * sizeof(s->held[0]));

	s->place = place;
	s->oldest = oldest;
	for (unsigned i = 0; i < n; i++)
		held_add(s, pieces[i].place.segment, record_size(pieces[i].len));
	map_put(&j->specials, &s->node, place_key(&s->place));
}

void special_remove(struct journal *j, struct special *s)
{
	map_remove(&j->specials, &s->node);
	mem_free(s);
}

void chunk_left(struct journal *j, uint32_t number, uint32_t n, uint64_t bytes)
{
	struct segment *s = segment_find(j, number);

	if (!s)
		return;
	s->chunks -= n < s->chunks ? n : s->chunks;
	s->live_bytes -= bytes < s->live_bytes ? bytes : s->live_bytes;
	s->stuck = false;
	j->look_for_victims = true;
}

void message_left(struct journal *j, struct place place)
{
	struct segment *s = segment_find(j, place.segment);
	uint64_t share;

	if (!s || !s->messages)
		return;
	share = s->live_bytes / (s->messages + s->chunks);
	s->messages--;
	s->stuck = false;
	s->live_bytes = s->messages + s->chunks ? s->live_bytes - share : 0;
	j->look_for_victims = true;
}

static void message_settled(struct journal *j, struct place place)
{
	struct special *s = special_find(j, place);

	message_left(j, place);
	if (!s)
		return;
	for (unsigned i = 0; i < s->n_held; i++)
		chunk_left(j, s->held[i].segment, s->held[i].n, s->held[i].bytes);
	special_remove(j, s);
}

struct place moved_to(const struct journal *j, struct place place)
{
	struct map_node *n = j->compact.moved.n ? map_find(&j->compact.moved, place_key(&place)) : NULL;

	return n ? MAP_OWNER(n, struct moved, node)->to : place;
}

void moved_add(struct journal *j, struct place from, struct place to)
{
	struct map_node *n = map_find(&j->compact.moved, place_key(&from));
	struct moved *m = n ? MAP_OWNER(n, struct moved, node) : mem_new(sizeof(*m));

	m->from = from;
	m->to = to;
	if (!n)
		map_put(&j->compact.moved, &m->node, place_key(&m->from));
}

void moved_remove(struct journal *j, struct place from)
{
	struct map_node *n = map_find(&j->compact.moved, place_key(&from));

	if (!n)
		return;
	map_remove(&j->compact.moved, n);
	mem_free(MAP_OWNER(n, struct moved, node));
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

void journal_finish(struct journal *j, struct journal_request *r, const struct msg_id *id, struct place message, bool sync)
{
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
	if (!j->group_n)
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

static struct journal_request *take_first(struct journal *j)
{
	struct journal_request *r = j->first;

	j->first = r->next;
	if (!j->first)
		j->last = &j->first;
	j->n_prompt -= r->urgency;
	r->next = NULL;
	return r;
}

/* ---- refusing ---------------------------------------------------------------------------- */

static bool is_new_mail(const struct journal_request *r)
{
	return !r->ours && (r->type == RECORD_MESSAGE || r->type == RECORD_CHUNK);
}

static bool current_has_room(const struct journal *j)
{
	return j->current && j->current->used + table_room(j->table.len) + j->options.segment_size / 8 <= j->options.segment_size;
}

static bool room_is_short(const struct journal *j, bool fits_current)
{
	return j->make_failed && journal_available(j) < (fits_current ? RESERVE_SEGMENTS : RESERVE_SEGMENTS + 1);
}

bool journal_takes_mail(const struct journal *j)
{
	return !j->failing && !room_is_short(j, current_has_room(j));
}

static void doubt_done(struct journal_request *r, enum pr_err err)
{
	(void)err;
	mem_free(r);
}

/* Some of its bytes may be on the disk, and its sender is told that it was not taken: should they be found, it is DONE. */
static void put_doubt(struct journal *j, const struct journal_request *r)
{
	struct journal_request *doubt = mem_new(sizeof(*doubt));

	doubt->done = doubt_done;
	doubt->message = (struct journal_message){ .id = r->message.id };
	doubt->about.segment = r->place.segment;
	journal_put(j, doubt, RECORD_DONE, false, true);
	doubt->first = r->first;
}

static void refuse_first(struct journal *j, enum pr_err err)
{
	for (unsigned n = j->first->group_n ? j->first->group_n : 1; n; n--) {
		struct journal_request *r = take_first(j);

		if (r->first && r->type == RECORD_MESSAGE && !r->about.segment)
			put_doubt(j, r);
		r->done(r, err);
	}
}

static bool chunk_is_lost(const struct journal *j, const struct journal_piece *p)
{
	const struct segment *s = segment_find(j, p->place.segment);

	return !s || (s->state == SEG_FAILED && (uint64_t)p->place.at * SEGMENT_UNIT >= s->synced);
}

static uint64_t content_len(const struct journal_request *r)
{
	uint64_t len = 0;

	for (unsigned i = 0; i < r->message.content.n; i++)
		len += r->message.content.spans[i].len;
	return len;
}

static uint64_t payload_len(const struct journal_request *r)
{
	switch (r->type) {
	case RECORD_CHUNK:
		return content_len(r);
	case RECORD_MESSAGE:
		return message_meta_len(&r->message) + content_len(r);
	case RECORD_STATE:
		return r->message.state.len;
	default:
		return 0;
	}
}

static uint64_t entry_len(const struct journal_request *r)
{
	struct table_entry e = { .brief = r->message.brief, .state = r->message.state, .has_state = r->message.state.len <= TABLE_STATE_MAX };

	return r->type == RECORD_NONE ? 0 : table_entry_len(&e);
}

static enum pr_err judge_one(const struct journal *j, const struct journal_request *r)
{
	uint64_t most = j->options.segment_size - 4 * SEGMENT_PAGE;

	if (payload_len(r) + entry_len(r) > most)
		return PR_BAD;
	for (unsigned i = 0; r->type == RECORD_MESSAGE && i < r->message.n_chunks; i++)
		if (chunk_is_lost(j, &r->message.chunks[i]))
			return PR_IO;
	if (is_new_mail(r) && j->failures >= FAILURES_MAX && j->now < j->write_again_at)
		return PR_IO;
	return PR_OK;
}

/* May the first request be written, and all that must go with it? */
static enum pr_err judge(const struct journal *j)
{
	const struct journal_request *r = j->first;
	enum pr_err err = judge_one(j, r);

	for (unsigned n = r->group_n; n > 1 && !err; n--) {
		r = r->next;
		err = judge_one(j, r);
	}
	return err;
}

/* ---- a batch -------------------------------------------------------------------------------- */

static void iov_add(struct journal *j, const void *at, size_t len)
{
	struct iovec *last = j->n_iov ? &j->iov[j->n_iov - 1] : NULL;

	if (len == 0)
		return;
	if (last && (const char *)last->iov_base + last->iov_len == (const char *)at) {
		last->iov_len += len;
		return;
	}
	if (j->n_iov == j->room_iov) {
		j->room_iov = j->room_iov ? j->room_iov * 2 : 64;
		j->iov = mem_resize(j->iov, j->room_iov * sizeof(*j->iov));
	}
	j->iov[j->n_iov++] = (struct iovec){ (void *)(uintptr_t)at, len };
}

static void iov_add_zeros(struct journal *j, uint64_t len)
{
	BUG_ON(len > sizeof(ZEROS));
	iov_add(j, ZEROS, len);
}

static uint32_t content_sum(const struct journal_request *r)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < r->message.content.n; i++)
		sum = digest_crc32c(sum, r->message.content.spans[i].at, r->message.content.spans[i].len);
	return sum;
}

static void add_content(struct journal *j, const struct journal_request *r)
{
	for (unsigned i = 0; i < r->message.content.n; i++)
		iov_add(j, r->message.content.spans[i].at, r->message.content.spans[i].len);
}

static void add_small(struct journal *j, struct record *rec, struct span payload)
{
	char *at = arena_new(&j->scratch, record_size(rec->len));

	rec->sum = digest_crc32c(0, payload.at, payload.len);
	memcpy(at + SEGMENT_UNIT, payload.at, payload.len);
	record_put(at, j->current->mark, rec);
	iov_add(j, at, record_size(rec->len));
}

static void add_gathered(struct journal *j, struct record *rec, const struct journal_request *r)
{
	uint32_t meta = r->type == RECORD_MESSAGE ? (uint32_t)message_meta_len(&r->message) : 0;
	char *at = arena_new(&j->scratch, SEGMENT_UNIT + meta);

	if (r->type == RECORD_MESSAGE) {
		message_put_meta(at + SEGMENT_UNIT, &r->message, rec->len - meta, content_sum(r));
		rec->about = meta;
		rec->sum = digest_crc32c(0, at + SEGMENT_UNIT, meta);
	} else {
		rec->sum = r->type == RECORD_STATE ? digest_crc32c(0, r->message.state.at, r->message.state.len) : content_sum(r);
	}
	record_put(at, j->current->mark, rec);
	iov_add(j, at, SEGMENT_UNIT + meta);
	if (r->type == RECORD_STATE)
		iov_add(j, r->message.state.at, r->message.state.len);
	else
		add_content(j, r);
	iov_add_zeros(j, record_size(rec->len) - SEGMENT_UNIT - rec->len);
}

static void note_in_table(struct journal *j, const struct journal_request *r, const struct record *rec)
{
	struct table_entry e = { .record = *rec, .size = r->message.size, .n_pieces = r->message.n_chunks, .brief = r->message.brief,
		.state = r->message.state, .has_state = r->message.state.len <= TABLE_STATE_MAX };

	table_add(&j->table, &e);
	j->table_n++;
}

/* Where its message is by now, and the oldest segment that may hold a copy of it. */
static void fill_done(const struct journal *j, const struct journal_request *r, struct record *rec)
{
	struct place message = moved_to(j, r->about);
	const struct special *s = special_find(j, message);

	/* Its move may be in this very batch. */
	if (!s)
		s = special_find(j, r->about);
	/* Without an offset it names no message of this run's account: one that was refused, or a DONE that is copied. */
	rec->about = message.segment;
	rec->origin.segment = s ? s->oldest : r->about.segment;
	if (r->first && r->first < rec->origin.segment)
		rec->origin.segment = r->first;
	if (r->origin.segment && r->origin.segment < rec->origin.segment)
		rec->origin.segment = r->origin.segment;
}

static void fill_message(struct journal *j, struct journal_request *r, struct record *rec)
{
	if (!r->first)
		r->first = rec->own.segment;
	rec->origin.segment = r->origin.segment && r->origin.segment < r->first ? r->origin.segment : r->first;
	if (r->about.segment && r->ours)
		moved_add(j, r->about, rec->own);
}

static void add_record(struct journal *j, struct journal_request *r)
{
	struct record rec = { .type = r->type, .group = r->group, .group_n = r->group_n, .len = (uint32_t)payload_len(r), .id = r->message.id };

	if (r->type == RECORD_NONE)
		return;
	rec.own = r->place = (struct place){ j->current->number, j->batch_end / SEGMENT_UNIT };
	if (r->type == RECORD_STATE)
		rec.origin = r->origin.segment ? r->origin : rec.own;
	if (r->type == RECORD_DONE)
		fill_done(j, r, &rec);
	if (r->type == RECORD_MESSAGE)
		fill_message(j, r, &rec);
	if (r->type == RECORD_DONE || (r->type == RECORD_STATE && rec.len <= COPY_MAX))
		add_small(j, &rec, r->message.state);
	else
		add_gathered(j, &rec, r);
	note_in_table(j, r, &rec);
	j->batch_end += (uint32_t)record_size(rec.len);
	j->batch_n++;
}

/* The first request and all that must go with it: does it fit behind the batch as it is? */
static bool first_fits(const struct journal *j)
{
	const struct journal_request *r = j->first;
	unsigned n = r->group_n ? r->group_n : 1;
	uint64_t end = j->batch_end, entries = j->table.len;

	for (; n && r; n--, r = r->next) {
		end += r->type == RECORD_NONE ? 0 : record_size((uint32_t)payload_len(r));
		entries += entry_len(r);
	}
	return segment_align(end, SEGMENT_PAGE) + table_room(entries) <= j->options.segment_size;
}

static void batch_take(struct journal *j)
{
	unsigned n = j->first->group_n ? j->first->group_n : 1;

	for (; n; n--) {
		struct journal_request *r = take_first(j);

		add_record(j, r);
		*j->batch_last = r;
		j->batch_last = &r->next;
		j->writer.sync |= r->type != RECORD_CHUNK;
	}
}

static void ack(struct journal *j, struct journal_request *r)
{
	struct segment *s = segment_find(j, r->place.segment);

	switch (r->type) {
	case RECORD_CHUNK:
		s->chunks++;
		s->live_bytes += record_size((uint32_t)payload_len(r));
		j->stats.chunks++;
		break;
	case RECORD_MESSAGE:
		s->messages++;
		s->live_bytes += record_size((uint32_t)payload_len(r));
		if (r->message.n_chunks || r->first != r->place.segment || r->origin.segment)
			special_add(j, r->place, r->origin.segment && r->origin.segment < r->first ? r->origin.segment : r->first,
			    r->message.chunks, r->message.n_chunks);
		j->stats.messages++;
		break;
	case RECORD_STATE:
		j->stats.states++;
		break;
	case RECORD_DONE:
		if (r->about.at)
			message_settled(j, moved_to(j, r->about));
		j->stats.dones++;
		break;
	default:
		break;
	}
	r->done(r, PR_OK);
}

static void ack_all(struct journal *j, struct journal_request *r)
{
	while (r) {
		struct journal_request *next = r->next;

		ack(j, r);
		r = next;
	}
}

static struct journal_request *batch_clear(struct journal *j)
{
	struct journal_request *r = j->batch;

	j->batch = NULL;
	j->batch_last = &j->batch;
	return r;
}

static void writer_start(struct journal *j, uint64_t at, uint64_t len, bool sync)
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

static void batch_write(struct journal *j)
{
	struct segment *s = j->current;
	char *head = arena_new(&j->scratch, SEGMENT_UNIT);
	struct record rec = { .type = RECORD_BATCH, .about = s->synced, .own = { s->number, s->used / SEGMENT_UNIT } };
	uint64_t end;

	j->n_iov = 0;
	j->batch_n = 0;
	j->writer.sync = false;
	iov_add(j, head, SEGMENT_UNIT);
	j->batch_end = s->used + SEGMENT_UNIT;
	while (j->first && j->n_iov < BATCH_N_IOV && j->batch_end - s->used < BATCH_MAX && judge(j) == PR_OK && first_fits(j))
		batch_take(j);
	rec.origin.at = (j->batch_end - s->used) / SEGMENT_UNIT;
	record_put(head, s->mark, &rec);
	/* Whole pages: the kernel need not read what is there to fill the last one, and the next batch doesn't touch it. */
	end = segment_align(j->batch_end, SEGMENT_PAGE);
	iov_add_zeros(j, end - j->batch_end);
	j->batch_end = (uint32_t)end;
	j->stats.batches++;
	if (j->batch_n > j->stats.largest_batch)
		j->stats.largest_batch = j->batch_n;
	writer_start(j, s->used, end - s->used, j->writer.sync);
	if (PLANTED(FAULT_EARLY_ANSWER))
		ack_all(j, batch_clear(j));
}

/* ---- the writer -------------------------------------------------------------------------------- */

static void seal(struct journal *j)
{
	struct segment *s = j->current;
	uint64_t room = table_room(j->table.len), at = j->options.segment_size - room;

	mem_free(j->table_bytes);
	j->table_bytes = mem_new(room);
	table_put(j->table_bytes, s->mark, (struct place){ s->number, (uint32_t)(at / SEGMENT_UNIT) }, buf_span(&j->table), j->table_n);
	j->n_iov = 0;
	iov_add(j, j->table_bytes, room);
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
	return is_new_mail(r) ? spare > RESERVE_SEGMENTS : spare > 1 || !j->make_failed || j->compact.under_way;
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
		enum pr_err err = judge(j);

		if (!err && is_new_mail(r)) {
			if (j->current)
				j->batch_end = j->current->used + SEGMENT_UNIT;
			if (room_is_short(j, j->current && first_fits(j)))
				err = PR_FULL;
		}
		if (!err)
			return;
		refuse_first(j, err);
	}
}

static void writer_step(struct journal *j)
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
	if (first_fits(j))
		batch_write(j);
	else
		seal(j);
}

static void failed_once_more(struct journal *j, int error)
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

/* What could not be emptied or freed gets another chance. */
static void unstick(struct journal *j)
{
	for (unsigned i = 0; i < j->n_used; i++)
		j->used[i]->stuck = false;
	j->look_for_victims = true;
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
	failed_once_more(j, error);
}

static void writer_worked(struct journal *j)
{
	struct segment *s = j->current;
	bool was_failing = j->failing;

	if (!j->writer.sync && !PLANTED(FAULT_NO_SYNC)) {
		s->used = j->batch_end;
		ack_all(j, batch_clear(j));
		return;
	}
	j->failures = 0;
	j->failing = false;
	s->used = s->synced = j->sealing ? s->size : j->batch_end;
	if (j->sealing)
		current_end(j, SEG_SEALED);
	if (was_failing) {
		unstick(j);
		if (j->owner->on_failing)
			j->owner->on_failing(j->arg, 0);
	}
	ack_all(j, batch_clear(j));
}

static void writer_done(struct journal *j)
{
	j->writing = false;
	if (j->writer.error)
		writer_failed(j, j->writer.error);
	else
		writer_worked(j);
	j->sealing = false;
}

/* ---- the keeper ----------------------------------------------------------------------------------- */

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
	j->keeper_iov = (struct iovec){ bytes, len };
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
	struct segment *s = j->spare[j->n_spare - 1];
	struct segment_header h = { .use = SEGMENT_USED, .size = j->options.segment_size };

	list_take(j->spare, &j->n_spare, j->n_spare - 1);
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
	keeper_write(j, KEEPER_OPEN, s, 0, j->header, sizeof(j->header));
}

static void make_one(struct journal *j)
{
	struct segment *s = mem_new(sizeof(*s));

	s->file = j->next_file++;
	s->size = j->options.segment_size;
	j->keeper.len = s->size;
	keeper_start(j, KEEPER_MAKE, JOB_MAKE, s);
}

static void remove_one(struct journal *j)
{
	struct segment *s = j->spare[j->n_spare - 1];

	list_take(j->spare, &j->n_spare, j->n_spare - 1);
	keeper_start(j, KEEPER_REMOVE, JOB_REMOVE, s);
}

static void keeper_step(struct journal *j)
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
	mem_free(s);
}

/* Whether its header is on the disk is not known, but it tells of no record; the next use writes all of it anew. */
static void opened(struct journal *j, struct segment *s, int error)
{
	if (!error) {
		s->state = SEG_READY;
		return;
	}
	j->ready = NULL;
	segment_forget(j, s);
	segment_add_spare(j, s);
	memmove(j->spare + 1, j->spare, (j->n_spare - 1) * sizeof(*j->spare));
	j->spare[0] = s;
	failed_once_more(j, error);
}

static void keeper_done(struct journal *j)
{
	enum keeper_task task = j->task;
	struct segment *s = j->tended;
	int error = j->keeper.error;

	j->task = KEEPER_IDLE;
	j->tended = NULL;
	switch (task) {
	case KEEPER_MAKE:
		made(j, s, error);
		break;
	case KEEPER_OPEN:
		opened(j, s, error);
		break;
	case KEEPER_REMOVE:
		mem_free(s);
		break;
	default:
		compact_job_done(j, error);
		break;
	}
}

/* ---- turns -------------------------------------------------------------------------------------------- */

static void tell_full(struct journal *j)
{
	bool full = room_is_short(j, current_has_room(j));

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

/* ---- recovery ---------------------------------------------------------------------------------------------- */

struct recovery *journal_recovery(struct journal *j)
{
	struct recovery *r = mem_new(sizeof(*r));

	arena_init(&r->memory, 1u << 20);
	r->segments = mem_new((j->n_used + 1) * sizeof(*r->segments));
	for (unsigned i = 0; i < j->n_used; i++) {
		const struct segment *s = j->used[i];

		r->segments[r->n_segments++].target =
		    (struct survey_target){ .file = s->file, .number = s->number, .size = s->size, .mark = s->mark };
	}
	j->recovery = r;
	j->recovered = false;
	return r;
}

static void take_segments(struct journal *j, const struct recovery *r)
{
	for (unsigned i = 0; i < r->n_segments; i++) {
		const struct recovery_segment *from = &r->segments[i];
		struct segment *s = segment_find(j, from->target.number);

		s->doubled |= from->doubled;
		s->stuck = from->error != 0;
		s->synced = from->sealed ? s->size : from->synced;
		s->used = from->sealed ? s->size : from->end;
	}
	for (unsigned i = 0; i < r->n_damages; i++)
		j->owner->on_damaged(j->arg, &r->damages[i]);
}

static bool is_set_aside(const struct journal *j, const struct msg_id *id)
{
	for (unsigned i = 0; i < j->options.n_skip; i++)
		if (id_eq(&j->options.skip[i], id))
			return true;
	return false;
}

static void tell_found(struct journal *j, const struct known *k)
{
	struct journal_found f = { .id = k->id, .place = k->place, .size = k->size, .aside = is_set_aside(j, &k->id), .brief = SPAN_NONE };
	unsigned n = f.aside ? 0 : recovery_states(k, NULL, 0);
	struct span few[8], *states = n > 8 ? mem_new(n * sizeof(*states)) : few;

	if (!f.aside) {
		f.brief = k->brief;
		f.states = states;
		f.n_states = recovery_states(k, states, n);
	}
	j->owner->on_found(j->arg, &f);
	if (states != few)
		mem_free(states);
}

static void take_known(struct journal *j, const struct known *k)
{
	struct segment *s = segment_find(j, k->place.segment);
	const struct journal_piece *pieces = (const struct journal_piece *)(const void *)k->pieces.at;

	s->messages++;
	s->live_bytes += record_size(k->len);
	for (unsigned i = 0; i < k->n_pieces; i++) {
		struct segment *of = segment_find(j, pieces[i].place.segment);

		of->chunks++;
		of->live_bytes += record_size(pieces[i].len);
	}
	if (k->n_pieces || k->oldest != k->place.segment)
		special_add(j, k->place, k->oldest, pieces, k->n_pieces);
	tell_found(j, k);
}

bool journal_recover(struct journal *j, unsigned n)
{
	struct recovery *r = j->recovery;
	struct journal_stats stats;

	if (!r)
		return false;
	if (!r->walked && !r->walked_bucket)
		take_segments(j, r);
	for (; n; n--) {
		const struct known *k = recovery_next(r);

		if (!k)
			break;
		take_known(j, k);
	}
	if (n == 0)
		return true;
	recovery_free(&j->recovery);
	j->recovered = true;
	j->look_for_victims = true;
	journal_stats(j, &stats);
	j->owner->on_recovered(j->arg, &stats);
	return false;
}
