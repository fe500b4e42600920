#include "spool/envelope.h"

#include "base/digest.h"
#include "wire/verbs.h"

#define ENVELOPE_VERSION 1
#define ENVELOPE_TO_SIGN 2	/* the same, and what its signature needs */
#define FLAGS_KNOWN (MAIL_SMTPUTF8 | MAIL_8BIT | MAIL_RET_FULL | MAIL_RET_HDRS | MAIL_SUBMITTED | MAIL_IN_DOUBT | MAIL_BOUNCE)
#define NOTIFY_KNOWN (NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY)

/* ---- numbers and texts --------------------------------------------------- */

static void add_number(struct buf *b, uint64_t value, unsigned size)
{
	char bytes[8];

	for (unsigned i = 0; i < size; i++)
		bytes[i] = (char)(value >> (8 * i));
	(void)buf_add(b, span_of(bytes, size));
}

static void add_text(struct buf *b, struct span s)
{
	if (s.len > UINT16_MAX)
		s.len = UINT16_MAX;
	add_number(b, s.len, 2);
	(void)buf_add(b, s);
}

/* What is left to read; bad sticks, so that a row of takes needs one check. */
struct reader {
	struct span rest;
	bool bad;
};

static uint64_t take_number(struct reader *r, unsigned size)
{
	uint64_t value = 0;

	if (r->rest.len < size) {
		r->bad = true;
		return 0;
	}
	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)(unsigned char)r->rest.at[i] << (8 * i);
	r->rest = span_from(r->rest, size);
	return value;
}

static struct span take_text(struct reader *r)
{
	size_t len = take_number(r, 2);
	struct span s = span_first(r->rest, len);

	if (s.len != len) {
		r->bad = true;
		return SPAN_NONE;
	}
	r->rest = span_from(r->rest, len);
	return s;
}

static enum pr_err buf_state(const struct buf *b)
{
	return b->overflowed ? PR_FULL : PR_OK;
}

/* ---- the envelope -------------------------------------------------------- */

enum pr_err envelope_add_rcpt(struct buf *rows, const struct envelope_rcpt *r)
{
	add_number(rows, r->notify, 1);
	add_text(rows, r->address);
	add_text(rows, r->orcpt);
	return buf_state(rows);
}

static void take_rcpt(struct reader *r, struct envelope_rcpt *out)
{
	out->notify = (uint8_t)take_number(r, 1);
	out->address = take_text(r);
	out->orcpt = take_text(r);
	r->bad |= (out->notify & ~NOTIFY_KNOWN) != 0;
}

enum pr_err envelope_encode(const struct envelope *env, struct buf *out)
{
	add_number(out, env->from_domain.len ? ENVELOPE_TO_SIGN : ENVELOPE_VERSION, 1);
	add_number(out, env->flags, 4);
	add_number(out, (uint64_t)env->received_ms, 8);
	add_text(out, env->sender);
	add_text(out, env->envid);
	add_text(out, env->client);
	add_text(out, env->login);
	add_text(out, env->quarantine);
	if (env->from_domain.len) {
		add_text(out, env->from_domain);
		add_text(out, env->body_hash);
	}
	add_number(out, env->n_rcpts, 4);
	(void)buf_add(out, env->rcpts);
	(void)buf_add(out, env->states);
	return buf_state(out);
}

/* The rows of recipients end where their number says; returns what is behind. */
static struct span check_rcpts(struct reader *r, uint32_t n)
{
	struct envelope_rcpt rcpt;
	const char *begin = r->rest.at;

	r->bad |= n == 0 || n > ENVELOPE_MAX_RCPTS;
	for (uint32_t i = 0; i < n && !r->bad; i++)
		take_rcpt(r, &rcpt);
	return span_of(begin, (size_t)(r->rest.at - begin));
}

static bool states_are_good(struct span rows)
{
	struct state_row row;
	enum pr_err err;

	while ((err = state_next(&rows, &row)) == PR_OK)
		;
	return err == PR_NONE;
}

static void take_signing(struct reader *r, struct envelope *out)
{
	out->from_domain = take_text(r);
	out->body_hash = take_text(r);
	r->bad |= out->from_domain.len == 0 || out->body_hash.len != SHA256_LEN;
}

enum pr_err envelope_decode(struct span bytes, struct envelope *out)
{
	struct reader r = { bytes, false };
	uint64_t version = take_number(&r, 1);

