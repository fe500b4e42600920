#include "mail/dsn.h"

#include "base/text.h"
#include "mail/date.h"
#include "mail/xtext.h"

#define WORDS_MAX   800	/* bytes of what a server said that are repeated: the line stays below 998 */
#define DECODED_MAX 512

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

/* Nothing that could begin a line; what is not ASCII only where it may stand. */
static void add_safe(struct buf *out, struct span s, bool utf8)
{
	utf8 = utf8 && text_is_utf8(s);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if (c < 0x20 || c == 0x7f)
			buf_add_char(out, ' ');
		else
			buf_add_char(out, c < 0x80 || utf8 ? s.at[i] : '?');
	}
}

static struct span cut_words(struct span s)
{
	if (s.len <= WORDS_MAX)
		return s;
	s.len = WORDS_MAX;
	while (s.len > WORDS_MAX - 4 && ((unsigned char)s.at[s.len] & 0xc0) == 0x80)
		s.len--;
	return s;
}

static void add_field(struct buf *out, const char *name, struct span value, bool utf8)
{
	if (!value.len)
		return;
	buf_add_text(out, name);
	add_safe(out, cut_words(value), utf8);
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

static void add_header(struct buf *out, const struct dsn *d)
{
	buf_add(out, SPAN("From: Mail Delivery System <MAILER-DAEMON@"));
	add_safe(out, d->hostname, false);
	buf_add(out, SPAN(">\r\nTo: <"));
	add_safe(out, d->to, d->smtputf8);
	buf_add(out, SPAN(">\r\nSubject: "));
	buf_add_text(out, actions[gravest(d)].subject);
	add_date_field(out, "\r\nDate: ", d->wall_ms);
	buf_add(out, SPAN("Message-ID: <"));
	add_safe(out, d->id, false);
	buf_add_char(out, '@');
	add_safe(out, d->hostname, false);
	buf_add(out, SPAN(">\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"=_"));
	add_safe(out, d->id, false);
	buf_add(out, SPAN("\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\nThis is a report of mail delivery in MIME format.\r\n"));
}

/* ---- for people -------------------------------------------------------------- */

static void add_said(struct buf *out, const struct dsn_rcpt *r)
{
	struct span rest = cut_words(r->words);

	if (!rest.len)
		return;
	buf_add(out, SPAN("    "));
	if (r->host.len) {
		add_safe(out, cut_words(r->host), true);
		buf_add(out, SPAN(" said:\r\n    "));
	}
	if (r->code)
		buf_printf(out, "%u ", r->code);
	if (r->code && r->enhanced.len) {
		add_safe(out, span_first(r->enhanced, 11), false);
		buf_add_char(out, ' ');
	}
	while (rest.len) {
		add_safe(out, span_cut(&rest, '\n'), true);
		buf_add_text(out, rest.len ? "\r\n    " : "\r\n");
	}
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

static void add_group(struct buf *out, const struct dsn *d, enum dsn_action action)
{
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
		add_rcpt_words(out, &d->rcpts[i]);
	}
	if (any && action == DSN_FAILED)
		buf_add(out, SPAN("\r\nWhat to do: compare the address with the one you were given. If it is right, show this\r\n"
				  "report to the recipient (by another way) or to the administrator of their mail.\r\n"));
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
		add_safe(out, type, false);
		add_field(out, ";", buf_span(&decoded), d->smtputf8);
	}
	buf_fini(&decoded);
}

static bool is_status(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!text_is_digit(s.at[i]) && s.at[i] != '.')
			return false;
	return s.len >= 5 && s.len <= 9;
}

static void add_diagnostic(struct buf *out, const struct dsn *d, const struct dsn_rcpt *r)
{
	if (!r->words.len)
		return;
	if (r->code)
		buf_printf(out, "Diagnostic-Code: smtp; %u ", r->code);
	else
		buf_add(out, SPAN("Diagnostic-Code: x-postrider; "));
	if (r->code && is_status(r->enhanced)) {
		buf_add(out, r->enhanced);
		buf_add_char(out, ' ');
	}
	add_safe(out, cut_words(r->words), d->smtputf8);
	buf_add(out, SPAN("\r\n"));
}

static void add_rcpt_status(struct buf *out, const struct dsn *d, const struct dsn_rcpt *r)
{
	bool is_utf8 = d->smtputf8 && !text_is_ascii(r->address);

	buf_add(out, SPAN("\r\n"));
	add_orcpt(out, d, r);
	add_field(out, is_utf8 ? "Final-Recipient: utf-8;" : "Final-Recipient: rfc822;", r->address, d->smtputf8);
	buf_printf(out, "Action: %s\r\n", actions[r->action].name);
	add_field(out, "Status: ", is_status(r->enhanced) ? r->enhanced : span_of_text(actions[r->action].status), false);
	if (r->code && r->host.len)
		add_field(out, "Remote-MTA: dns; ", r->host, false);
	add_diagnostic(out, d, r);
	add_date_field(out, "Last-Attempt-Date: ", r->attempt_ms);
	if (r->action == DSN_DELAYED)
		add_date_field(out, "Will-Retry-Until: ", r->retry_until_ms);
}

static void add_status(struct buf *out, const struct dsn *d)
{
	add_boundary(out, d, d->smtputf8 ? "\r\nContent-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
					 : "\r\nContent-Type: message/delivery-status\r\n\r\n");
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

	if (s.len >= 4 && span_ends_nocase(s, SPAN("\r\n\r\n")))
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
