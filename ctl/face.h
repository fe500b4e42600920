/* The arguments of sendmail(8) and its kin, as forty years of programs write
 * them: what means something here, what is borne with, what is refused. Pure. */
#ifndef CTL_FACE_H
#define CTL_FACE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

enum face_mode {
	FACE_SEND,		/* a message from standard input */
	FACE_SMTP,		/* -bs: SMTP over standard input and output */
	FACE_VERIFY,		/* -bv: would it be taken? */
	FACE_LIST,		/* -bp, mailq */
	FACE_ALIASES,		/* -bi, -I, newaliases */
	FACE_RETRY		/* -q without a time */
};

struct face {
	enum face_mode mode;
	bool takes_recipients;	/* -t: from the header */
	bool ignores_dots;	/* -i, -oi: a lone dot is text */
	bool null_sender;	/* -f '' or <> */
	const char *config;	/* -C; NULL: not given */
	const char *sender;	/* -f, -r; NULL: not given */
	const char *full_name;	/* -F; NULL: not given */
	unsigned notify;	/* -N: a set of enum rcpt_notify, 0: not given */
	const char *ret;	/* -R: "FULL" or "HDRS"; NULL: not given */
	const char *envid;	/* -V; NULL: not given */
	char **recipients;	/* borrowed from argv */
	int n_recipients;
};

/* argv[0] names the face: "mailq", "newaliases", anything else is sendmail. PR_BAD and words when the arguments make no
 * sense or ask for what this program does not do. */
enum pr_err face_read(struct face *f, int argc, char **argv, struct buf *why) MUST_USE;
/* Is it one of the names under which this program is sendmail(8)? */
bool face_is_named(const char *argv0);

#endif
