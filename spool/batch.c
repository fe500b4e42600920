/* A batch: requests that one write takes to the disk, and what is true when it is there. */
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "spool/journal_private.h"

#define BATCH_MAX   (4u << 20)		/* bytes after which a batch takes no more: the next sync is not far */
#define BATCH_N_IOV 1000u		/* one pwritev takes 1024 */
#define COPY_MAX    1024u		/* shorter payloads are copied beside their head */

static const char ZEROS[SEGMENT_PAGE];

void batch_add(struct journal *j, const void *at, size_t len)
{
	struct journal_vec *last = j->n_iov ? &j->iov[j->n_iov - 1] : NULL;

	if (len == 0)
		return;
	if (last && (const char *)last->at + last->len == (const char *)at) {
		last->len += len;
		return;
	}
	if (j->n_iov == j->room_iov) {
		j->room_iov = j->room_iov ? j->room_iov * 2 : 64;
		j->iov = mem_resize(j->iov, j->room_iov * sizeof(*j->iov));
	}
	BUG_ON(!j->iov);
	j->iov[j->n_iov++] = (struct journal_vec){ (void *)(uintptr_t)at, len };
}

static void batch_add_zeros(struct journal *j, uint64_t len)
{
	BUG_ON(len > sizeof(ZEROS));
	batch_add(j, ZEROS, len);
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
		batch_add(j, r->message.content.spans[i].at, r->message.content.spans[i].len);
}

static void add_small(struct journal *j, struct record *rec, struct span payload)
{
	char *at = arena_new(&j->scratch, record_size(rec->len));

	rec->sum = digest_crc32c(0, payload.at, payload.len);
	memcpy(at + SEGMENT_UNIT, payload.at, payload.len);
	record_put(at, j->current->mark, rec);
	batch_add(j, at, record_size(rec->len));
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
		rec->sum = record_is_text(r->type) ? digest_crc32c(0, r->message.state.at, r->message.state.len) : content_sum(r);
	}
	record_put(at, j->current->mark, rec);
	batch_add(j, at, SEGMENT_UNIT + meta);
	if (record_is_text(r->type))
		batch_add(j, r->message.state.at, r->message.state.len);
	else
		add_content(j, r);
	batch_add_zeros(j, record_size(rec->len) - SEGMENT_UNIT - rec->len);
}

