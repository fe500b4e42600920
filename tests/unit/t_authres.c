/* The fields that say what was found: their form, and that no word of a stranger breaks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"
#include "verify/authres.h"

static const char *written(struct buf *out, const struct authres_ask *ask)
{
	buf_clear(out);
	authres_add(out, ask);
	(void)buf_add_char(out, '\0');
	assert_false(out->overflowed);
	return out->at;
}

static void t_all_methods_are_told(void **state)
{
	struct authres_signature dkim[] = {
		{ AUTH_FAIL, SPAN("list.example.net"), SPAN("s2"), SPAN("ed25519-sha256"), SPAN("a b@list.example.net"), SPAN("AbCdEfGhIjKlMnOpQrStUv=="), SPAN("the body was changed") },
		{ AUTH_PASS, SPAN("example.org"), SPAN("s1"), SPAN("rsa-sha256"), SPAN("@example.org"), SPAN("ab+/="), SPAN("2048-bit key") },
	};
	struct dmarc_told d = { .result = AUTH_PASS, .domain = "m.example.org", .record_at = "example.org", .policy = DMARC_REJECT, .why = "DKIM vouches for m.example.org" };
	struct authres_ask ask = {
		.authserv_id = SPAN("mx.example.com"),
		.iprev = { true, AUTH_PASS, SPAN("2001:db8::1"), SPAN("out.example.net"), SPAN_NONE },
		.spf = { .is_there = true, .result = AUTH_SOFTFAIL, .mail_from = SPAN("bounce+x=y@example.net"), .helo = SPAN("out.example.net"), .client = SPAN("2001:db8::1"), .why = SPAN("~all") },
		.has_dkim = true, .dkim = dkim, .n_dkim = 2, .dmarc = &d,
		.arc = { true, AUTH_FAIL, SPAN("2001:db8::1"), SPAN("0"), SPAN("i=2: (bad) seal") },
	};
	struct buf out;

	(void)state;
	buf_init(&out, 2 * AUTHRES_MAX);
	assert_string_equal(written(&out, &ask),
	    "Authentication-Results: mx.example.com;\r\n"
	    "\tiprev=pass (out.example.net) policy.iprev=\"2001:db8::1\";\r\n"
	    "\tspf=softfail (~all) smtp.mailfrom=bounce+x=y@example.net;\r\n"
	    "\tdkim=pass (2048-bit key) header.d=example.org header.i=@example.org\r\n"
	    "\theader.s=s1 header.a=rsa-sha256 header.b=\"ab+/=\";\r\n"
	    "\tdkim=fail (the body was changed) header.d=list.example.net\r\n"
	    "\theader.i=\"a b@list.example.net\" header.s=s2 header.a=ed25519-sha256\r\n"
	    "\theader.b=AbCdEfGhIjKlMnOp;\r\n"
	    "\tdmarc=pass (DKIM vouches for m.example.org) header.from=m.example.org\r\n"
	    "\tpolicy.dmarc=reject;\r\n"
	    "\tarc=fail (i=2: \\(bad\\) seal) smtp.remote-ip=\"2001:db8::1\"\r\n"
	    "\theader.oldest-pass=0\r\n");
	buf_fini(&out);
}

static void t_nothing_is_a_result_too(void **state)
{
	struct authres_ask ask = { .authserv_id = SPAN("mx.example.com") };
	struct dmarc_told d = { .result = AUTH_PERMERROR, .from = DMARC_FROM_MISSING, .why = "there is no From field" };
	struct buf out;

	(void)state;
	buf_init(&out, 2 * AUTHRES_MAX);
	assert_string_equal(written(&out, &ask), "Authentication-Results: mx.example.com; none\r\n");
	ask.has_dkim = true;
	ask.dmarc = &d;
	ask.spf = (struct authres_spf){ .is_there = true, .result = AUTH_NONE, .is_helo = true, .helo = SPAN("client") };
	assert_string_equal(written(&out, &ask),
	    "Authentication-Results: mx.example.com;\r\n"
	    "\tspf=none smtp.helo=client;\r\n"
	    "\tdkim=none (no signature);\r\n"
	    "\tdmarc=permerror (there is no From field)\r\n");
	buf_fini(&out);
}

static void t_what_is_asked_of_a_test_domain_is_one_step_less(void **state)
{
	struct dmarc_told d = { .result = AUTH_FAIL, .domain = "a.example", .record_at = "a.example", .policy = DMARC_REJECT, .is_testing = true };
	struct authres_ask ask = { .authserv_id = SPAN("mx"), .dmarc = &d };
	struct buf out;

	(void)state;
	buf_init(&out, 2 * AUTHRES_MAX);
	assert_string_equal(written(&out, &ask), "Authentication-Results: mx;\r\n\tdmarc=fail header.from=a.example policy.dmarc=quarantine\r\n");
	buf_fini(&out);
}

static void t_received_spf_has_its_keys(void **state)
{
	struct authres_spf s = { .is_there = true, .result = AUTH_FAIL, .mail_from = SPAN("a\"b@example.net"), .helo = SPAN("out.example.net"), .client = SPAN("192.0.2.1"),
		.mechanism = SPAN("-all"), .why = SPAN("example.net does not list 192.0.2.1") };
	struct buf out;

	(void)state;
	buf_init(&out, AUTHRES_MAX);
	authres_add_received_spf(&out, &s, SPAN("mx.example.com"));
	(void)buf_add_char(&out, '\0');
	assert_string_equal(out.at,
	    "Received-SPF: fail (example.net does not list 192.0.2.1)\r\n"
	    "\treceiver=mx.example.com; client-ip=192.0.2.1; identity=mailfrom;\r\n"
	    "\tenvelope-from=\"a\\\"b@example.net\"; helo=out.example.net; mechanism=-all;\r\n");
	buf_clear(&out);
	s = (struct authres_spf){ .is_there = true, .result = AUTH_PASS, .is_helo = true, .helo = SPAN("[IPv6:2001:db8::1]"), .client = SPAN("2001:db8::1") };
	authres_add_received_spf(&out, &s, SPAN("mx.example.com"));
	(void)buf_add_char(&out, '\0');
	assert_string_equal(out.at,
	    "Received-SPF: pass receiver=mx.example.com; client-ip=\"2001:db8::1\";\r\n"
	    "\tidentity=helo; envelope-from=\"<>\"; helo=\"[IPv6:2001:db8::1]\";\r\n");
	buf_fini(&out);
}

static void check_lines(struct span field)
{
	bool is_first = true;

	assert_true(field.len > 2 && field.len <= AUTHRES_MAX);
	assert_true(field.at[field.len - 2] == '\r' && field.at[field.len - 1] == '\n');
	while (field.len > 0) {
		struct span line = span_cut(&field, '\n');

		assert_true(line.len > 1 && line.len <= 998 && line.at[line.len - 1] == '\r');
		line.len--;
		assert_true(is_first || line.at[0] == '\t');
		assert_true(text_is_printable(span_from(line, !is_first)));
		assert_true(span_trim(line).len > 0);
		is_first = false;
	}
}

static void t_a_field_keeps_its_form_and_size(void **state)
{
	static const char EVIL[] = "a\r\nX-Injected: b;\"\\(\x1b\xff)\0 z";
	static char name[1200];
	static struct authres_signature dkim[100];
	struct dmarc_told d = { .result = AUTH_FAIL, .record_at = "x" };
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = EVIL[i % (sizeof(EVIL) - 1)];
	memset(d.domain, 'a', DMARC_DOMAIN_MAX);
	memset(d.why, 'b', sizeof(d.why) - 1);
	buf_init(&out, 2 * AUTHRES_MAX);
	for (size_t len = 0; len < sizeof(name); len += 5) {
		struct span s = span_of(name + len % 7, len - len % 7);
		struct authres_ask ask = { .authserv_id = SPAN("mx.example.com"), .iprev = { true, AUTH_FAIL, s, s, s }, .has_dkim = true, .dkim = dkim, .n_dkim = 100,
			.spf = { .is_there = true, .result = AUTH_FAIL, .mail_from = s, .helo = s, .client = s, .mechanism = s, .why = s }, .dmarc = &d, .arc = { true, AUTH_FAIL, s, s, s } };

		for (size_t i = 0; i < 100; i++)
			dkim[i] = (struct authres_signature){ i == 99 ? AUTH_PASS : AUTH_FAIL, s, s, s, s, s, s };
		(void)written(&out, &ask);
		check_lines(span_first(buf_span(&out), out.len - 1));
		assert_non_null(strstr(out.at, "dkim=pass"));
		assert_non_null(strstr(out.at, "told)"));
		assert_non_null(strstr(out.at, "dmarc=fail"));
		assert_non_null(strstr(out.at, "arc=fail"));
		buf_clear(&out);
		authres_add_received_spf(&out, &ask.spf, SPAN("mx.example.com"));
		check_lines(buf_span(&out));
	}
	buf_fini(&out);
}

/* Many only look whether `dmarc=pass` is in the field. */
static void t_no_word_of_a_stranger_says_that_something_passes(void **state)
{
	static const char *const words[] = { "dmarc=pass", "x; dmarc=pass header.from=bank.example", "spf=PASS@x.example", "\"DKIM=pass\"@x.example", "a.arc=passed", "dmarc=pass)" };
	struct dmarc_told d = { .result = AUTH_FAIL };
	struct buf out;

	(void)state;
	buf_init(&out, 2 * AUTHRES_MAX);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		struct span s = span_of_text(words[i]);
		struct authres_signature dkim = { AUTH_FAIL, s, s, s, s, s, s };
		struct authres_ask ask = { .authserv_id = SPAN("mx.example.com"), .iprev = { true, AUTH_FAIL, s, s, s }, .has_dkim = true, .dkim = &dkim, .n_dkim = 1,
			.spf = { .is_there = true, .result = AUTH_FAIL, .mail_from = s, .helo = s, .client = s, .mechanism = s, .why = s }, .dmarc = &d, .arc = { true, AUTH_FAIL, s, s, s } };

		assert_null(strcasestr(written(&out, &ask), "=pass"));
		buf_clear(&out);
		authres_add_received_spf(&out, &ask.spf, SPAN("mx.example.com"));
		(void)buf_add_char(&out, '\0');
		assert_null(strcasestr(out.at, "=pass"));
	}
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_all_methods_are_told),
		cmocka_unit_test(t_nothing_is_a_result_too),
		cmocka_unit_test(t_what_is_asked_of_a_test_domain_is_one_step_less),
		cmocka_unit_test(t_received_spf_has_its_keys),
		cmocka_unit_test(t_a_field_keeps_its_form_and_size),
		cmocka_unit_test(t_no_word_of_a_stranger_says_that_something_passes),
	};

	return cmocka_run_group_tests_name("authres", tests, NULL, NULL);
}
