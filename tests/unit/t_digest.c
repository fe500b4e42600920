#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_hex(const unsigned char *at, const char *hex)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * SHA256_LEN + 1];

	for (size_t i = 0; i < SHA256_LEN; i++) {
		text[2 * i] = digits[at[i] >> 4];
		text[2 * i + 1] = digits[at[i] & 15];
	}
	text[2 * SHA256_LEN] = '\0';
	assert_string_equal(text, hex);
}

/* FIPS 180-2, appendix B. */
static void t_sha256_gives_the_standards_values(void **state)
{
	static const struct {
		struct span in;
		const char *hex;
	} cases[] = {
		{ { "", 0 }, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ { "abc", 3 }, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56 },
		    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	unsigned char out[SHA256_LEN];

	(void)state;
	digest_load();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		digest_sha256(cases[i].in, out);
		assert_hex(out, cases[i].hex);
	}
}

/* RFC 4231 4: the first four, and keys longer than a block. */
static void t_hmac_gives_the_values_of_rfc_4231(void **state)
{
	static const struct {
		char key_byte;
		size_t key_len;
		const char *text, *hex;
	} cases[] = {
		{ '\x0b', 20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ '\xaa', 131, "Test Using Larger Than Block-Size Key - Hash Key First",
		    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
		{ '\xaa', 131, "This is a test using a larger than block-size key and a larger than block-size data. "
		    "The key needs to be hashed before being used by the HMAC algorithm.",
		    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
	};
	unsigned char out[SHA256_LEN];
	char key[131], data[50];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(key, cases[i].key_byte, sizeof(key));
		digest_hmac_sha256(span_of(key, cases[i].key_len), span_of_text(cases[i].text), out);
		assert_hex(out, cases[i].hex);
	}
	digest_hmac_sha256(SPAN("Jefe"), SPAN("what do ya want for nothing?"), out);
	assert_hex(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, 20);
	memset(data, 0xdd, sizeof(data));
	digest_hmac_sha256(span_of(key, 20), span_of(data, sizeof(data)), out);
	assert_hex(out, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
}

/* RFC 7914 11; each value's first half. */
static void t_pbkdf2_gives_the_values_of_rfc_7914(void **state)
{
	unsigned char out[SHA256_LEN];

	(void)state;
	digest_pbkdf2_sha256(SPAN("passwd"), SPAN("salt"), 1, out);
	assert_hex(out, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
	digest_pbkdf2_sha256(SPAN("Password"), SPAN("NaCl"), 80000, out);
	assert_hex(out, "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56");
}

static void t_equal_looks_at_every_byte_and_no_more(void **state)
{
	(void)state;
	assert_true(digest_equal("", "", 0));
	assert_true(digest_equal("abcX", "abcY", 3));
	assert_false(digest_equal("abcX", "abcY", 4));
	assert_false(digest_equal("Xbc", "Ybc", 3));
}

/* The definition, bit by bit: slow and plain. */
static uint32_t crc_bit_by_bit(uint32_t before, const unsigned char *at, size_t len)
{
	uint32_t state = ~before;

	for (size_t i = 0; i < len; i++) {
		state ^= at[i];
		for (int bit = 0; bit < 8; bit++)
			state = state & 1 ? state >> 1 ^ 0x82f63b78U : state >> 1;
	}
	return ~state;
}

static void assert_crc(const void *at, size_t len, uint32_t crc)
{
	assert_int_equal(digest_crc32c(0, at, len), crc);
	assert_int_equal(digest_crc32c_by_table(0, at, len), crc);
	assert_int_equal(crc_bit_by_bit(0, at, len), crc);
}

/* The check value, and RFC 3720 B.4. */
static void t_crc32c_gives_the_known_values(void **state)
{
	unsigned char rising[32], falling[32], bytes[32];
	static const unsigned char read_pdu[48] = { 0x01, 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02 };

	(void)state;
	for (unsigned char i = 0; i < 32; i++) {
		rising[i] = i;
		falling[i] = (unsigned char)(31 - i);
	}
	assert_crc("", 0, 0);
	assert_crc("123456789", 9, 0xe3069283U);
	assert_crc(memset(bytes, 0, 32), 32, 0x8a9136aaU);
	assert_crc(memset(bytes, 0xff, 32), 32, 0x62a8ab43U);
	assert_crc(rising, 32, 0x46dd794eU);
	assert_crc(falling, 32, 0x113fdb5cU);
	assert_crc(read_pdu, sizeof(read_pdu), 0xd9963a56U);
}

/* Around each length at which a loop changes: 8, and three runs of 1024. */
static void t_crc32c_is_the_same_by_every_way(void **state)
{
	static unsigned char bytes[4 * 3072 + 64];
	uint32_t x = 2463534242U;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		bytes[i] = (unsigned char)x;
	}
	for (size_t len = 0; len < 70; len++)
		for (size_t from = 0; from < 9; from++)
			assert_crc(bytes + from, len, crc_bit_by_bit(0, bytes + from, len));
	for (size_t runs = 1; runs <= 4; runs++)
		for (size_t len = runs * 3072 - 9; len <= runs * 3072 + 9; len++)
			assert_crc(bytes + len % 7, len, crc_bit_by_bit(0, bytes + len % 7, len));
}

static void t_crc32c_goes_on_from_what_came_before(void **state)
{
	static unsigned char bytes[7000];
	uint32_t whole;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 31 + (i >> 8));
	whole = crc_bit_by_bit(0, bytes, sizeof(bytes));
	for (size_t cut = 0; cut <= sizeof(bytes); cut += 173) {
		size_t rest = sizeof(bytes) - cut;

		assert_int_equal(digest_crc32c(digest_crc32c(0, bytes, cut), bytes + cut, rest), whole);
		assert_int_equal(digest_crc32c_by_table(digest_crc32c(0, bytes, cut), bytes + cut, rest), whole);
		assert_int_equal(digest_crc32c(digest_crc32c_by_table(0, bytes, cut), bytes + cut, rest), whole);
	}
}

static void t_a_hash_of_pieces_is_that_of_the_whole(void **state)
{
	unsigned char whole[SHA256_LEN], pieces[SHA256_LEN];
	struct digest *d = digest_new();

	(void)state;
	digest_sha256(SPAN("one and two"), whole);
	for (int again = 0; again < 2; again++) {
		digest_feed(d, SPAN("one a"));
		digest_feed(d, SPAN_NONE);
		digest_feed(d, SPAN("nd two"));
		digest_finish(d, pieces);
		assert_memory_equal(pieces, whole, SHA256_LEN);
	}
	digest_free(&d);
	assert_null(d);
}

/* RFC 2202 3, cases 1 and 2. */
static void t_hmac_sha1_gives_the_values_of_rfc_2202(void **state)
{
	static const struct {
		const char *key, *text, *hex;
	} cases[] = {
		{ "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", "Hi There",
		    "b617318655057264e28bc0b6fb378c8ef146be00" },
		{ "Jefe", "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
	};
	unsigned char out[SHA1_LEN];
	char hex[2 * SHA1_LEN + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		digest_hmac_sha1(span_of_text(cases[i].key), span_of_text(cases[i].text), out);
		for (size_t k = 0; k < SHA1_LEN; k++)
			(void)snprintf(hex + 2 * k, 3, "%02x", out[k]);
		assert_string_equal(hex, cases[i].hex);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_hash_of_pieces_is_that_of_the_whole),
		cmocka_unit_test(t_sha256_gives_the_standards_values),
		cmocka_unit_test(t_hmac_gives_the_values_of_rfc_4231),
		cmocka_unit_test(t_hmac_sha1_gives_the_values_of_rfc_2202),
		cmocka_unit_test(t_pbkdf2_gives_the_values_of_rfc_7914),
		cmocka_unit_test(t_equal_looks_at_every_byte_and_no_more),
		cmocka_unit_test(t_crc32c_gives_the_known_values),
		cmocka_unit_test(t_crc32c_is_the_same_by_every_way),
		cmocka_unit_test(t_crc32c_goes_on_from_what_came_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
