/* What the DNS holds for a term of a record: the answers that the evaluator gets. */
#ifndef VERIFY_SPF_FIND_H
#define VERIFY_SPF_FIND_H

#include <stdbool.h>

#include "verify/spf_walk.h"

struct spf_found {
	unsigned n;
	struct span row[FACTS_RECORDS_MAX];	/* A and AAAA: bytes; MX: numbers */
};

/* The answer to a question for the addresses, or the exchanges, of what a number stands for. False: it stopped. */
bool spf_find(struct spf_walk *w, const char *number, struct spf_found *out);

#endif
