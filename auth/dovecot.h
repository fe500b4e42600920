/* Dovecot's authentication protocol, the client's side (version 1.1 and what
 * came after it): lines of words with tabs between.
 *
 *	server: VERSION <tab> MAJOR <tab> MINOR, MECH <tab> NAME …, SPID, CUID, COOKIE, DONE
 *	client: VERSION, CPID; then AUTH <tab> ID <tab> PLAIN <tab> PARAMETER … <tab> resp=BASE64
 *	server: OK <tab> ID <tab> user=NAME …, or FAIL <tab> ID …
 *
 * Within a word 0x01 escapes: 1 is 0x01 itself, 0 NUL, t tab, n and r line
 * ends. Pure. */
#ifndef AUTH_DOVECOT_H
#define AUTH_DOVECOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define DOVECOT_LINE_MAX 16384	/* as Dovecot has it */

struct dovecot_question {
	uint32_t id;		/* 1 to 2^31 - 1, never twice on one connection */
	struct span user, password;
	struct span client, local;	/* addresses as text */
	bool is_secured;
};

/* What is said first. pid: of this process, another for each connection that lives at the same time. */
void dovecot_add_hello(struct buf *out, unsigned pid);
void dovecot_add_question(struct buf *out, const struct dovecot_question *q);

enum dovecot_said {
	DOVECOT_NOTHING,	/* that concerns us */
	DOVECOT_READY,		/* its greeting is over */
	DOVECOT_YES,		/* id, user */
	DOVECOT_NO,		/* id */
	DOVECOT_DISABLED,	/* id: the right password of a user who is switched off */
	DOVECOT_LATER,		/* id: it can't tell now */
	DOVECOT_MORE		/* id: it wants to go on, as PLAIN never does */
};

struct dovecot_line {
	enum dovecot_said said;
	uint32_t id;
	struct span user;	/* in the room given; empty when it said none */
};

/* line: without its end. PR_BAD when it is another protocol, or another version of this one. room: for DOVECOT_LINE_MAX bytes. */
enum pr_err dovecot_read(struct span line, char *room, struct dovecot_line *out) MUST_USE;

#endif
