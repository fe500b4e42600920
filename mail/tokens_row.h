/* Tokens: passwords for one device or program, made here and shown once; and
 * a line of `tokens` in the state folder, which keeps only a digest. 160
 * random bits can't be guessed, so that one round of SHA-256 is enough for
 * them, and checking one costs nothing.
 *
 *	ADDRESS <tab> DIGEST <tab> CREATED <tab> LABEL
 *
 * DIGEST in hex, its first letters are the token's name for `token revoke`;
 * CREATED in seconds since 1970; LABEL may be empty. Blank lines and lines
 * that begin with # say nothing. */
#ifndef MAIL_TOKENS_ROW_H
#define MAIL_TOKENS_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/span.h"

#define TOKEN_PREFIX    "prt-"
#define TOKEN_LETTERS   32	/* of base 32: 160 bits */
#define TOKEN_LEN       (sizeof(TOKEN_PREFIX) - 1 + TOKEN_LETTERS)
#define TOKEN_NAME_LEN  8	/* letters of the digest */
#define TOKEN_LABEL_MAX 100
#define TOKENS_ROW_MAX  1024

/* A new one, with a NUL behind it. */
void token_make(char out[TOKEN_LEN + 1]);
/* It has the form of a token. */
bool token_is(struct span text);
void token_digest(struct span token, unsigned char out[SHA256_LEN]);

struct tokens_row {
	struct span address;
	unsigned char digest[SHA256_LEN];
	uint64_t created;
	struct span label;
};

/* As users_row_parse and users_row_add. A label holds no controls. */
enum pr_err tokens_row_parse(struct span line, struct tokens_row *out, const char **why) MUST_USE;
enum pr_err tokens_row_add(const struct tokens_row *row, struct buf *out) MUST_USE;
void token_name(const unsigned char digest[SHA256_LEN], char out[TOKEN_NAME_LEN + 1]);

#endif
