/* RCPT (RFC 5321 4.1.1.3): may mail come to this address? */
#include "smtpd/session_private.h"

#include <stdio.h>

#include "base/text.h"

#define AUTH_WAIT_MS   SECONDS(30)	/* auth answers from memory: later it is stuck, and the client need not be */
#define SERVER_WAIT_MS SECONDS(10)	/* another server is asked: most clients have that patience, and the answer is remembered when it comes later */
#define SAID_MAX       400	/* octets of its words: they fit a line */

static enum progress answered(struct session *s, struct effects *fx);
static enum progress unanswered(struct session *s, struct effects *fx);
static enum progress server_answered(struct session *s, struct effects *fx);
static enum progress server_unanswered(struct session *s, struct effects *fx);

const struct step STEP_ADDRESS = { "address", answered, unanswered, false };
const struct step STEP_RECIPIENT = { "recipient", server_answered, server_unanswered, false };

static const struct reply *may_come(const struct session *s)
{
	static const struct reply NO_MAIL = { 503, "5.5.1", "MAIL first" };
	static const struct reply IN_BODY = { 503, "5.5.1", "The body has begun" };
	static const struct reply TOO_MANY = { 452, "4.5.3", "Too many recipients" };

	if (!s->tx)
		return &NO_MAIL;
	if (s->tx->way != BODY_NONE)
		return &IN_BODY;
	return s->tx->n_rcpts >= (uint64_t)s->listen->max_recipients ? &TOO_MANY : NULL;
}

static struct recipient *recipient(struct transaction *tx, const struct command_rcpt *r)
{
	struct recipient *to = arena_new(&tx->arena, sizeof(*to));

	to->address = arena_span(&tx->arena, address_span(&r->to));
	to->orcpt = arena_span(&tx->arena, r->orcpt);
	to->notify = (uint8_t)r->notify;
	return to;
}

static void ask(struct session *s, struct effects *fx)
{
	struct span address = s->tx->asked->address;
	enum wire_address answer = s->dropped ? ADDRESS_OK : ADDRESS_TEMPORARY;

	if (!s->dropped && s->house->auth_is_up && !known_find(&s->house->known, address, &answer)) {
		effects_add(fx, FX_ASK_ADDRESS)->text = address;
		return;
	}
	s->is_answered = true;
	s->answer = answer;
}

enum progress cmd_rcpt(struct session *s, struct span args, struct effects *fx)
{
	const struct command_rules rules = { .extended = s->is_extended, .smtputf8 = s->tx && s->tx->flags & MAIL_SMTPUTF8 };
	const struct reply *wrong = may_come(s);
	struct command_rcpt r;

	if (!wrong)
		wrong = command_parse_rcpt(args, &rules, &r);
	if (wrong)
		return session_reply(s, fx, wrong);
	if (!session_is_free(s) && limits_recipient(s->house->tally, &s->place, s->listen, s->now.mono_ms) != LIMITS_FREE)
		return session_say(s, fx, 451, "4.7.1", "Too many recipients from you, try again later");
	s->tx->asked = recipient(s->tx, &r);
	if (!transaction_charge(s->tx))
		return session_say(s, fx, 452, "4.3.1", "Short of memory, try again later");
	session_step_to(s, &STEP_ADDRESS, AUTH_WAIT_MS);
	ask(s, fx);
	return STEP_AGAIN;
}

static enum progress accept(struct session *s, struct effects *fx)
{
	struct transaction *tx = s->tx;

	*tx->last = tx->asked;
	tx->last = &tx->asked->next;
	tx->n_rcpts++;
	return session_say(s, fx, 250, "2.1.5", "OK");
}

static enum progress refuse(struct session *s, struct effects *fx, const struct reply *r)
{
	struct event *ev = session_event(s, fx, EV_RECIPIENT_REFUSED);

	event_text(ev, EF_HELO, span_of_text(s->helo));
	event_text(ev, EF_FROM, s->tx->sender);
	event_text(ev, EF_TO, s->tx->asked->address);
	event_num(ev, EF_CODE, r->code);
	event_text(ev, EF_DSN, span_of_text(r->enhanced));
	event_text(ev, EF_REPLY, span_of_text(r->text));
	return session_reply(s, fx, r);
}

static const struct reply TEMPORARY = { 451, "4.3.0", "It can't be told now whether this address exists" };

/* ---- its server is asked ---------------------------------------------------------- */

static void ask_server(struct session *s, struct effects *fx)
{
	struct effect *e;

	if (!s->house->relay_is_up) {
		session_answer(s, &STEP_RECIPIENT, ADDRESS_TEMPORARY);
		return;
	}
	e = effects_add(fx, FX_ASK_RECIPIENT);
	e->recipient.address = s->tx->asked->address;
	e->recipient.deliver = s->tx->server;
}

/* It can't be asked, or says that it can't tell: the configuration says what counts then. */
static enum progress server_away(struct session *s, struct effects *fx)
{
	static const struct reply AWAY = { 451, "4.4.1", "The server of this domain can't tell now whether it takes this address" };

	return s->otherwise == ADDRESS_OK ? accept(s, fx) : refuse(s, fx, &AWAY);
}

static enum progress server_refused(struct session *s, struct effects *fx)
{
	const struct transaction *tx = s->tx;
	struct reply r = { 550, "5.1.1", "The server of this domain does not take mail to this address" };
	char text[SAID_MAX + 64];

