/* What may be written, and who is refused. */
#include "base/mem.h"
#include "spool/journal_private.h"

bool request_is_new_mail(const struct journal_request *r)
{
	return !r->ours && (r->type == RECORD_MESSAGE || r->type == RECORD_CHUNK);
}

bool journal_current_has_room(const struct journal *j)
{
	return j->current && j->current->used + table_room(j->table.len) + j->options.segment_size / 8 <= j->options.segment_size;
}

bool journal_is_short(const struct journal *j, bool fits_current)
{
	return j->make_failed && journal_available(j) < (fits_current ? RESERVE_SEGMENTS : RESERVE_SEGMENTS + 1);
}

bool journal_takes_mail(const struct journal *j)
{
	return !j->failing && !journal_is_short(j, journal_current_has_room(j));
}

static void doubt_done(struct journal_request *r, enum pr_err err)
{
	(void)err;
	own_free((struct own_request *)(void *)r);
}

/* Some of its bytes may be on the disk, and its sender is told that it was not taken: should they be found, it is DONE. */
static void put_doubt(struct journal *j, const struct journal_request *r)
{
	struct journal_request *doubt = &own_new(j)->request;

	doubt->done = doubt_done;
	doubt->message = (struct journal_message){ .id = r->message.id };
	doubt->about.segment = r->place.segment;
	journal_put(j, doubt, RECORD_DONE, false, true);
	doubt->first = r->first;
}

void request_refuse(struct journal *j, enum pr_err err)
{
	for (unsigned n = j->first->group_n ? j->first->group_n : 1; n; n--) {
		struct journal_request *r = request_take(j);

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

uint64_t request_content_len(const struct journal_request *r)
{
	uint64_t len = 0;

	for (unsigned i = 0; i < r->message.content.n; i++)
		len += r->message.content.spans[i].len;
	return len;
}

uint64_t request_payload_len(const struct journal_request *r)
{
	switch (r->type) {
	case RECORD_CHUNK:
		return request_content_len(r);
	case RECORD_MESSAGE:
		return message_meta_len(&r->message) + request_content_len(r);
	case RECORD_STATE:
	case RECORD_ANNEX:
		return r->message.state.len;
	case RECORD_DONE:
		return DONE_LEN;
	default:
		return 0;
	}
}

uint64_t request_entry_len(const struct journal_request *r)
{
	struct table_entry e = { .brief = r->message.brief, .state = r->message.state, .has_state = r->message.state.len <= TABLE_STATE_MAX };

	if (r->type == RECORD_DONE)
		e.state.len = DONE_LEN;
	return r->type == RECORD_NONE ? 0 : table_entry_len(&e);
}

static enum pr_err judge_one(const struct journal *j, const struct journal_request *r)
{
	uint64_t most = j->options.segment_size - 4 * SEGMENT_PAGE;

	if (request_payload_len(r) + request_entry_len(r) > most)
		return PR_BAD;
	for (unsigned i = 0; r->type == RECORD_MESSAGE && i < r->message.n_chunks; i++)
		if (chunk_is_lost(j, &r->message.chunks[i]))
			return PR_IO;
	if (request_is_new_mail(r) && j->failures >= FAILURES_MAX && j->now < j->write_again_at)
		return PR_IO;
	return PR_OK;
}

/* May the first request be written, and all that must go with it? */
enum pr_err request_judge(const struct journal *j)
{
	const struct journal_request *r = j->first;
	enum pr_err err = judge_one(j, r);

	for (unsigned n = r->group_n; n > 1 && !err; n--) {
		r = r->next;
		err = judge_one(j, r);
	}
	return err;
}
