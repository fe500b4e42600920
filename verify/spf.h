/* SPF (RFC 7208): may this client send for that domain? */
#ifndef VERIFY_SPF_H
#define VERIFY_SPF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "verify/client.h"
#include "verify/facts.h"
#include "verify/result.h"

/* RFC 7208 4.6.4, over the whole check with all that it includes. */
#define SPF_LOOKUPS_MAX 10	/* terms that ask the DNS */
#define SPF_VOIDS_MAX   2	/* of these whose name isn't there */
#define SPF_MX_MAX      10	/* exchanges of one name */

struct spf_ask {
	struct client client;		/* of client_of */
	struct span helo;
	struct span sender;		/* of MAIL FROM, without <>; empty: postmaster at helo */
	bool helo_identity;		/* helo is to be checked, not the sender */
	struct span receiver;		/* our name, for explanations */
	uint64_t now_s;			/* for these too: seconds since 1970 */
};

struct spf_told {
	enum auth_result result;
	char domain[256];		/* what was checked, A-labels; may be no domain at all */
	char why[700];			/* a sentence for the sender, printable ASCII */
	char explanation[512];		/* of a fail, in the words of its domain: printable ASCII, not ours; or empty */
};

/* False: facts are missing, nothing was told, and the same is to be asked again when they are there. tale (may be NULL) gets
 * the steps in words, a line each, once the check is finished.
 *
 * A caller that ends the process on abort() is needed: libspf2 does that where it finds a fault of its own. */
bool spf_check(struct facts *f, const struct spf_ask *ask, struct spf_told *out, struct buf *tale);

#endif
