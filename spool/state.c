#include "spool/state.h"

#include <string.h>

#include "wire/verbs.h"

#define MARKS_OF_ENVELOPE 0x7fu	/* the enum wire_mail; above are marks of this run */

/* ---- briefs ---------------------------------------------------------------- */

void brief_encode(const struct mail *m, int64_t received_ms, uint32_t n_rcpts, char out[BRIEF_SIZE])
{
	uint16_t marks = m->marks & (MARKS_OF_ENVELOPE | MARK_NULL_SENDER);
	uint16_t version = 1;

	memcpy(out, &version, 2);
	memcpy(out + 2, &marks, 2);
	memcpy(out + 4, &m->sender, 4);
	memcpy(out + 8, &n_rcpts, 4);
	memcpy(out + 12, &received_ms, 8);
}

enum pr_err brief_decode(struct span brief, struct mail *m, struct instant now)
{
	int64_t received_ms;
	uint16_t version;

	if (brief.len != BRIEF_SIZE)
		return PR_BAD;
	memcpy(&version, brief.at, 2);
	memcpy(&m->marks, brief.at + 2, 2);
	memcpy(&m->sender, brief.at + 4, 4);
	memcpy(&received_ms, brief.at + 12, 8);
	if (version != 1)
		return PR_BAD;
	m->marks = (m->marks & (MARKS_OF_ENVELOPE | MARK_NULL_SENDER)) | MARK_UNEXPANDED | MARK_RECALLED;
	schedule_born(m, received_ms, now);
	return PR_OK;
}

/* ---- one recipient ----------------------------------------------------------- */

void rcpt_say(struct books *b, struct rcpt *r, const struct saying *said)
{
	uint32_t old = r->words;

	r->words = words_keep(b->words, said);
	words_drop(b->words, &old);
}

struct saying rcpt_last_said(const struct books *b, const struct rcpt *r)
{
	return r->words || rcpt_is_settled(r) ? words_find(b->words, r->words) : schedule_way_said(b->schedule, r->way);
}

struct rcpt_names rcpt_names(const struct books *b, const struct rcpt *r)
{
	struct saying s;

	if (!r->named)
		return (struct rcpt_names){ r->origin, SPAN_NONE, SPAN_NONE };
	s = words_find(b->words, r->origin);
	return (struct rcpt_names){ s.code, s.host, s.words };
}

struct span rcpt_sender(const struct books *b, const struct rcpt *r, struct span own)
{
	return r->sender ? words_find(b->words, r->sender).words : own;
}

static void rcpt_waits_no_more(struct books *b, const struct rcpt *r)
{
	if (r->way != WAY_NOWHERE && !rcpt_is_settled(r))
		schedule_way_left(b->schedule, r->way);
}

void rcpt_settle(struct books *b, struct mail *m, uint32_t n, enum wire_fate fate, const struct saying *said)
{
	static const uint8_t settled[] = {
		[FATE_DELIVERED] = RCPT_DELIVERED, [FATE_RELAYED] = RCPT_RELAYED, [FATE_FAILED] = RCPT_FAILED, [FATE_PASSED] = RCPT_PASSED
	};
	struct rcpt *r = mail_rcpt(m, n);

	rcpt_say(b, r, said);
	rcpt_waits_no_more(b, r);
	r->state = settled[fate];
	if (fate == FATE_FAILED || (fate != FATE_PASSED && r->flags & NOTIFY_SUCCESS))
		r->flags |= RCPT_UNTOLD;
}

static enum wire_fate rcpt_fate(const struct rcpt *r)
{
	switch (r->state) {
	case RCPT_DELIVERED:
		return FATE_DELIVERED;
	case RCPT_RELAYED:
		return FATE_RELAYED;
	case RCPT_PASSED:
		return FATE_PASSED;
	case RCPT_FAILED:
		return FATE_FAILED;
	default:
		return FATE_DEFERRED;
	}
}

struct state_row rcpt_outcome_row(const struct books *b, struct mail *m, uint32_t n, struct instant now)
{
	const struct rcpt *r = mail_rcpt(m, n);
	struct saying said = words_find(b->words, r->words);
	int64_t next = 0;

	if (r->state == RCPT_WAITING)
		next = schedule_due_mono(b->schedule, r) - now.mono_ms + now.wall_ms;
	return (struct state_row){
		.type = STATE_ROW_OUTCOME, .n = n, .fate = rcpt_fate(r), .code = (uint16_t)said.code, .tries = r->tries,
		.next_ms = next > 0 ? next : 0, .enhanced = said.enhanced, .words = said.words, .host = said.host,
	};
}

