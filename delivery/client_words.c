/* What is said of a mail to the server, and whether it can be. */
#include "delivery/client_private.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "mail/address.h"

#define ENVID_MAX 100	/* octets of ENVID (RFC 3461 4.4) */
#define ORCPT_MAX 500	/* octets of ORCPT (RFC 3461 4.2) */

/* ---- is it possible? --------------------------------------------------------------- */

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

unsigned rcpt_utf8(const struct job *job)
{
	unsigned n = rcpt_open(job, 0);

	while (n < job->n_rcpts && text_is_ascii(job->rcpts[n].address))
		n = rcpt_open(job, n + 1);
	return n;
}

static void failed(struct client *c, enum wire_scope scope, const char *enhanced, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void failed(struct client *c, enum wire_scope scope, const char *enhanced, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(c->text, sizeof(c->text), fmt, args);
	va_end(args);
	c->verdict = (struct job_outcome){ .fate = FATE_FAILED, .scope = scope, .enhanced = span_of_text(enhanced),
	    .words = span_of_text(c->text), .host = span_of_text(c->options->host) };
}

bool mail_is_unfit(struct client *c)
{
	uint32_t flags = c->job->flags;

	if (!has_paths(c->job))
		failed(c, SCOPE_MESSAGE, "5.1.3", "An address of the envelope can't be said in a command");
	else if (c->max_size && c->job->size > c->max_size)
		failed(c, SCOPE_MESSAGE, "5.3.4", "The message is larger than the %llu bytes that %.200s takes", (unsigned long long)c->max_size, c->options->host);
	else if (flags & MAIL_SMTPUTF8 && !(c->offers & OFFERS_SMTPUTF8))
		failed(c, SCOPE_MESSAGE, "5.6.7", "The message needs SMTPUTF8, which %.200s does not offer", c->options->host);
	else if (flags & MAIL_8BIT && !(c->offers & OFFERS_8BITMIME) && !c->options->force_8bit)
		failed(c, SCOPE_MESSAGE, "5.6.3", "The message has 8-bit bytes, which %.200s does not take", c->options->host);
	else
		return false;
	return true;
}

void address_is_unfit(struct client *c)
{
	failed(c, SCOPE_RECIPIENT, "5.6.7", "The address needs SMTPUTF8, which %.200s does not offer", c->options->host);
}

/* ---- commands ---------------------------------------------------------------------- */

/* Printable and without blanks: nothing of it can end a word or a line. */
static bool is_one_word(struct span s, size_t max)
{
	return s.len > 0 && s.len <= max && text_is_printable(s) && span_find(s, ' ') == s.len;
}

void say_mail(const struct client *c, struct buf *out)
{
	const struct job *job = c->job;

	buf_add(out, SPAN("MAIL FROM:"));
	address_add_path(out, job->sender);
	if (c->offers & OFFERS_SIZE && !c->is_probe)
		buf_printf(out, " SIZE=%llu", (unsigned long long)job->size);
	if (job->flags & MAIL_8BIT && c->offers & OFFERS_8BITMIME)
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

void say_rcpt(const struct client *c, struct buf *out, const struct job_rcpt *rcpt)
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
