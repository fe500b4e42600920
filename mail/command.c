#include "mail/command.h"


#include "base/buf.h"
#include "base/ip.h"
#include "base/text.h"
#include "mail/xtext.h"

#define ENVID_MAX 100	/* RFC 3461 4.4 */
#define ORCPT_MAX 500	/* RFC 3461 4.2 */
#define AUTH_MAX  500	/* RFC 4954 5 */
#define LABEL_MAX 63

static const struct reply bad_syntax = { 501, "5.5.4", "Syntax error in parameters" };
static const struct reply bad_parameter = { 501, "5.5.4", "A parameter is malformed, or stands twice" };
static const struct reply unknown_parameter = { 555, "5.5.4", "A parameter is not known here" };
static const struct reply bad_sender = { 501, "5.1.7", "That is not the address of a sender" };
static const struct reply bad_recipient = { 501, "5.1.3", "That is not the address of a recipient" };
static const struct reply needs_utf8 = { 553, "5.6.7", "An address that is not ASCII needs SMTPUTF8" };
static const struct reply too_large = { 552, "5.3.4", "The message is larger than is taken here" };
static const struct reply bad_name = { 501, "5.5.4", "Say your host name or [address]" };
static const struct reply bad_chunk = { 501, "5.5.4", "BDAT takes a size and perhaps LAST" };

static const char *const verbs[N_COMMANDS] = {
	[CMD_UNKNOWN] = "?", [CMD_BROKEN] = "?", [CMD_FOREIGN] = "?", [CMD_EHLO] = "EHLO", [CMD_HELO] = "HELO", [CMD_MAIL] = "MAIL",
	[CMD_RCPT] = "RCPT", [CMD_DATA] = "DATA", [CMD_BDAT] = "BDAT", [CMD_RSET] = "RSET", [CMD_NOOP] = "NOOP", [CMD_QUIT] = "QUIT",
	[CMD_VRFY] = "VRFY", [CMD_EXPN] = "EXPN", [CMD_HELP] = "HELP", [CMD_STARTTLS] = "STARTTLS", [CMD_AUTH] = "AUTH",
};

const char *command_text(enum command_verb verb)
{
	return verb < N_COMMANDS ? verbs[verb] : "?";
}

static bool has_control(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.at[i] < 0x20 && s.at[i] != '\t') || s.at[i] == 0x7f)
			return true;
	return false;
}

/* A browser can be made to post to our port (ALPACA, CVE-2021-3618): what it says first gives it away. */
static bool is_foreign(struct span line, struct span word)
{
	static const char *const words[] = {
		"GET", "POST", "PUT", "HEAD", "CONNECT", "OPTIONS", "DELETE", "TRACE", "PATCH", "PRI", "Host:", "User-Agent:", "Content-Type:",
		"Content-Length:",
	};

	if (line.len >= 2 && line.at[0] == 0x16 && line.at[1] == 0x03)
		return true;	/* a TLS handshake record */
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (span_eq_nocase(word, span_of_text(words[i])))
			return true;
	return false;
}

static enum command_verb verb_of(struct span word)
{
	for (enum command_verb v = CMD_EHLO; v < N_COMMANDS; v++)
		if (span_eq_nocase(word, span_of_text(verbs[v])))
			return v;
	return CMD_UNKNOWN;
}

void command_parse(struct span line, struct command *out)
{
	size_t len = 0;

	while (len < line.len && !text_is_blank(line.at[len]))
		len++;
	out->word = span_first(line, len);
	out->args = span_trim(span_from(line, len));
	if (is_foreign(line, out->word))
		out->verb = CMD_FOREIGN;
	else if (has_control(line))
		out->verb = CMD_BROKEN;
	else
		out->verb = verb_of(out->word);
}

size_t command_line_max(struct span begin)
{
	if (span_starts_nocase(begin, SPAN("MAIL ")))
		return COMMAND_MAIL_MAX;
	if (span_starts_nocase(begin, SPAN("AUTH ")))
		return COMMAND_AUTH_MAX;
	return span_starts_nocase(begin, SPAN("RCPT ")) ? COMMAND_RCPT_MAX : COMMAND_LINE_MAX;
}

const struct reply *command_check_none(struct span args)
{
	return args.len ? &bad_syntax : NULL;
}

/* ---- EHLO and HELO --------------------------------------------------------- */

static bool is_host_name(struct span name)
{
	size_t label = 0;

	if (name.len == 0 || name.len > ADDRESS_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (c == '.' ? label == 0 : !text_is_alpha(c) && !text_is_digit(c) && c != '-' && c != '_')
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return false;
	}
	return label > 0;
}

