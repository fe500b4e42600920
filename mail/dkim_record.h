/* The record of a DKIM key in DNS (RFC 6376 3.6.1, RFC 8463 4):
 * SELECTOR._domainkey.DOMAIN TXT "v=DKIM1; k=rsa; p=…". */
#ifndef MAIL_DKIM_RECORD_H
#define MAIL_DKIM_RECORD_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "mail/dkim.h"

/* key: the public half as p= holds it: SubjectPublicKeyInfo of RSA, the 32 bytes of Ed25519. */
enum pr_err dkim_record_add(struct buf *out, enum dkim_algorithm algorithm, struct span key) MUST_USE;
/* Does this record, its strings joined, say that signatures of mail by this key are good? */
bool dkim_record_has(struct span record, enum dkim_algorithm algorithm, struct span key);

/* Where it stands: SELECTOR._domainkey.DOMAIN. */
enum pr_err dkim_record_add_name(struct buf *out, struct span selector, struct span domain) MUST_USE;
/* As zone files need it: in strings of 255 bytes at most, each in quotes. */
enum pr_err dkim_record_add_quoted(struct buf *out, struct span record) MUST_USE;

#endif
