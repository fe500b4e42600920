/* Forward-confirmed reverse DNS (RFC 8601 3): a name of the client whose addresses hold the client. */
#ifndef VERIFY_IPREV_H
#define VERIFY_IPREV_H

#include <stdbool.h>

#include "base/buf.h"
#include "verify/client.h"
#include "verify/facts.h"
#include "verify/result.h"

#define IPREV_NAMES_MAX 10	/* looked at; RFC 7208 4.6.4 */

struct iprev_told {
	enum auth_result result;		/* of RFC 8601 2.7.3 */
	char name[FACTS_NAME_MAX + 1];		/* the confirmed one; where there is none the first one that the client claims */
	char why[FACTS_NAME_MAX + 200];		/* a sentence, printable ASCII */
};

/* False: facts are missing, and nothing was told. tale (may be NULL) gets the steps, a line each. */
bool iprev_check(struct facts *f, const struct client *client, struct iprev_told *out, struct buf *tale);

struct iprev_names {
	enum wire_resolve result;		/* of the question for names */
	unsigned n_claimed;
	bool any_temporary;			/* the addresses of a name couldn't be told */
	unsigned n;
	struct span row[IPREV_NAMES_MAX];	/* confirmed, in the order of the answer; they live in facts */
	struct span claimed;			/* the first name */
};

/* The confirmed names, of which the first `want` are enough. False: facts are missing. */
bool iprev_names(struct facts *f, const struct client *client, unsigned want, struct iprev_names *out);

#endif
