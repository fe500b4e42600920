/* The proof that a session logged in with: the first bytes of a digest of the
 * stored password, or of the token. It is shown again with each sender, and
 * counts as long as that password or token does. Pure. */
#ifndef AUTH_PROOF_H
#define AUTH_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/directory.h"
#include "base/span.h"

/* stored: as base/password.h writes it. */
uint64_t proof_of_password(struct span stored);

/* False: the secret is no token of that user (his address); else its proof. */
bool proof_of_token(const struct directory *d, struct span user, struct span secret, uint64_t *proof);

/* Does that user of our own still have the password or token that it is of, and may he log in? */
bool proof_counts(const struct directory *d, struct span login, uint64_t proof);

#endif
