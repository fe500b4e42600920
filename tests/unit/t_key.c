#include "base/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

static void t_a_key_that_is_made_is_read_again(void **state)
{
	(void)state;
	for (enum key_kind kind = KEY_RSA; kind <= KEY_ED25519; kind++) {
		struct key *made = key_make(kind), *read = NULL;
		const char *why = "";
		struct buf pem, one, two;

		buf_init(&pem, KEY_PEM_MAX);
		buf_init(&one, 4096);
		buf_init(&two, 4096);
		assert_int_equal(key_add_pem(made, &pem), PR_OK);
		assert_memory_equal(pem.at, "-----BEGIN PRIVATE KEY-----\n", 28);
		assert_int_equal(key_read(buf_span(&pem), &read, &why), PR_OK);
		assert_int_equal(key_kind(read), kind);
		assert_int_equal(key_add_public(made, &one), PR_OK);
		assert_int_equal(key_add_public(read, &two), PR_OK);
		assert_true(span_eq(buf_span(&one), buf_span(&two)));
		key_free(&made);
		key_free(&read);
		assert_null(read);
		buf_fini(&pem);
		buf_fini(&one);
		buf_fini(&two);
	}
}

static EVP_PKEY *public_of(const struct key *k)
{
	const unsigned char *at;
	struct buf raw;
	EVP_PKEY *pkey;

	buf_init(&raw, 4096);
	assert_int_equal(key_add_public(k, &raw), PR_OK);
	at = (const unsigned char *)raw.at;
	pkey = key_kind(k) == KEY_RSA ? d2i_PUBKEY(NULL, &at, (long)raw.len) :
	    EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, at, raw.len);
	buf_fini(&raw);
	assert_non_null(pkey);
	return pkey;
}

static bool verifies(EVP_PKEY *pkey, enum key_kind kind, const unsigned char *signature, size_t len, const char *text)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char digest[SHA256_LEN];
	bool good;

	digest_sha256(span_of_text(text), digest);
	assert_int_equal(EVP_DigestVerifyInit(context, NULL, kind == KEY_RSA ? EVP_sha256() : NULL, NULL, pkey), 1);
	good = kind == KEY_RSA ? EVP_DigestVerify(context, signature, len, (const unsigned char *)text, strlen(text)) == 1 :
	    EVP_DigestVerify(context, signature, len, digest, SHA256_LEN) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

static void t_what_it_signs_verifies_again_and_again(void **state)
{
	(void)state;
	for (enum key_kind kind = KEY_RSA; kind <= KEY_ED25519; kind++) {
		struct key *k = key_make(kind);
		EVP_PKEY *pkey = public_of(k);
		static const char *const texts[] = { "one", "two", "three" };

		for (size_t i = 0; i < 3; i++) {
			unsigned char digest[SHA256_LEN], signature[KEY_SIGNATURE_MAX];
			size_t len;

			digest_sha256(span_of_text(texts[i]), digest);
			len = key_sign(k, digest, signature);
			assert_int_equal(len, kind == KEY_RSA ? KEY_RSA_BITS / 8 : 64);
			assert_true(verifies(pkey, kind, signature, len, texts[i]));
			assert_false(verifies(pkey, kind, signature, len, "another"));
		}
		EVP_PKEY_free(pkey);
		key_free(&k);
	}
}

/* RFC 8463 A.1, A.2 */
static void t_the_key_of_the_rfc_has_its_public_half(void **state)
{
	static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n";
	static const unsigned char expected[] = {
		0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
		0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
	};
	struct key *k = NULL;
	const char *why;
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	assert_int_equal(key_read(span_of(pem, sizeof(pem) - 1), &k, &why), PR_OK);
	assert_int_equal(key_add_public(k, &out), PR_OK);
	assert_int_equal(out.len, sizeof(expected));
	assert_memory_equal(out.at, expected, sizeof(expected));
	key_free(&k);
	buf_fini(&out);
}

static void t_what_is_no_key_is_refused_with_a_word(void **state)
{
	static const char *const texts[] = {
		"", "words", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		/* P-256 */
		"-----BEGIN PRIVATE KEY-----\n"
		"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n"
		"OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n"
		"1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n"
		"-----END PRIVATE KEY-----\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct key *k = NULL;
		const char *why = NULL;

		assert_int_equal(key_read(span_of_text(texts[i]), &k, &why), PR_BAD);
		assert_null(k);
		assert_true(strlen(why) > 5);
	}
}

static void t_what_it_signs_is_verified_by_its_public_half_alone(void **state)
{
	(void)state;
	for (enum key_kind kind = KEY_RSA; kind <= KEY_ED25519; kind++) {
		struct key *k = key_make(kind), *public = NULL, *other = key_make(kind);
		unsigned char digest[SHA256_LEN], signature[KEY_SIGNATURE_MAX];
		const char *why;
		struct buf raw;
		struct span signed_so;

		buf_init(&raw, 4096);
		assert_int_equal(key_add_public(k, &raw), PR_OK);
		assert_int_equal(key_read_public(kind, buf_span(&raw), &public, &why), PR_OK);
		assert_int_equal(key_kind(public), kind);
		digest_sha256(SPAN("one"), digest);
		signed_so = span_of((char *)signature, key_sign(k, digest, signature));
		assert_true(key_verify(public, digest, signed_so));
		assert_true(key_verify(k, digest, signed_so));
		assert_false(key_verify(other, digest, signed_so));
		assert_false(key_verify(public, digest, SPAN_NONE));
		assert_false(key_verify(public, digest, span_first(signed_so, signed_so.len - 1)));
		signature[3] ^= 1;
		assert_false(key_verify(public, digest, signed_so));
		key_free(&k);
		key_free(&public);
		key_free(&other);
		buf_fini(&raw);
	}
}

/* RSAPublicKey (RFC 8017 A.1.1), 1024 bits. */
static void t_a_bare_rsa_key_is_read_and_what_is_none_is_refused(void **state)
{
	static const unsigned char small[] = { 0x30, 0x06, 0x02, 0x01, 0x0f, 0x02, 0x01, 0x03 };
	unsigned char bare[140] = { 0x30, 0x81, 0x89, 0x02, 0x81, 0x81, 0x00 };
	struct key *k = NULL;
	const char *why = NULL;

	(void)state;
	memset(bare + 7, 0xab, 128);
	memcpy(bare + 135, "\x02\x03\x01\x00\x01", 5);
	assert_int_equal(key_read_public(KEY_RSA, span_of((char *)bare, sizeof(bare)), &k, &why), PR_OK);
	assert_false(key_verify(k, bare, span_of((char *)bare, 128)));
	key_free(&k);
	assert_int_equal(key_read_public(KEY_RSA, span_of((const char *)small, sizeof(small)), &k, &why), PR_BAD);
	assert_non_null(strstr(why, "less than 1024"));
	for (enum key_kind kind = KEY_RSA; kind <= KEY_ED25519; kind++) {
		assert_int_equal(key_read_public(kind, SPAN("no key"), &k, &why), PR_BAD);
		assert_int_equal(key_read_public(kind, SPAN_NONE, &k, &why), PR_BAD);
		assert_null(k);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_key_that_is_made_is_read_again),
		cmocka_unit_test(t_what_it_signs_verifies_again_and_again),
		cmocka_unit_test(t_the_key_of_the_rfc_has_its_public_half),
		cmocka_unit_test(t_what_is_no_key_is_refused_with_a_word),
		cmocka_unit_test(t_what_it_signs_is_verified_by_its_public_half_alone),
		cmocka_unit_test(t_a_bare_rsa_key_is_read_and_what_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
