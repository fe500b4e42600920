/* The server's side of mechanisms, with a client of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "auth/sasl.h"
#include "base/base64.h"

static const struct sasl_bindings NONE = { { "", 0 }, { "", 0 } };
static const struct sasl_bindings BOTH = { { "EXPORTED-0123456789-0123456789ab", 32 }, { "END POINT", 9 } };

static void t_mechanisms_have_names(void **state)
{
	enum sasl_mechanism m;

	(void)state;
	assert_true(sasl_find(SPAN("scram-sha-256-plus"), &m));
	assert_int_equal(m, SASL_SCRAM_PLUS);
	assert_true(sasl_find(SPAN("PLAIN"), &m));
	assert_int_equal(m, SASL_PLAIN);
	assert_false(sasl_find(SPAN("CRAM-MD5"), &m));
	assert_false(sasl_find(SPAN_NONE, &m));
	assert_string_equal(sasl_name(SASL_LOGIN), "LOGIN");
}

static void t_plain(void **state)
{
#define TEXT(s) { s, sizeof(s) - 1 }
	static const struct { struct span in; enum sasl_step step; const char *user, *password; } table[] = {
		{ TEXT("\0alice@example.org\0secret"), SASL_PASSWORD, "alice@example.org", "secret" },
		{ TEXT("a\0a\0s"), SASL_PASSWORD, "a", "s" },
		{ TEXT("\0a\0a pass word"), SASL_PASSWORD, "a", "a pass word" },
		{ TEXT("root\0a\0s"), SASL_BROKEN, "", "" },
		{ TEXT("\0a\0s\0x"), SASL_BROKEN, "", "" },
		{ TEXT("\0\0s"), SASL_BROKEN, "", "" },
		{ TEXT("\0a\0"), SASL_BROKEN, "", "" },
		{ TEXT("a"), SASL_BROKEN, "", "" },
		{ TEXT(""), SASL_BROKEN, "", "" },
		{ TEXT("\0\0\0\0\0"), SASL_BROKEN, "", "" },
		{ TEXT("\0a\0\xff\xfe"), SASL_BROKEN, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sasl s;

		sasl_init(&s, SASL_PLAIN);
		assert_int_equal(sasl_step(&s, table[i].in, &NONE, NULL), table[i].step);
		if (table[i].step == SASL_PASSWORD) {
			assert_string_equal(s.user, table[i].user);
			assert_string_equal(s.password, table[i].password);
		}
		sasl_fini(&s);
	}
}

static void t_long_names_and_passwords(void **state)
{
	char text[3000];
	struct sasl s;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[0] = text[300] = '\0';
	sasl_init(&s, SASL_PLAIN);
	assert_int_equal(sasl_step(&s, span_of(text, 310), &NONE, NULL), SASL_BROKEN);
	memset(text, 'x', sizeof(text));
	text[0] = text[2] = '\0';
	assert_int_equal(sasl_step(&s, span_of(text, 3 + SASL_PASSWORD_MAX + 1), &NONE, NULL), SASL_BROKEN);
	assert_int_equal(sasl_step(&s, span_of(text, 3 + SASL_PASSWORD_MAX), &NONE, NULL), SASL_PASSWORD);
	sasl_fini(&s);
	for (size_t i = 0; i < sizeof(s); i++)
		assert_int_equal(((const char *)&s)[i], 0);	/* wiped */
}

static void t_login(void **state)
{
	struct sasl s;
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	sasl_init(&s, SASL_LOGIN);
	sasl_begin(&s, &out);
	assert_true(span_eq(buf_span(&out), SPAN("Username:")));
	buf_clear(&out);
	assert_int_equal(sasl_step(&s, SPAN("alice@example.org"), &NONE, &out), SASL_CHALLENGE);
	assert_true(span_eq(buf_span(&out), SPAN("Password:")));
	assert_int_equal(sasl_step(&s, SPAN("secret"), &NONE, &out), SASL_PASSWORD);
	assert_true(span_eq(sasl_user(&s), SPAN("alice@example.org")));
	assert_true(span_eq(sasl_password(&s), SPAN("secret")));
	sasl_fini(&s);
	sasl_init(&s, SASL_LOGIN);
	assert_int_equal(sasl_step(&s, SPAN_NONE, &NONE, &out), SASL_BROKEN);
	sasl_fini(&s);
	buf_fini(&out);
}

