#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

const char *pr_err_text(enum pr_err err)
{
	switch (err) {
	case PR_OK:
		return "ok";
	case PR_AGAIN:
		return "not now";
	case PR_FULL:
		return "full";
	case PR_BAD:
		return "malformed";
	case PR_NONE:
		return "not found";
	case PR_IO:
		return "i/o error";
	case PR_GONE:
		return "peer left";
	case PR_DENIED:
		return "not permitted";
	}
	return "unknown";
}

void bug_on(const char *what, const char *file, int line)
{
	fprintf(stderr, "bug: %s (%s:%d)\n", what, file, line);
	abort();
}
