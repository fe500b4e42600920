/* What we write to the sender of a message about it: a bounce, a notice of
 * delay, a notice of success. A multipart/report (RFC 6522) of three parts:
 * plain words, a delivery status for programs (RFC 3464; RFC 6533 where
 * SMTPUTF8 is in use), and the message or its header.
 *
 * Pure words: whether one may be written at all (never about a message with a
 * null sender) and what NOTIFY wishes is the caller's business. Whatever
 * comes from outside is made safe here. */
#ifndef MAIL_DSN_H
#define MAIL_DSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define DSN_HEADER_MAX 16384	/* bytes of the original's header that are quoted: cut at a line's end */
#define DSN_FULL_MAX   51200	/* a larger original is quoted by its header alone, whatever RET says */

enum dsn_action {		/* RFC 3464 2.3.3 */
	DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED
};

struct dsn_rcpt {
	enum dsn_action action;
	struct span address;	/* final recipient, canonical */
	struct span orcpt;	/* as sent: `type;xtext`; empty: not given */
	unsigned code;		/* 0: no server said it, words are ours */
	struct span enhanced;	/* "5.1.1"; empty: made from code or action */
	struct span words;	/* what was said, lines divided by '\n' */
	struct span host;	/* who said it, or whom our words are about; may be empty */
	int64_t attempt_ms;	/* last attempt; 0: unknown */
	int64_t retry_until_ms;	/* of DSN_DELAYED; 0: unknown */
};

struct dsn {
	struct span hostname;	/* ours */
	struct span id;		/* of this message: Message-ID and boundary are made from it */
	struct span about_id;	/* of the original */
	struct span to;		/* sender of the original, canonical, not empty */
	struct span envid;	/* as sent (xtext); empty: not given */
	int64_t wall_ms;	/* now */
	int64_t arrival_ms;	/* of the original */
	bool smtputf8;		/* the original came with SMTPUTF8 */
	bool full;		/* RET=FULL, or none given: the message is quoted whole up to DSN_FULL_MAX */
	struct span header;	/* of the original with the empty line's CRLF or without; what stands in spool, ours in front */
	struct span body;	/* after the empty line; only looked at when full and body_size says that all is there */
	uint64_t body_size;	/* of the original: when it is not body.len, the body is not quoted */
	const struct dsn_rcpt *rcpts;
	size_t n_rcpts;		/* at least 1 */
};

struct dsn_needs {
	bool smtputf8;		/* its header or addresses are UTF-8 */
	bool eight_bit;
};

/* Appends the whole message, CRLF lines. PR_FULL at the buffer's ceiling. */
enum pr_err dsn_add(struct buf *out, const struct dsn *d, struct dsn_needs *needs) MUST_USE;

#endif
