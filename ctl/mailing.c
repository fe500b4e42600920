#include "ctl/mailing.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/author.h"
#include "mail/command.h"
#include "mail/xtext.h"

#define NAME_MAX_BYTES 200	/* of a name of a person */
#define WORD_BYTES     45	/* of UTF-8 in an encoded word: 75 characters in all (RFC 2047 2) */

void mailing_init(struct mailing *m, const struct face *face, const char *origin)
{
	*m = (struct mailing){ .face = face, .origin = origin };
}

void mailing_fini(struct mailing *m)
{
	mem_free(m->to);
}

/* ---- addresses ------------------------------------------------------------------ */

enum pr_err mailing_address(const struct mailing *m, struct span text, struct address *out)
{
	struct buf whole;
	enum pr_err err;

	if (address_parse_mailbox(text, ALLOW_UTF8, out) == PR_OK)
		return PR_OK;
	buf_init(&whole, 2 * ADDRESS_MAX);
	err = buf_printf(&whole, "%.*s@%s", SPAN_ARG(text), m->origin);
	if (err == PR_OK)
		err = address_parse_mailbox(buf_span(&whole), ALLOW_UTF8, out);
	buf_fini(&whole);
	return err == PR_OK ? PR_OK : PR_BAD;
}

enum pr_err mailing_add_recipient(void *arg, struct span address)
{
	struct mailing *m = arg;

	if (m->n_to == MAILING_RCPTS_MAX)
		return PR_FULL;
	if (m->n_to == m->room) {
		m->room = m->room ? 2 * m->room : 16;
		m->to = mem_resize(m->to, m->room * sizeof(*m->to));
	}
	if (mailing_address(m, address, &m->to[m->n_to]) != PR_OK)
		return PR_BAD;
	m->n_to++;
	return PR_OK;
}

enum pr_err mailing_add_recipients(struct mailing *m, struct span text, struct buf *bad)
{
	struct buf words;
	enum pr_err err;

	buf_init(&words, text.len + 1);
	while ((err = author_next_words(&text, &words)) == PR_OK) {
		err = mailing_add_recipient(m, buf_span(&words));
		if (err != PR_OK)
			break;
	}
	if (err == PR_BAD)
		(void)buf_add(bad, words.len ? buf_span(&words) : text);
	buf_fini(&words);
	return err == PR_NONE ? PR_OK : err;
}

/* ---- From -------------------------------------------------------------------------- */

/* How many bytes of s make whole characters, at most WORD_BYTES. */
static size_t word_len(struct span s)
{
	size_t n = s.len < WORD_BYTES ? s.len : WORD_BYTES;

	while (n < s.len && ((unsigned char)s.at[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static void add_encoded(struct buf *out, struct span name)
{
	while (name.len) {
		size_t n = word_len(name);

		(void)buf_add(out, SPAN("=?utf-8?B?"));
		(void)base64_add(out, span_first(name, n));
		(void)buf_add(out, SPAN("?= "));
		name = span_from(name, n);
	}
}

static void add_quoted(struct buf *out, struct span name)
{
	(void)buf_add_char(out, '"');
	for (size_t i = 0; i < name.len; i++) {
		if (name.at[i] == '"' || name.at[i] == '\\')
			(void)buf_add_char(out, '\\');
		(void)buf_add_char(out, name.at[i]);
	}
	(void)buf_add(out, SPAN("\" "));
}

static bool is_plain(struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!text_is_alpha(name.at[i]) && !text_is_digit(name.at[i]) && name.at[i] != ' ')
			return false;
	return true;
}

static bool has_controls(struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.at[i] < ' ' || name.at[i] == 127)
			return true;
	return false;
}

static void add_name(struct buf *out, struct span name)
{
	if (!text_is_ascii(name))
		add_encoded(out, name);
	else if (is_plain(name))
		(void)buf_printf(out, "%.*s ", SPAN_ARG(name));
	else
		add_quoted(out, name);
}

void mailing_add_from(struct buf *out, struct span name, struct span address)
{
	name = span_trim(name);
	(void)buf_add(out, SPAN("From: "));
	if (name.len && name.len <= NAME_MAX_BYTES && !has_controls(name) && text_is_utf8(name))
		add_name(out, name);
	(void)address_add_path(out, address);
	(void)buf_add(out, SPAN("\r\n"));
}

/* ---- the conversation ---------------------------------------------------------------- */

static bool needs_utf8(const struct mailing *m)
{
	for (size_t i = 0; i < m->n_to; i++)
		if (m->to[i].has_utf8)
			return true;
	return m->sender.has_utf8;
}

static void add_notify(struct buf *out, unsigned notify)
{
	static const struct {
		unsigned notify;
		const char *word;
	} words[] = {
		{ RCPT_NOTIFY_NEVER, "NEVER" }, { RCPT_NOTIFY_SUCCESS, "SUCCESS" }, { RCPT_NOTIFY_FAILURE, "FAILURE" }, { RCPT_NOTIFY_DELAY, "DELAY" },
	};
	const char *before = " NOTIFY=";

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (notify & words[i].notify) {
			(void)buf_printf(out, "%s%s", before, words[i].word);
			before = ",";
		}
}

static void add_mail(const struct mailing *m, const struct letter *l, struct buf *out)
{
	(void)buf_add(out, SPAN("MAIL FROM:"));
	(void)address_add_path(out, address_span(&m->sender));
	if (letter_has_8bit(l))
		(void)buf_add(out, SPAN(" BODY=8BITMIME"));
	if (needs_utf8(m))
		(void)buf_add(out, SPAN(" SMTPUTF8"));
	if (m->face->ret)
		(void)buf_printf(out, " RET=%s", m->face->ret);
	if (m->face->envid) {
		(void)buf_add(out, SPAN(" ENVID="));
		(void)xtext_add(out, span_of_text(m->face->envid));
	}
	(void)buf_add(out, SPAN("\r\n"));
}

void mailing_begin(const struct mailing *m, const struct letter *l, struct buf *out, size_t *n)
{
	(void)buf_add(out, SPAN("EHLO localhost\r\n"));
	add_mail(m, l, out);
	for (size_t i = 0; i < m->n_to; i++) {
		(void)buf_add(out, SPAN("RCPT TO:"));
		(void)address_add_path(out, address_span(&m->to[i]));
		add_notify(out, m->face->notify);
		(void)buf_add(out, SPAN("\r\n"));
	}
	*n = 2 + m->n_to;
}

enum pr_err mailing_add_body(const struct letter *l, struct span fields, struct buf *out)
{
	struct buf message;
	enum pr_err err;

	buf_init(&message, l->text.ceiling + fields.len + 16);
	err = letter_add_to(l, fields, &message);
	if (err == PR_OK)
		err = buf_printf(out, "BDAT %zu LAST\r\n", message.len);
	if (err == PR_OK)
		err = buf_add(out, buf_span(&message));
	buf_fini(&message);
	return err;
}
