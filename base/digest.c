#include "base/digest.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <string.h>
#ifdef __x86_64__
#include <nmmintrin.h>
#endif

#include "base/err.h"

/* EVP_sha256() looks its provider up at every use; a fetched one does not. */
static EVP_MD *sha256, *sha1;

static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	BUG_ON(!sha256 || !sha1);
}

void digest_load(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fetch);
}

void digest_sha256(struct span s, unsigned char out[SHA256_LEN])
{
	digest_load();
	BUG_ON(EVP_Digest(s.at, s.len, out, NULL, sha256, NULL) != 1);
}

/* libcrypto's own, never looked into. */
static EVP_MD_CTX *context_of(struct digest *d)
{
	return (EVP_MD_CTX *)d;
}

struct digest *digest_new(void)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	digest_load();
	BUG_ON(!context || EVP_DigestInit_ex2(context, sha256, NULL) != 1);
	return (struct digest *)context;
}

void digest_feed(struct digest *d, struct span s)
{
	BUG_ON(EVP_DigestUpdate(context_of(d), s.at, s.len) != 1);
}

void digest_finish(struct digest *d, unsigned char out[SHA256_LEN])
{
	BUG_ON(EVP_DigestFinal_ex(context_of(d), out, NULL) != 1);
	BUG_ON(EVP_DigestInit_ex2(context_of(d), sha256, NULL) != 1);
}

void digest_free(struct digest **d)
{
	EVP_MD_CTX_free(context_of(*d));
	*d = NULL;
}

static void hmac(const EVP_MD *md, struct span key, struct span s, unsigned char *out)
{
	BUG_ON(key.len > INT_MAX);
	BUG_ON(!HMAC(md, key.at, (int)key.len, (const unsigned char *)s.at, s.len, out, NULL));
}

void digest_hmac_sha256(struct span key, struct span s, unsigned char out[SHA256_LEN])
{
	digest_load();
	hmac(sha256, key, s, out);
}

void digest_hmac_sha1(struct span key, struct span s, unsigned char out[SHA1_LEN])
{
	digest_load();
	hmac(sha1, key, s, out);
}

void digest_pbkdf2_sha256(struct span password, struct span salt, unsigned iterations, unsigned char out[SHA256_LEN])
{
	digest_load();
	BUG_ON(password.len > INT_MAX || salt.len > INT_MAX || iterations == 0 || iterations > INT_MAX);
	BUG_ON(PKCS5_PBKDF2_HMAC(password.at, (int)password.len, (const unsigned char *)salt.at, (int)salt.len, (int)iterations, sha256,
	    SHA256_LEN, out) != 1);
}

bool digest_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

/* CRC32C, reflected polynomial 0x82f63b78. Eight tables take eight bytes a
 * step where the processor has no instruction for it; where it has one, three
 * runs side by side hide its latency of three cycles, and `shifted` (the
 * effect of RUN zero bytes on each byte of a state) joins them. */
#define POLYNOMIAL 0x82f63b78U
#define RUN        1024

static struct {
	uint32_t byte[8][256];
	uint32_t shifted[4][256];
	uint32_t (*crc)(uint32_t state, const unsigned char *at, size_t len);
} crc;

static uint32_t load32(const unsigned char *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint32_t crc_by_table(uint32_t state, const unsigned char *at, size_t len)
{
	for (; len >= 8; at += 8, len -= 8) {
		uint32_t low = state ^ load32(at), high = load32(at + 4);

		state = crc.byte[7][low & 0xff] ^ crc.byte[6][low >> 8 & 0xff] ^ crc.byte[5][low >> 16 & 0xff] ^ crc.byte[4][low >> 24] ^
		    crc.byte[3][high & 0xff] ^ crc.byte[2][high >> 8 & 0xff] ^ crc.byte[1][high >> 16 & 0xff] ^ crc.byte[0][high >> 24];
	}
	for (; len; at++, len--)
		state = crc.byte[0][(state ^ *at) & 0xff] ^ state >> 8;
	return state;
}

#ifdef __x86_64__
static uint32_t shift_run(uint32_t state)
{
	return crc.shifted[0][state & 0xff] ^ crc.shifted[1][state >> 8 & 0xff] ^ crc.shifted[2][state >> 16 & 0xff] ^
	    crc.shifted[3][state >> 24];
}

__attribute__((target("sse4.2"))) static uint64_t step(uint64_t state, const unsigned char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return _mm_crc32_u64(state, word);
}

__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t state, const unsigned char *at, size_t len)
{
	uint64_t a = state;

	for (; len >= 3 * RUN; at += 3 * RUN, len -= 3 * RUN) {
		uint64_t b = 0, c = 0;

		for (size_t i = 0; i < RUN; i += 8) {
			a = step(a, at + i);
			b = step(b, at + RUN + i);
			c = step(c, at + 2 * (size_t)RUN + i);
		}
		a = shift_run(shift_run((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
	}
	for (; len >= 8; at += 8, len -= 8)
		a = step(a, at);
	for (; len; at++, len--)
		a = _mm_crc32_u8((uint32_t)a, *at);
	return (uint32_t)a;
}
#endif

static void make_byte_tables(void)
{
	for (uint32_t n = 0; n < 256; n++) {
		uint32_t state = n;

		for (int bit = 0; bit < 8; bit++)
			state = state >> 1 ^ (state & 1 ? POLYNOMIAL : 0);
		crc.byte[0][n] = state;
	}
	for (uint32_t n = 0; n < 256; n++)
		for (int t = 1; t < 8; t++)
			crc.byte[t][n] = crc.byte[0][crc.byte[t - 1][n] & 0xff] ^ crc.byte[t - 1][n] >> 8;
}

static void make_shift_tables(void)
{
	static const unsigned char zeros[RUN];
	uint32_t bits[32];

	for (int bit = 0; bit < 32; bit++)
		bits[bit] = crc_by_table(1U << bit, zeros, RUN);
	for (int t = 0; t < 4; t++)
		for (unsigned n = 0; n < 256; n++)
			for (int bit = 0; bit < 8; bit++)
				crc.shifted[t][n] ^= n >> bit & 1 ? bits[t * 8 + bit] : 0;
}

static void choose_crc(void)
{
	make_byte_tables();
	make_shift_tables();
	crc.crc = crc_by_table;
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		crc.crc = crc_by_instruction;
#endif
}

uint32_t digest_crc32c(uint32_t before, const void *at, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, choose_crc);
	return ~crc.crc(~before, at, len);
}

uint32_t digest_crc32c_by_table(uint32_t before, const void *at, size_t len)
{
	(void)digest_crc32c(0, NULL, 0);
	return ~crc_by_table(~before, at, len);
}