const struct reply *command_parse_helo(struct span args, struct command_helo *out)
{
	*out = (struct command_helo){ .name = args };
	if (args.len == 0 || has_control(args))
		return &bad_name;
	if (args.at[0] == '[') {
		out->kind = HELO_LITERAL;
		return address_parse_literal(args, &out->family, out->address) ? NULL : &bad_name;
	}
	out->family = (int)ip_read(args, out->address);
	if (out->family) {
		out->kind = HELO_BARE_ADDRESS;
		return NULL;
	}
	if (args.len > 1 && args.at[args.len - 1] == '.')
		out->name.len--;
	return is_host_name(out->name) ? NULL : &bad_name;
}

/* ---- parameters of MAIL and RCPT ------------------------------------------- */

struct parameter {
	struct span keyword, value;
	bool has_value;
};

/* esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-"); esmtp-value = 1*(%d33-60 / %d62-126 / UTF8-non-ascii) */
static bool is_parameter(const struct parameter *p)
{
	if (p->keyword.len == 0 || p->keyword.at[0] == '-' || (p->has_value && p->value.len == 0))
		return false;
	for (size_t i = 0; i < p->keyword.len; i++) {
		char c = p->keyword.at[i];

		if (!text_is_alpha(c) && !text_is_digit(c) && c != '-')
			return false;
	}
	return span_find(p->value, '=') == p->value.len && text_is_utf8(p->value) && !has_control(p->value);
}

/* Cuts the next parameter off *rest, which begins with no blank. */
static void take_parameter(struct span *rest, struct parameter *out)
{
	size_t len = 0;
	struct span word;

	while (len < rest->len && !text_is_blank(rest->at[len]))
		len++;
	word = span_first(*rest, len);
	*rest = span_trim(span_from(*rest, len));
	out->has_value = span_find(word, '=') < word.len;
	out->keyword = span_cut(&word, '=');
	out->value = word;
}

struct known_parameter {
	struct span keyword;
	const struct reply *(*take)(const struct parameter *p, const struct command_rules *rules, void *out);
};

static const struct reply *take_known(const struct parameter *p, const struct known_parameter *known, size_t n,
    const struct command_rules *rules, unsigned *seen, void *out)
{
	if (!is_parameter(p))
		return &bad_parameter;
	for (size_t i = 0; rules->extended && i < n; i++) {
		if (!span_eq_nocase(p->keyword, known[i].keyword))
			continue;
		if (*seen & 1U << i)
			return &bad_parameter;
		*seen |= 1U << i;
		return known[i].take(p, rules, out);
	}
	return &unknown_parameter;
}

static const struct reply *take_all(struct span rest, const struct known_parameter *known, size_t n, const struct command_rules *rules,
    void *out)
{
	unsigned seen = 0;

	if (rest.len && !text_is_blank(rest.at[0]))
		return &bad_syntax;
	rest = span_trim(rest);
	while (rest.len) {
		struct parameter p;
		const struct reply *wrong;

		take_parameter(&rest, &p);
		wrong = take_known(&p, known, n, rules, &seen, out);
		if (wrong)
			return wrong;
	}
	return NULL;
}

static const struct reply *take_size(const struct parameter *p, const struct command_rules *rules, void *out)
{
	struct command_mail *m = out;
	unsigned long long n;

	if (!span_to_u64(p->value, UINT64_MAX, &n))
		return &bad_parameter;
	if (rules->max_size && n > rules->max_size)
		return &too_large;
	m->size = n;
	return NULL;
}

static const struct reply *take_body(const struct parameter *p, const struct command_rules *rules, void *out)
{
	(void)rules;
	(void)out;	/* what the body holds is seen, not believed */
	return span_eq_nocase(p->value, SPAN("7BIT")) || span_eq_nocase(p->value, SPAN("8BITMIME")) ? NULL : &bad_parameter;
}

static const struct reply *take_smtputf8(const struct parameter *p, const struct command_rules *rules, void *out)
{
	struct command_mail *m = out;

	(void)rules;
	m->smtputf8 = true;
	return p->has_value ? &bad_parameter : NULL;
}

static const struct reply *take_ret(const struct parameter *p, const struct command_rules *rules, void *out)
{
	struct command_mail *m = out;

	(void)rules;
	if (span_eq_nocase(p->value, SPAN("FULL")))
		m->ret = RET_FULL;
	else if (span_eq_nocase(p->value, SPAN("HDRS")))
		m->ret = RET_HDRS;
	else
		return &bad_parameter;
	return NULL;
}

static const struct reply *take_envid(const struct parameter *p, const struct command_rules *rules, void *out)
{
	struct command_mail *m = out;

	(void)rules;
	m->envid = p->value;
	return p->value.len == 0 || p->value.len > ENVID_MAX || !xtext_is_printable(p->value) ? &bad_parameter : NULL;
}

static const struct reply *take_auth(const struct parameter *p, const struct command_rules *rules, void *out)
{
	struct command_mail *m = out;

	if (!rules->auth)
		return &unknown_parameter;
	m->auth = p->value;
	return p->value.len == 0 || p->value.len > AUTH_MAX || !xtext_is_printable(p->value) ? &bad_parameter : NULL;
}

