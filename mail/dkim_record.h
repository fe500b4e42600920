/* The record of a DKIM key in DNS (RFC 6376 3.6.1, RFC 8463 4):
 * SELECTOR._domainkey.DOMAIN TXT "v=DKIM1; k=rsa; p=…". */
#ifndef MAIL_DKIM_RECORD_H
#define MAIL_DKIM_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "mail/dkim.h"

/* key: the public half as p= holds it: SubjectPublicKeyInfo of RSA, the 32 bytes of Ed25519. */
enum pr_err dkim_record_add(struct buf *out, enum dkim_algorithm algorithm, struct span key) MUST_USE;

#define DKIM_KEY_MAX	       1200	/* bytes of one; SubjectPublicKeyInfo of an RSA key of 8192 bits takes 1062 */
#define DKIM_ED25519_LEN       32
#define DKIM_EXPONENT_BITS_MAX 64

struct dkim_key {
	enum dkim_algorithm algorithm;	/* what signs with it */
	unsigned bits;			/* of RSA; 0 of Ed25519 */
	bool is_testing;		/* t=y */
	bool is_strict;			/* t=s: not for subdomains in i= */
	unsigned char bytes[DKIM_KEY_MAX];	/* always SubjectPublicKeyInfo of RSA, the 32 bytes of Ed25519 */
	size_t len;
};

static inline struct span dkim_key_span(const struct dkim_key *key)
{
	return span_of((const char *)key->bytes, key->len);
}

/* A record, its strings joined. NULL, or why no signature of mail by SHA-256 is good by it (static text, of the record: "its
 * p= is no base 64"). How large an RSA key is, is for the caller to judge. */
const char *dkim_record_read(struct span record, struct dkim_key *key) MUST_USE;
/* Is it meant as a key at all, good or not? Other records may stand at the same name. */
bool dkim_record_is_key(struct span record);
/* Does this record, its strings joined, say that signatures of mail by this key are good? */
bool dkim_record_has(struct span record, enum dkim_algorithm algorithm, struct span key);

/* Where it stands: SELECTOR._domainkey.DOMAIN. */
enum pr_err dkim_record_add_name(struct buf *out, struct span selector, struct span domain) MUST_USE;
/* As zone files need it: in strings of 255 bytes at most, each in quotes. */
enum pr_err dkim_record_add_quoted(struct buf *out, struct span record) MUST_USE;

#endif
