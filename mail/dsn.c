#include "mail/dsn.h"

#include "base/text.h"
#include "mail/date.h"
#include "mail/xtext.h"

#define WORDS_MAX   800	/* bytes of what a server said that are repeated: the line stays below 998 */
#define DECODED_MAX 512
#define TYPE_MAX    64	/* bytes of the type of an original recipient: those of the registry have six */

struct action {
	const char *name, *status, *subject, *intro;
};

static const struct action actions[] = {
	[DSN_FAILED] = { "failed", "5.0.0", "Your mail could not be delivered",
	    "could not be delivered to these recipients, and will not be tried again:" },
	[DSN_DELAYED] = { "delayed", "4.0.0", "Your mail is delayed",
	    "has not reached these recipients yet. It is tried again by itself; you need not send it again:" },
	[DSN_DELIVERED] = { "delivered", "2.0.0", "Your mail was delivered", "was delivered to these recipients:" },
	[DSN_RELAYED] = { "relayed", "2.0.0", "Your mail was passed on",
	    "was passed on for these recipients to a server that sends no notices of success:" },
	[DSN_EXPANDED] = { "expanded", "2.0.0", "Your mail was passed on", "was passed on to the members of these lists:" },
};
#define N_ACTIONS (sizeof(actions) / sizeof(actions[0]))

static struct span cut_words(struct span s)
{
	if (s.len <= WORDS_MAX)
		return s;
	s.len = WORDS_MAX;
	while (s.len > WORDS_MAX - 4 && ((unsigned char)s.at[s.len] & 0xc0) == 0x80)
		s.len--;
	return s;
}

/* Nothing that could begin a line or make it too long; what is not ASCII only where it may stand. */
static void add_safe(struct buf *out, struct span s, bool utf8)
{
	s = cut_words(s);
	utf8 = utf8 && text_is_utf8(s);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if (c < 0x20 || c == 0x7f)
			buf_add_char(out, ' ');
		else
			buf_add_char(out, c < 0x80 || utf8 ? s.at[i] : '?');
	}
}

static void add_field(struct buf *out, const char *name, struct span value, bool utf8)
{
	if (!value.len)
		return;
	buf_add_text(out, name);
	add_safe(out, value, utf8);
	buf_add(out, SPAN("\r\n"));
}

static void add_date_field(struct buf *out, const char *name, int64_t wall_ms)
{
	if (!wall_ms)
		return;
	buf_add_text(out, name);
	date_add(out, wall_ms);
	buf_add(out, SPAN("\r\n"));
}

static void add_boundary(struct buf *out, const struct dsn *d, const char *behind)
{
	buf_add(out, SPAN("\r\n--=_"));
	add_safe(out, d->id, false);
	buf_add_text(out, behind);
}

static enum dsn_action gravest(const struct dsn *d)
{
	enum dsn_action worst = DSN_EXPANDED;

	for (size_t i = 0; i < d->n_rcpts; i++)
		if (d->rcpts[i].action < worst)
			worst = d->rcpts[i].action;
	return worst;
}

/* RFC 6522 3: report-type is the subtype of the second part. */
static const char *status_type(const struct dsn *d)
{
	return d->smtputf8 ? "global-delivery-status" : "delivery-status";
}

static void add_header(struct buf *out, const struct dsn *d)
{
	buf_add(out, SPAN("From: Mail Delivery System <MAILER-DAEMON@"));
	add_safe(out, d->hostname, false);
	buf_add(out, SPAN(">\r\nTo: <"));
	add_safe(out, d->to, d->smtputf8);
	buf_add(out, SPAN(">\r\nSubject: "));
	buf_add_text(out, actions[gravest(d)].subject);
	buf_add(out, SPAN("\r\nDate: "));
	date_add(out, d->wall_ms);
	buf_add(out, SPAN("\r\nMessage-ID: <"));
	add_safe(out, d->id, false);
	buf_add_char(out, '@');
	add_safe(out, d->hostname, false);
	buf_add(out, SPAN(">\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type="));
	buf_add_text(out, status_type(d));
	buf_add(out, SPAN(";\r\n\tboundary=\"=_"));
	add_safe(out, d->id, false);
	buf_add(out, SPAN("\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\nThis is a report of mail delivery in MIME format.\r\n"));
}

