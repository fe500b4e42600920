/* The Authenticated Received Chain of a message (RFC 8617 5.2): what those said who passed it on, and whether that can be
 * believed. Verified and told, never made. Header first, then the body as it passes; a core, keys are looked up in facts.
 *
 *   none  there is no chain
 *   pass  the newest set signs the message as it is, and every seal is good
 *   fail  anything else; why says what
 *
 * An ARC-Message-Signature whose l= leaves text uncovered fails, as do rsa-sha1 and small keys. Older message signatures are
 * not verified: they say nothing that the newest does not. */
#ifndef VERIFY_ARC_H
#define VERIFY_ARC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "verify/facts.h"
#include "verify/fields.h"
#include "verify/result.h"

#define ARC_BYTES_MAX (128u << 10)	/* of all fields of the chain: each seal covers those before it */

struct arc_told {
	enum auth_result result;	/* none, pass or fail */
	unsigned n;			/* sets, as far as the chain could be read */
	char domain[256], selector[256];	/* d= and s= of the newest seal; empty when it can't be read */
	unsigned failed;		/* the set that is at fault; 0: none, or the chain as a whole */
	char why[640];			/* "" of none and pass */
};

struct arc_check;

/* The header is borrowed, as are facts at each call; keys are asked for at once. Costs next to nothing without a chain. */
struct arc_check *arc_check_new(const struct fields *header, struct facts *facts, int64_t now_s);
void arc_check_free(struct arc_check **check);

/* The body in pieces of any size; lines end in CRLF. */
void arc_check_body(struct arc_check *check, struct span bytes);
/* The message has ended. False: facts are missing, call again when they came. tale, which may be NULL, gets what was done in
 * words, a line each. */
bool arc_check_end(struct arc_check *check, struct facts *facts, struct buf *tale);

/* As long as the check lives. */
const struct arc_told *arc_check_told(const struct arc_check *check);

#endif
