/* What a program may do from now on. Called once, before threads and before
 * the first packet. seccomp (libseccomp, all threads) and Landlock; where the
 * kernel has no Landlock, or an older one, it goes on and *partial says what
 * is missing. In production an unknown call answers ENOSYS; with strict (the
 * tests) it kills. */
#ifndef LOOP_SANDBOX_H
#define LOOP_SANDBOX_H

#include <stdbool.h>

#include "base/err.h"

enum sandbox_may {
	MAY_ACCEPT  = 1 << 0,	/* take connections of sockets it was given, and speak over them */
	MAY_CONNECT = 1 << 1,	/* TCP and unix sockets outward */
	MAY_RESOLVE = 1 << 2,	/* UDP and TCP sockets outward, for whom to bind is not needed; no unix sockets */
	MAY_FILES   = 1 << 3,	/* below `folders`, by Landlock: create, read, write, rename, remove, sync */
	MAY_READ    = 1 << 4,	/* below `folders`: read only */
	MAY_THREADS = 1 << 5,	/* make threads after this */
	MAY_CONNECT_UNIX = 1 << 6	/* unix sockets outward, no TCP */
};

struct sandbox {
	const char *program;
	unsigned may;		/* set of enum sandbox_may; 0: only its channels and what is open */
	const char *const *folders;	/* absolute, end with NULL; or NULL */
	bool strict;
};

/* PR_DENIED with errno when even seccomp can't be had. partial: static text, NULL when all is in force. */
enum pr_err sandbox_enter(const struct sandbox *box, const char **partial) MUST_USE;

#endif
