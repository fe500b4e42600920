/* What a signature claims: the tags of DKIM-Signature (RFC 6376 3.5, RFC 8463), of ARC-Message-Signature and of ARC-Seal
 * (RFC 8617 4.1), read strictly. Whether it is true is not asked here. */
#ifndef MAIL_DKIM_CLAIM_H
#define MAIL_DKIM_CLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "mail/dkim.h"
#include "mail/tags.h"

#define DKIM_CLAIM_MAX	       16384	/* bytes of a field; mail that people send needs 1,500 */
#define DKIM_CLAIM_NAMES_MAX   200	/* in h=, which costs each of them times the fields of the message */
#define DKIM_CLAIM_H_MAX       4000	/* bytes of h=: libopendkim reads no more */
#define DKIM_CLAIM_FIELD_MAX   76	/* octets of one name in h= */
#define DKIM_CLAIM_NAME_MAX    255	/* octets of SELECTOR._domainkey.DOMAIN */
#define DKIM_CLAIM_INSTANCE_MAX 50	/* sets of ARC (RFC 8617 5.1.1.1) */

enum dkim_claim_kind { CLAIM_DKIM, CLAIM_ARC_MESSAGE, CLAIM_ARC_SEAL };

struct dkim_claim {
	struct tags tags;
	struct span domain, selector;	/* d=, s= */
	struct span identity;		/* i= as it is written; empty: none, or of ARC */
	struct span names;		/* h=, words with colons between; "" of a seal */
	struct span body_hash;		/* bh=, base 64 with blanks */
	struct span signature;		/* b=, the same */
	struct span named;		/* a= as it is written: "rsa-sha256" */
	enum dkim_algorithm algorithm;
	bool is_sha1;			/* rsa-sha1 (RFC 8301 3.1): nothing that it says counts */
	bool is_header_relaxed, is_body_relaxed;
	bool is_of_subdomain;		/* i= is below d= */
	bool has_length;
	uint64_t length;		/* l=: octets of the canonical body */
	int64_t signed_at, expires_at;	/* t=, x=; -1: not told */
	unsigned instance;		/* i= of ARC */
	struct span chain;		/* cv= of a seal */
};

/* Reads the value of a field, whose spans the claim keeps. NULL, or what is wrong with it (static text: "it has no d=");
 * then only those of tags, domain, selector and named are set that were read before. */
const char *dkim_claim_read(struct dkim_claim *c, enum dkim_claim_kind kind, struct span value) MUST_USE;

/* SELECTOR._domainkey.DOMAIN of one that was read. */
void dkim_claim_key_name(const struct dkim_claim *c, char name[DKIM_CLAIM_NAME_MAX + 1]);
/* The name of a field that h= may name; for libopendkim a field of another name is none either. */
bool dkim_claim_is_name(struct span name);

#endif