/* ---- rows into memory ---------------------------------------------------------- */

static void rcpt_forget(struct books *b, struct rcpt *r)
{
	rcpt_waits_no_more(b, r);
	words_drop(b->words, &r->words);
	words_drop(b->words, &r->sender);
	if (r->named)
		words_drop(b->words, &r->origin);
	if (r->way != WAY_NOWHERE)
		schedule_way_drop(b->schedule, r->way);
}

void books_remove(struct books *b, struct mail *m)
{
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		rcpt_forget(b, mail_rcpt(m, i));
	queue_remove(b->queue, m);
}

static enum pr_err apply_target(struct books *b, struct mail *m, const struct state_row *row, bool recalled, struct instant now)
{
	struct rcpt *r;

	if (row->n > m->n_rcpts || row->n >= ENVELOPE_MAX_RCPTS + ENVELOPE_MAX_TARGETS)
		return PR_BAD;
	if (row->n == m->n_rcpts)
		mail_add_rcpts(m, 1);
	m->marks &= (uint16_t)~MARK_UNEXPANDED;
	r = mail_rcpt(m, row->n);
	rcpt_forget(b, r);
	*r = (struct rcpt){ .origin = row->origin, .flags = row->notify };
	if (row->kind == TARGET_ARCHIVE)
		r->flags |= RCPT_SILENT;
	if (row->address.len || row->mailbox.len) {
		r->origin = words_keep(b->words, &(struct saying){ row->origin, SPAN_NONE, row->address, row->mailbox });
		r->named = 1;
	}
	if (row->deliver.len > 0) {
		r->way = schedule_way(b->schedule, row->deliver);
		schedule_way_keep(b->schedule, r->way);
		schedule_way_joined(b->schedule, r->way);
	}
	if (recalled)
		schedule_recall(b->schedule, m, row->n, 0, now);
	else
		schedule_wait_until(b->schedule, m, row->n, now.mono_ms);
	return PR_OK;
}

static void apply_outcome(struct books *b, struct mail *m, const struct state_row *row, bool recalled, struct instant now)
{
	struct rcpt *r = mail_rcpt(m, row->n);
	struct saying said = { row->code, row->enhanced, row->words, row->host };

	r->tries = row->tries;
	if (row->fate != FATE_DEFERRED) {
		rcpt_settle(b, m, row->n, row->fate, &said);
		return;
	}
	rcpt_say(b, r, &said);
	if (recalled)
		schedule_recall(b->schedule, m, row->n, row->next_ms, now);
}

static void apply_sender(struct books *b, struct rcpt *r, struct span sender)
{
	words_drop(b->words, &r->sender);
	if (sender.len > 0)
		r->sender = words_keep(b->words, &(struct saying){ 0, SPAN_NONE, sender, SPAN_NONE });
}

static void apply_hold(struct books *b, struct rcpt *r, const struct state_row *row)
{
	r->state = RCPT_HELD;
	if (row->words.len)
		rcpt_say(b, r, &(struct saying){ 0, SPAN_NONE, row->words, SPAN_NONE });
}

/* Why it was held is no reason any more; what a server said before that is. */
static void forget_hold(struct books *b, struct rcpt *r)
{
	if (r->words && words_find(b->words, r->words).enhanced.len == 0)
		words_drop(b->words, &r->words);
}

static void apply_to_one(struct books *b, struct mail *m, uint32_t n, const struct state_row *row, struct instant now)
{
	struct rcpt *r = mail_rcpt(m, n);

	if (row->type == STATE_ROW_NOTICED)
		r->flags |= RCPT_NOTICED;
	if (rcpt_is_settled(r) || r->state == RCPT_FLYING || row->type == STATE_ROW_NOTICED)
		return;
	if (row->type == STATE_ROW_RELEASE)
		r->released = 1;
	if (row->type == STATE_ROW_RELEASE && r->state == RCPT_HELD)
		forget_hold(b, r);
	if (row->type == STATE_ROW_HOLD)
		apply_hold(b, r, row);
	else if (row->type == STATE_ROW_RETRY ? r->state != RCPT_HELD : r->state == RCPT_HELD)
		schedule_wait_until(b->schedule, m, n, now.mono_ms);
}

static void apply_to_all(struct books *b, struct mail *m, const struct state_row *row, struct instant now)
{
	if (row->type == STATE_ROW_HOLD && m->marks & MARK_UNEXPANDED)
		m->marks |= MARK_HELD;
	else if (row->type == STATE_ROW_RELEASE)
		m->marks &= (uint16_t)~MARK_HELD;
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		apply_to_one(b, m, i, row, now);
}

