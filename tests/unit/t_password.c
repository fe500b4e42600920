#include "base/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"

static void t_a_password_is_made_and_checked(void **state)
{
	struct password p, again;

	(void)state;
	assert_int_equal(password_make(SPAN("gr\xc3\xbcn, blau & 7"), &p), PR_OK);
	assert_memory_equal(p.hash, "$y$", 3);
	assert_true(password_check(p.hash, SPAN("gr\xc3\xbcn, blau & 7")));
	assert_false(password_check(p.hash, SPAN("gr\xc3\xbcn, blau & 8")));
	assert_false(password_check(p.hash, SPAN("gr\xc3\xbcn, blau & 7 ")));
	assert_false(password_check(p.hash, SPAN("gr\xc3\xbcn, blau & ")));
	assert_int_equal(p.scram.iterations, PASSWORD_ITERATIONS);
	assert_int_equal(password_make(SPAN("gr\xc3\xbcn, blau & 7"), &again), PR_OK);
	assert_string_not_equal(p.hash, again.hash);
	assert_memory_not_equal(p.scram.salt, again.scram.salt, PASSWORD_SALT_LEN);
}

/* Made by another program on another day. */
static void t_hashes_of_other_programs_are_checked(void **state)
{
	static const char *const hashes[] = {
		"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$zwtVrjrUCmXcyLTs6oxLTQlzifSUkF8RHJ./tK5KU79",
		"$6$saltstring$.r0X7ub5wGR2v4Xz7svCIozfnlorFh19V89t8KC9Umd81uGhFgsyTRNyzQDXDIm17fFcR9z3z7oBNdsyYBbtm/",
		"$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2",
		"$5$rounds=1000$pepper$pZmbqWVdLQshKBgpIMUxecMX8KVP9LwMuTSE214DvQ3",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		assert_true(password_check(hashes[i], SPAN("correct horse")));
		assert_false(password_check(hashes[i], SPAN("correct Horse")));
	}
}

static void t_nobody_and_the_locked_never_pass(void **state)
{
	static const char *const hashes[] = { NULL, "", "*", "!", "x", "*0", "*1", "$y$", "$y$j9T$", "$9$what$ever", "correct horse" };

	(void)state;
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		assert_false(password_check(hashes[i], SPAN("correct horse")));
		assert_false(password_check(hashes[i], SPAN("*0")));
		assert_false(password_check(hashes[i], SPAN("-")));
		assert_false(password_check(hashes[i], SPAN("")));
	}
}

