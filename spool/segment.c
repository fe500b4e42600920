#include "spool/segment.h"

#include <string.h>

#include "base/digest.h"

#ifdef JOURNAL_FAULTS
enum journal_fault journal_fault;
#endif

static void put_bytes(char *at, uint64_t n, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		at[i] = (char)(n >> 8 * i);
}

static uint64_t get_bytes(const char *at, unsigned len)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < len; i++)
		n |= (uint64_t)(unsigned char)at[i] << 8 * i;
	return n;
}

static void put16(char *at, uint16_t n) { put_bytes(at, n, 2); }
static void put32(char *at, uint32_t n) { put_bytes(at, n, 4); }
static void put64(char *at, uint64_t n) { put_bytes(at, n, 8); }
static uint16_t get16(const char *at) { return (uint16_t)get_bytes(at, 2); }
static uint32_t get32(const char *at) { return (uint32_t)get_bytes(at, 4); }
static uint64_t get64(const char *at) { return get_bytes(at, 8); }

/* ---- header ----
 * magic 8, version 4, use 4, number 4, size 4, mark 8, zeros, sum of all that at 508. Every version keeps magic, version and sum
 * where they are, so that any release can tell a newer one. */

#define HEADER_COPY 2048u
#define HEADER_LEN  512u
static const char MAGIC[8] = "PRspool\n";

void segment_put_header(char *at, const struct segment_header *h)
{
	memset(at, 0, SEGMENT_PROBE);
	memcpy(at, MAGIC, sizeof(MAGIC));
	put32(at + 8, SEGMENT_VERSION);
	put32(at + 12, h->use);
	put32(at + 16, h->number);
	put32(at + 20, h->size);
	put64(at + 24, h->mark);
	put32(at + HEADER_LEN - 4, digest_crc32c(0, at, HEADER_LEN - 4));
	memcpy(at + HEADER_COPY, at, HEADER_LEN);
}

static bool header_get(const char *at, struct segment_header *out)
{
	if (memcmp(at, MAGIC, sizeof(MAGIC)) != 0 || get32(at + HEADER_LEN - 4) != digest_crc32c(0, at, HEADER_LEN - 4))
		return false;
	out->version = get32(at + 8);
	out->use = get32(at + 12) == SEGMENT_USED ? SEGMENT_USED : SEGMENT_FREE;
	out->number = get32(at + 16);
	out->size = get32(at + 20);
	out->mark = get64(at + 24);
	return true;
}

/* Both copies are broken. The first BATCH record names mark and number; freeing has overwritten it, so it can't be of a use that
 * is over. */
static bool header_guess(const char *at, struct segment_header *out)
{
	struct record r;
	uint64_t mark = get64(at);
	struct place own = { get32(at + 32), SEGMENT_PAGE / SEGMENT_UNIT };

	if (record_get(at, mark, own, &r) != PR_OK || r.type != RECORD_BATCH)
		return false;
	*out = (struct segment_header){ SEGMENT_USED, SEGMENT_VERSION, own.segment, 0, mark };
	return true;
}

enum pr_err segment_get_header(struct span probe, struct segment_header *out)
{
	struct segment_header a, b;
	bool has_a, has_b;

	*out = (struct segment_header){ 0 };
	if (probe.len < SEGMENT_PROBE)
		return PR_OK;
	has_a = header_get(probe.at, &a);
	has_b = header_get(probe.at + HEADER_COPY, &b);
	if (!has_a && !has_b)
		return header_guess(probe.at + SEGMENT_PAGE, out), PR_OK;
	/* Torn between two: the later use counts; of one use, the free mark. */
	*out = !has_a || (has_b && (b.number > a.number || (b.number == a.number && b.use == SEGMENT_FREE))) ? b : a;
	return out->version > SEGMENT_VERSION ? PR_DENIED : PR_OK;
}

bool segment_is_free(struct span probe)
{
	struct segment_header h;

	return segment_get_header(probe, &h) == PR_OK && h.use == SEGMENT_FREE;
}

/* ---- records ----
 * mark 8, type 1, zero 1, group 2, group_n 2, zero 2, len 4, about 4, origin 8, own 8, id 16, sum of the payload 4, of the head 4. */

void record_put(char at[SEGMENT_UNIT], uint64_t mark, const struct record *r)
{
	put64(at, mark);
	at[8] = (char)r->type;
	at[9] = 0;
	put16(at + 10, r->group);
	put16(at + 12, r->group_n);
	put16(at + 14, 0);
	put32(at + 16, r->len);
	put32(at + 20, r->about);
	put32(at + 24, r->origin.segment);
	put32(at + 28, r->origin.at);
	put32(at + 32, r->own.segment);
	put32(at + 36, r->own.at);
	memcpy(at + 40, r->id.bytes, sizeof(r->id.bytes));
	put32(at + 56, r->sum);
	put32(at + 60, digest_crc32c(0, at, 60));
}

