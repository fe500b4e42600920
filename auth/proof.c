#include "auth/proof.h"

#include "base/digest.h"
#include "mail/address.h"
#include "mail/tokens_row.h"

uint64_t proof_of_password(struct span stored)
{
	unsigned char digest[SHA256_LEN];

	digest_sha256(stored, digest);
	return table_proof(digest);
}

bool proof_of_token(const struct directory *d, struct span user, struct span secret, uint64_t *proof)
{
	unsigned char digest[SHA256_LEN];
	struct table_token token;

	if (!token_is(secret))
		return false;
	token_digest(secret, digest);
	if (!directory_token(d, table_proof(digest), &token) || !address_same(token.address, user))
		return false;
	if (!digest_equal(token.digest.at, digest, SHA256_LEN))
		return false;
	*proof = table_proof(digest);
	return true;
}

bool proof_counts(const struct directory *d, struct span login, uint64_t proof)
{
	struct directory_user user;
	struct table_token token;

	if (!directory_user(d, login, &user) || user.is_disabled)
		return false;
	if (proof_of_password(user.password) == proof)
		return true;
	return directory_token(d, proof, &token) && address_same(token.address, login);
}