	if (tx->said_enhanced.len > 0)
		r.enhanced = tx->said_enhanced.at;
	if (tx->said.len > 0) {
		(void)snprintf(text, sizeof(text), "The server of this domain says: %.*s", SPAN_ARG(tx->said));
		r.text = text;
	}
	return refuse(s, fx, &r);
}

static enum progress server_answered(struct session *s, struct effects *fx)
{
	if (!s->is_answered)
		return STEP_WAIT;
	if (s->answer == ADDRESS_OK)
		return accept(s, fx);
	return s->answer == ADDRESS_UNKNOWN ? server_refused(s, fx) : server_away(s, fx);
}

static enum progress server_unanswered(struct session *s, struct effects *fx)
{
	effects_add(fx, FX_DROP_RECIPIENT);
	s->is_answered = true;
	return server_away(s, fx);
}

void session_recipient_lost(struct session *s, struct effects *fx)
{
	if (s->step == &STEP_RECIPIENT && !s->is_answered)
		ask_server(s, fx);
}

/* Words of a stranger: what is no ASCII could not be said to every client. */
static struct span keep_said(struct session *s, struct span words)
{
	char *said;

	words = span_first(words, SAID_MAX);
	said = arena_text(&s->tx->arena, words);
	for (size_t i = 0; i < words.len; i++)
		if ((unsigned char)said[i] < 0x20 || (unsigned char)said[i] > 0x7e)
			said[i] = '?';
	return span_of(said, words.len);
}

/* "5.1.1" */
static bool is_refusal_code(struct span enhanced)
{
	return enhanced.len >= 5 && enhanced.len <= 9 && span_starts_nocase(enhanced, SPAN("5.")) && text_is_digit(enhanced.at[2]);
}

void session_recipient_told(struct session *s, const struct session_event *ev)
{
	session_answer(s, &STEP_RECIPIENT, ev->number);
	if (s->step != &STEP_RECIPIENT || ev->number != ADDRESS_UNKNOWN)
		return;
	s->tx->said = keep_said(s, ev->bytes);
	s->tx->said_enhanced = is_refusal_code(ev->enhanced) ? keep_said(s, ev->enhanced) : SPAN_NONE;
}

static enum progress begin_asking(struct session *s, struct effects *fx)
{
	session_step_to(s, &STEP_RECIPIENT, SERVER_WAIT_MS);
	ask_server(s, fx);
	return STEP_AGAIN;
}

/* ---- what auth said ----------------------------------------------------------------- */

void session_address_told(struct session *s, const struct session_event *ev)
{
	session_answer(s, &STEP_ADDRESS, ev->number);
	if (s->step != &STEP_ADDRESS)
		return;
	known_note(&s->house->known, s->tx->asked->address, (enum wire_address)ev->number);
	if (ev->number == ADDRESS_ASK) {
		s->otherwise = ev->otherwise;
		s->tx->server = arena_span(&s->tx->arena, ev->bytes);
	}
}

/* What is not a bounce is refused after its body, not here: servers that ask whether a sender exists do it under a name of
 * their own, and end after RCPT. */
static enum progress accept_bounces(struct session *s, struct effects *fx)
{
	s->tx->bounces_only = true;
	return accept(s, fx);
}

static enum progress answered(struct session *s, struct effects *fx)
{
	static const struct reply UNKNOWN = { 550, "5.1.1", "No such mailbox here" };
	static const struct reply FOREIGN = { 550, "5.7.1", "Relaying denied" };
	static const struct reply LOOP = { 550, "5.4.6", "This address leads back to itself" };
	static const struct reply TOO_LARGE = { 550, "5.2.4", "This address stands for too many others, or through too many aliases" };
	static const struct reply DISABLED = { 550, "5.2.1", "This mailbox is disabled" };
	static const struct reply FORGED = { 550, "5.1.1", "This address was not made here: its hash is wrong" };
	static const struct reply EXPIRED = { 550, "5.1.1", "This address took bounces of one message, and its time is over" };

	if (!s->is_answered)
		return STEP_WAIT;
	switch (s->answer) {
	case ADDRESS_OK: return accept(s, fx);
	case ADDRESS_FOREIGN: return session_submits(s) ? accept(s, fx) : refuse(s, fx, &FOREIGN);
	case ADDRESS_UNKNOWN: return refuse(s, fx, &UNKNOWN);
	case ADDRESS_LOOP: return refuse(s, fx, &LOOP);
	case ADDRESS_DISABLED: return refuse(s, fx, &DISABLED);
	case ADDRESS_ASK: return begin_asking(s, fx);
	case ADDRESS_TOO_LARGE: return refuse(s, fx, &TOO_LARGE);
	case ADDRESS_BOUNCES: return accept_bounces(s, fx);
	case ADDRESS_FORGED: return refuse(s, fx, &FORGED);
	case ADDRESS_EXPIRED: return refuse(s, fx, &EXPIRED);
	default: return refuse(s, fx, &TEMPORARY);
	}
}

static enum progress unanswered(struct session *s, struct effects *fx)
{
	effects_add(fx, FX_DROP_ADDRESS);
	s->is_answered = true;
	return refuse(s, fx, &TEMPORARY);
}
