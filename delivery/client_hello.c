/* From the greeting until a mail can be given: EHLO, STARTTLS (RFC 3207), AUTH (RFC 4954). */
#include "delivery/client_private.h"

#include <string.h>

#include "base/base64.h"
#include "base/mem.h"

static enum progress run_greeting(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_hello(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_starttls(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_shake(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_shaking(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_login(struct client *c, struct buf *out, struct client_effect *effect);

const struct client_step
	AT_GREETING = { "the greeting", run_greeting },
	AT_HELLO = { NULL, run_hello },
	AT_STARTTLS = { "the reply to STARTTLS", run_starttls },
	AT_SHAKE = { "", run_shake },
	AT_SHAKING = { "the end of the TLS handshake", run_shaking },
	AT_LOGIN = { "the reply to AUTH", run_login };

/* ---- EHLO ------------------------------------------------------------------------ */

static const struct { struct span word; const char *reply; } hellos[] = {
	[SAY_EHLO] = { { "EHLO ", 5 }, "the reply to EHLO" },
	[SAY_HELO] = { { "HELO ", 5 }, "the reply to HELO" },
	[SAY_LHLO] = { { "LHLO ", 5 }, "the reply to LHLO" }
};

static enum progress say_hello(struct client *c, struct buf *out, enum client_hello hello)
{
	c->hello = hello;
	c->offers = 0;		/* what was said before TLS, or to another word, counts for nothing */
	c->max_size = 0;
	c->waits_for = hellos[hello].reply;
	buf_add(out, hellos[hello].word);
	buf_add_text(out, c->options->helo);
	buf_add(out, SPAN("\r\n"));
	step_to(c, &AT_HELLO, c->options->times.command);
	return STEP_AGAIN;
}

static enum progress run_greeting(struct client *c, struct buf *out, struct client_effect *effect)
{
	(void)effect;
	if (!take_reply(c))
		return wait_or_again(c, &AT_GREETING);
	if (c->reader.code == 220)
		return say_hello(c, out, c->options->is_lmtp ? SAY_LHLO : SAY_EHLO);
	if (is_refusal(c))
		site_refuses(c, &AT_QUIT);
	else
		protocol_broken(c);
	return STEP_AGAIN;
}

/* `AUTH PLAIN LOGIN`, and `AUTH=PLAIN LOGIN` as servers of old said it. */
static void take_mechanisms(struct client *c, struct span words)
{
	while (words.len > 0) {
		struct span word = span_cut(&words, ' ');

		if (span_eq_nocase(word, SPAN("PLAIN")))
			c->offers |= OFFERS_PLAIN;
		else if (span_eq_nocase(word, SPAN("LOGIN")))
			c->offers |= OFFERS_LOGIN;
	}
}

static void take_offer(struct client *c, struct span line)
{
	static const struct { const char *word; enum offer offer; } known[] = {
		{ "PIPELINING", OFFERS_PIPELINING }, { "SIZE", OFFERS_SIZE }, { "8BITMIME", OFFERS_8BITMIME }, { "SMTPUTF8", OFFERS_SMTPUTF8 },
		{ "DSN", OFFERS_DSN }, { "CHUNKING", OFFERS_CHUNKING }, { "STARTTLS", OFFERS_STARTTLS }
	};
	struct span rest = line, word = span_cut(&rest, ' ');
	unsigned long long size = 0;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (span_eq_nocase(word, span_of_text(known[i].word)))
			c->offers |= known[i].offer;
	if (span_eq_nocase(word, SPAN("SIZE")) && span_to_u64(span_trim(rest), UINT64_MAX, &size))
		c->max_size = size;
	if (span_eq_nocase(word, SPAN("AUTH")) || span_starts_nocase(word, SPAN("AUTH=")))
		take_mechanisms(c, span_from(line, 5));
}

static enum progress hello_refused(struct client *c, struct buf *out)
{
	if (c->hello == SAY_EHLO && c->reader.code >= 500)
		return say_hello(c, out, SAY_HELO);
	c->verdict = c->hello == SAY_LHLO ? deferral_of_reply(c, SCOPE_SITE) : outcome_of_reply(c, SCOPE_SITE);
	settle_then(c, &AT_QUIT);
	return STEP_AGAIN;
}

/* ---- AUTH ------------------------------------------------------------------------ */

static void say_base64(struct buf *out, struct span bytes)
{
	(void)base64_add(out, bytes);
	buf_add(out, SPAN("\r\n"));
}

static void say_plain(const struct client *c, struct buf *out)
{
	struct span user = c->options->user, password = c->options->password;
	size_t len = user.len + password.len + 2;
	char *token = mem_new(len);

	memcpy(token + 1, user.at, user.len);
	memcpy(token + 2 + user.len, password.at, password.len);
	buf_add(out, SPAN("AUTH PLAIN "));
	say_base64(out, span_of(token, len));
	mem_wipe(token, len);
	mem_free(token);
}

static enum progress begin_login(struct client *c, struct buf *out)
{
	if (!c->has_tls) {
		site_is_unfit(c, "4.7.4", "has no TLS, without which we don't log in");
		return STEP_AGAIN;
	}
	if (!(c->offers & (OFFERS_PLAIN | OFFERS_LOGIN))) {
		site_is_unfit(c, "4.7.0", "offers no login by PLAIN or LOGIN");
		return STEP_AGAIN;
	}
	c->login_turn = 0;
	if (c->offers & OFFERS_PLAIN)
		say_plain(c, out);
	else
		buf_add(out, SPAN("AUTH LOGIN\r\n"));
	step_to(c, &AT_LOGIN, c->options->times.command);
	return STEP_AGAIN;
}

static enum progress say_login_turn(struct client *c, struct buf *out)
{
	say_base64(out, c->login_turn == 0 ? c->options->user : c->options->password);
	c->login_turn++;
	step_to(c, &AT_LOGIN, c->options->times.command);
	return STEP_AGAIN;
}

static enum progress run_login(struct client *c, struct buf *out, struct client_effect *effect)
{
	bool is_by_turns = !(c->offers & OFFERS_PLAIN);

	(void)effect;
	if (!take_reply(c))
		return wait_or_again(c, &AT_LOGIN);
	if (c->reader.code == 334 && is_by_turns && c->login_turn < 2)
		return say_login_turn(c, out);
	if (is_refusal(c)) {
		site_refuses(c, &AT_QUIT);
	} else if (c->reader.code != 235 || (is_by_turns && c->login_turn < 2)) {
		protocol_broken(c);
	} else {
		c->has_login = true;
		step_to(c, &AT_READY, c->options->times.idle);
	}
	return STEP_AGAIN;
}

/* ---- STARTTLS -------------------------------------------------------------------- */

static enum progress say_starttls(struct client *c, struct buf *out)
{
	buf_add(out, SPAN("STARTTLS\r\n"));
	step_to(c, &AT_STARTTLS, c->options->times.command);
	return STEP_AGAIN;
}

/* What is still to be done before a mail. */
static enum progress go_on(struct client *c, struct buf *out)
{
	bool may_tls = c->options->tls != CLIENT_TLS_NONE && !c->has_tls && !c->is_without_tls;

	if (may_tls && c->offers & OFFERS_STARTTLS)
		return say_starttls(c, out);
	if (c->options->tls == CLIENT_TLS_REQUIRED && !c->has_tls) {
		site_is_unfit(c, "4.7.4", "does not offer STARTTLS, which is required");
		return STEP_AGAIN;
	}
	if (c->options->user.len > 0 && !c->has_login)
		return begin_login(c, out);
	step_to(c, &AT_READY, c->options->times.idle);
	return STEP_AGAIN;
}

static enum progress run_hello(struct client *c, struct buf *out, struct client_effect *effect)
{
	(void)effect;
	if (!take_reply(c))
		return wait_or_again(c, &AT_HELLO);
	if (is_refusal(c))
		return hello_refused(c, out);
	if (!is_good(c)) {
		protocol_broken(c);
		return STEP_AGAIN;
	}
	for (unsigned n = 1; n < c->reader.n_lines && c->hello != SAY_HELO; n++)
		take_offer(c, reply_reader_line(&c->reader, n));
	return go_on(c, out);
}

/* RFC 3207 4: what a server says behind its 220 and before TLS could come from anybody on the way. */
static enum progress run_starttls(struct client *c, struct buf *out, struct client_effect *effect)
{
	if (!take_reply(c))
		return wait_or_again(c, &AT_STARTTLS);
	if (c->reader.code == 220 && c->in.len == 0)
		return run_shake(c, out, effect);
	if (c->reader.code == 220) {
		tls_failed(c, "it went on speaking");
		return STEP_AGAIN;
	}
	if (!is_refusal(c)) {
		protocol_broken(c);
		return STEP_AGAIN;
	}
	if (c->options->tls == CLIENT_TLS_REQUIRED) {
		site_refuses(c, &AT_QUIT);
		return STEP_AGAIN;
	}
	c->is_without_tls = true;
	return go_on(c, out);
}

static enum progress run_shake(struct client *c, struct buf *out, struct client_effect *effect)
{
	(void)out;
	step_to(c, &AT_SHAKING, c->options->times.tls);
	effect->type = CLIENT_START_TLS;
	return STEP_EFFECT;
}

static enum progress run_shaking(struct client *c, struct buf *out, struct client_effect *effect)
{
	(void)effect;
	c->in = SPAN_NONE;
	if (!c->has_tls)
		return STEP_WAIT;
	if (!c->options->tls_first)
		return say_hello(c, out, c->options->is_lmtp ? SAY_LHLO : SAY_EHLO);
	step_to(c, &AT_GREETING, c->options->times.greeting);
	return STEP_AGAIN;
}