/* ---- for people -------------------------------------------------------------- */

/* A failure after a server's 4xx is one of time: the status is ours, the server's own stands in its words. */
static bool has_own_status(const struct dsn_rcpt *r)
{
	return r->code / 100 == 4 && r->action == DSN_FAILED && span_eq(r->enhanced, SPAN("5.4.7"));
}

static void add_said(struct buf *out, const struct dsn_rcpt *r)
{
	struct span rest = cut_words(r->words);

	if (!rest.len)
		return;
	if (has_own_status(r))
		buf_add(out, SPAN("    It was tried as long as it may be; last:\r\n"));
	buf_add(out, SPAN("    "));
	if (r->code && r->host.len) {
		add_safe(out, r->host, true);
		buf_add(out, SPAN(" said:\r\n    "));
	}
	if (r->code)
		buf_printf(out, "%u ", r->code);
	if (r->code && r->enhanced.len && !has_own_status(r)) {
		add_safe(out, span_first(r->enhanced, 11), false);
		buf_add_char(out, ' ');
	}
	while (rest.len) {
		add_safe(out, span_cut(&rest, '\n'), true);
		buf_add_text(out, rest.len ? "\r\n    " : "\r\n");
	}
}

/* What its reader can do about a failure, by its status (RFC 3463 3): the first that begins like it. */
static const struct advice {
	const char *status, *words;
} advices[] = {
	{ "1.2", "the part behind the @ is wrong, or that domain is gone. Correct it and send again." },
	{ "1.10", "that domain takes no mail at all. Ask for another address." },
	{ "1.", "compare the address with the one you were given. If it is right, ask the recipient (by another way)." },
	{ "2.1", "that mailbox is switched off. Reach the recipient by another way." },
	{ "2.2", "the mailbox is full. Reach the recipient by another way, or send again later." },
	{ "2.3", "the message is too large there. Send less at once, or a link in place of the attachments." },
	{ "3.4", "the message is too large there. Send less at once, or a link in place of the attachments." },
	{ "3.5", "a mail server is not set up right for that address. Show this report to your administrator." },
	{ "4.4", "that domain has no mail server that can be reached. Compare the address, or tell the recipient by another way." },
	{ "4.6", "the message would run in a circle: an alias, or the server that DNS names for that domain, leads back to where it\r\n"
	    "    was. Show this report to your administrator, or to the one of that domain." },
	{ "4.7", "their server could not be reached, or did not take the message, all that time. Send again later, or reach the\r\n"
	    "    recipient by another way." },
	{ "6.", "that server can't take a message written like this. Send it in another form (another character set, no odd\r\n"
	    "    attachments), or show this report to your administrator." },
	{ "7.", "their server refuses it by its rules; its words above say why. If you think that is wrong, show this report to\r\n"
	    "    the recipient (by another way) or to your administrator." },
	{ "", "show this report to the recipient (by another way), or to the administrator of their mail." },
};

static const struct advice *advice_for(const struct dsn_rcpt *r)
{
	struct span status = r->enhanced.len > 2 ? span_from(r->enhanced, 2) : SPAN_NONE;
	const struct advice *a = advices;

	for (; a->status[0]; a++) {
		struct span begin = span_of_text(a->status);

		if (begin.at[begin.len - 1] == '.' ? span_starts_nocase(status, begin) : span_eq(status, begin))
			break;
	}
	return a;
}

static void add_rcpt_words(struct buf *out, const struct dsn_rcpt *r)
{
	buf_add(out, SPAN("\r\n  <"));
	add_safe(out, r->address, true);
	buf_add(out, SPAN(">\r\n"));
	add_said(out, r);
	if (r->action == DSN_DELAYED)
		add_date_field(out, "    It is tried until ", r->retry_until_ms);
}

static void add_advice(struct buf *out, const struct advice *a)
{
	if (a)
		buf_printf(out, "\r\n    What to do: %s\r\n", a->words);
}