static void note_in_table(struct journal *j, const struct journal_request *r, const struct record *rec, struct span state)
{
	struct table_entry e = { .record = *rec, .size = r->message.size, .n_pieces = r->message.n_chunks, .brief = r->message.brief,
		.state = state, .has_state = state.len <= TABLE_STATE_MAX };

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

/* One that is copied ends what it ended before. */
static struct span state_of(struct journal *j, const struct journal_request *r, struct place own)
{
	char *at;

	if (r->type != RECORD_DONE || r->message.state.len)
		return r->message.state;
	at = arena_new(&j->scratch, DONE_LEN);
	done_put(at, own);
	return span_of(at, DONE_LEN);
}

static void add_record(struct journal *j, struct journal_request *r)
{
	struct span state;
	struct record rec = { .type = r->type, .group = r->group, .group_n = r->group_n, .len = (uint32_t)request_payload_len(r), .id = r->message.id };

	if (r->type == RECORD_NONE)
		return;
	rec.own = r->place = (struct place){ j->current->number, j->batch_end / SEGMENT_UNIT };
	if (record_is_text(r->type))
		rec.origin = r->origin.segment ? r->origin : rec.own;
	if (r->type == RECORD_DONE)
		fill_done(j, r, &rec);
	if (r->type == RECORD_MESSAGE)
		fill_message(j, r, &rec);
	state = state_of(j, r, rec.own);
	if (r->type == RECORD_DONE || (record_is_text(r->type) && rec.len <= COPY_MAX))
		add_small(j, &rec, state);
	else
		add_gathered(j, &rec, r);
	note_in_table(j, r, &rec, state);
	j->batch_end += (uint32_t)record_size(rec.len);
	j->batch_n++;
}

/* The first request and all that must go with it: does it fit behind the batch as it is? */
bool batch_takes_first(const struct journal *j)
{
	const struct journal_request *r = j->first;
	unsigned n = r->group_n ? r->group_n : 1;
	uint64_t end = j->batch_end, entries = j->table.len;

	for (; n && r; n--, r = r->next) {
		end += r->type == RECORD_NONE ? 0 : record_size((uint32_t)request_payload_len(r));
		entries += request_entry_len(r);
	}
	return segment_align(end, SEGMENT_PAGE) + table_room(entries) <= j->options.segment_size;
}

static void batch_take(struct journal *j)
{
	unsigned n = j->first->group_n ? j->first->group_n : 1;

	j->batch_has_group |= n > 1;
	for (; n; n--) {
		struct journal_request *r = request_take(j);

		add_record(j, r);
		*j->batch_last = r;
		j->batch_last = &r->next;
		j->writer.sync |= r->type != RECORD_CHUNK;
	}
}

/* Its owner has the new place from then on, or wants none any more. */
static void ack_annex(struct journal *j, struct journal_request *r)
{
	struct msg_id id = r->message.id;
	struct place place = r->place, before = j->owner->annex(j->arg, &id), now;

	annex_came(j, place, (uint32_t)r->message.state.len);
	j->stats.annexes++;
	r->done(r, PR_OK);
	now = j->owner->annex(j->arg, &id);
	if (!place_eq(now, before))
		annex_left(j, before);
	if (!place_eq(now, place))
		annex_left(j, place);
}

static void ack(struct journal *j, struct journal_request *r)
{
	struct segment *s = segment_find(j, r->place.segment);

	switch (r->type) {
	case RECORD_CHUNK:
		s->chunks++;
		s->live_bytes += record_size((uint32_t)request_payload_len(r));
		j->stats.chunks++;
		break;
	case RECORD_MESSAGE:
		s->messages++;
		s->live_bytes += record_size((uint32_t)request_payload_len(r));
		if (r->message.n_chunks || r->first != r->place.segment || r->origin.segment)
			special_add(j, r->place, r->origin.segment && r->origin.segment < r->first ? r->origin.segment : r->first,
			    r->message.chunks, r->message.n_chunks);
		j->stats.messages++;
		break;
	case RECORD_STATE:
		j->stats.states++;
		break;
	case RECORD_ANNEX:
		ack_annex(j, r);
		return;
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

void batch_ack(struct journal *j, struct journal_request *r)
{
	while (r) {
		struct journal_request *next = r->next;

		ack(j, r);
		r = next;
	}
}

struct journal_request *batch_clear(struct journal *j)
{
	struct journal_request *r = j->batch;

	j->batch = NULL;
	j->batch_last = &j->batch;
	return r;
}

/* A message that is moved brings its state along. What a group says in that state must not be found without the rest of the
 * group: it is synced before. */
static bool must_wait_for_group(const struct journal *j, const struct journal_request *r)
{
	return j->batch_has_group && r->type == RECORD_MESSAGE && r->about.segment;
}

void batch_write(struct journal *j)
{
	struct segment *s = j->current;
	char *head = arena_new(&j->scratch, SEGMENT_UNIT);
	struct record rec = { .type = RECORD_BATCH, .about = s->synced, .own = { s->number, s->used / SEGMENT_UNIT } };
	uint64_t end;

	j->n_iov = 0;
	j->batch_n = 0;
	j->writer.sync = false;
	batch_add(j, head, SEGMENT_UNIT);
	j->batch_end = s->used + SEGMENT_UNIT;
	j->batch_has_group = false;
	while (j->first && j->n_iov < BATCH_N_IOV && j->batch_end - s->used < BATCH_MAX && !must_wait_for_group(j, j->first) &&
	    request_judge(j) == PR_OK && batch_takes_first(j))
		batch_take(j);
	rec.origin.at = (j->batch_end - s->used) / SEGMENT_UNIT;
	record_put(head, s->mark, &rec);
	/* Whole pages: the kernel need not read what is there to fill the last one, and the next batch doesn't touch it. */
	end = segment_align(j->batch_end, SEGMENT_PAGE);
	batch_add_zeros(j, end - j->batch_end);
	j->batch_end = (uint32_t)end;
	j->stats.batches++;
	if (j->batch_n > j->stats.largest_batch)
		j->stats.largest_batch = j->batch_n;
	writer_start(j, s->used, end - s->used, j->writer.sync && !PLANTED(FAULT_EARLY_ANSWER));
}
