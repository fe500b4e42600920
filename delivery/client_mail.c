/* One mail over a connection: envelope, body, end. */
#include "delivery/client_private.h"

#include <string.h>

static enum progress run_ready(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_envelope(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_leftover(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_body(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_final(struct client *c, struct buf *out, struct client_effect *effect);

const struct client_step
	AT_READY = { "a mail", run_ready },
	AT_ENVELOPE = { NULL, run_envelope },
	AT_LEFTOVER = { "replies to refused commands", run_leftover },	/* of a mail whose recipients are all settled */
	AT_BODY = { "the message to be taken", run_body },
	AT_FINAL = { "the reply to the end of data", run_final };

/* ---- between mails ----------------------------------------------------------------- */

static void await_reply_to(struct client *c, enum client_command command)
{
	static const char *const replies[] = { "the reply to RSET", "the reply to MAIL", "the reply to RCPT", "the reply to DATA", "a reply" };

	c->awaits = command;
	c->waits_for = replies[command];
	step_to(c, &AT_ENVELOPE, command == SAY_DATA ? c->options->times.data : c->options->times.command);
}

static enum progress begin_mail(struct client *c, struct client_effect *effect)
{
	unsigned rcpt = rcpt_utf8(c->job);

	if (mail_is_unfit(c)) {
		settle_then(c, &AT_READY);
		return STEP_AGAIN;
	}
	if (rcpt < c->job->n_rcpts && !(c->offers & OFFERS_SMTPUTF8)) {
		address_is_unfit(c);
		return tell(c, effect, rcpt, &c->verdict);
	}
	c->n_replies = c->n_taken = c->owed = 0;
	c->rcpt_said = c->rcpt_answered = rcpt_open(c->job, 0);
	c->in_mail = c->asked_data = false;
	c->is_chunked = c->offers & OFFERS_CHUNKING;
	c->is_probe = c->job->flags & MAIL_PROBE;
	c->says = c->must_reset ? SAY_RSET : SAY_MAIL;
	await_reply_to(c, c->says);
	return STEP_AGAIN;
}

/* Nobody asked, so whatever is said here has no meaning we could trust. */
static enum progress run_ready(struct client *c, struct buf *out, struct client_effect *effect)
{
	(void)out;
	if (c->in.len > 0 && c->job)
		protocol_broken(c);
	else if (c->in.len > 0 || (c->is_last && !c->job))
		step_to(c, &AT_QUIT, INT64_MAX);
	else if (c->job)
		return begin_mail(c, effect);
	else if (c->due_ms == INT64_MAX)
		step_to(c, &AT_READY, c->options->times.idle);
	return wait_or_again(c, &AT_READY);
}

static void end_mail(struct client *c)
{
	c->n_mails++;
	step_to(c, c->n_mails >= c->options->max_mails ? &AT_QUIT : &AT_READY, INT64_MAX);
}

/* ---- envelope ------------------------------------------------------------------------ */

static void say_next(struct client *c, struct buf *out)
{
	switch (c->says) {
	case SAY_RSET:
		buf_add(out, SPAN("RSET\r\n"));
		c->says = SAY_MAIL;
		break;
	case SAY_MAIL:
		say_mail(c, out);
		c->says = SAY_RCPT;
		break;
	case SAY_RCPT:
		say_rcpt(c, out, &c->job->rcpts[c->rcpt_said]);
		c->rcpt_said = rcpt_open(c->job, c->rcpt_said + 1);
		if (c->rcpt_said == c->job->n_rcpts)
			c->says = c->is_chunked || c->is_probe ? SAY_NOTHING : SAY_DATA;
		break;
	case SAY_DATA:
		buf_add(out, SPAN("DATA\r\n"));
		c->asked_data = true;
		c->says = SAY_NOTHING;
		break;
	case SAY_NOTHING:
		break;
	}
	c->owed++;
}

/* All recipients are settled, but replies may still be owed. */
static void leave_mail(struct client *c)
{
	c->must_reset = c->in_mail;
	step_to(c, &AT_LEFTOVER, c->options->times.command);
}

/* Of the whole message: MAIL or DATA was refused. */
static void refuse_message(struct client *c)
{
	c->must_reset = c->in_mail;
	c->verdict = outcome_of_reply(c, SCOPE_MESSAGE);
	settle_then(c, &AT_LEFTOVER);
}

/* RFC 5321 4.5.3.1.10: servers of old said 552 for too many recipients, where 452 is meant. */
static bool is_too_many(const struct reply_reader *r)
{
	const char *detail = r->enhanced[0] ? r->enhanced + 1 : ".5.3";

	return (r->code == 452 || r->code == 552) && strcmp(detail, ".5.3") == 0;
}

static struct job_outcome outcome_of_rcpt(struct client *c)
{
	if (is_too_many(&c->reader))
		return deferral_of_reply(c, c->n_taken > 0 ? SCOPE_BATCH : SCOPE_RECIPIENT);
	return outcome_of_reply(c, SCOPE_RECIPIENT);
}

static void begin_body(struct client *c)
{
	dots_init(&c->dots);
	c->said_chunk = false;
	c->wants = true;
	c->body_is_there = c->is_hungry = false;
	step_to(c, &AT_BODY, c->options->times.block);
}

static enum progress answer_rcpt(struct client *c, struct client_effect *effect)
{
	unsigned rcpt = c->rcpt_answered;
	bool is_last, is_told = c->is_probe || !is_good(c);
	struct job_outcome said;

	c->rcpt_answered = rcpt_open(c->job, rcpt + 1);
	is_last = c->rcpt_answered == c->job->n_rcpts;
	await_reply_to(c, is_last ? SAY_DATA : SAY_RCPT);
	c->n_taken += is_good(c);
	if (is_told) {
		said = outcome_of_rcpt(c);
		(void)tell(c, effect, rcpt, &said);
	}
	if (!c->job)
		leave_mail(c);
	else if (is_last && c->is_chunked)
		begin_body(c);
	return is_told ? STEP_EFFECT : STEP_AGAIN;
}

static void answer_data(struct client *c)
{
	if (is_refusal(c))
		refuse_message(c);
	else if (c->reader.code != 354)
		protocol_broken(c);
	else
		begin_body(c);
}

static void answer_mail(struct client *c)
{
	if (!is_good(c)) {
		refuse_message(c);
		return;
	}
	c->in_mail = true;
	await_reply_to(c, SAY_RCPT);
}

static enum progress answer(struct client *c, struct client_effect *effect)
{
	if (c->awaits == SAY_DATA)
		answer_data(c);
	else if (!is_good(c) && (!is_refusal(c) || c->awaits == SAY_RSET))
		protocol_broken(c);
	else if (c->awaits == SAY_RCPT)
		return answer_rcpt(c, effect);
	else if (c->awaits == SAY_MAIL)
		answer_mail(c);
	else
		await_reply_to(c, SAY_MAIL);
	return STEP_AGAIN;
}

static enum progress run_envelope(struct client *c, struct buf *out, struct client_effect *effect)
{
	while (c->says != SAY_NOTHING && (c->owed == 0 || c->offers & OFFERS_PIPELINING))
		say_next(c, out);
	if (!take_reply(c))
		return wait_or_again(c, &AT_ENVELOPE);
	c->owed--;
	c->n_replies++;
	return answer(c, effect);
}

/* RFC 2033 4.2: after refused recipients DATA gets a refusal. Who says 354 all the same gets an empty message for nobody. */
static enum progress run_leftover(struct client *c, struct buf *out, struct client_effect *effect)
{
	(void)effect;
	while (c->owed > 0) {
		if (!take_reply(c))
			return wait_or_again(c, &AT_LEFTOVER);
		c->owed--;
		step_to(c, &AT_LEFTOVER, c->options->times.command);
	}
	if (c->asked_data && !is_refusal(c)) {
		if (c->reader.code == 354)
			buf_add(out, SPAN(".\r\n"));
		step_to(c, &AT_QUIT, INT64_MAX);
	} else {
		end_mail(c);
	}
	return STEP_AGAIN;
}

/* ---- the message --------------------------------------------------------------------- */

/* Before its end nothing may be said but that it goes no further. */
static enum progress body_answered(struct client *c)
{
	if (is_refusal(c)) {
		c->verdict = outcome_of_reply(c, SCOPE_MESSAGE);
		settle_then(c, &AT_CLOSE);
	} else {
		protocol_broken(c);
	}
	return STEP_AGAIN;
}

static void add_with_dots(struct client *c, struct buf *out)
{
	struct span piece;

	while (dots_take(&c->dots, &c->body, &piece))
		buf_add(out, piece);
	if (c->body_is_last)
		buf_add(out, dots_close(&c->dots));
}

/* RFC 3030: all of it is one chunk, whose size we know. */
static void add_chunk(struct client *c, struct buf *out)
{
	if (!c->said_chunk)
		buf_printf(out, "BDAT %llu LAST\r\n", (unsigned long long)c->job->size);
	c->said_chunk = true;
	buf_add(out, c->body);
}

static enum progress send_body(struct client *c, struct buf *out)
{
	if (c->is_chunked)
		add_chunk(c, out);
	else
		add_with_dots(c, out);
	c->body_is_there = false;
	if (!c->body_is_last) {
		step_to(c, &AT_BODY, c->options->times.block);
		return STEP_AGAIN;
	}
	c->rcpt_answered = rcpt_open(c->job, 0);
	step_to(c, &AT_FINAL, c->options->times.final);
	return STEP_AGAIN;
}

static enum progress run_body(struct client *c, struct buf *out, struct client_effect *effect)
{
	if (take_reply(c))
		return body_answered(c);
	if (c->step != &AT_BODY)
		return STEP_AGAIN;
	if (c->body_is_there)
		return send_body(c, out);
	if (!c->wants)
		return STEP_WAIT;
	c->wants = false;
	c->is_hungry = true;
	step_to(c, &AT_BODY, c->options->times.block);
	effect->type = CLIENT_WANT;
	return STEP_EFFECT;
}

/* RFC 3461 5.2: who takes DSN's parameters tells of the delivery. */
static enum progress end_for_all(struct client *c)
{
	c->must_reset = c->asked_data = false;
	c->owed = 0;
	c->verdict = outcome_of_reply(c, SCOPE_MESSAGE);
	if (is_good(c))
		c->verdict.fate = c->offers & OFFERS_DSN ? FATE_PASSED : FATE_RELAYED;
	settle_then(c, &AT_LEFTOVER);
	return STEP_AGAIN;
}

/* RFC 2033 4.2: one reply for each recipient that was accepted, in their order. */
static enum progress end_for_one(struct client *c, struct client_effect *effect)
{
	unsigned rcpt = c->rcpt_answered;
	struct job_outcome said = outcome_of_reply(c, SCOPE_RECIPIENT);

	if (is_good(c) && c->offers & OFFERS_DSN && c->job->rcpts[rcpt].notify & NOTIFY_SUCCESS)
		said.fate = FATE_PASSED;
	c->rcpt_answered = rcpt_open(c->job, rcpt + 1);
	step_to(c, &AT_FINAL, c->options->times.final);
	(void)tell(c, effect, rcpt, &said);
	if (!c->job) {
		c->must_reset = false;
		end_mail(c);
	}
	return STEP_EFFECT;
}

static enum progress run_final(struct client *c, struct buf *out, struct client_effect *effect)
{
	(void)out;
	if (!take_reply(c))
		return wait_or_again(c, &AT_FINAL);
	if (!is_good(c) && !is_refusal(c)) {
		protocol_broken(c);
		return STEP_AGAIN;
	}
	return c->options->is_lmtp ? end_for_one(c, effect) : end_for_all(c);
}