enum pr_err record_get(const char at[SEGMENT_UNIT], uint64_t mark, struct place own, struct record *out)
{
	if (get64(at) != mark)
		return PR_NONE;
	if (get32(at + 60) != digest_crc32c(0, at, 60))
		return PR_BAD;
	out->type = (uint8_t)at[8];
	out->group = get16(at + 10);
	out->group_n = get16(at + 12);
	out->len = get32(at + 16);
	out->about = get32(at + 20);
	out->origin = (struct place){ get32(at + 24), get32(at + 28) };
	out->own = (struct place){ get32(at + 32), get32(at + 36) };
	memcpy(out->id.bytes, at + 40, sizeof(out->id.bytes));
	out->sum = get32(at + 56);
	if (!place_eq(out->own, own) || out->type == RECORD_NONE || out->type >= N_RECORD_TYPES)
		return PR_BAD;
	return PR_OK;
}

bool record_find(const char at[SEGMENT_UNIT], struct record *out)
{
	return record_get(at, get64(at), (struct place){ get32(at + 32), get32(at + 36) }, out) == PR_OK;
}

uint32_t record_sum(struct span payload)
{
	return digest_crc32c(0, payload.at, payload.len);
}

bool record_sum_is(const struct record *r, const char *payload)
{
	uint32_t len = r->type == RECORD_MESSAGE && r->about <= r->len ? r->about : r->len;

	return PLANTED(FAULT_NO_SUM) || record_sum(span_of(payload, len)) == r->sum;
}

/* ---- the payload of a DONE ---- */

void done_put(char at[DONE_LEN], struct place until)
{
	put32(at, until.segment);
	put32(at + 4, until.at);
}

struct place done_until(struct span payload)
{
	if (payload.len != DONE_LEN)
		return (struct place){ UINT32_MAX, UINT32_MAX };
	return (struct place){ get32(payload.at), get32(payload.at + 4) };
}

/* ---- the payload of a MESSAGE ----
 * size 8, brief 4, envelope 4, state 4, pieces 4, content 4, its sum 4, zeros 8: lengths, then what they measure. */

uint64_t message_meta_len(const struct journal_message *m)
{
	return MESSAGE_HEAD + m->brief.len + m->envelope.len + m->state.len + (uint64_t)m->n_chunks * MESSAGE_PIECE;
}

static char *put_span(char *at, struct span s)
{
	memcpy(at, s.at, s.len);
	return at + s.len;
}

void message_put_meta(char *at, const struct journal_message *m, uint32_t content_len, uint32_t content_sum)
{
	put64(at, m->size);
	put32(at + 8, (uint32_t)m->brief.len);
	put32(at + 12, (uint32_t)m->envelope.len);
	put32(at + 16, (uint32_t)m->state.len);
	put32(at + 20, m->n_chunks);
	put32(at + 24, content_len);
	put32(at + 28, content_sum);
	put64(at + 32, 0);
	at = put_span(at + MESSAGE_HEAD, m->brief);
	at = put_span(at, m->envelope);
	at = put_span(at, m->state);
	for (unsigned i = 0; i < m->n_chunks; i++, at += MESSAGE_PIECE) {
		put32(at, m->chunks[i].place.segment);
		put32(at + 4, m->chunks[i].place.at);
		put32(at + 8, m->chunks[i].len);
	}
}

static bool take_span(struct span *rest, uint64_t len, struct span *out)
{
	if (rest->len < len)
		return false;
	*out = span_first(*rest, len);
	*rest = span_from(*rest, len);
	return true;
}

enum pr_err message_view(struct span meta, struct message_view *out)
{
	struct span rest = span_from(meta, MESSAGE_HEAD);

	if (meta.len < MESSAGE_HEAD)
		return PR_BAD;
	out->size = get64(meta.at);
	out->n_pieces = get32(meta.at + 20);
	out->content_len = get32(meta.at + 24);
	out->content_sum = get32(meta.at + 28);
	if (!take_span(&rest, get32(meta.at + 8), &out->brief) || !take_span(&rest, get32(meta.at + 12), &out->envelope) ||
	    !take_span(&rest, get32(meta.at + 16), &out->state) || !take_span(&rest, (uint64_t)out->n_pieces * MESSAGE_PIECE, &out->pieces))
		return PR_BAD;
	return rest.len ? PR_BAD : PR_OK;
}

bool content_sum_is(const struct message_view *v, const char *content)
{
	return PLANTED(FAULT_NO_SUM) || digest_crc32c(0, content, v->content_len) == v->content_sum;
}

enum pr_err message_check(const struct record *r, const char *payload, struct message_view *out)
{
	if (r->about > r->len || !record_sum_is(r, payload) || message_view(span_of(payload, r->about), out) != PR_OK)
		return PR_BAD;
	if (out->content_len != r->len - r->about)
		return PR_BAD;
	return content_sum_is(out, payload + r->about) ? PR_OK : PR_BAD;
}

struct journal_piece message_piece(const struct message_view *v, unsigned n)
{
	const char *at = v->pieces.at + (size_t)n * MESSAGE_PIECE;

	return (struct journal_piece){ { get32(at), get32(at + 4) }, get32(at + 8) };
}

