/* Keys for signatures: made, read, used. The one door to libcrypto for
 * them. A key is parsed once and then used as often as one likes. */
#ifndef BASE_KEY_H
#define BASE_KEY_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/span.h"

#define KEY_RSA_BITS      2048	/* of those made here */
#define KEY_RSA_BITS_MIN  1024	/* RFC 8301 3.2 */
#define KEY_RSA_BITS_MAX  4096	/* what every verifier must take (the same) */
#define KEY_PEM_MAX       8192	/* bytes of a file with the largest */
#define KEY_SIGNATURE_MAX (KEY_RSA_BITS_MAX / 8)

enum key_kind { KEY_RSA, KEY_ED25519 };

struct key;

struct key *key_make(enum key_kind kind);
/* A private key in PEM, not encrypted. PR_BAD: it is none that we sign with, and *why (static text) says so. */
enum pr_err key_read(struct span pem, struct key **out, const char **why) MUST_USE;
/* A public key as key_add_public writes it, and of RSA a bare RSAPublicKey too; it only verifies. PR_BAD as above. */
enum pr_err key_read_public(enum key_kind kind, struct span public, struct key **out, const char **why) MUST_USE;
void key_free(struct key **k);

enum key_kind key_kind(const struct key *k);
const char *key_kind_text(enum key_kind kind);	/* "rsa", "ed25519" */
/* Appends PKCS #8 in PEM. PR_FULL at the buffer's ceiling. */
enum pr_err key_add_pem(const struct key *k, struct buf *out) MUST_USE;
/* Appends the public half: SubjectPublicKeyInfo of RSA, the 32 bytes of Ed25519 (RFC 8463 4.2). */
enum pr_err key_add_public(const struct key *k, struct buf *out) MUST_USE;

/* Signs a SHA-256 digest: RSASSA-PKCS1-v1_5, or Ed25519 of the digest's bytes (RFC 8463 3). Returns the signature's length. */
size_t key_sign(struct key *k, const unsigned char digest[SHA256_LEN], unsigned char signature[KEY_SIGNATURE_MAX]);
/* Is it that? Of a private key too. */
bool key_verify(const struct key *k, const unsigned char digest[SHA256_LEN], struct span signature) MUST_USE;

#endif
