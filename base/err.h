/* What the world's failures are called, and what we do about our own.
 * The peer's mistakes are replies, never errors; ours are BUG_ON. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

enum pr_err {
	PR_OK = 0,
	PR_AGAIN,	/* not now: no room, no credit, would block */
	PR_FULL,	/* a ceiling, or the disk */
	PR_BAD,		/* bytes that break their grammar */
	PR_NONE,	/* there is no such thing */
	PR_IO,		/* the system said no; errno tells */
	PR_GONE,	/* the peer left */
	PR_DENIED,	/* not permitted */
};

/* A short word for logs: "full", "i/o error". */
const char *pr_err_text(enum pr_err err);

/* Always compiled in: a broken invariant ends the process, which its master
 * restarts; nothing acknowledged is lost by that. */
#define BUG_ON(broken) \
	do { \
		if (__builtin_expect(!!(broken), 0)) \
			bug_on(#broken, __FILE__, __LINE__); \
	} while (0)
__attribute__((noreturn, cold)) void bug_on(const char *what, const char *file, int line);

#endif
