/* Our DKIM signatures (RFC 6376, RFC 8463), which are relaxed in header and
 * body: the fields that are signed, as they pass in pieces of any size, and the
 * field that says so. Who has the key signs the digest. Lines end in CRLF
 * (mail/lines.h). */
#ifndef MAIL_DKIM_H
#define MAIL_DKIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/span.h"

/* ---- the header (3.4.2): the fields that are signed, kept in canonical form. Each is signed as often as it is there and
 * once more, so that nobody can add one: From, To, Cc, Subject, Date, Reply-To, Message-ID, MIME-Version, Content-Type. */

#define DKIM_HEADER_MAX (1u << 20)	/* bytes of these fields together; more is no mail that anybody signs */
#define DKIM_FIELDS_MAX 64		/* of these fields: their names stand in each signature */

struct dkim_header {
	struct buf text;
	struct dkim_field {
		unsigned name;		/* which of the signed ones */
		size_t at, len;		/* in text: without line end */
	} fields[DKIM_FIELDS_MAX];
	unsigned n_fields;
	bool ended;			/* the empty line was seen: what comes is not looked at */
	/* its own */
	unsigned char state, before;
	bool cr, blank, too_many;
	size_t begun_at;
	unsigned name_len;
	char name[16];
};

void dkim_header_init(struct dkim_header *h);
void dkim_header_feed(struct dkim_header *h, struct span in);
/* The header has ended. PR_NONE: there is no From, which must be signed (5.4); PR_FULL: a ceiling was met. */
enum pr_err dkim_header_finish(struct dkim_header *h) MUST_USE;
void dkim_header_fini(struct dkim_header *h);

/* ---- the field that holds the signature */

enum dkim_algorithm { DKIM_RSA_SHA256, DKIM_ED25519_SHA256 };

struct dkim_signature {
	enum dkim_algorithm algorithm;
	struct span domain, selector;
	const unsigned char *body_hash;	/* SHA256_LEN */
	int64_t signed_at;		/* seconds since 1970 */
	int64_t expires_at;		/* the same; 0: never */
};

/* Appends the field up to its empty b=, and gives the digest to be signed. PR_FULL at the buffer's ceiling. */
enum pr_err dkim_signature_begin(const struct dkim_header *h, const struct dkim_signature *sig, struct buf *out,
    unsigned char digest[SHA256_LEN]) MUST_USE;
/* Appends the signature's bytes in base 64, and the line end. */
enum pr_err dkim_signature_end(struct buf *out, struct span signature) MUST_USE;

#endif
