/* Command lines of SMTP (RFC 5321 4.1) as a server reads them.
 *
 * A check returns NULL when all is right, else the reply that refuses it. */
#ifndef MAIL_COMMAND_H
#define MAIL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "mail/address.h"
#include "mail/reply.h"

#define COMMAND_LINE_MAX 512	/* octets with CRLF (RFC 5321 4.5.3.1.4) */
/* MAIL and RCPT may be longer by what the extensions add: SIZE 26 (RFC 1870),
 * BODY 17 (RFC 6152), SMTPUTF8 10 (RFC 6531), DSN 500 each (RFC 3461), AUTH 500 (RFC 4954). */
#define COMMAND_MAIL_MAX 1565
#define COMMAND_RCPT_MAX 1012
#define COMMAND_AUTH_MAX 12288	/* of AUTH and of what follows it (RFC 4954 4) */

enum command_verb {
	CMD_UNKNOWN,		/* 500 5.5.1 */
	CMD_BROKEN,		/* holds NUL, CR, LF or another control: 500 5.5.2; nothing of it was understood */
	CMD_FOREIGN,		/* HTTP or TLS: an attempt to speak through a browser: hang up at once */
	CMD_EHLO, CMD_HELO, CMD_MAIL, CMD_RCPT, CMD_DATA, CMD_BDAT, CMD_RSET, CMD_NOOP, CMD_QUIT, CMD_VRFY, CMD_EXPN,
	CMD_HELP, CMD_STARTTLS, CMD_AUTH,
	N_COMMANDS
};

struct command {
	enum command_verb verb;
	struct span word;	/* the verb as sent, for logs: escape it */
	struct span args;	/* without blanks at both ends; "FROM:<…> …" for MAIL */
};

/* line: without its CRLF. Spans borrow from it. */
void command_parse(struct span line, struct command *out);
/* "MAIL"; "?" for those that are none. */
const char *command_text(enum command_verb verb);
/* How long a line may be, with its CRLF, that begins with these bytes (the first five decide). */
size_t command_line_max(struct span begin);

/* 501 5.5.4 unless args is empty: DATA, RSET, QUIT, STARTTLS. */
const struct reply *command_check_none(struct span args);

enum helo_kind {
	HELO_NAME,		/* host name; underscores, and one trailing dot (cut off), are borne with */
	HELO_LITERAL,		/* [192.0.2.1], [IPv6:…] */
	HELO_BARE_ADDRESS	/* an address without brackets: wrong, but said */
};

struct command_helo {
	enum helo_kind kind;
	struct span name;	/* letters, digits, - _ . only; or the literal */
	int family;		/* 4 or 6, of a literal or bare address; else 0 */
	unsigned char address[16];
};

const struct reply *command_parse_helo(struct span args, struct command_helo *out);

struct command_rules {
	bool extended;		/* EHLO was said: parameters are known; without it any is 555 5.5.4 */
	bool auth;		/* AUTH is offered: AUTH= is known */
	bool smtputf8;		/* of RCPT: MAIL had SMTPUTF8 */
	uint64_t max_size;	/* octets; SIZE above it is 552 5.3.4 */
};

enum mail_ret { RET_NOT_GIVEN, RET_FULL, RET_HDRS };

struct command_mail {
	struct address sender;	/* PATH_MAILBOX or PATH_NULL */
	bool smtputf8;
	enum mail_ret ret;
	uint64_t size;		/* 0: not given */
	struct span envid;	/* xtext as sent, checked: decodes to printable ASCII; empty: not given */
	struct span auth;	/* xtext as sent, checked, or "<>"; empty: not given */
};

/* args: "FROM:<path> [parameter …]". Spans borrow from it. Each parameter at
 * most once. 501 5.5.4 for a bad value or a repeated parameter, 501 5.1.7 for
 * a bad path, 553 5.6.7 for UTF-8 without SMTPUTF8, 552 5.3.4 for SIZE, 555
 * 5.5.4 for an unknown parameter. */
const struct reply *command_parse_mail(struct span args, const struct command_rules *rules, struct command_mail *out);

enum rcpt_notify {		/* a set */
	RCPT_NOTIFY_NEVER = 1, RCPT_NOTIFY_SUCCESS = 2, RCPT_NOTIFY_FAILURE = 4, RCPT_NOTIFY_DELAY = 8
};

struct command_rcpt {
	struct address to;	/* PATH_MAILBOX or PATH_POSTMASTER */
	unsigned notify;	/* 0: not given; NEVER stands alone */
	struct span orcpt;	/* `type;xtext` as sent, checked; empty: not given */
};

/* args: "TO:<path> [parameter …]"; replies as above, a bad path is 501 5.1.3. */
const struct reply *command_parse_rcpt(struct span args, const struct command_rules *rules, struct command_rcpt *out);

struct command_bdat {
	uint64_t size;		/* below 2^63 */
	bool last;
};

/* Nobody knows how many octets follow a BDAT that does not parse: reply and close. */
const struct reply *command_parse_bdat(struct span args, struct command_bdat *out);

#endif
