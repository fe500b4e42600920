/* The one door to libcrypt: what is kept of a user's password. A yescrypt
 * hash, for PLAIN and LOGIN; and the numbers of SCRAM-SHA-256 (RFC 5802,
 * RFC 7677), made from the same password at the same moment, because they
 * can't be made from the hash.
 *
 * Making and checking cost some 30 ms of processor: never in a loop's turn. */
#ifndef BASE_PASSWORD_H
#define BASE_PASSWORD_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/span.h"

#define PASSWORD_MAX            255	/* bytes; libcrypt takes 511 */
#define PASSWORD_HASH_MAX       384	/* what libcrypt writes at most, with its NUL */
#define PASSWORD_ITERATIONS     10000	/* of those made here: RFC 7677 asks for 4096 at least; some 3 ms for a client */
#define PASSWORD_ITERATIONS_MAX 1000000	/* of those read: a client must work that much */
#define PASSWORD_SALT_LEN       16
#define PASSWORD_TEXT_MAX       560	/* of the text form */

struct password_scram {
	unsigned iterations;
	unsigned char salt[PASSWORD_SALT_LEN];
	unsigned char stored_key[SHA256_LEN];
	unsigned char server_key[SHA256_LEN];
};

struct password {
	char hash[PASSWORD_HASH_MAX];	/* a crypt(5) hash */
	struct password_scram scram;
};

/* The password must be UTF-8 of 1 to PASSWORD_MAX bytes without controls: else
 * PR_BAD. It is taken as it is: for other than ASCII the caller prepares it
 * (RFC 4013), or a client's prepared form will not match. PR_IO: libcrypt failed. */
enum pr_err password_make(struct span password, struct password *out) MUST_USE;

/* hash: what was made above or any other crypt(5) hash; NULL when there is no
 * such user, which takes as long and is false. */
bool password_check(const char *hash, struct span password);

/* Only the numbers, with a given salt and iterations; password_make uses it. */
void password_make_scram(struct span password, struct password_scram *scram);

/* Two words with one blank: `HASH SCRAM-SHA-256$ITERATIONS:SALT$STORED_KEY:SERVER_KEY` (RFC 5803). */
enum pr_err password_add_text(const struct password *p, struct buf *out);
/* PR_BAD when it is not exactly that. */
enum pr_err password_from_text(struct span text, struct password *out) MUST_USE;

#endif