/* ---- SCRAM: RFC 7677 3 ------------------------------------------------------- */

static void numbers_of(const char *password, struct password_scram *out)
{
	size_t len;

	*out = (struct password_scram){ .iterations = 4096 };
	assert_int_equal(base64_decode(SPAN("W22ZaJ0SNY7soEsUEjb6gQ=="), out->salt, sizeof(out->salt), &len), PR_OK);
	password_make_scram(span_of_text(password), out);
}

/* What a client answers to `server`: c=, r=, and the proof, made from the password as RFC 5802 3 says. */
static void answer(struct buf *out, const char *bare, struct span server, struct span header, struct span binding, const char *password)
{
	unsigned char salted[SHA256_LEN], key[SHA256_LEN], stored[SHA256_LEN], signature[SHA256_LEN];
	struct password_scram n;
	struct buf all, channel;
	size_t before = out->len;

	numbers_of(password, &n);
	digest_pbkdf2_sha256(span_of_text(password), span_of((const char *)n.salt, sizeof(n.salt)), 4096, salted);
	digest_hmac_sha256(span_of((const char *)salted, SHA256_LEN), SPAN("Client Key"), key);
	digest_sha256(span_of((const char *)key, SHA256_LEN), stored);
	buf_init(&channel, 4096);
	buf_add(&channel, header);
	buf_add(&channel, binding);
	buf_add_text(out, "c=");
	base64_add(out, buf_span(&channel));
	buf_add_char(out, ',');
	buf_add(out, span_cut(&(struct span){ server.at, server.len }, ','));
	buf_init(&all, 16384);
	buf_add_text(&all, bare);
	buf_add_char(&all, ',');
	buf_add(&all, server);
	buf_add_char(&all, ',');
	buf_add(&all, span_from(buf_span(out), before));
	digest_hmac_sha256(span_of((const char *)stored, SHA256_LEN), buf_span(&all), signature);
	for (unsigned i = 0; i < SHA256_LEN; i++)
		key[i] ^= signature[i];
	buf_add_text(out, ",p=");
	base64_add(out, span_of((const char *)key, SHA256_LEN));
	buf_fini(&all);
	buf_fini(&channel);
}

/* The whole exchange; what its third message was taken for. */
static enum sasl_step exchange(enum sasl_mechanism m, const struct sasl_bindings *b, const char *header, struct span binding, const char *password)
{
	static const char bare[] = "n=alice@example.org,r=rOprNGfwEbeRWgbNEkqO";
	struct buf first, server, last, verdict;
	struct password_scram n;
	enum sasl_step step;
	struct sasl s;

	buf_init(&first, 4096);
	buf_init(&server, 4096);
	buf_init(&last, 4096);
	buf_init(&verdict, 4096);
	buf_printf(&first, "%s%s", header, bare);
	sasl_init(&s, m);
	step = sasl_step(&s, buf_span(&first), b, &server);
	if (step == SASL_NAMED) {
		assert_string_equal(s.user, "alice@example.org");
		numbers_of("pencil", &n);
		sasl_give_numbers(&s, &n, &server);
		answer(&last, bare, buf_span(&server), span_of_text(header), binding, password);
		step = sasl_step(&s, buf_span(&last), b, &verdict);
	}
	if (step == SASL_CHALLENGE) {
		assert_memory_equal(verdict.at, "v=", 2);
		assert_int_equal(verdict.len, 2 + BASE64_LEN(SHA256_LEN));
		step = sasl_step(&s, SPAN_NONE, b, &verdict);
	}
	sasl_fini(&s);
	buf_fini(&first);
	buf_fini(&server);
	buf_fini(&last);
	buf_fini(&verdict);
	return step;
}

