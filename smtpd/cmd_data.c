/* DATA (RFC 5321 4.1.1.4): the body by lines, and what follows it: room, spool's answer, our answer. */
#include "smtpd/session_private.h"

#include <stdio.h>

#define BLOCK_BYTES     4096		/* that much of a body gives new time */
#define ROOM_WAIT_MS    MINUTES(2)	/* for spool's window, or memory */
#define ROOM_LOOK_MS    20		/* memory that came back tells nobody: look again */
#define STORE_WAIT_MS   MINUTES(2)	/* for a sync: clients wait ten minutes (RFC 5321 4.5.3.2.6) */
#define SPOOL_WAIT_MS   SECONDS(10)	/* for a spool that was started again */
#define FILE_WAIT_MS    HOURS(24)	/* of a drop file, for which nobody waits */

static enum progress data(struct session *s, struct effects *fx);
static enum progress room(struct session *s, struct effects *fx);
static enum progress room_late(struct session *s, struct effects *fx);
static enum progress spool_back(struct session *s, struct effects *fx);
static enum progress spool_away(struct session *s, struct effects *fx);
static enum progress stored(struct session *s, struct effects *fx);
static enum progress store_late(struct session *s, struct effects *fx);
static enum progress have(struct session *s, struct effects *fx);

const struct step STEP_DATA = { "data", data, session_late, true };
const struct step STEP_ROOM = { "room", room, room_late, false };
const struct step STEP_SPOOL = { "spool away", spool_back, spool_away, false };
const struct step STEP_STORED = { "stored", stored, store_late, false };
const struct step STEP_HAVE = { "have", have, store_late, false };

static const struct reply AWAY = { 451, "4.3.0", "The queue is not available now, try again later" };

/* ---- the body ------------------------------------------------------------- */

const struct reply *session_may_send_body(const struct session *s, enum body_way way)
{
	static const struct reply NO_MAIL = { 503, "5.5.1", "MAIL first" };
	static const struct reply NO_RCPT = { 554, "5.5.1", "No valid recipients" };
	static const struct reply OTHER_WAY = { 503, "5.5.1", "The body came by BDAT so far" };

	if (!s->tx)
		return &NO_MAIL;
	if (s->tx->n_rcpts == 0)
		return &NO_RCPT;
	return s->tx->way == BODY_NONE || s->tx->way == way ? NULL : &OTHER_WAY;
}

enum progress cmd_data(struct session *s, struct span args, struct effects *fx)
{
	const struct reply *wrong = command_check_none(args);

	if (!wrong)
		wrong = session_may_send_body(s, BODY_BY_DATA);
	if (!wrong)
		wrong = transaction_body_begin(s->tx, BODY_BY_DATA, fx);
	if (wrong)
		return session_reply(s, fx, wrong);
	buf_add(&fx->out, SPAN("354 End data with <CR><LF>.<CR><LF>\r\n"));
	s->skipped = 0;
	return session_step_to(s, &STEP_DATA, s->listen->timeout_data);
}

void session_body_moved(struct session *s, size_t n)
{
	s->skipped += n;
	if (s->skipped < BLOCK_BYTES)
		return;
	s->skipped = 0;
	s->step_due = s->now.mono_ms + s->listen->timeout_data;
}

enum progress session_await_room(struct session *s, const struct step *after)
{
	s->after = after;
	s->room_due = s->now.mono_ms + ROOM_WAIT_MS;
	return session_step_to(s, &STEP_ROOM, ROOM_LOOK_MS);
}

static enum progress data(struct session *s, struct effects *fx)
{
	size_t before = s->in.len;
	enum pr_err err;

	if (before == 0)
		return STEP_WAIT;
	err = transaction_body(s->tx, &s->in, fx);
	session_body_moved(s, before - s->in.len);
	if (err == PR_NONE)
		return session_body_ends(s, fx);
	return err == PR_AGAIN ? session_await_room(s, &STEP_DATA) : STEP_AGAIN;
}

/* Each event, and each look, tries again: the step it came from finds out whether there is room. */
static enum progress room(struct session *s, struct effects *fx)
{
	if (!s->tx->refused && s->now.mono_ms >= s->room_due) {
		const struct reply *checks = verdict_room_late(s->tx, fx);

		transaction_refuse(s->tx, checks ? checks : &AWAY, fx);
	}
	if (!s->tx->refused && !transaction_has_room(s->tx, fx))
		return STEP_WAIT;
	return session_step_to(s, s->after, s->listen->timeout_data);
}

static enum progress room_late(struct session *s, struct effects *fx)
{
	s->step_due = s->now.mono_ms + ROOM_LOOK_MS;
	return room(s, fx);
}

/* ---- handing over ------------------------------------------------------------- */

enum progress session_refuse_message(struct session *s, struct effects *fx, const struct reply *r)
{
	struct transaction *tx = s->tx;
	struct event *ev = session_event(s, fx, EV_MESSAGE_REFUSED);
	enum progress progress;

