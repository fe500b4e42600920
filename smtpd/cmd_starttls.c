/* STARTTLS (RFC 3207), and TLS from the first byte. */
#include "smtpd/session_private.h"

#include "base/mem.h"

static enum progress handshake(struct session *s, struct effects *fx);
static enum progress handshake_late(struct session *s, struct effects *fx);

const struct step STEP_TLS = { "handshake", handshake, handshake_late, false };

enum progress cmd_starttls(struct session *s, struct span args, struct effects *fx)
{
	if (args.len > 0)
		return session_refuse(s, fx, 501, "5.5.4", "STARTTLS takes no argument");
	if (s->tls_version)
		return session_refuse(s, fx, 503, "5.5.1", "TLS is active already");
	if (s->listen->tls == LISTEN_TLS_NONE || !s->is_extended)
		return session_refuse(s, fx, 503, "5.5.1", "STARTTLS was not offered");
	if (s->tx)
		return session_refuse(s, fx, 503, "5.5.1", "Not inside a transaction");
	if (!s->house->has_tls)
		return session_say(s, fx, 454, "4.7.0", "TLS is not available now");
	/* What was said in the clear must never count inside TLS: whoever sends more than the command
	 * before our answer is wrong, or is not the client. */
	if (s->in.len > 0) {
		session_abused(s, fx, SEVERITY_NOTE, "bytes after STARTTLS");
		return session_hang_up(s, fx, 554, "5.5.0", "Bytes came after STARTTLS");
	}
	session_say(s, fx, 220, "2.0.0", "Begin TLS");
	effects_add(fx, FX_START_TLS)->text = SPAN_NONE;
	return session_step_to(s, &STEP_TLS, s->listen->timeout_greeting);
}

/* RFC 3207 4.2: whatever was learned in the clear. */
static void forget_the_clear(struct session *s)
{
	mem_free(s->helo);
	s->helo = NULL;
	s->is_extended = false;
	s->place.has_user &= !s->login;	/* a user of this machine stays who he is */
	mem_free(s->login);
	s->login = NULL;
}

static enum progress handshake(struct session *s, struct effects *fx)
{
	bool by_command = s->listen->tls != LISTEN_TLS_IMPLICIT;
	struct event *ev;

	if (!s->is_answered)
		return STEP_WAIT;
	forget_the_clear(s);
	s->helo_due = s->now.mono_ms + s->listen->timeout_greeting;
	ev = session_event(s, fx, EV_SMTP_TLS);
	event_text(ev, EF_TLS, span_of_text(s->tls_version));
	event_text(ev, EF_CIPHER, span_of_text(s->tls_cipher));
	if (by_command)
		return session_await_command(s);
	return session_step_to(s, &STEP_PREGREET, s->is_trusted ? 0 : s->listen->greet_delay);
}

static enum progress handshake_late(struct session *s, struct effects *fx)
{
	return cmd_starttls_failed(s, fx, SPAN("it took too long"));
}

enum progress cmd_starttls_failed(struct session *s, struct effects *fx, struct span why)
{
	struct event *ev;

	if (s->step == &STEP_CLOSED)
		return STEP_WAIT;
	ev = session_event(s, fx, EV_SMTP_TLS_FAILED);
	event_text(ev, EF_REASON, why);
	return session_end(s, fx, "TLS failed");
}