static void t_scram(void **state)
{
	(void)state;
	assert_int_equal(exchange(SASL_SCRAM, &NONE, "n,,", SPAN_NONE, "pencil"), SASL_PROVEN);
	assert_int_equal(exchange(SASL_SCRAM, &BOTH, "n,,", SPAN_NONE, "pencil"), SASL_PROVEN);
	assert_int_equal(exchange(SASL_SCRAM, &NONE, "y,,", SPAN_NONE, "pencil"), SASL_PROVEN);
	assert_int_equal(exchange(SASL_SCRAM, &NONE, "n,a=alice@example.org,", SPAN_NONE, "pencil"), SASL_PROVEN);
	assert_int_equal(exchange(SASL_SCRAM, &NONE, "n,,", SPAN_NONE, "pencils"), SASL_WRONG);
	assert_int_equal(exchange(SASL_SCRAM, &NONE, "n,a=root,", SPAN_NONE, "pencil"), SASL_BROKEN);
}

static void t_scram_is_bound(void **state)
{
	(void)state;
	assert_int_equal(exchange(SASL_SCRAM_PLUS, &BOTH, "p=tls-exporter,,", BOTH.exporter, "pencil"), SASL_PROVEN);
	assert_int_equal(exchange(SASL_SCRAM_PLUS, &BOTH, "p=tls-server-end-point,,", BOTH.end_point, "pencil"), SASL_PROVEN);
	assert_int_equal(exchange(SASL_SCRAM_PLUS, &BOTH, "p=tls-exporter,,", BOTH.end_point, "pencil"), SASL_WRONG);
	assert_int_equal(exchange(SASL_SCRAM_PLUS, &BOTH, "p=tls-unique,,", SPAN("x"), "pencil"), SASL_WRONG);
	assert_int_equal(exchange(SASL_SCRAM_PLUS, &NONE, "p=tls-exporter,,", SPAN_NONE, "pencil"), SASL_WRONG);
	assert_int_equal(exchange(SASL_SCRAM_PLUS, &BOTH, "n,,", SPAN_NONE, "pencil"), SASL_WRONG);
	/* somebody took the bound mechanism from our offer */
	assert_int_equal(exchange(SASL_SCRAM, &BOTH, "y,,", SPAN_NONE, "pencil"), SASL_WRONG);
	assert_int_equal(exchange(SASL_SCRAM, &BOTH, "p=tls-exporter,,", BOTH.exporter, "pencil"), SASL_BROKEN);
}

static void t_scram_refuses_what_is_none(void **state)
{
	static const char *const first[] = {
		"", "n", "n,,", "n,,n=a", "n,,r=x", "n,,n=,r=x", "n,,n=a,r=", "n,,m=x,n=a,r=x", "n,,n=a=2X,r=x", "n,,n=a=,r=x", "n,,n=a,r=\x01",
		"x,,n=a,r=x", "n,b=a,n=a,r=x",
	};
	static const char *const last[] = { "", "c=biws", "c=biws,r=x", "p=AAAA", "c=biws,r=x,p=AAAA", "c=,r=x,p=", ",,p=" };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		struct sasl s;

		sasl_init(&s, SASL_SCRAM);
		if (sasl_step(&s, span_of_text(first[i]), &NONE, &out) != SASL_BROKEN)
			fail_msg("%s", first[i]);
		sasl_fini(&s);
	}
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		struct password_scram n;
		struct sasl s;

		numbers_of("pencil", &n);
		sasl_init(&s, SASL_SCRAM);
		assert_int_equal(sasl_step(&s, SPAN("n,,n=a=2Cb=3D,r=x"), &NONE, &out), SASL_NAMED);
		assert_string_equal(s.user, "a,b=");
		sasl_give_numbers(&s, &n, &out);
		if (sasl_step(&s, span_of_text(last[i]), &NONE, &out) != SASL_BROKEN)
			fail_msg("%s", last[i]);
		sasl_fini(&s);
	}
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_mechanisms_have_names),
		cmocka_unit_test(t_plain),
		cmocka_unit_test(t_long_names_and_passwords),
		cmocka_unit_test(t_login),
		cmocka_unit_test(t_scram),
		cmocka_unit_test(t_scram_is_bound),
		cmocka_unit_test(t_scram_refuses_what_is_none),
	};

	return cmocka_run_group_tests_name("sasl", tests, NULL, NULL);
}
