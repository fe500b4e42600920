#include "verify/dkim_key.h"

#include <stdarg.h>
#include <stdio.h>

#define BITS_MIN 1024	/* RFC 8301 3.2 */
#define BITS_MAX 4096

static void say(struct dkim_key_found *out, enum auth_result result, const char *why, ...) PRINTF_LIKE(3, 4);
static void say(struct dkim_key_found *out, enum auth_result result, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	(void)vsnprintf(out->why, sizeof(out->why), why, args);
	va_end(args);
	out->result = result;
}

/* The one record that is meant as a key; NULL: none, or several. */
static const struct span *only_key(const struct fact *fact, unsigned *n)
{
	const struct span *only = NULL;

	*n = 0;
	for (unsigned i = 0; i < fact->n; i++) {
		if (fact->n > 1 && !dkim_record_is_key(fact->data[i]))
			continue;
		only = &fact->data[i];
		++*n;
	}
	return *n == 1 ? only : NULL;
}

static void judge(struct dkim_key_found *out, const struct dkim_claim *claim, const char *name)
{
	const struct dkim_key *key = &out->key;
	bool is_rsa = key->algorithm == DKIM_RSA_SHA256;

	if (key->algorithm != claim->algorithm)
		say(out, AUTH_PERMERROR, "the key at %s is not of the kind that a= names", name);
	else if (key->is_strict && claim->is_of_subdomain)
		say(out, AUTH_PERMERROR, "the key at %s is not for subdomains (t=s), and i= names one", name);
	else if (is_rsa && key->bits < BITS_MIN)
		say(out, AUTH_POLICY, "the RSA key at %s has %u bits, and less than %d prove nothing (RFC 8301)", name, key->bits, BITS_MIN);
	else if (is_rsa && key->bits > BITS_MAX)
		say(out, AUTH_POLICY, "the RSA key at %s has %u bits, and more than %d are not looked at", name, key->bits, BITS_MAX);
	else
		out->result = AUTH_PASS;
}

static void read_fact(struct dkim_key_found *out, const struct fact *fact, const struct dkim_claim *claim, const char *name)
{
	unsigned n;
	const struct span *record = only_key(fact, &n);
	const char *why = record ? dkim_record_read(*record, &out->key) : NULL;

	out->is_read = record && !why;
	if (!record)
		say(out, AUTH_PERMERROR, n ? "there are several keys at %s" : "none of the records at %s is a key", name);
	else if (why)
		say(out, AUTH_PERMERROR, "the key at %s can't be used: %s", name, why);
	else
		judge(out, claim, name);
}

void dkim_key_foresee(struct facts *facts, const struct dkim_claim *claim)
{
	char name[DKIM_CLAIM_NAME_MAX + 1];

	dkim_claim_key_name(claim, name);
	facts_foresee(facts, RECORD_TXT, span_of_text(name));
}

bool dkim_key_find(struct facts *facts, const struct dkim_claim *claim, struct dkim_key_found *out)
{
	char name[DKIM_CLAIM_NAME_MAX + 1];
	const struct fact *fact;

	out->is_read = false;
	out->why[0] = 0;
	dkim_claim_key_name(claim, name);
	fact = facts_find(facts, RECORD_TXT, span_of_text(name));
	if (!fact)
		return false;
	switch (fact->result) {
	case RESOLVED: read_fact(out, fact, claim, name); break;
	case RESOLVE_NO_DATA:
	case RESOLVE_NO_NAME: say(out, AUTH_PERMERROR, "there is no key at %s", name); break;
	case RESOLVE_TEMPORARY: say(out, AUTH_TEMPERROR, "the DNS gave no answer about %s", name); break;
	case RESOLVE_REFUSED: say(out, AUTH_PERMERROR, "%s can't be asked for: too many questions for one message", name); break;
	}
	return true;
}

unsigned dkim_key_bits(const struct dkim_key *key)
{
	return key->algorithm == DKIM_RSA_SHA256 ? key->bits : DKIM_ED25519_LEN * 8;
}