	*out = (struct envelope){ .from_domain = SPAN_NONE, .body_hash = SPAN_NONE };
	r.bad |= version != ENVELOPE_VERSION && version != ENVELOPE_TO_SIGN;
	out->flags = (uint32_t)take_number(&r, 4);
	out->received_ms = (int64_t)take_number(&r, 8);
	out->sender = take_text(&r);
	out->envid = take_text(&r);
	out->client = take_text(&r);
	out->login = take_text(&r);
	out->quarantine = take_text(&r);
	if (version == ENVELOPE_TO_SIGN)
		take_signing(&r, out);
	out->n_rcpts = (uint32_t)take_number(&r, 4);
	r.bad |= (out->flags & ~(uint32_t)FLAGS_KNOWN) != 0 || out->received_ms < 0;
	out->rcpts = check_rcpts(&r, out->n_rcpts);
	out->states = r.rest;
	return !r.bad && states_are_good(out->states) ? PR_OK : PR_BAD;
}

bool envelope_next(struct span *rows, struct envelope_rcpt *out)
{
	struct reader r = { *rows, false };

	if (rows->len == 0)
		return false;
	take_rcpt(&r, out);
	*rows = r.bad ? SPAN_NONE : r.rest;
	return !r.bad;
}

struct span envelope_address(const struct envelope *env, uint32_t n)
{
	struct envelope_rcpt rcpt = { .address = SPAN_NONE };
	struct span rows = env->rcpts;

	for (uint32_t i = 0; i <= n; i++)
		if (i >= env->n_rcpts || !envelope_next(&rows, &rcpt))
			return SPAN_NONE;
	return rcpt.address;
}

/* ---- state rows ---------------------------------------------------------- */

static void add_target(struct buf *out, const struct state_row *row)
{
	add_number(out, row->origin, 4);
	add_number(out, row->notify, 1);
	add_number(out, row->kind, 1);
	add_text(out, row->deliver);
	add_text(out, row->mailbox);
	add_text(out, row->address);
}

static void take_target(struct reader *r, struct state_row *row)
{
	row->origin = (uint32_t)take_number(r, 4);
	row->notify = (uint8_t)take_number(r, 1);
	row->kind = (uint8_t)take_number(r, 1);
	row->deliver = take_text(r);
	row->mailbox = take_text(r);
	row->address = take_text(r);
	r->bad |= (row->notify & ~NOTIFY_KNOWN) != 0 || row->kind > TARGET_ARCHIVE || row->origin >= ENVELOPE_MAX_RCPTS;
}

static void add_outcome(struct buf *out, const struct state_row *row)
{
	add_number(out, row->fate, 1);
	add_number(out, row->code, 2);
	add_number(out, row->tries, 2);
	add_number(out, (uint64_t)row->next_ms, 8);
	add_text(out, row->enhanced);
	add_text(out, row->words);
	add_text(out, row->host);
}

static void take_outcome(struct reader *r, struct state_row *row)
{
	row->fate = (uint8_t)take_number(r, 1);
	row->code = (uint16_t)take_number(r, 2);
	row->tries = (uint16_t)take_number(r, 2);
	row->next_ms = (int64_t)take_number(r, 8);
	row->enhanced = take_text(r);
	row->words = take_text(r);
	row->host = take_text(r);
	r->bad |= row->fate > FATE_PASSED || row->next_ms < 0;
}

enum pr_err state_add(struct buf *out, const struct state_row *row)
{
	size_t before = out->len;

	add_number(out, row->type, 1);
	add_number(out, row->n, 4);
	if (row->type == STATE_ROW_TARGET)
		add_target(out, row);
	else if (row->type == STATE_ROW_OUTCOME)
		add_outcome(out, row);
	else if (row->type == STATE_ROW_HOLD)
		add_text(out, row->words);
	else if (row->type == STATE_ROW_SENDER)
		add_text(out, row->sender);
	if (out->overflowed)
		out->len = before;
	return buf_state(out);
}

enum pr_err state_next(struct span *rows, struct state_row *out)
{
	struct reader r = { *rows, false };

	if (rows->len == 0)
		return PR_NONE;
	*out = (struct state_row){ .type = 0 };
	out->type = (uint8_t)take_number(&r, 1);
	out->n = (uint32_t)take_number(&r, 4);
	if (out->type == STATE_ROW_TARGET)
		take_target(&r, out);
	else if (out->type == STATE_ROW_OUTCOME)
		take_outcome(&r, out);
	else if (out->type == STATE_ROW_HOLD)
		out->words = take_text(&r);
	else if (out->type == STATE_ROW_SENDER)
		out->sender = take_text(&r);
	r.bad |= out->type < STATE_ROW_TARGET || out->type > STATE_ROW_SENDER;
	if (r.bad)
		return PR_BAD;
	*rows = r.rest;
	return PR_OK;
}
