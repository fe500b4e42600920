/* Before the first command: limits, the balancer's header, early talkers, the greeting. */
#include "smtpd/session_private.h"
#include "smtpd/proxy.h"
#include "wire/network.h"

#define SEEN_WAIT_MS MINUTES(2)	/* for a spool that reads what it has */

static enum progress proxy(struct session *s, struct effects *fx);
static enum progress pregreet(struct session *s, struct effects *fx);
static enum progress greet(struct session *s, struct effects *fx);

static enum progress seen(struct session *s, struct effects *fx);
static enum progress not_seen(struct session *s, struct effects *fx);

const struct step STEP_SEEN = { "seen", seen, not_seen, false };
const struct step STEP_PROXY = { "proxy", proxy, session_late, true };
const struct step STEP_PREGREET = { "pregreet", pregreet, greet, false };

static enum progress refuse_connection(struct session *s, struct effects *fx, enum limits_scope scope)
{
	struct event *ev = session_event(s, fx, EV_SMTP_REFUSED);

	event_text(ev, EF_REASON, SPAN("too many connections"));
	event_text(ev, EF_KIND, span_of_text(limits_scope_text(scope)));
	if (s->listen->tls != LISTEN_TLS_IMPLICIT)
		buf_add(&fx->out, SPAN("421 4.7.0 Too many connections, come again later\r\n"));
	effects_add(fx, FX_CLOSE);
	return session_step_to(s, &STEP_CLOSED, 0);
}

static void place_local_user(struct session *s)
{
	char name[CLIENT_TEXT_MAX];

	client_text(&s->client, name);
	limits_place_user(&s->place, s->house->tally, span_of_text(name));
}

/* The client is known from here on. */
static enum progress welcome(struct session *s, struct effects *fx)
{
	bool is_local = s->client.family == CLIENT_LOCAL;
	enum limits_scope scope;
	int64_t delay;

	s->is_trusted = is_local || (s->client.family && network_has(&s->listen->trusted, s->client.family, s->client.address));
	s->place = limits_place(s->house->tally, s->listener, &s->client);
	if (is_local)
		place_local_user(s);
	scope = limits_connect(s->house->tally, &s->place, s->listen, session_is_free(s));
	if (scope != LIMITS_FREE)
		return refuse_connection(s, fx, scope);
	s->counts = true;
	session_event(s, fx, EV_SMTP_CONNECTED);
	if (s->house->draining)
		return session_drained(s, fx);
	if (s->listen->tls == LISTEN_TLS_IMPLICIT) {
		if (!s->house->has_tls)
			return session_end(s, fx, "no certificate");
		effects_add(fx, FX_START_TLS)->text = s->in;
		fx->must_leave = true;	/* while those bytes are there */
		session_take(s, s->in.len);
		return session_step_to(s, &STEP_TLS, s->listen->timeout_greeting);
	}
	delay = s->is_trusted ? 0 : s->listen->greet_delay;
	s->helo_due = s->now.mono_ms + delay + s->listen->timeout_greeting;
	return session_step_to(s, &STEP_PREGREET, delay);
}

/* Was it taken before somebody died? */
static enum progress seen(struct session *s, struct effects *fx)
{
	if (!s->is_answered)
		return STEP_WAIT;
	if (!s->answer)
		return welcome(s, fx);
	s->dropped->was_taken = true;
	return session_end(s, fx, "it was taken before");
}

static enum progress not_seen(struct session *s, struct effects *fx)
{
	return session_end(s, fx, "the queue does not answer");
}

static enum progress begin_dropped(struct session *s, struct effects *fx)
{
	if (!s->house->spool_is_up)
		return session_end(s, fx, "the queue is away");
	effects_add(fx, FX_HAVE)->id = s->dropped->id;
	return session_step_to(s, &STEP_SEEN, SEEN_WAIT_MS);
}

enum progress session_begin(struct session *s, struct effects *fx, bool early_bytes)
{
	s->connected_at = s->now.mono_ms;
	s->helo_due = s->now.mono_ms + s->listen->timeout_greeting;
	s->progress_due = s->now.mono_ms + s->listen->timeout_session;
	if (s->dropped)
		return begin_dropped(s, fx);
	if (s->client.family && network_has(&s->listen->proxy, s->client.family, s->client.address))
		return session_step_to(s, &STEP_PROXY, s->listen->timeout_greeting);
	s->early_bytes = early_bytes && s->listen->tls != LISTEN_TLS_IMPLICIT;
	return welcome(s, fx);
}

static enum progress proxy(struct session *s, struct effects *fx)
{
	struct proxy from;
	size_t used;

	switch (proxy_parse(s->in, &used, &from)) {
	case PROXY_MORE:
		return STEP_WAIT;
	case PROXY_BAD:
		session_abused(s, fx, SEVERITY_NOTE, "no PROXY header from a balancer");
		return session_end(s, fx, "no PROXY header");
	case PROXY_DONE:
		break;
	}
	session_take(s, used);
	if (!from.own) {
		s->client = from.from;
		s->local = from.to;
	}
	s->early_bytes = s->in.len > 0 && s->listen->tls != LISTEN_TLS_IMPLICIT;
	return welcome(s, fx);
}

static enum progress pregreet(struct session *s, struct effects *fx)
{
	if (!s->early_bytes || s->is_trusted)
		return STEP_WAIT;
	s->early_bytes = false;
	if (session_abused(s, fx, s->listen->early_talk, "early talk"))
		return session_hang_up(s, fx, 554, NULL, "You spoke before the greeting");
	return STEP_AGAIN;
}

static enum progress greet(struct session *s, struct effects *fx)
{
	if (s->early_bytes && pregreet(s, fx) == STEP_AGAIN && s->step == &STEP_CLOSED)
		return STEP_AGAIN;
	buf_printf(&fx->out, "220 %s ESMTP Postrider\r\n", s->house->settings->top.hostname);
	return session_await_command(s);
}
