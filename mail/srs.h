/* SRS, the sender rewriting scheme: a forwarder sends under an address of its
 * own that holds the sender's, so that SPF passes and bounces find back. There
 * is no RFC; this is the form that Shevek's Mail::SRS made common:
 *
 *   SRS0 = "SRS0" sep hash "=" day "=" domain "=" local
 *   SRS1 = "SRS1" sep hash "=" first-forwarder "=" what stands behind SRS0 there
 *   sep  = "=" / "+" / "-"            we write =
 *
 * at the forwarder's domain, without ASCII case. hash: the first letters of
 * HMAC-SHA1 in base 64, over the fields behind it as they follow one another,
 * in lower case. day: since 1970, modulo 1024, in two letters of base 32.
 * SRS1 is made of an address that is SRS already: its bounces go to the first
 * forwarder, however many there were.
 *
 * A sender of 64 octets becomes longer than that: such a local part is sent
 * all the same, as other forwarders do. RFC 5321 4.5.3.1 asks servers to take
 * it, and under the old sender SPF would fail for sure. What does not fit a
 * path can't be rewritten. Who can have a sender of his choice forwarded to
 * himself has its SRS address: it says that mail went out under it, no more. */
#ifndef MAIL_SRS_H
#define MAIL_SRS_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/address.h"

#define SRS_HASH_LEN 6	/* letters: 36 bits, 31 without case. Mail::SRS makes 4 and takes more */
#define SRS_DAYS     21	/* an SRS0 address is good for so long; servers give up after five */

/* The sender that mail of `sender` leaves with when `forwarder`, a domain, passes it on. Both canonical, sender not empty.
 * day: since 1970. PR_FULL: it would be too long. */
enum pr_err srs_make(struct span sender, struct span forwarder, struct span key, uint32_t day, struct address *out) MUST_USE;

enum srs_verdict {
	SRS_NONE,		/* no address of this form */
	SRS_GOOD,
	SRS_FORGED,		/* made under none of these keys */
	SRS_EXPIRED
};
/* Whose bounces an address takes: with SRS_GOOD *out is the address that it was made of. Time does not depend on the keys. */
enum srs_verdict srs_read(struct span address, const struct span *keys, size_t n_keys, uint32_t day, struct address *out);

#endif