static const struct known_parameter mail_parameters[] = {
	{ { "SIZE", 4 }, take_size }, { { "BODY", 4 }, take_body }, { { "SMTPUTF8", 8 }, take_smtputf8 },
	{ { "RET", 3 }, take_ret }, { { "ENVID", 5 }, take_envid }, { { "AUTH", 4 }, take_auth },
};

/* "FROM:" or "TO:"; a blank behind the colon, which many send, is borne with. */
static bool take_word(struct span *args, struct span word)
{
	if (!span_starts_nocase(*args, word))
		return false;
	*args = span_trim(span_from(*args, word.len));
	return true;
}

const struct reply *command_parse_mail(struct span args, const struct command_rules *rules, struct command_mail *out)
{
	const struct reply *wrong;

	*out = (struct command_mail){ .envid = SPAN_NONE, .auth = SPAN_NONE };
	if (!take_word(&args, SPAN("FROM:")))
		return &bad_syntax;
	if (address_parse_path(&args, ALLOW_NULL | ALLOW_UTF8, &out->sender))
		return &bad_sender;
	wrong = take_all(args, mail_parameters, sizeof(mail_parameters) / sizeof(mail_parameters[0]), rules, out);
	if (wrong)
		return wrong;
	return out->sender.was_utf8 && !out->smtputf8 ? &needs_utf8 : NULL;
}

static unsigned notify_of(struct span word)
{
	if (span_eq_nocase(word, SPAN("NEVER")))
		return RCPT_NOTIFY_NEVER;
	if (span_eq_nocase(word, SPAN("SUCCESS")))
		return RCPT_NOTIFY_SUCCESS;
	if (span_eq_nocase(word, SPAN("FAILURE")))
		return RCPT_NOTIFY_FAILURE;
	return span_eq_nocase(word, SPAN("DELAY")) ? RCPT_NOTIFY_DELAY : 0;
}

static const struct reply *take_notify(const struct parameter *p, const struct command_rules *rules, void *out)
{
	struct command_rcpt *r = out;
	struct span rest = p->value;
	bool more;

	(void)rules;
	do {
		unsigned one;

		more = span_find(rest, ',') < rest.len;
		one = notify_of(span_cut(&rest, ','));
		if (one == 0)
			return &bad_parameter;
		r->notify |= one;
	} while (more);
	return (r->notify & RCPT_NOTIFY_NEVER) && r->notify != RCPT_NOTIFY_NEVER ? &bad_parameter : NULL;
}

static bool is_address_type(struct span type)
{
	for (size_t i = 0; i < type.len; i++)
		if (!text_is_alpha(type.at[i]) && !text_is_digit(type.at[i]) && type.at[i] != '-')
			return false;
	return type.len > 0;
}

static bool is_utf8_xtext(struct span text, bool raw)
{
	struct buf decoded;
	bool right;

	buf_init(&decoded, ORCPT_MAX);
	right = xtext_decode_utf8(text, raw, &decoded) == PR_OK;
	buf_fini(&decoded);
	return right;
}

static const struct reply *take_orcpt(const struct parameter *p, const struct command_rules *rules, void *out)
{
	struct command_rcpt *r = out;
	struct span address = p->value, type = span_cut(&address, ';');

	r->orcpt = p->value;
	if (p->value.len > ORCPT_MAX || address.len == 0 || !is_address_type(type))
		return &bad_parameter;
	if (span_eq_nocase(type, SPAN("utf-8")))
		return is_utf8_xtext(address, rules->smtputf8) ? NULL : &bad_parameter;
	return xtext_is_printable(address) ? NULL : &bad_parameter;
}

static const struct known_parameter rcpt_parameters[] = {
	{ { "NOTIFY", 6 }, take_notify }, { { "ORCPT", 5 }, take_orcpt },
};

const struct reply *command_parse_rcpt(struct span args, const struct command_rules *rules, struct command_rcpt *out)
{
	*out = (struct command_rcpt){ .orcpt = SPAN_NONE };
	if (!take_word(&args, SPAN("TO:")))
		return &bad_syntax;
	if (address_parse_path(&args, ALLOW_POSTMASTER | ALLOW_UTF8, &out->to))
		return &bad_recipient;
	if (out->to.was_utf8 && !rules->smtputf8)
		return &needs_utf8;
	return take_all(args, rcpt_parameters, sizeof(rcpt_parameters) / sizeof(rcpt_parameters[0]), rules, out);
}

const struct reply *command_parse_bdat(struct span args, struct command_bdat *out)
{
	struct span rest = args, size = span_cut(&rest, ' ');
	unsigned long long n;

	*out = (struct command_bdat){ 0 };
	rest = span_trim(rest);
	if (!span_to_u64(size, INT64_MAX, &n) || (rest.len && !span_eq_nocase(rest, SPAN("LAST"))))
		return &bad_chunk;
	out->size = n;
	out->last = rest.len > 0;
	return NULL;
}
