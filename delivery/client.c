#include "delivery/client.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "mail/address.h"

#define ENVID_MAX 100	/* octets of ENVID (RFC 3461 4.4) */
#define ORCPT_MAX 500	/* octets of ORCPT (RFC 3461 4.2) */

enum progress { STEP_AGAIN, STEP_WAIT, STEP_EFFECT };

struct client_step {
	const char *awaits;	/* for words of failure: what was waited for */
	enum progress (*run)(struct client *c, struct buf *out, struct client_effect *effect);
};

static enum progress run_new(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_connect(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_connecting(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_greeting(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_hello(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_ready(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_envelope(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_body(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_final(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_leftover(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_settle(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_quit(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_close(struct client *c, struct buf *out, struct client_effect *effect);
static enum progress run_over(struct client *c, struct buf *out, struct client_effect *effect);

static const struct client_step
	NEW = { "", run_new },
	CONNECT = { "the connection", run_connect },
	CONNECTING = { "the connection", run_connecting },
	GREETING = { "the greeting", run_greeting },
	HELLO = { "the reply to LHLO", run_hello },
	READY = { "a mail", run_ready },
	ENVELOPE = { NULL, run_envelope },	/* the reply to the command it awaits */
	BODY = { "the message to be taken", run_body },
	FINAL = { "the reply to the end of data", run_final },
	LEFTOVER = { "replies to refused commands", run_leftover },	/* of a mail whose recipients are all settled */
	SETTLE = { "", run_settle },		/* all that are open, by the verdict */
	QUIT = { "", run_quit },
	CLOSE = { "", run_close },
	OVER = { "", run_over };

enum offer { OFFERS_PIPELINING = 1, OFFERS_SIZE = 2, OFFERS_8BITMIME = 4, OFFERS_SMTPUTF8 = 8, OFFERS_DSN = 16 };

/* ---- birth, events ----------------------------------------------------------- */

void client_init(struct client *c, const struct client_options *options, int64_t now_ms)
{
	c->options = options;
	c->step = &NEW;
	c->after = &NEW;
	c->now_ms = now_ms;
	c->due_ms = c->armed_ms = INT64_MAX;
	c->in = c->body = SPAN_NONE;
	c->job = NULL;
	c->n_open = c->n_mails = c->n_replies = 0;
	c->is_last = c->wants = c->body_is_there = false;
	c->text[0] = '\0';
}

bool client_is_idle(const struct client *c)
{
	return !c->job && !c->is_last && (c->step == &NEW || c->step == &READY);
}

static void step_to(struct client *c, const struct client_step *step, int64_t within_ms)
{
	c->step = step;
	c->due_ms = within_ms == INT64_MAX ? INT64_MAX : c->now_ms + within_ms;
}

/* All that are open get this verdict, then the step `after` follows. */
static void settle_then(struct client *c, const struct client_step *after)
{
	c->after = after;
	step_to(c, c->job ? &SETTLE : after, INT64_MAX);
}

static const char *awaited(const struct client *c)
{
	static const char *const replies[] = { "the reply to RSET", "the reply to MAIL", "the reply to RCPT", "the reply to DATA", "a reply" };

	return c->step == &ENVELOPE ? replies[c->awaits] : c->step->awaits;
}

/* The connection is of no more use, by no reply of the server. After the final dot nobody knows what came of it. */
static void give_up(struct client *c, const char *enhanced, const char *what)
{
	const char *doubt = c->step == &FINAL ? " (it may have the message)" : "";

	snprintf(c->text, sizeof(c->text), "%.200s %s, awaiting %s%s", c->options->host, what, awaited(c), doubt);
	c->verdict = (struct job_outcome){ .fate = FATE_DEFERRED, .scope = SCOPE_SITE, .enhanced = span_of_text(enhanced),
		.words = span_of_text(c->text), .host = SPAN_NONE };
	settle_then(c, &CLOSE);
}

/* A server may end a connection that was idle at the very moment when we use it again: nothing was answered, nothing is lost. */
static bool can_begin_anew(const struct client *c)
{
	return c->job && c->step == &ENVELOPE && c->n_mails > 0 && c->n_replies == 0;
}

static void connection_lost(struct client *c)
{
	if (can_begin_anew(c))
		step_to(c, &CONNECT, INT64_MAX);
	else
		give_up(c, "4.4.2", "closed the connection");
}

static void connecting_failed(struct client *c, const char *why)
{
	snprintf(c->text, sizeof(c->text), "Connecting to %.200s failed: %.100s", c->options->host, why);
	c->verdict = (struct job_outcome){ .fate = FATE_DEFERRED, .scope = SCOPE_SITE, .enhanced = SPAN("4.4.1"),
		.words = span_of_text(c->text), .host = SPAN_NONE };
	settle_then(c, &CLOSE);
}

/* What has been sent whole is the server's to decide on. */
static void cancel(struct client *c)
{
	if (!c->job || c->step == &FINAL)
		return;
	c->verdict = (struct job_outcome){ .fate = FATE_DEFERRED, .scope = SCOPE_MESSAGE, .enhanced = SPAN("4.3.0"),
		.words = SPAN("The attempt was ended before the message was sent"), .host = SPAN_NONE };
	settle_then(c, &CLOSE);
}

static void time_is_up(struct client *c)
{
	if (c->step == &READY)
		step_to(c, &QUIT, INT64_MAX);
	else if (c->step == &CONNECTING)
		connecting_failed(c, "Connection timed out");
	else if (c->step == &BODY && c->is_hungry)
		cancel(c);	/* it is us who took too long */
	else
		give_up(c, "4.4.2", "took too long");
}

static void take_job(struct client *c, struct job *job)
{
	BUG_ON(!client_is_idle(c));
	c->job = job;
	c->n_open = job->n_open;
	if (c->step == &NEW)
		c->step = &CONNECT;
}

static void take_last(struct client *c)
{
	c->is_last = true;
	if (!c->job && (c->step == &READY || c->step == &NEW))
		step_to(c, c->step == &NEW ? &CLOSE : &QUIT, INT64_MAX);
}

void client_feed(struct client *c, const struct client_event *ev)
{
	c->now_ms = ev->now_ms;
	if (c->step == &OVER)
		return;
	switch (ev->type) {
	case CLIENT_CONNECTED:
		reply_reader_init(&c->reader);
		step_to(c, &GREETING, CLIENT_GREETING_MS);
		break;
	case CLIENT_FAILED:
		connecting_failed(c, ev->why);
		break;
	case CLIENT_BYTES:
		c->in = ev->bytes;
		break;
	case CLIENT_JOB:
		take_job(c, ev->job);
		break;
	case CLIENT_BODY:
		c->body = ev->bytes;
		c->body_is_there = true;
		c->is_hungry = false;
		c->body_is_last = ev->last;
		break;
	case CLIENT_SENT:
		c->wants = c->step == &BODY;
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

/* ---- replies -------------------------------------------------------------------- */

static bool is_good(const struct client *c)
{
	return c->reader.code / 100 == 2;
}

static bool is_refusal(const struct client *c)
{
	return c->reader.code >= 400;
}

/* What the server just said, as an outcome; its words on one line. */
static struct job_outcome outcome_of_reply(struct client *c, enum wire_scope scope)
{
	static const char *const plain[] = { "2.0.0", "", "4.0.0", "5.0.0" };
	static const enum wire_fate fates[] = { FATE_DELIVERED, FATE_DEFERRED, FATE_DEFERRED, FATE_FAILED };
	struct reply_reader *r = &c->reader;
	unsigned class = r->code / 100 - 2;

	for (size_t i = 0; i < r->words_len; i++)
		if (r->words[i] == '\n')
			r->words[i] = ' ';
	return (struct job_outcome){ .fate = fates[class], .scope = scope, .code = (uint16_t)r->code,
		.enhanced = span_of_text(r->enhanced[0] ? r->enhanced : plain[class]), .words = span_of(r->words, r->words_len),
		.host = span_of_text(c->options->host) };
}

/* What the server calls permanent is tried again here: its enhanced code must not say otherwise. */
static struct job_outcome deferral_of_reply(struct client *c, enum wire_scope scope)
{
	struct job_outcome said = outcome_of_reply(c, scope);

	said.fate = FATE_DEFERRED;
	if (c->reader.enhanced[0] == '\0')
		said.enhanced = SPAN("4.0.0");
	c->reader.enhanced[0] = '4';
	return said;
}

/* The server speaks for all mail that may come, not for this one. */
static void site_refuses(struct client *c, const struct client_step *after)
{
	c->verdict = deferral_of_reply(c, SCOPE_SITE);
	settle_then(c, after);
}

static void protocol_broken(struct client *c)
{
	give_up(c, "4.5.0", "broke the protocol");
}

/* True when a reply is there that its step must judge. Otherwise more bytes are awaited, or the step has changed. */
static bool take_reply(struct client *c)
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
		step_to(c, &CONNECT, INT64_MAX);
	else
		site_refuses(c, &CLOSE);	/* RFC 5321 3.8: at any time */
	return false;
}

static enum progress wait_or_again(const struct client *c, const struct client_step *was)
{
	return c->step == was ? STEP_WAIT : STEP_AGAIN;
}

/* ---- outcomes -------------------------------------------------------------------- */

/* The caller settles it before the next call; with the last one the job is no more ours. */
static enum progress tell(struct client *c, struct client_effect *effect, unsigned rcpt, const struct job_outcome *outcome)
{
	effect->type = CLIENT_OUTCOME;
	effect->rcpt = rcpt;
	effect->outcome = *outcome;
	if (--c->n_open == 0)
		c->job = NULL;
	return STEP_EFFECT;
}

/* The first from n on that is open; n_rcpts without. */
static unsigned rcpt_open(const struct job *job, unsigned n)
{
	while (n < job->n_rcpts && job->rcpts[n].is_settled)
		n++;
	return n;
}

static enum progress run_settle(struct client *c, struct buf *out, struct client_effect *effect)
{
	(void)out;
	if (c->job)
		return tell(c, effect, rcpt_open(c->job, 0), &c->verdict);
	step_to(c, c->after, c->after == &LEFTOVER ? CLIENT_COMMAND_MS : INT64_MAX);
	return STEP_AGAIN;
}

/* ---- the connection --------------------------------------------------------------- */

static enum progress run_new(struct client *c, struct buf *out, struct client_effect *effect)
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
	c->must_reset = false;
	step_to(c, &CONNECTING, CLIENT_CONNECT_MS);
	effect->type = CLIENT_CONNECT;
	return STEP_EFFECT;
}

static enum progress run_connecting(struct client *c, struct buf *out, struct client_effect *effect)
{
	return run_new(c, out, effect);
}

static enum progress run_greeting(struct client *c, struct buf *out, struct client_effect *effect)
{
	(void)effect;
	if (!take_reply(c))
		return wait_or_again(c, &GREETING);
	if (is_refusal(c))
		site_refuses(c, &QUIT);
	else if (c->reader.code != 220)
		protocol_broken(c);
	else {
		buf_add(out, SPAN("LHLO "));
		buf_add_text(out, c->options->helo);
		buf_add(out, SPAN("\r\n"));
		step_to(c, &HELLO, CLIENT_COMMAND_MS);
	}
	return STEP_AGAIN;
}

static void take_offer(struct client *c, struct span line)
{
	static const struct { const char *word; enum offer offer; } known[] = {
		{ "PIPELINING", OFFERS_PIPELINING }, { "SIZE", OFFERS_SIZE }, { "8BITMIME", OFFERS_8BITMIME },
		{ "SMTPUTF8", OFFERS_SMTPUTF8 }, { "DSN", OFFERS_DSN }
	};
	struct span word = span_cut(&line, ' ');
	unsigned long long size = 0;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (span_eq_nocase(word, span_of_text(known[i].word)))
			c->offers |= known[i].offer;
	if (span_eq_nocase(word, SPAN("SIZE")) && span_to_u64(span_trim(line), UINT64_MAX, &size))
		c->max_size = size;
}

static enum progress run_hello(struct client *c, struct buf *out, struct client_effect *effect)
{
	(void)out;
	(void)effect;
	if (!take_reply(c))
		return wait_or_again(c, &HELLO);
	if (is_refusal(c)) {
		site_refuses(c, &QUIT);
		return STEP_AGAIN;
	}
	if (!is_good(c)) {
		protocol_broken(c);
		return STEP_AGAIN;
	}
	c->offers = 0;
	c->max_size = 0;
	for (unsigned n = 1; n < c->reader.n_lines; n++)
		take_offer(c, reply_reader_line(&c->reader, n));
	step_to(c, &READY, CLIENT_IDLE_MS);
	return STEP_AGAIN;
}

/* ---- between mails ----------------------------------------------------------------- */

#define UNFIT(whose, code, text) { .fate = FATE_FAILED, .scope = whose, .enhanced = { code, sizeof(code) - 1 }, .words = { text, sizeof(text) - 1 }, .host = { "", 0 } }

static const struct job_outcome
	unfit_size = UNFIT(SCOPE_MESSAGE, "5.3.4", "The message is larger than the server takes"),
	unfit_8bit = UNFIT(SCOPE_MESSAGE, "5.6.3", "The message has 8-bit bytes, which the server does not take"),
	unfit_utf8 = UNFIT(SCOPE_MESSAGE, "5.6.7", "The message needs SMTPUTF8, which the server does not offer"),
	unfit_address = UNFIT(SCOPE_RECIPIENT, "5.6.7", "The address needs SMTPUTF8, which the server does not offer"),
	unfit_path = UNFIT(SCOPE_MESSAGE, "5.1.3", "An address of the envelope can't be said in a command");

/* Nothing in it can end a command. */
static bool is_path(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
			return false;
	return s.len <= ADDRESS_MAX;
}

static bool has_paths(const struct job *job)
{
	for (unsigned n = rcpt_open(job, 0); n < job->n_rcpts; n = rcpt_open(job, n + 1))
		if (!is_path(job->rcpts[n].address))
			return false;
	return is_path(job->sender);
}

/* The first that is open and whose address is not all ASCII; n_rcpts without. */
static unsigned rcpt_utf8(const struct job *job)
{
	unsigned n = rcpt_open(job, 0);

	while (n < job->n_rcpts && text_is_ascii(job->rcpts[n].address))
		n = rcpt_open(job, n + 1);
	return n;
}

/* NULL when the server can take this message as far as we know. */
static const struct job_outcome *unfit(const struct client *c)
{
	if (!has_paths(c->job))
		return &unfit_path;
	if (c->max_size && c->job->size > c->max_size)
		return &unfit_size;
	if (c->job->flags & MAIL_SMTPUTF8 && !(c->offers & OFFERS_SMTPUTF8))
		return &unfit_utf8;
	return c->job->flags & MAIL_8BIT && !(c->offers & OFFERS_8BITMIME) ? &unfit_8bit : NULL;
}

static enum progress begin_mail(struct client *c, struct client_effect *effect)
{
	const struct job_outcome *why = unfit(c);
	unsigned rcpt = rcpt_utf8(c->job);

	if (why) {
		c->verdict = *why;
		settle_then(c, &READY);
		return STEP_AGAIN;
	}
	if (rcpt < c->job->n_rcpts && !(c->offers & OFFERS_SMTPUTF8))
		return tell(c, effect, rcpt, &unfit_address);
	c->n_replies = c->owed = 0;
	c->says = c->awaits = c->must_reset ? SAY_RSET : SAY_MAIL;
	c->rcpt_said = c->rcpt_answered = rcpt_open(c->job, 0);
	c->in_mail = c->asked_data = false;
	step_to(c, &ENVELOPE, CLIENT_COMMAND_MS);
	return STEP_AGAIN;
}

/* Nobody asked, so whatever is said here has no meaning we could trust. */
static enum progress run_ready(struct client *c, struct buf *out, struct client_effect *effect)
{
	(void)out;
	if (c->in.len > 0 && c->job)
		protocol_broken(c);
	else if (c->in.len > 0 || (c->is_last && !c->job))
		step_to(c, &QUIT, INT64_MAX);
	else if (c->job)
		return begin_mail(c, effect);
	else if (c->due_ms == INT64_MAX)
		step_to(c, &READY, CLIENT_IDLE_MS);
	return wait_or_again(c, &READY);
}

static void end_mail(struct client *c)
{
	c->n_mails++;
	step_to(c, c->n_mails >= c->options->max_mails ? &QUIT : &READY, INT64_MAX);
}

/* ---- envelope ------------------------------------------------------------------------ */

/* Printable and without blanks: nothing of it can end a word or a line. */
static bool is_one_word(struct span s, size_t max)
{
	return s.len > 0 && s.len <= max && text_is_printable(s) && span_find(s, ' ') == s.len;
}

static void say_mail(const struct client *c, struct buf *out)
{
	const struct job *job = c->job;

	buf_add(out, SPAN("MAIL FROM:"));
	address_add_path(out, job->sender);
	if (c->offers & OFFERS_SIZE)
		buf_printf(out, " SIZE=%llu", (unsigned long long)job->size);
	if (job->flags & MAIL_8BIT)
		buf_add(out, SPAN(" BODY=8BITMIME"));
	if (job->flags & MAIL_SMTPUTF8 || rcpt_utf8(job) < job->n_rcpts)
		buf_add(out, SPAN(" SMTPUTF8"));
	if (c->offers & OFFERS_DSN && job->flags & (MAIL_RET_FULL | MAIL_RET_HDRS))
		buf_add_text(out, job->flags & MAIL_RET_FULL ? " RET=FULL" : " RET=HDRS");
	if (c->offers & OFFERS_DSN && is_one_word(job->envid, ENVID_MAX)) {
		buf_add(out, SPAN(" ENVID="));
		buf_add(out, job->envid);
	}
	buf_add(out, SPAN("\r\n"));
}

static void say_notify(struct buf *out, uint8_t notify)
{
	static const struct { uint8_t bit; const char *word; } words[] = {
		{ NOTIFY_NEVER, "NEVER" }, { NOTIFY_SUCCESS, "SUCCESS" }, { NOTIFY_FAILURE, "FAILURE" }, { NOTIFY_DELAY, "DELAY" }
	};
	const char *divider = " NOTIFY=";

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!(notify & words[i].bit))
			continue;
		buf_add_text(out, divider);
		buf_add_text(out, words[i].word);
		divider = ",";
	}
}

static void say_rcpt(const struct client *c, struct buf *out, const struct job_rcpt *rcpt)
{
	buf_add(out, SPAN("RCPT TO:"));
	address_add_path(out, rcpt->address);
	if (c->offers & OFFERS_DSN) {
		say_notify(out, rcpt->notify);
		if (is_one_word(rcpt->orcpt, ORCPT_MAX)) {
			buf_add(out, SPAN(" ORCPT="));
			buf_add(out, rcpt->orcpt);
		}
	}
	buf_add(out, SPAN("\r\n"));
}

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
			c->says = SAY_DATA;
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
	step_to(c, &LEFTOVER, CLIENT_COMMAND_MS);
}

/* Of the whole message: MAIL or DATA was refused. */
static enum progress refuse_message(struct client *c)
{
	c->must_reset = c->in_mail;
	c->verdict = outcome_of_reply(c, SCOPE_MESSAGE);
	settle_then(c, &LEFTOVER);
	return STEP_AGAIN;
}

/* RFC 5321 4.5.3.1.10: servers of old said 552 for too many recipients, where 452 is meant. */
static bool is_too_many(const struct reply_reader *r)
{
	return r->code == 552 && (r->enhanced[0] == '\0' || strcmp(r->enhanced, "5.5.3") == 0);
}

static enum progress answer_rcpt(struct client *c, struct client_effect *effect)
{
	unsigned rcpt = c->rcpt_answered;
	struct job_outcome refused;

	c->rcpt_answered = rcpt_open(c->job, rcpt + 1);
	if (c->rcpt_answered == c->job->n_rcpts)
		c->awaits = SAY_DATA;
	step_to(c, &ENVELOPE, c->awaits == SAY_DATA ? CLIENT_DATA_MS : CLIENT_COMMAND_MS);
	if (is_good(c))
		return STEP_AGAIN;
	refused = is_too_many(&c->reader) ? deferral_of_reply(c, SCOPE_RECIPIENT) : outcome_of_reply(c, SCOPE_RECIPIENT);
	(void)tell(c, effect, rcpt, &refused);
	if (!c->job)
		leave_mail(c);
	return STEP_EFFECT;
}

static enum progress answer_data(struct client *c)
{
	if (is_refusal(c))
		return refuse_message(c);
	if (c->reader.code != 354) {
		protocol_broken(c);
		return STEP_AGAIN;
	}
	dots_init(&c->dots);
	c->wants = true;
	c->body_is_there = c->is_hungry = false;
	step_to(c, &BODY, CLIENT_BLOCK_MS);
	return STEP_AGAIN;
}

static enum progress answer(struct client *c, struct client_effect *effect)
{
	if (c->awaits == SAY_DATA)
		return answer_data(c);
	if (!is_good(c) && (!is_refusal(c) || c->awaits == SAY_RSET)) {
		protocol_broken(c);
		return STEP_AGAIN;
	}
	if (c->awaits == SAY_RCPT)
		return answer_rcpt(c, effect);
	if (!is_good(c))
		return refuse_message(c);
	if (c->awaits == SAY_MAIL)
		c->in_mail = true;
	c->awaits = c->awaits == SAY_RSET ? SAY_MAIL : SAY_RCPT;
	step_to(c, &ENVELOPE, CLIENT_COMMAND_MS);
	return STEP_AGAIN;
}

static enum progress run_envelope(struct client *c, struct buf *out, struct client_effect *effect)
{
	while (c->says != SAY_NOTHING && (c->owed == 0 || c->offers & OFFERS_PIPELINING))
		say_next(c, out);
	if (!take_reply(c))
		return wait_or_again(c, &ENVELOPE);
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
			return wait_or_again(c, &LEFTOVER);
		c->owed--;
		step_to(c, &LEFTOVER, CLIENT_COMMAND_MS);
	}
	if (c->asked_data && !is_refusal(c)) {
		if (c->reader.code == 354)
			buf_add(out, SPAN(".\r\n"));
		step_to(c, &QUIT, INT64_MAX);
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
		settle_then(c, &CLOSE);
	} else {
		protocol_broken(c);
	}
	return STEP_AGAIN;
}

static enum progress send_body(struct client *c, struct buf *out)
{
	struct span piece;

	while (dots_take(&c->dots, &c->body, &piece))
		buf_add(out, piece);
	c->body_is_there = false;
	if (!c->body_is_last) {
		step_to(c, &BODY, CLIENT_BLOCK_MS);
		return STEP_AGAIN;
	}
	buf_add(out, dots_close(&c->dots));
	c->rcpt_answered = rcpt_open(c->job, 0);
	step_to(c, &FINAL, CLIENT_FINAL_MS);
	return STEP_AGAIN;
}

static enum progress run_body(struct client *c, struct buf *out, struct client_effect *effect)
{
	if (take_reply(c))
		return body_answered(c);
	if (c->step != &BODY)
		return STEP_AGAIN;
	if (c->body_is_there)
		return send_body(c, out);
	if (!c->wants)
		return STEP_WAIT;
	c->wants = false;
	c->is_hungry = true;
	step_to(c, &BODY, CLIENT_BLOCK_MS);
	effect->type = CLIENT_WANT;
	return STEP_EFFECT;
}

/* RFC 2033 4.2: one reply for each recipient that was accepted, in their order. */
static enum progress run_final(struct client *c, struct buf *out, struct client_effect *effect)
{
	unsigned rcpt = c->rcpt_answered;
	struct job_outcome said;

	(void)out;
	if (!take_reply(c))
		return wait_or_again(c, &FINAL);
	if (!is_good(c) && !is_refusal(c)) {
		protocol_broken(c);
		return STEP_AGAIN;
	}
	c->rcpt_answered = rcpt_open(c->job, rcpt + 1);
	step_to(c, &FINAL, CLIENT_FINAL_MS);
	said = outcome_of_reply(c, SCOPE_RECIPIENT);
	/* RFC 3461 5.2.1: who takes NOTIFY on tells of success. */
	if (said.fate == FATE_DELIVERED && c->offers & OFFERS_DSN && c->job->rcpts[rcpt].notify & NOTIFY_SUCCESS)
		said.fate = FATE_PASSED;
	(void)tell(c, effect, rcpt, &said);
	if (!c->job) {
		c->must_reset = false;
		end_mail(c);
	}
	return STEP_EFFECT;
}

/* ---- the end --------------------------------------------------------------------------- */

static enum progress run_quit(struct client *c, struct buf *out, struct client_effect *effect)
{
	(void)effect;
	buf_add(out, SPAN("QUIT\r\n"));
	c->step = &CLOSE;
	return STEP_AGAIN;
}

static enum progress run_close(struct client *c, struct buf *out, struct client_effect *effect)
{
	if (flush(out, effect) == STEP_EFFECT)
		return STEP_EFFECT;
	step_to(c, &OVER, INT64_MAX);
	c->armed_ms = INT64_MAX;
	effect->type = CLIENT_CLOSE;
	return STEP_EFFECT;
}

static enum progress run_over(struct client *c, struct buf *out, struct client_effect *effect)
{
	c->in = SPAN_NONE;
	return run_new(c, out, effect);
}
