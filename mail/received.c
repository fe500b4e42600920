#include "mail/received.h"

#include <inttypes.h>

#include "base/text.h"
#include "mail/date.h"

#define FROM_OUTSIDE_MAX 255	/* bytes of any word: a line stays far below 998 */

/* Only what a host name, an address, a cipher or a canonical mailbox is made
 * of passes; the rest (blanks, brackets of comments, quotes, controls) would
 * let a client write fields of its own. */
static bool is_safe(char c)
{
	return text_is_alpha(c) || text_is_digit(c) || (c && strchr("-_.:[]/+=@!#$%&'*?^`{|}~", c));
}

static void add_safe(struct buf *out, struct span s)
{
	s = span_first(s, FROM_OUTSIDE_MAX);
	for (size_t i = 0; i < s.len; i++)
		buf_add_char(out, is_safe(s.at[i]) ? s.at[i] : '?');
}

const char *received_with(const struct received *r)
{
	static const char *const ascii[2][4] = { { "ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA" }, { "LMTP", "LMTPA", "LMTPS", "LMTPSA" } };
	static const char *const utf8[2][4] = {
		{ "UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA" }, { "UTF8LMTP", "UTF8LMTPA", "UTF8LMTPS", "UTF8LMTPSA" }
	};
	unsigned secured = (r->tls ? 2U : 0U) + (r->auth ? 1U : 0U);

	if (r->utf8)
		return utf8[r->lmtp][secured];
	return r->extended || r->lmtp ? ascii[r->lmtp][secured] : "SMTP";
}

static void add_from(struct buf *out, const struct received *r)
{
	bool is_v6 = span_find(r->client_ip, ':') < r->client_ip.len;

	buf_add(out, SPAN("Received: from "));
	if (r->helo.len)
		add_safe(out, r->helo);
	else
		buf_add(out, SPAN("unknown"));
	if (r->client_ip.len) {
		buf_add(out, SPAN(" ("));
		if (r->client_name.len) {
			add_safe(out, r->client_name);
			buf_add_char(out, ' ');
		}
		buf_add_text(out, is_v6 ? "[IPv6:" : "[");
		add_safe(out, r->client_ip);
		buf_add(out, SPAN("])"));
	} else if (r->local) {
		buf_printf(out, " (by uid %" PRIu32 ")", r->uid);
	}
}

static void add_tls(struct buf *out, const struct received *r)
{
	if (!r->tls || !r->tls_version.len)
		return;
	buf_add(out, SPAN("\r\n\t(using "));
	add_safe(out, r->tls_version);
	if (r->tls_cipher.len) {
		buf_add(out, SPAN(" with cipher "));
		add_safe(out, r->tls_cipher);
	}
	buf_add_char(out, ')');
}

/* A mailbox may be quoted or UTF-8: then nobody is named rather than a half. */
static void add_for(struct buf *out, const struct received *r)
{
	for (size_t i = 0; i < r->only_rcpt.len; i++)
		if (!is_safe(r->only_rcpt.at[i]) && !(r->utf8 && (unsigned char)r->only_rcpt.at[i] >= 0x80))
			return;
	if (!r->only_rcpt.len || r->only_rcpt.len > FROM_OUTSIDE_MAX || !text_is_utf8(r->only_rcpt))
		return;
	buf_add(out, SPAN("\r\n\tfor <"));
	buf_add(out, r->only_rcpt);
	buf_add_char(out, '>');
}

enum pr_err received_add(struct buf *out, const struct received *r)
{
	add_from(out, r);
	add_tls(out, r);
	buf_add(out, SPAN("\r\n\tby "));
	add_safe(out, r->by);
	buf_add(out, SPAN(" with "));
	buf_add_text(out, received_with(r));
	buf_add(out, SPAN(" id "));
	add_safe(out, r->id);
	add_for(out, r);
	buf_add(out, SPAN(";\r\n\t"));
	date_add(out, r->wall_ms);
	return buf_add(out, SPAN("\r\n"));
}