	event_text(ev, EF_HELO, span_of_text(s->helo));
	event_text(ev, EF_FROM, tx->sender);
	event_num(ev, EF_N_RCPT, tx->n_rcpts);
	event_num(ev, EF_SIZE, (int64_t)tx->lines.size);
	event_text(ev, EF_MESSAGE_ID, tx->message_id);
	event_num(ev, EF_CODE, r->code);
	event_text(ev, EF_DSN, span_of_text(r->enhanced));
	event_text(ev, EF_REPLY, span_of_text(r->text));
	progress = session_reply(s, fx, r);	/* whose words may be the transaction's own */
	transaction_end(s, fx);
	return progress;
}

enum progress session_body_ends(struct session *s, struct effects *fx)
{
	const struct reply *refused = transaction_body_end(s->tx, fx);

	if (refused)
		return session_refuse_message(s, fx, refused);
	if (s->login && s->listen->senders == LISTEN_SENDERS_OWN)
		return session_ask_authors(s, fx);
	if (s->tx->verdict.state != VERDICT_NONE)
		return verdict_await(s, fx);
	return session_hand_over(s, fx);
}

/* What a client was told 451 about is withdrawn, for he sends it again. A file comes again too, but who takes it up asks whether it
 * is here already: if he asked before the withdrawal came he would hear yes, and it would be lost. So it is waited for. */
static enum progress step_to(struct session *s, const struct step *step, int64_t ms)
{
	return session_step_to(s, step, s->dropped ? FILE_WAIT_MS : ms);
}

enum progress session_hand_over(struct session *s, struct effects *fx)
{
	if (s->tx->refused)	/* while it waited */
		return session_refuse_message(s, fx, s->tx->refused);
	if (!s->house->spool_is_up)
		return step_to(s, &STEP_SPOOL, SPOOL_WAIT_MS);
	transaction_commit(s->tx, fx);
	return step_to(s, &STEP_STORED, STORE_WAIT_MS);
}

enum progress session_await_spool(struct session *s)
{
	return step_to(s, &STEP_SPOOL, SPOOL_WAIT_MS);
}

static enum progress spool_back(struct session *s, struct effects *fx)
{
	if (!s->is_answered)
		return STEP_WAIT;
	if (s->tx->committed) {
		effects_add(fx, FX_HAVE)->id = s->tx->id;
		return step_to(s, &STEP_HAVE, STORE_WAIT_MS);
	}
	transaction_commit(s->tx, fx);
	return step_to(s, &STEP_STORED, STORE_WAIT_MS);
}

static enum progress spool_away(struct session *s, struct effects *fx)
{
	return session_refuse_message(s, fx, &AWAY);
}

static enum progress accepted(struct session *s, struct effects *fx)
{
	struct transaction *tx = s->tx;
	struct event *ev = session_event(s, fx, EV_MESSAGE_ACCEPTED);
	char text[sizeof("Accepted ") + ID_TEXT_LEN];

	event_text(ev, EF_HELO, span_of_text(s->helo));
	event_text(ev, EF_FROM, tx->sender);
	event_num(ev, EF_N_RCPT, tx->n_rcpts);
	event_num(ev, EF_SIZE, (int64_t)tx->size);
	event_text(ev, EF_MESSAGE_ID, tx->message_id);
	event_text(ev, EF_TLS, span_of_text(s->tls_version));
	event_num(ev, EF_MS, s->now.mono_ms - tx->began_mono_ms);
	snprintf(text, sizeof(text), "Accepted ");
	id_to_text(&tx->id, text + sizeof("Accepted ") - 1);
	transaction_free(&s->tx);
	s->n_messages++;
	s->house->n_messages++;
	s->n_since_mail = 0;
	s->progress_due = s->now.mono_ms + s->listen->timeout_session;
	return session_say(s, fx, 250, "2.0.0", text);
}

static enum progress stored(struct session *s, struct effects *fx)
{
	static const struct reply FULL = { 452, "4.3.1", "The queue is full, try again later" };
	static const struct reply FAILED = { 451, "4.3.0", "The queue could not take it, try again later" };

	if (!s->is_answered)
		return STEP_WAIT;
	if (s->answer == STORED)
		return accepted(s, fx);
	s->tx->begun = s->tx->committed = false;	/* spool has forgotten it */
	return session_refuse_message(s, fx, s->answer == STORED_NOT_FULL ? &FULL : &FAILED);
}

static enum progress have(struct session *s, struct effects *fx)
{
	if (!s->is_answered)
		return STEP_WAIT;
	if (s->answer)
		return accepted(s, fx);
	s->tx->begun = s->tx->committed = false;
	return session_refuse_message(s, fx, &AWAY);
}

static enum progress store_late(struct session *s, struct effects *fx)
{
	return session_refuse_message(s, fx, &AWAY);
}
