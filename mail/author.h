/* Who wrote a message: the mailboxes of a From field, one after the other
 * (RFC 5322 3.4, RFC 6854). What stands before the brackets is for people and
 * proves nothing.
 *
 *	list    = element *( ("," / ";") element )
 *	element = [ group-name ":" ] ( [phrase] "<" mailbox ">" / mailbox ) / nothing
 *
 * with comments and blanks where RFC 5322 has them, but not within a mailbox. */
#ifndef MAIL_AUTHOR_H
#define MAIL_AUTHOR_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "mail/address.h"

/* Takes the next one off the front of *value, an unfolded field. PR_NONE at the end; PR_BAD when it is not surely
 * one mailbox: two pairs of brackets, words behind them, no domain, an end that is missing. */
enum pr_err author_next(struct span *value, struct address *out) MUST_USE;

/* The domain of the next one, where only this counts: the local part is one that people use, not only one that RFC 5321 has
 * (a..b@, more than 64 octets), the domain as idn_name (mail/idn.h) reads it; empty: an address literal. Errors as above. */
enum pr_err author_next_domain(struct span *value, char out[ADDRESS_DOMAIN_MAX + 1]) MUST_USE;

/* The domain of all of them where it is one and the same, with a NUL; false when it is not surely one, or an address literal. */
bool author_domain(struct span value, char out[ADDRESS_DOMAIN_MAX + 1]);
/* The same of any field of addresses, as it is written there and perhaps without a domain: what sendmail -t reads.
 * *out is emptied first. PR_BAD: no end, two pairs of brackets, words behind them. */
enum pr_err author_next_words(struct span *value, struct buf *out) MUST_USE;

#endif