/* ---- table ----
 * An entry: type 1, has_state 1, brief 2, state 2, zero 2, at 4, len 4, about 4, origin 8, id 16, size 8, pieces 4; brief, state.
 * The record of the table begins on a page; its head is said again in the last 64 bytes of the segment. */

#define ENTRY_LEN 56u

uint64_t table_entry_len(const struct table_entry *e)
{
	return ENTRY_LEN + e->brief.len + (e->has_state ? e->state.len : 0);
}

void table_add(struct buf *b, const struct table_entry *e)
{
	const struct record *r = &e->record;
	char at[ENTRY_LEN] = { (char)r->type, (char)e->has_state };

	put16(at + 2, (uint16_t)e->brief.len);
	put16(at + 4, e->has_state ? (uint16_t)e->state.len : 0);
	put32(at + 8, r->own.at);
	put32(at + 12, r->len);
	put32(at + 16, r->about);
	put32(at + 20, r->origin.segment);
	put32(at + 24, r->origin.at);
	memcpy(at + 28, r->id.bytes, sizeof(r->id.bytes));
	put64(at + 44, e->size);
	put32(at + 52, e->n_pieces);
	BUG_ON(buf_add(b, span_of(at, sizeof(at))) || buf_add(b, e->brief) || (e->has_state && buf_add(b, e->state)));
}

enum pr_err table_take(struct span *rest, uint32_t number, struct table_entry *out)
{
	const char *at = rest->at;
	struct record *r = &out->record;

	if (rest->len == 0)
		return PR_NONE;
	if (rest->len < ENTRY_LEN)
		return PR_BAD;
	*r = (struct record){ .type = (uint8_t)at[0], .len = get32(at + 12), .about = get32(at + 16) };
	r->own = (struct place){ number, get32(at + 8) };
	r->origin = (struct place){ get32(at + 20), get32(at + 24) };
	memcpy(r->id.bytes, at + 28, sizeof(r->id.bytes));
	out->has_state = at[1] != 0;
	out->size = get64(at + 44);
	out->n_pieces = get32(at + 52);
	*rest = span_from(*rest, ENTRY_LEN);
	if (!take_span(rest, get16(at + 2), &out->brief) || !take_span(rest, get16(at + 4), &out->state))
		return PR_BAD;
	return PR_OK;
}

static void zero_span(struct span s)
{
	memset((char *)(uintptr_t)s.at, 0, s.len);
}

unsigned table_blank(struct span entries, bool (*is_meant)(void *arg, const struct msg_id *id), void *arg)
{
	struct table_entry e;
	unsigned n = 0;

	while (table_take(&entries, 0, &e) == PR_OK) {
		if (e.record.type == RECORD_DONE || !is_meant(arg, &e.record.id))
			continue;
		zero_span(e.brief);
		zero_span(e.state);
		n++;
	}
	return n;
}

uint64_t table_room(uint64_t bytes)
{
	return segment_align(bytes + 2 * (uint64_t)SEGMENT_UNIT, SEGMENT_PAGE);
}

void table_put(char *at, uint64_t mark, struct place own, struct span entries, uint32_t n)
{
	uint64_t room = table_room(entries.len);
	struct record r = { .type = RECORD_TABLE, .len = (uint32_t)entries.len, .about = n, .own = own,
		.sum = digest_crc32c(0, entries.at, entries.len) };

	record_put(at, mark, &r);
	memcpy(at + SEGMENT_UNIT, entries.at, entries.len);
	memset(at + SEGMENT_UNIT + entries.len, 0, room - SEGMENT_UNIT - entries.len);
	memcpy(at + room - SEGMENT_UNIT, at, SEGMENT_UNIT);
}

bool table_blank_whole(char *at, uint32_t entries_len, bool (*is_meant)(void *arg, const struct msg_id *id), void *arg)
{
	struct span entries = span_of(at + SEGMENT_UNIT, entries_len);
	struct record r;
	bool whole = record_find(at, &r) && record_sum_is(&r, entries.at);

	if (!table_blank(entries, is_meant, arg))
		return false;
	if (whole) {
		r.sum = record_sum(entries);
		record_put(at, get64(at), &r);
		memcpy(at + table_room(entries_len) - SEGMENT_UNIT, at, SEGMENT_UNIT);
	}
	return true;
}

enum pr_err table_find(const char last[SEGMENT_UNIT], uint64_t mark, uint32_t number, uint32_t segment_size, struct record *out)
{
	struct place own = { number, get32(last + 36) };
	uint64_t room;

	if (record_get(last, mark, own, out) != PR_OK || out->type != RECORD_TABLE)
		return PR_NONE;
	room = table_room(out->len);
	return (uint64_t)own.at * SEGMENT_UNIT + room == segment_size ? PR_OK : PR_BAD;
}

enum pr_err table_open(struct span bytes, const struct record *r, struct span *entries)
{
	if (bytes.len < (uint64_t)SEGMENT_UNIT + r->len)
		return PR_BAD;
	*entries = span_of(bytes.at + SEGMENT_UNIT, r->len);
	return record_sum_is(r, entries->at) ? PR_OK : PR_BAD;
}
