/* Whose addresses a login uses (RFC 6409 6.1): that of the envelope, and those
 * of the authors in From. auth is asked for each message, also where any
 * address will do: a password that was changed, or a user who was switched
 * off, ends what the session may at once. */
#include "smtpd/session_private.h"

#define SENDER_WAIT_MS SECONDS(30)	/* auth answers from memory: later it is stuck */

static enum progress sender_told(struct session *s, struct effects *fx);
static enum progress author_told(struct session *s, struct effects *fx);
static enum progress late(struct session *s, struct effects *fx);

const struct step STEP_SENDER = { "sender", sender_told, late, false };
const struct step STEP_AUTHOR = { "author", author_told, late, false };

static const struct reply TEMPORARY = { 451, "4.3.0", "It can't be told now whether you may use this address" };

/* address: of the transaction's own memory. */
static enum progress ask(struct session *s, const struct step *step, struct span address, struct effects *fx)
{
	session_step_to(s, step, SENDER_WAIT_MS);
	if (s->house->auth_is_up) {
		effects_add(fx, FX_ASK_SENDER)->text = address;
	} else {
		s->is_answered = true;
		s->answer = SENDER_TEMPORARY;
	}
	return STEP_AGAIN;
}

static enum progress late(struct session *s, struct effects *fx)
{
	effects_add(fx, FX_DROP_ADDRESS);
	s->is_answered = true;
	return session_refuse_message(s, fx, &TEMPORARY);
}

static enum progress gone(struct session *s, struct effects *fx)
{
	return session_hang_up(s, fx, 421, "4.7.0", "Your login counts no more, log in again");
}

/* ---- the envelope ---------------------------------------------------------------- */

/* A null sender is nobody's: notices that programs of users make have it (RFC 8098 3). */
enum progress session_ask_sender(struct session *s, struct effects *fx)
{
	return ask(s, &STEP_SENDER, s->listen->senders == LISTEN_SENDERS_OWN ? s->tx->sender : SPAN_NONE, fx);
}

static enum progress sender_told(struct session *s, struct effects *fx)
{
	static const struct reply FOREIGN = { 553, "5.7.1", "That sender's address is not yours" };

	if (!s->is_answered)
		return STEP_WAIT;
	switch (s->answer) {
	case SENDER_OWN: return session_say(s, fx, 250, "2.1.0", "OK");
	case SENDER_FOREIGN: return session_refuse_message(s, fx, &FOREIGN);
	case SENDER_GONE: return gone(s, fx);
	default: return session_refuse_message(s, fx, &TEMPORARY);
	}
}

/* ---- the authors ------------------------------------------------------------------- */

/* The sender of the envelope was asked about. */
static enum progress next_author(struct session *s, struct author *a, struct effects *fx)
{
	while (a && address_same(a->address, s->tx->sender))
		a = a->next;
	s->tx->asked_author = a;
	return a ? ask(s, &STEP_AUTHOR, a->address, fx) : session_hand_over(s, fx);
}

enum progress session_ask_authors(struct session *s, struct effects *fx)
{
	static const struct reply UNCLEAR = { 553, "5.7.1", "The From field does not say clearly who wrote this" };
	static const struct reply NOBODY = { 553, "5.7.1", "There is no From field that names an author" };
	const unsigned *count = s->tx->header.count;

	if (s->tx->authors_are_bad)
		return session_refuse_message(s, fx, &UNCLEAR);
	/* What has neither field claims nobody: scripts write such mail, and its envelope was looked at. */
	if (!s->tx->first_author && (count[HEADER_FROM] > 0 || count[HEADER_SENDER] > 0))
		return session_refuse_message(s, fx, &NOBODY);
	return next_author(s, s->tx->first_author, fx);
}

static enum progress author_told(struct session *s, struct effects *fx)
{
	static const struct reply FOREIGN = { 553, "5.7.1", "The From field names an address that is not yours" };

	if (!s->is_answered)
		return STEP_WAIT;
	switch (s->answer) {
	case SENDER_OWN: return next_author(s, s->tx->asked_author->next, fx);
	case SENDER_FOREIGN: return session_refuse_message(s, fx, &FOREIGN);
	case SENDER_GONE: return gone(s, fx);
	default: return session_refuse_message(s, fx, &TEMPORARY);
	}
}
