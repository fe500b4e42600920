/* The key of a signature, of DKIM or ARC, from what the DNS said of SELECTOR._domainkey.DOMAIN. */
#ifndef VERIFY_DKIM_KEY_H
#define VERIFY_DKIM_KEY_H

#include <stdbool.h>

#include "mail/dkim_claim.h"
#include "mail/dkim_record.h"
#include "verify/facts.h"
#include "verify/result.h"

#define DKIM_KEY_WHY_MAX 512

struct dkim_key_found {
	enum auth_result result;	/* AUTH_PASS: key may be used; policy, temperror and permerror as verify/dkim.h says */
	struct dkim_key key;
	bool is_read;			/* key is what was found, used or not */
	char why[DKIM_KEY_WHY_MAX];	/* a sentence with the name in it; "" where the key may be used */
};

/* The answer will be wanted. */
void dkim_key_foresee(struct facts *facts, const struct dkim_claim *claim);
/* False: it is missing. */
bool dkim_key_find(struct facts *facts, const struct dkim_claim *claim, struct dkim_key_found *out);
/* The size of a key as people speak of it. */
unsigned dkim_key_bits(const struct dkim_key *key);

#endif
