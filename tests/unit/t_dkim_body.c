#include "mail/dkim_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "slow_dkim.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))
#define S(text)    { (text), sizeof(text) - 1 }

static void body_hash_cut(struct span body, size_t piece, unsigned char hash[SHA256_LEN])
{
	struct dkim_body b;

	dkim_body_init(&b);
	for (; body.len > 0; body = span_from(body, piece))
		dkim_body_feed(&b, span_first(body, piece));
	dkim_body_finish(&b, hash);
	assert_null(b.digest);
}

static void assert_body(struct span body, struct span canonical)
{
	unsigned char expected[SHA256_LEN], got[SHA256_LEN];

	digest_sha256(canonical, expected);
	for (size_t piece = 1; piece <= body.len + 1; piece++) {
		body_hash_cut(body, piece, got);
		assert_memory_equal(got, expected, SHA256_LEN);
	}
}

static void t_a_body_is_relaxed_in_pieces_of_any_size(void **state)
{
	static const struct {
		struct span body, canonical;
	} rows[] = {
		/* RFC 6376 3.4.5 */
		{ S(" C \r\nD \t E\r\n\r\n\r\n"), S(" C\r\nD E\r\n") },
		{ S(""), S("") },
		{ S("\r\n"), S("") },
		{ S("\r\n\r\n\r\n"), S("") },
		{ S(" \t\r\n  \r\n"), S("") },
		{ S("  "), S("") },
		{ S("no end"), S("no end\r\n") },
		{ S("no end  \t"), S("no end\r\n") },
		{ S("a\r\n\r\nb\r\n"), S("a\r\n\r\nb\r\n") },
		{ S("\r\n\r\na"), S("\r\n\r\na\r\n") },
		{ S("a\r\n \t \r\nb \r\n \r\n"), S("a\r\n\r\nb\r\n") },
		{ S("\ta\t\tb \r\n"), S(" a b\r\n") },
		{ S("a\rb\nc \r d\r"), S("a\rb\nc \r d\r\r\n") },
		{ S("a\r\r\nb"), S("a\r\r\nb\r\n") },
		{ S("\xc3\xa4\x80 \xff\r\n"), S("\xc3\xa4\x80 \xff\r\n") },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(rows); i++)
		assert_body(rows[i].body, rows[i].canonical);
}

static void t_the_hash_of_the_rfcs_is_ours(void **state)
{
	/* RFC 6376 A.2, RFC 8463 A; and the empty body, 3.4.4. */
	static const struct {
		struct span body;
		const char *hash;
	} rows[] = {
		{ { "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n", 55 }, "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=" },
		{ { "", 0 }, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" },
	};
	unsigned char hash[SHA256_LEN];
	struct buf text;

	(void)state;
	buf_init(&text, 100);
	for (size_t i = 0; i < N_OF(rows); i++) {
		body_hash_cut(rows[i].body, 7, hash);
		buf_clear(&text);
		assert_int_equal(base64_add(&text, span_of((const char *)hash, SHA256_LEN)), PR_OK);
		assert_memory_equal(text.at, rows[i].hash, text.len);
	}
	buf_fini(&text);
}

/* All texts of these letters up to some length: nothing that a body can be made of is left out. */
static void t_every_short_body_is_as_the_rfc_says(void **state)
{
	static const char letters[] = "a \t\r\n";
	char body[7];
	struct buf canonical;

	(void)state;
	buf_init(&canonical, 64);
	for (size_t len = 0; len <= sizeof(body); len++) {
		size_t all = 1;

		for (size_t i = 0; i < len; i++)
			all *= 5;
		for (size_t n = 0; n < all; n++) {
			unsigned char expected[SHA256_LEN], got[SHA256_LEN];
			size_t rest = n;

			for (size_t i = 0; i < len; i++, rest /= 5)
				body[i] = letters[rest % 5];
			buf_clear(&canonical);
			slow_dkim_body(span_of(body, len), &canonical);
			digest_sha256(buf_span(&canonical), expected);
			body_hash_cut(span_of(body, len), 1 + n % 3, got);
			assert_memory_equal(got, expected, SHA256_LEN);
		}
	}
	buf_fini(&canonical);
}

static void simple_hash_cut(struct span body, uint64_t most, size_t piece, unsigned char hash[SHA256_LEN], uint64_t *len)
{
	struct dkim_body b;

	dkim_body_init_as(&b, true, most);
	for (; body.len > 0; body = span_from(body, piece))
		dkim_body_feed(&b, span_first(body, piece));
	dkim_body_finish(&b, hash);
	*len = b.len;
}

static void t_every_short_body_is_simple_as_the_rfc_says(void **state)
{
	static const char letters[] = "a \r\n";
	char body[7];
	struct buf canonical;

	(void)state;
	buf_init(&canonical, 64);
	for (size_t len = 0; len <= sizeof(body); len++) {
		for (size_t n = 0; n < (size_t)1 << 2 * len; n++) {
			unsigned char expected[SHA256_LEN], got[SHA256_LEN];
			uint64_t canonical_len;

			for (size_t i = 0; i < len; i++)
				body[i] = letters[n >> 2 * i & 3];
			buf_clear(&canonical);
			slow_dkim_simple_body(span_of(body, len), &canonical);
			digest_sha256(span_first(buf_span(&canonical), n % 9), expected);
			simple_hash_cut(span_of(body, len), n % 9, 1 + n % 3, got, &canonical_len);
			assert_memory_equal(got, expected, SHA256_LEN);
			assert_int_equal(canonical_len, canonical.len);
		}
	}
	buf_fini(&canonical);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_body_is_relaxed_in_pieces_of_any_size),
		cmocka_unit_test(t_the_hash_of_the_rfcs_is_ours),
		cmocka_unit_test(t_every_short_body_is_as_the_rfc_says),
		cmocka_unit_test(t_every_short_body_is_simple_as_the_rfc_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
