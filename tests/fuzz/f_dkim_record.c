/* Any text as the record of a key: what is read is written and read again as the same, and libcrypto can be given it. And as the tags of
 * each kind of signature. */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/key.h"
#include "mail/dkim_claim.h"
#include "mail/dkim_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void verify_with(const struct dkim_key *key)
{
	static const unsigned char digest[SHA256_LEN];
	static const char signature[KEY_SIGNATURE_MAX] = { 1 };
	bool is_rsa = key->algorithm == DKIM_RSA_SHA256;
	struct key *public;
	const char *why;

	if (key_read_public(is_rsa ? KEY_RSA : KEY_ED25519, dkim_key_span(key), &public, &why) != PR_OK)
		return;
	BUG_ON(key_verify(public, digest, span_of(signature, is_rsa ? key->bits / 8 % sizeof(signature) : 64)));
	key_free(&public);
}

static void check_record(struct span text)
{
	struct dkim_key key, again;
	struct buf record;

	if (dkim_record_read(text, &key))
		return;
	BUG_ON(key.len == 0 || key.len > sizeof(key.bytes) || (key.algorithm == DKIM_ED25519_SHA256 && key.bits > 0));
	BUG_ON(!dkim_record_has(text, key.algorithm, dkim_key_span(&key)) && key.algorithm == DKIM_ED25519_SHA256);
	buf_init(&record, 8192);
	BUG_ON(dkim_record_add(&record, key.algorithm, dkim_key_span(&key)) != PR_OK);
	BUG_ON(dkim_record_read(buf_span(&record), &again) || !span_eq(dkim_key_span(&key), dkim_key_span(&again)) || key.bits != again.bits);
	buf_fini(&record);
	verify_with(&key);
}

static void check_claim(struct span text, enum dkim_claim_kind kind)
{
	char name[DKIM_CLAIM_NAME_MAX + 1];
	struct dkim_claim c;

	if (dkim_claim_read(&c, kind, text))
		return;
	BUG_ON(c.domain.len == 0 || c.selector.len == 0 || c.signature.len == 0);
	BUG_ON(kind != CLAIM_DKIM && (c.instance == 0 || c.instance > DKIM_CLAIM_INSTANCE_MAX));
	BUG_ON((kind == CLAIM_ARC_SEAL) != (c.names.len == 0));
	dkim_claim_key_name(&c, name);
	BUG_ON(strlen(name) != c.domain.len + c.selector.len + 12);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of((const char *)data, size);

	check_record(text);
	for (enum dkim_claim_kind kind = CLAIM_DKIM; kind <= CLAIM_ARC_SEAL; kind++)
		check_claim(text, kind);
	return 0;
}
