/* MAIL (RFC 5321 4.1.1.2): a message begins. */
#include "smtpd/session_private.h"

/* NULL when this client may begin a message now. */
static const struct reply *may_begin(const struct session *s)
{
	static const struct reply NO_HELO = { 503, "5.5.1", "EHLO or HELO first" };
	static const struct reply NESTED = { 503, "5.5.1", "A message is under way already" };
	static const struct reply ONE = { 503, "5.5.1", "A file holds one message" };
	static const struct reply NO_LOGIN = { 530, "5.7.0", "Authentication required" };

	if (!s->helo)
		return &NO_HELO;
	if (s->tx)
		return &NESTED;
	if (s->dropped && s->n_messages > 0)
		return &ONE;
	if (s->listen->auth == LISTEN_AUTH_REQUIRED && !session_submits(s))
		return &NO_LOGIN;
	return NULL;
}

static void tell_limit(struct session *s, struct effects *fx, const char *reason, enum limits_scope scope)
{
	struct event *ev = session_event(s, fx, EV_SMTP_REFUSED);

	event_text(ev, EF_REASON, span_of_text(reason));
	event_text(ev, EF_KIND, span_of_text(limits_scope_text(scope)));
}

/* NULL where its rates let it. What a message before did to verify counts for those alone whose messages go there. */
static const struct reply *is_over_rate(struct session *s, struct effects *fx)
{
	static const struct reply MANY = { 451, "4.7.1", "Too many messages from you, try again later" };
	static const struct reply DEADLY = { 451, "4.7.1", "Too many messages from you could not be checked, try again later" };
	enum limits_scope scope = LIMITS_FREE;

	if (!session_submits(s))
		scope = limits_check(s->house->tally, &s->place, s->listen, s->now.mono_ms);
	if (scope != LIMITS_FREE) {
		tell_limit(s, fx, "too many messages over which verify died", scope);
		return &DEADLY;
	}
	if (!session_is_free(s))
		scope = limits_mail(s->house->tally, &s->place, s->listen, s->now.mono_ms);
	if (scope == LIMITS_FREE)
		return NULL;
	tell_limit(s, fx, "too many messages", scope);
	return &MANY;
}

static void begin(struct session *s, const struct command_mail *m)
{
	struct transaction *tx = transaction_new(s);

	tx->sender = arena_span(&tx->arena, address_span(&m->sender));
	tx->envid = arena_span(&tx->arena, m->envid);
	tx->declared_size = m->size;
	tx->flags = (m->smtputf8 ? MAIL_SMTPUTF8 : 0U) |
	    (m->ret == RET_FULL ? MAIL_RET_FULL : 0U) | (m->ret == RET_HDRS ? MAIL_RET_HDRS : 0U) | (session_submits(s) ? MAIL_SUBMITTED : 0U);
	s->tx = tx;
}

enum progress cmd_mail(struct session *s, struct span args, struct effects *fx)
{
	const struct command_rules rules = { .extended = s->is_extended, .auth = s->listen->auth != LISTEN_AUTH_OFF, .max_size = (uint64_t)s->listen->max_size };
	const struct reply *wrong = may_begin(s);
	struct command_mail m;

	if (!wrong)
		wrong = command_parse_mail(args, &rules, &m);
	if (wrong)
		return session_reply(s, fx, wrong);
	if (s->house->draining && s->now.mono_ms >= s->house->drain_began_at + s->house->drain_idle_ms)
		return session_drained(s, fx);
	if (!s->is_trusted && s->n_messages >= (uint64_t)s->listen->max_messages)
		return session_hang_up(s, fx, 421, "4.7.0", "Enough messages for one session");
	wrong = is_over_rate(s, fx);
	if (wrong)
		return session_say(s, fx, wrong->code, wrong->enhanced, wrong->text);
	begin(s, &m);
	if (s->login)
		return session_ask_sender(s, fx);
	return session_say(s, fx, 250, "2.1.0", "OK");
}
