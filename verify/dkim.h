/* The DKIM signatures of a message (RFC 6376, 8301, 8463): header first, then the body as it passes, then what each says.
 * libopendkim does the canonical forms, the hashes and the signatures; what it would let pass (rsa-sha1, an l= that leaves
 * text uncovered, a second From) and what would cost too much is dealt with before and behind it. A core: keys are looked
 * up in facts. Results are in the words of RFC 8601 2.7.1:
 *
 *   pass       the signature is good, by a key of enough bits, over the whole body
 *   fail       something that was signed is not as it was
 *   policy     not good enough here: rsa-sha1, a small key, an l= that leaves text uncovered, expired, too much work, d= a TLD
 *   neutral    the field breaks its grammar
 *   temperror  the key could not be had now
 *   permerror  there is no key, or none that can be used
 *
 * A key in testing (t=y) is told and counts as others do: many who sign in earnest forgot to take it away. */
#ifndef VERIFY_DKIM_H
#define VERIFY_DKIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "verify/facts.h"
#include "verify/fields.h"
#include "verify/result.h"

#define DKIM_TOLD_MORE	 10		/* signatures beyond the ceiling that are listed all the same */
#define DKIM_LENGTHS_MAX 2		/* signatures with l=, each of which costs a hash of the body */
#define DKIM_WORD_MAX	 (1u << 20)	/* bytes of a body between blanks and line ends: so many the library keeps in memory */
#define DKIM_WORK_MAX	 400000		/* names in h= times fields of the header, over all signatures */
#define DKIM_HASHED_MAX	 (2u << 20)	/* bytes of the header times signatures */

struct dkim_told {
	enum auth_result result;
	char domain[256], selector[256];	/* d=, s=; empty when they can't be read */
	char identity[260];		/* i=, or "@" and d= */
	char algorithm[16];		/* "rsa-sha256" */
	char b[33];			/* the first characters of b=, which tell it from the others (RFC 6008 4) */
	char why[512];			/* a sentence for the honest sender; "" of a pass */
	unsigned key_bits;		/* 0: not known */
	bool covers_all;		/* no l= that leaves text uncovered */
	bool is_testing;		/* t=y in the key */
};

/* The library: made once, before the sandbox, because it reads what it reads lazily (libcrypto's configuration). */
struct dkim_house *dkim_house_new(void);
void dkim_house_free(struct dkim_house **house);

struct dkim_check;

/* The header is borrowed, as are facts at each call; keys are asked for at once (facts_foresee). max_signatures: so many
 * are looked at, from the top. Without any signature it costs next to nothing. */
struct dkim_check *dkim_check_new(struct dkim_house *house, const struct fields *header, struct facts *facts, unsigned max_signatures,
    int64_t now_s);
void dkim_check_free(struct dkim_check **check);

/* The body in pieces of any size; lines end in CRLF, a last one without it is ended. */
void dkim_check_body(struct dkim_check *check, struct span bytes);
/* The message has ended. False: facts are missing, call again when they came. tale, which may be NULL, gets what was done
 * in words, a line each. */
bool dkim_check_end(struct dkim_check *check, struct facts *facts, struct buf *tale);

/* Bytes that the library holds, at most: a copy of the header, a long word for each signature. */
size_t dkim_check_bytes(const struct dkim_check *check);

/* From the top of the header; as long as the check lives. */
unsigned dkim_check_n(const struct dkim_check *check);
const struct dkim_told *dkim_check_told(const struct dkim_check *check, unsigned i);

#endif
