/* What mail/lines.h promises, said byte by byte over a whole string: the judge of the fast one. Bytes at the end of s that
 * leave open what they are (a CR, a dot) are no business of it: put a letter behind them. */
#ifndef TESTS_SLOW_LINES_H
#define TESTS_SLOW_LINES_H

#include "mail/lines.h"

#define RESULT_MAX 16384

struct result {
	size_t len, used;	/* bytes given out; bytes of the input up to the end, or SIZE_MAX */
	unsigned faults;
	char out[RESULT_MAX];
};

static inline void result_clear(struct result *r)
{
	r->len = r->used = 0;
	r->faults = 0;
}

/* with dots: DATA. Faults: of a bare CR or LF and of NUL alone. out has room for twice s. */
void slow_lines(struct span s, enum lines_rule rule, bool dots, struct result *r);

#endif