/* One piece of advice for all that it fits and that stand together. */
static void add_group(struct buf *out, const struct dsn *d, enum dsn_action action)
{
	const struct advice *given = NULL, *next;
	bool any = false;

	for (size_t i = 0; i < d->n_rcpts; i++) {
		if (d->rcpts[i].action != action)
			continue;
		if (!any) {
			buf_add(out, SPAN("\r\nYour message of "));
			date_add(out, d->arrival_ms);
			buf_printf(out, "\r\n%s\r\n", actions[action].intro);
		}
		any = true;
		next = action == DSN_FAILED ? advice_for(&d->rcpts[i]) : NULL;
		if (given != next)
			add_advice(out, given);
		given = next;
		add_rcpt_words(out, &d->rcpts[i]);
	}
	add_advice(out, given);
}

static void add_words(struct buf *out, const struct dsn *d)
{
	add_boundary(out, d, "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nThis is the mail system at ");
	add_safe(out, d->hostname, false);
	buf_add(out, SPAN(".\r\n"));
	for (enum dsn_action a = DSN_FAILED; a < N_ACTIONS; a++)
		add_group(out, d, a);
	add_field(out, "\r\nThe message has the id ", d->about_id, false);
}

/* ---- for programs: RFC 3464 2, RFC 6533 4 ------------------------------------- */

static void add_envid(struct buf *out, const struct dsn *d)
{
	struct buf decoded;

	buf_init(&decoded, DECODED_MAX);
	if (d->envid.len && xtext_decode(d->envid, &decoded) == PR_OK)
		add_field(out, "Original-Envelope-Id: ", buf_span(&decoded), false);
	buf_fini(&decoded);
}

static void add_orcpt(struct buf *out, const struct dsn *d, const struct dsn_rcpt *r)
{
	struct span address = r->orcpt, type = span_cut(&address, ';');
	struct buf decoded;
	enum pr_err err;

	if (!address.len)
		return;
	buf_init(&decoded, DECODED_MAX);
	if (span_eq_nocase(type, SPAN("utf-8")))
		err = d->smtputf8 ? xtext_decode_utf8(address, true, &decoded) : buf_add(&decoded, address);
	else
		err = xtext_decode(address, &decoded);
	if (!err) {
		buf_add(out, SPAN("Original-Recipient: "));
		add_safe(out, span_first(type, TYPE_MAX), false);
		add_field(out, ";", buf_span(&decoded), d->smtputf8);
	}
	buf_fini(&decoded);
}

/* RFC 3463 2: class "." subject "." detail, subject and detail of at most three digits. */
static bool is_status(struct span s)
{
	struct span class = span_cut(&s, '.'), subject = span_cut(&s, '.');
	unsigned long long n;

	return class.len == 1 && class.at[0] >= '2' && class.at[0] <= '5' && class.at[0] != '3' && subject.len <= 3 && s.len <= 3 &&
	    span_to_u64(subject, 999, &n) && span_to_u64(s, 999, &n);
}

/* RFC 3464 2.3.4: success is said with 2, delay with 4; a failure may be one that lasted too long. */
static bool status_fits(enum dsn_action action, char class)
{
	if (action == DSN_FAILED)
		return class == '4' || class == '5';
	return class == actions[action].status[0];
}

static void add_status_field(struct buf *out, const struct dsn_rcpt *r)
{
	char class = (char)('0' + r->code / 100 % 10);

	if (is_status(r->enhanced) && status_fits(r->action, r->enhanced.at[0]))
		add_field(out, "Status: ", r->enhanced, false);
	else
		buf_printf(out, "Status: %c.0.0\r\n", r->code && status_fits(r->action, class) ? class : actions[r->action].status[0]);
}

static void add_diagnostic(struct buf *out, const struct dsn *d, const struct dsn_rcpt *r)
{
	if (!r->words.len)
		return;
	if (r->code)
		buf_printf(out, "Diagnostic-Code: smtp; %u ", r->code);
	else
		buf_add(out, SPAN("Diagnostic-Code: x-postrider; "));
	if (r->code && is_status(r->enhanced) && !has_own_status(r)) {
		buf_add(out, r->enhanced);
		buf_add_char(out, ' ');
	}
	add_safe(out, r->words, d->smtputf8);
	buf_add(out, SPAN("\r\n"));
}

