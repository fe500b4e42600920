/* HELO and EHLO (RFC 5321 4.1.1.1): who are you, and what we offer. */
#include "smtpd/session_private.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

/* Our own name or address, or one without brackets: no mail server of others says that. A client on our own address may. */
static bool is_forged(const struct session *s, const struct command_helo *h)
{
	struct client said;

	if (session_submits(s) || client_same_address(&s->client, &s->local))
		return false;
	if (h->kind == HELO_BARE_ADDRESS)
		return true;
	if (h->kind == HELO_NAME)
		return span_eq_nocase(h->name, span_of_text(s->house->settings->top.hostname));
	client_set(&said, h->family, h->address, 0);
	return client_same_address(&said, &s->local);
}

/* Who sends more before our answer to EHLO pipelines what was not offered. */
static bool talks_early(const struct session *s)
{
	return s->in.len > 0 && !s->is_extended && !session_submits(s);
}

/* True when it may go on; else *next. */
static bool take_name(struct session *s, struct span args, bool is_extended, struct effects *fx, enum progress *next)
{
	struct command_helo h;
	const struct reply *wrong = command_parse_helo(args, &h);

	if (wrong) {
		*next = session_reply(s, fx, wrong);
		return false;
	}
	if (talks_early(s) && session_abused(s, fx, s->listen->early_talk, "pipelining before it was offered")) {
		*next = session_hang_up(s, fx, 554, "5.5.0", "You did not wait for the answer to HELO");
		return false;
	}
	transaction_end(s, fx);
	mem_free(s->helo);
	s->helo = mem_text(h.name);
	s->is_extended = is_extended;
	if (is_forged(s, &h) && session_abused(s, fx, s->listen->helo_forged, "forged HELO")) {
		mem_free(s->helo);
		s->helo = NULL;
		*next = session_refuse(s, fx, 550, "5.7.1", "That is not your name");
		return false;
	}
	return true;
}

enum progress cmd_helo(struct session *s, struct span args, struct effects *fx)
{
	enum progress next;

	if (!take_name(s, args, false, fx, &next))
		return next;
	return session_say(s, fx, 250, NULL, s->house->settings->top.hostname);
}

static void add_limits(const struct session *s, struct buf *out)
{
	buf_printf(out, "250-LIMITS RCPTMAX=%" PRId64, s->listen->max_recipients);
	if (!s->is_trusted)
		buf_printf(out, " MAILMAX=%" PRId64, s->listen->max_messages);
	buf_add(out, SPAN("\r\n"));
}

enum progress cmd_ehlo(struct session *s, struct span args, struct effects *fx)
{
	struct buf *out = &fx->out;
	enum progress next;

	if (!take_name(s, args, true, fx, &next))
		return next;
	buf_printf(out, "250-%s\r\n250-PIPELINING\r\n250-SIZE %" PRId64 "\r\n", s->house->settings->top.hostname, s->listen->max_size);
	if (s->house->has_tls && !s->tls_version && s->listen->tls != LISTEN_TLS_NONE)
		buf_add(out, SPAN("250-STARTTLS\r\n"));
	session_offer_logins(s, out);
	add_limits(s, out);
	buf_add(out, SPAN("250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250 DSN\r\n"));
	return session_await_command(s);
}
