/* The one door to libcrypto for digests. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#define SHA256_LEN 32
#define SHA1_LEN   20

/* Makes libcrypto read all that it reads lazily (its configuration among it): to be called before the sandbox. */
void digest_load(void);

void digest_sha256(struct span s, unsigned char out[SHA256_LEN]);
/* SHA-256 of bytes that come one after the other. */
struct digest;
struct digest *digest_new(void);
void digest_feed(struct digest *d, struct span s);
void digest_finish(struct digest *d, unsigned char out[SHA256_LEN]);	/* begins anew */
void digest_free(struct digest **d);
void digest_hmac_sha256(struct span key, struct span s, unsigned char out[SHA256_LEN]);
void digest_hmac_sha1(struct span key, struct span s, unsigned char out[SHA1_LEN]);	/* where a convention asks for it: SRS */
/* RFC 5802 Hi(): PBKDF2 with HMAC-SHA-256. */
void digest_pbkdf2_sha256(struct span password, struct span salt, unsigned iterations, unsigned char out[SHA256_LEN]);
/* In time that does not depend on where they differ. */
bool digest_equal(const void *a, const void *b, size_t len);
/* CRC32C (Castagnoli); `crc` is 0 at first, or what the bytes before gave. */
uint32_t digest_crc32c(uint32_t crc, const void *at, size_t len);
/* The same without the processor's instruction for it, as machines without it do it. */
uint32_t digest_crc32c_by_table(uint32_t crc, const void *at, size_t len);

#endif
