#include "delivery/client_private.h"

#include <stdio.h>
#include <string.h>

static enum progress run_wait(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_connect(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_settle(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_return(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_quit(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_close(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_over(struct client *c, struct buf *out, struct client_effect *effect);

const struct client_step
	AT_NEW = { "", run_wait },
	AT_CONNECT = { "the connection", run_connect },
	AT_CONNECTING = { "the connection", run_wait },
	AT_SETTLE = { "", run_settle },		/* all that are open, by the verdict */
	AT_RETURN = { "", run_return },
	AT_QUIT = { "", run_quit },
	AT_CLOSE = { "", run_close };
static const struct client_step AT_OVER = { "", run_over };

/* ---- birth --------------------------------------------------------------------- */

void client_init(struct client *c, const struct client_options *options, int64_t now_ms)
{
	c->options = options;
	c->step = c->after = &AT_NEW;
	c->waits_for = "";
	c->now_ms = now_ms;
	c->due_ms = c->armed_ms = INT64_MAX;
	c->in = c->body = SPAN_NONE;
	c->job = NULL;
	c->n_open = c->n_mails = c->n_replies = 0;
	c->is_last = c->wants = c->body_is_there = c->has_begun = c->is_without_tls = false;
	c->text[0] = '\0';
}

bool client_is_idle(const struct client *c)
{
	return !c->job && !c->is_last && (c->step == &AT_NEW || c->step == &AT_READY);
}

void step_to(struct client *c, const struct client_step *step, int64_t within_ms)
{
	c->step = step;
	c->due_ms = within_ms == INT64_MAX ? INT64_MAX : c->now_ms + within_ms;
}

enum progress wait_or_again(const struct client *c, const struct client_step *was)
{
	return c->step == was ? STEP_WAIT : STEP_AGAIN;
}

/* ---- verdicts ------------------------------------------------------------------ */

void settle_then(struct client *c, const struct client_step *after)
{
	bool is_for_others = c->verdict.scope == SCOPE_SITE && !c->has_begun;

	c->after = after;
	step_to(c, !c->job ? after : is_for_others ? &AT_RETURN : &AT_SETTLE, INT64_MAX);
}

/* A connection that is lost over a body may have been lost because of it: that says nothing of the site. */
static void put_off(struct client *c, const char *enhanced)
{
	bool is_reached = c->step != &AT_CONNECTING;

	c->verdict = (struct job_outcome){ .fate = FATE_DEFERRED, .scope = c->has_begun ? SCOPE_MESSAGE : SCOPE_SITE,
		.enhanced = span_of_text(enhanced), .words = span_of_text(c->text), .host = is_reached ? span_of_text(c->options->host) : SPAN_NONE };
}

void site_is_unfit(struct client *c, const char *enhanced, const char *what)
{
	snprintf(c->text, sizeof(c->text), "%.200s %.150s", c->options->host, what);
	put_off(c, enhanced);
	settle_then(c, &AT_QUIT);
}

/* After the final dot nobody knows what came of it. */
void give_up(struct client *c, const char *enhanced, const char *what)
{
	const char *doubt = c->step == &AT_FINAL ? " (it may have the message)" : "";
	const char *awaited = c->step->awaits ? c->step->awaits : c->waits_for;

	snprintf(c->text, sizeof(c->text), "%.200s %s, awaiting %s%s", c->options->host, what, awaited, doubt);
	put_off(c, enhanced);
	settle_then(c, &AT_CLOSE);
}

void protocol_broken(struct client *c)
{
	give_up(c, "4.5.0", "broke the protocol");
}

static void connecting_failed(struct client *c, const char *why)
{
	snprintf(c->text, sizeof(c->text), "Connecting to %.200s failed: %.100s", c->options->host, why);
	put_off(c, "4.4.1");
	settle_then(c, &AT_CLOSE);
}

void tls_failed(struct client *c, const char *why)
{
	if (c->options->tls == CLIENT_TLS_OPPORTUNISTIC) {
		c->is_without_tls = true;
		step_to(c, &AT_CONNECT, INT64_MAX);
		return;
	}
	snprintf(c->text, sizeof(c->text), "TLS with %.200s failed: %.100s", c->options->host, why);
	put_off(c, "4.7.5");
	settle_then(c, &AT_CLOSE);
}

void site_refuses(struct client *c, const struct client_step *after)
{
	c->verdict = deferral_of_reply(c, SCOPE_SITE);
	settle_then(c, after);
}

/* ---- events -------------------------------------------------------------------- */

/* A server may end a connection that was idle at the very moment when we use it again: nothing was answered, nothing is lost. */
static bool can_begin_anew(const struct client *c)
{
	return c->job && c->step == &AT_ENVELOPE && c->n_mails > 0 && c->n_replies == 0;
}

/* By TLS 1.3 (RFC 8446 4.4.4) a client has done its part before the server judges it: who then ends it instead of answering has failed
 * the handshake. */
static bool is_in_handshake(const struct client *c)
{
	bool is_unanswered = c->step == &AT_HELLO && c->hello != SAY_HELO && c->has_tls && !c->options->tls_first;

	return c->step == &AT_SHAKING || is_unanswered;
}

static void connection_lost(struct client *c)
{
	if (can_begin_anew(c))
		step_to(c, &AT_CONNECT, INT64_MAX);
	else if (is_in_handshake(c))
		tls_failed(c, "it closed the connection");
	else
		give_up(c, "4.4.2", "closed the connection");
}

/* What has been sent whole is the server's to decide on. */
static void cancel(struct client *c)
{
	if (!c->job || c->step == &AT_FINAL)
		return;
	c->verdict = (struct job_outcome){ .fate = FATE_DEFERRED, .scope = SCOPE_MESSAGE, .enhanced = SPAN("4.3.0"),
		.words = SPAN("The attempt was ended before the message was sent"), .host = SPAN_NONE };
	settle_then(c, &AT_CLOSE);
}

static void time_is_up(struct client *c)
{
	if (c->step == &AT_READY)
		step_to(c, &AT_QUIT, INT64_MAX);
	else if (c->step == &AT_CONNECTING)
		connecting_failed(c, "Connection timed out");
	else if (c->step == &AT_SHAKING)
		tls_failed(c, "it took too long");
	else if (c->step == &AT_BODY && c->is_hungry)
		cancel(c);	/* it is us who took too long */
	else
		give_up(c, "4.4.2", "took too long");
}

static void take_job(struct client *c, struct job *job)
{
	BUG_ON(!client_is_idle(c));
	c->job = job;
	c->n_open = job->n_open;
	c->has_begun = false;
	if (c->step == &AT_NEW)
		c->step = &AT_CONNECT;
}

static void take_last(struct client *c)
{
	c->is_last = true;
	if (!c->job && (c->step == &AT_READY || c->step == &AT_NEW))
		step_to(c, c->step == &AT_NEW ? &AT_CLOSE : &AT_QUIT, INT64_MAX);
}

static void take_body(struct client *c, struct span bytes, bool last)
{
	c->body = bytes;
	c->body_is_last = last;
	c->body_is_there = c->has_begun = true;
	c->is_hungry = false;
}

void client_feed(struct client *c, const struct client_event *ev)
{
	c->now_ms = ev->now_ms;
	if (c->step == &AT_OVER)
		return;
	switch (ev->type) {
	case CLIENT_CONNECTED:
		reply_reader_init(&c->reader);
		step_to(c, c->options->tls_first ? &AT_SHAKE : &AT_GREETING, c->options->times.greeting);
		break;
	case CLIENT_FAILED:
		connecting_failed(c, ev->why);
		break;
	case CLIENT_TLS_UP:
		c->has_tls = true;
		break;
	case CLIENT_TLS_FAILED:
		tls_failed(c, ev->why);
		break;
	case CLIENT_BYTES:
		c->in = ev->bytes;
		break;
	case CLIENT_JOB:
		take_job(c, ev->job);
		break;
	case CLIENT_BODY:
		take_body(c, ev->bytes, ev->last);
		break;
	case CLIENT_SENT:
		c->wants = c->step == &AT_BODY;
		break;
	case CLIENT_TICK:
		if (c->now_ms >= c->due_ms)
			time_is_up(c);
		break;
	case CLIENT_CANCEL:
		cancel(c);
		break;
	case CLIENT_LEFT:
		connection_lost(c);
		break;
	case CLIENT_LAST:
		take_last(c);
		break;
	}
}

/* ---- effects ------------------------------------------------------------------- */

static enum progress flush(struct buf *out, struct client_effect *effect)
{
	BUG_ON(out->overflowed);
	if (out->len == 0)
		return STEP_WAIT;
	effect->type = CLIENT_SEND;
	return STEP_EFFECT;
}

bool client_next(struct client *c, struct buf *out, struct client_effect *effect)
{
	enum progress progress;

	*effect = (struct client_effect){ 0 };
	do
		progress = c->step->run(c, out, effect);
	while (progress == STEP_AGAIN);
	if (progress == STEP_WAIT)
		progress = flush(out, effect);
	if (progress == STEP_EFFECT)
		return true;
	if (c->armed_ms == c->due_ms)
		return false;
	c->armed_ms = effect->at_ms = c->due_ms;
	effect->type = CLIENT_ARM;
	return true;
}

/* ---- replies ------------------------------------------------------------------- */

bool is_good(const struct client *c)
{
	return c->reader.code / 100 == 2;
}

bool is_refusal(const struct client *c)
{
	return c->reader.code >= 400;
}

static struct job_outcome reply_as(struct client *c, enum wire_fate fate, enum wire_scope scope, char class)
{
	struct reply_reader *r = &c->reader;

	for (size_t i = 0; i < r->words_len; i++)
		if (r->words[i] == '\n')
			r->words[i] = ' ';
	if (r->enhanced[0] != '\0')
		r->enhanced[0] = class;
	else
		snprintf(r->enhanced, sizeof(r->enhanced), "%c.0.0", class);
	return (struct job_outcome){ .fate = fate, .scope = scope, .code = (uint16_t)r->code, .enhanced = span_of_text(r->enhanced),
		.words = span_of(r->words, r->words_len), .host = span_of_text(c->options->host) };
}

struct job_outcome outcome_of_reply(struct client *c, enum wire_scope scope)
{
	static const enum wire_fate fates[] = { FATE_DELIVERED, FATE_DEFERRED, FATE_DEFERRED, FATE_FAILED };

	return reply_as(c, fates[c->reader.code / 100 - 2], scope, (char)('0' + c->reader.code / 100));
}

struct job_outcome deferral_of_reply(struct client *c, enum wire_scope scope)
{
	return reply_as(c, FATE_DEFERRED, scope, '4');
}

bool take_reply(struct client *c)
{
	enum pr_err err = c->in.len ? reply_reader_feed(&c->reader, &c->in) : PR_AGAIN;

	if (err == PR_AGAIN)
		return false;
	if (err != PR_OK) {
		protocol_broken(c);
		return false;
	}
	if (c->reader.code != 421)
		return true;
	if (can_begin_anew(c))
		step_to(c, &AT_CONNECT, INT64_MAX);
	else
		site_refuses(c, &AT_CLOSE);	/* RFC 5321 3.8: at any time */
	return false;
}

/* ---- outcomes ------------------------------------------------------------------ */

enum progress tell(struct client *c, struct client_effect *effect, unsigned rcpt, const struct job_outcome *outcome)
{
	effect->type = CLIENT_OUTCOME;
	effect->rcpt = rcpt;
	effect->outcome = *outcome;
	if (--c->n_open == 0)
		c->job = NULL;
	return STEP_EFFECT;
}

unsigned rcpt_open(const struct job *job, unsigned n)
{
	while (n < job->n_rcpts && (job->rcpts[n].is_settled || job->rcpts[n].is_put_off))
		n++;
	return n;
}

static enum progress run_settle(struct client *c, struct buf *out, struct client_effect *effect)
{
	(void)out;
	if (c->job)
		return tell(c, effect, rcpt_open(c->job, 0), &c->verdict);
	step_to(c, c->after, c->after == &AT_LEFTOVER ? c->options->times.command : INT64_MAX);
	return STEP_AGAIN;
}

static enum progress run_return(struct client *c, struct buf *out, struct client_effect *effect)
{
	(void)out;
	c->job = NULL;
	step_to(c, c->after, INT64_MAX);
	effect->type = CLIENT_RETURN;
	effect->outcome = c->verdict;
	return STEP_EFFECT;
}

/* ---- the connection ------------------------------------------------------------ */

static enum progress run_wait(struct client *c, struct buf *out, struct client_effect *effect)
{
	(void)c;
	(void)out;
	(void)effect;
	return STEP_WAIT;
}

static enum progress run_connect(struct client *c, struct buf *out, struct client_effect *effect)
{
	buf_clear(out);
	c->n_mails = 0;
	c->in = SPAN_NONE;
	c->must_reset = c->has_tls = c->has_login = false;
	step_to(c, &AT_CONNECTING, c->options->times.connect);
	effect->type = CLIENT_CONNECT;
	return STEP_EFFECT;
}

static enum progress run_quit(struct client *c, struct buf *out, struct client_effect *effect)
{
	(void)effect;
	buf_add(out, SPAN("QUIT\r\n"));
	c->step = &AT_CLOSE;
	return STEP_AGAIN;
}

static enum progress run_close(struct client *c, struct buf *out, struct client_effect *effect)
{
	if (flush(out, effect) == STEP_EFFECT)
		return STEP_EFFECT;
	step_to(c, &AT_OVER, INT64_MAX);
	c->armed_ms = INT64_MAX;
	effect->type = CLIENT_CLOSE;
	return STEP_EFFECT;
}

static enum progress run_over(struct client *c, struct buf *out, struct client_effect *effect)
{
	c->in = SPAN_NONE;
	return run_wait(c, out, effect);
}