static void t_what_is_no_password_is_refused(void **state)
{
	static const struct span bad[] = {
		{ "", 0 }, { "a\0b", 3 }, { "a\nb", 3 }, { "a\tb", 3 }, { "a\x7f", 2 }, { "a\xff", 2 }, { "a\xc3", 2 }, { "\xed\xa0\x80", 3 },
	};
	struct password p;
	char most[PASSWORD_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(password_make(bad[i], &p), PR_BAD);
	memset(most, 'p', sizeof(most));
	assert_int_equal(password_make(span_of(most, PASSWORD_MAX + 1), &p), PR_BAD);
	assert_int_equal(password_make(span_of(most, PASSWORD_MAX), &p), PR_OK);
	assert_true(password_check(p.hash, span_of(most, PASSWORD_MAX)));
	assert_false(password_check(p.hash, span_of(most, PASSWORD_MAX - 1)));
	assert_false(password_check(p.hash, span_of(most, PASSWORD_MAX + 1)));
}

static void t_an_unfit_word_does_not_pass_as_what_stands_in_for_it(void **state)
{
	struct password p;

	(void)state;
	assert_int_equal(password_make(SPAN("-"), &p), PR_OK);
	assert_true(password_check(p.hash, SPAN("-")));
	assert_false(password_check(p.hash, SPAN("")));
	assert_false(password_check(p.hash, SPAN("-\0x")));
}

#define RFC_SALT "W22ZaJ0SNY7soEsUEjb6gQ=="
#define RFC_NONCE "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define RFC_AUTH "n=user,r=rOprNGfwEbeRWgbNEkqO,r=" RFC_NONCE ",s=" RFC_SALT ",i=4096,c=biws,r=" RFC_NONCE
#define RFC_PROOF "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define RFC_SIGNATURE "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static void decode(const char *text, unsigned char *out, size_t want)
{
	size_t len;

	assert_int_equal(base64_decode(span_of_text(text), out, want, &len), PR_OK);
	assert_int_equal(len, want);
}

/* RFC 7677 3, as a server does it: the client's proof gives the key whose digest is stored. */
static void t_scram_is_the_dialogue_of_rfc_7677(void **state)
{
	struct password_scram s = { .iterations = 4096 };
	unsigned char proof[SHA256_LEN], want[SHA256_LEN], key[SHA256_LEN], got[SHA256_LEN];

	(void)state;
	decode(RFC_SALT, s.salt, sizeof(s.salt));
	decode(RFC_PROOF, proof, sizeof(proof));
	decode(RFC_SIGNATURE, want, sizeof(want));
	password_make_scram(SPAN("pencil"), &s);
	digest_hmac_sha256(span_of((char *)s.server_key, SHA256_LEN), SPAN(RFC_AUTH), got);
	assert_memory_equal(got, want, SHA256_LEN);
	digest_hmac_sha256(span_of((char *)s.stored_key, SHA256_LEN), SPAN(RFC_AUTH), key);
	for (size_t i = 0; i < SHA256_LEN; i++)
		key[i] ^= proof[i];
	digest_sha256(span_of((char *)key, SHA256_LEN), got);
	assert_memory_equal(got, s.stored_key, SHA256_LEN);
}

#define RFC_TEXT "$6$x$y SCRAM-SHA-256$4096:" RFC_SALT "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=" \
	":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static void t_the_text_comes_back_as_it_was(void **state)
{
	struct password p, again;
	struct buf text;

	(void)state;
	buf_init(&text, PASSWORD_TEXT_MAX);
	assert_int_equal(password_from_text(SPAN(RFC_TEXT), &p), PR_OK);
	assert_string_equal(p.hash, "$6$x$y");
	assert_int_equal(p.scram.iterations, 4096);
	assert_int_equal(password_add_text(&p, &text), PR_OK);
	assert_true(span_eq(buf_span(&text), SPAN(RFC_TEXT)));

	memset(p.hash, 'h', PASSWORD_HASH_MAX - 1);
	p.hash[0] = '$';
	p.hash[PASSWORD_HASH_MAX - 1] = '\0';
	p.scram.iterations = PASSWORD_ITERATIONS_MAX;
	buf_clear(&text);
	assert_int_equal(password_add_text(&p, &text), PR_OK);
	assert_int_equal(password_from_text(buf_span(&text), &again), PR_OK);
	assert_string_equal(again.hash, p.hash);
	assert_memory_equal(&again.scram, &p.scram, sizeof(p.scram));
	buf_fini(&text);
}

static void t_a_text_that_is_not_exactly_that_is_refused(void **state)
{
	struct span whole = SPAN(RFC_TEXT);
	static const char *const bad[] = {
		"", "$6$x$y", RFC_TEXT " ", " " RFC_TEXT, RFC_TEXT "A", RFC_TEXT ":", "x" RFC_TEXT, "$6$x y SCRAM-SHA-256$1:a$b:c",
		"$6$x$y SCRAM-SHA-1$4096:" RFC_SALT "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"$6$x$y SCRAM-SHA-256$0:" RFC_SALT "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"$6$x$y SCRAM-SHA-256$-1:" RFC_SALT "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"$6$x$y SCRAM-SHA-256$1000001:" RFC_SALT "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"$6$x$y SCRAM-SHA-256$4096:c2FsdA==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
	};
	struct password p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(password_from_text(span_of_text(bad[i]), &p), PR_BAD);
	for (size_t len = 0; len < whole.len; len++)
		assert_int_equal(password_from_text(span_first(whole, len), &p), PR_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_password_is_made_and_checked),
		cmocka_unit_test(t_hashes_of_other_programs_are_checked),
		cmocka_unit_test(t_nobody_and_the_locked_never_pass),
		cmocka_unit_test(t_what_is_no_password_is_refused),
		cmocka_unit_test(t_an_unfit_word_does_not_pass_as_what_stands_in_for_it),
		cmocka_unit_test(t_scram_is_the_dialogue_of_rfc_7677),
		cmocka_unit_test(t_the_text_comes_back_as_it_was),
		cmocka_unit_test(t_a_text_that_is_not_exactly_that_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