/* RFC 6533 3: an address in UTF-8 is of type utf-8, and spelled in ASCII where SMTPUTF8 is not in use. */
static void add_final(struct buf *out, const struct dsn *d, const struct dsn_rcpt *r)
{
	struct buf spelled;

	if (text_is_ascii(r->address)) {
		add_field(out, "Final-Recipient: rfc822;", r->address, false);
		return;
	}
	buf_init(&spelled, WORDS_MAX);
	if (d->smtputf8)
		add_field(out, "Final-Recipient: utf-8;", r->address, true);
	else if (xtext_add_utf8(&spelled, r->address) == PR_OK)
		add_field(out, "Final-Recipient: utf-8;", buf_span(&spelled), false);
	else
		add_field(out, "Final-Recipient: rfc822;", r->address, false);
	buf_fini(&spelled);
}

/* Of "mx.example.org[192.0.2.1]:25" the name. */
static struct span host_name(struct span host)
{
	size_t end = span_find(host, '[');

	return end > 0 ? span_first(host, end) : host;
}

static void add_rcpt_status(struct buf *out, const struct dsn *d, const struct dsn_rcpt *r)
{
	buf_add(out, SPAN("\r\n"));
	add_orcpt(out, d, r);
	add_final(out, d, r);
	buf_printf(out, "Action: %s\r\n", actions[r->action].name);
	add_status_field(out, r);
	if (r->code && r->host.len)
		add_field(out, "Remote-MTA: dns; ", host_name(r->host), false);
	add_diagnostic(out, d, r);
	add_date_field(out, "Last-Attempt-Date: ", r->attempt_ms);
	if (r->action == DSN_DELAYED)
		add_date_field(out, "Will-Retry-Until: ", r->retry_until_ms);
}

static void add_status(struct buf *out, const struct dsn *d)
{
	add_boundary(out, d, "\r\nContent-Type: message/");
	buf_add_text(out, status_type(d));
	buf_add_text(out, d->smtputf8 ? "\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" : "\r\n\r\n");
	add_field(out, "Reporting-MTA: dns; ", d->hostname, false);
	add_envid(out, d);
	add_date_field(out, "Arrival-Date: ", d->arrival_ms);
	for (size_t i = 0; i < d->n_rcpts; i++)
		add_rcpt_status(out, d, &d->rcpts[i]);
}

/* ---- the original ---------------------------------------------------------------- */

static struct span quoted_header(const struct dsn *d)
{
	struct span s = d->header;

	if (span_ends_nocase(s, SPAN("\r\n\r\n")) || span_eq(s, SPAN("\r\n")))
		s.len -= 2;
	if (s.len <= DSN_HEADER_MAX)
		return s;
	s.len = DSN_HEADER_MAX;
	while (s.len && s.at[s.len - 1] != '\n')
		s.len--;
	return s;
}

static void add_original(struct buf *out, const struct dsn *d)
{
	bool whole = d->full && d->body_size == d->body.len && d->header.len + d->body.len <= DSN_FULL_MAX && d->header.len <= DSN_HEADER_MAX;
	struct span header = quoted_header(d);

	add_boundary(out, d, "\r\nContent-Type: ");
	if (d->smtputf8)
		buf_add_text(out, whole ? "message/global" : "message/global-headers");
	else
		buf_add_text(out, whole ? "message/rfc822" : "text/rfc822-headers");
	buf_add(out, SPAN("\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"));
	buf_add(out, header);
	if (header.len && header.at[header.len - 1] != '\n')
		buf_add(out, SPAN("\r\n"));
	if (whole) {
		buf_add(out, SPAN("\r\n"));
		buf_add(out, d->body);
	}
	add_boundary(out, d, "--\r\n");
}

enum pr_err dsn_add(struct buf *out, const struct dsn *d, struct dsn_needs *needs)
{
	size_t before = out->len;

	BUG_ON(d->n_rcpts == 0 || d->to.len == 0);
	add_header(out, d);
	add_words(out, d);
	add_status(out, d);
	add_original(out, d);
	if (out->overflowed)
		return PR_FULL;
	needs->smtputf8 = d->smtputf8;
	needs->eight_bit = !text_is_ascii(span_from(buf_span(out), before));
	return PR_OK;
}