static void apply_told(struct mail *m, uint32_t round)
{
	m->round = (uint16_t)round;
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		mail_rcpt(m, i)->flags &= (uint8_t)~RCPT_UNTOLD;
}

static enum pr_err apply_row(struct books *b, struct mail *m, const struct state_row *row, bool recalled, struct instant now)
{
	if (row->type == STATE_ROW_TARGET)
		return apply_target(b, m, row, recalled, now);
	if (row->type == STATE_ROW_TOLD)
		apply_told(m, row->n);
	else if (row->n == STATE_ALL && row->type != STATE_ROW_OUTCOME && row->type != STATE_ROW_SENDER)
		apply_to_all(b, m, row, now);
	else if (row->n >= m->n_rcpts)
		return PR_BAD;
	else if (row->type == STATE_ROW_OUTCOME)
		apply_outcome(b, m, row, recalled, now);
	else if (row->type == STATE_ROW_SENDER)
		apply_sender(b, mail_rcpt(m, row->n), row->sender);
	else
		apply_to_one(b, m, row->n, row, now);
	return PR_OK;
}

enum pr_err state_apply(struct books *b, struct mail *m, struct span rows, bool recalled, struct instant now)
{
	struct state_row row;
	enum pr_err err;

	while ((err = state_next(&rows, &row)) == PR_OK)
		if ((err = apply_row(b, m, &row, recalled, now)) != PR_OK)
			return err;
	return err == PR_NONE ? PR_OK : err;
}

/* ---- memory into rows ------------------------------------------------------------ */

static void add_target_of(struct books *b, struct mail *m, uint32_t n, struct buf *out)
{
	const struct rcpt *r = mail_rcpt(m, n);
	struct rcpt_names names = rcpt_names(b, r);

	(void)state_add(out, &(struct state_row){
		.type = STATE_ROW_TARGET, .n = n, .origin = names.origin, .notify = r->flags & RCPT_NOTIFY,
		.kind = r->flags & RCPT_SILENT ? TARGET_ARCHIVE : TARGET_MEMBER, .deliver = schedule_way_name(b->schedule, r->way),
		.mailbox = names.mailbox, .address = names.address,
	});
	if (r->sender)
		(void)state_add(out, &(struct state_row){ .type = STATE_ROW_SENDER, .n = n, .sender = words_find(b->words, r->sender).words });
}

static void add_row_of(struct books *b, struct mail *m, uint32_t n, struct instant now, bool with_words, struct buf *out)
{
	const struct rcpt *r = mail_rcpt(m, n);
	struct state_row row;

	if (r->flags & RCPT_NOTICED)
		(void)state_add(out, &(struct state_row){ .type = STATE_ROW_NOTICED, .n = n });
	if (r->released)
		(void)state_add(out, &(struct state_row){ .type = STATE_ROW_RELEASE, .n = n });
	if (rcpt_is_settled(r) || r->tries > 0) {
		row = rcpt_outcome_row(b, m, n, now);
		if (!with_words)
			row.words = row.host = SPAN_NONE;
		(void)state_add(out, &row);
	}
	if (r->state == RCPT_HELD)
		(void)state_add(out, &(struct state_row){ .type = STATE_ROW_HOLD, .n = n,
		    .words = with_words ? words_find(b->words, r->words).words : SPAN_NONE });
}

/* First what the sender knows, then TOLD, then the rest. */
static void whole(struct books *b, struct mail *m, struct instant now, bool with_words, struct buf *out)
{
	if (m->marks & MARK_HELD)
		(void)state_add(out, &(struct state_row){ .type = STATE_ROW_HOLD, .n = STATE_ALL });
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		add_target_of(b, m, i, out);
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		if (!(mail_rcpt(m, i)->flags & RCPT_UNTOLD))
			add_row_of(b, m, i, now, with_words, out);
	if (m->round)
		(void)state_add(out, &(struct state_row){ .type = STATE_ROW_TOLD, .n = m->round });
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		if (mail_rcpt(m, i)->flags & RCPT_UNTOLD)
			add_row_of(b, m, i, now, with_words, out);
}

enum pr_err state_whole(struct books *b, struct mail *m, struct instant now, struct buf *out)
{
	whole(b, m, now, true, out);
	if (!out->overflowed)
		return PR_OK;
	buf_clear(out);		/* ten thousand long replies: where each stands counts more than what was said */
	whole(b, m, now, false, out);
	return out->overflowed ? PR_FULL : PR_OK;
}
