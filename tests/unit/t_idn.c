#include "mail/idn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void t_a_domain_has_one_form_or_none(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "Example.ORG", "example.org" }, { "localhost", "localhost" }, { "1.example", "1.example" }, { "a.1b", "a.1b" }, { "a--b.x", "a--b.x" },
		{ "b\xc3\xbc" "cher.example", "xn--bcher-kva.example" }, { "XN--BCHER-kva.example", "xn--bcher-kva.example" },
		{ "stra\xc3\x9f" "e.example", "xn--strae-oqa.example" }, { "fa\xc3\x9f.de", "xn--fa-hia.de" }, { "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e.JP", "xn--wgv71a119e.jp" },
		{ "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.x", "xn--e1afmkfd.x" }, { "r3--x.b\xc3\xbc" "cher.x", "r3--x.xn--bcher-kva.x" },
		{ "r3--x.xn--bcher-kva.x", "r3--x.xn--bcher-kva.x" }, { "1.xn--bcher-kva.x", "1.xn--bcher-kva.x" },
		{ "", NULL }, { ".", NULL }, { "a.", NULL }, { ".a", NULL }, { "a..b", NULL }, { "-a", NULL }, { "a-.x", NULL }, { "a_b", NULL }, { "a b", NULL },
		{ "a.123", NULL }, { "127.0.0.1", NULL }, { "[1.2.3.4]", NULL }, { "a@b", NULL }, { "a%b", NULL },
		{ "xn--", NULL }, { "xn--a.x", NULL }, { "xn--a-.x", NULL }, { "xn--abc-.x", NULL }, { "xn--zzzzzzzzzzzzzzz.x", NULL },
		{ "bu\xcc\x88" "cher.x", NULL }, { "B\xc3\x9c" "CHER.x", NULL }, { "a\xe3\x80\x82" "b", NULL }, { "a\xef\xbc\x8e" "b", NULL }, { "\xef\xbd\x81.x", NULL },
		{ "\xe2\x84\xaa.x", NULL }, { "\xf0\x9f\x98\x80.x", NULL }, { "a\xc2\xad" "b.x", NULL }, { "a\xe2\x80\x8d" "b.x", NULL }, { "\xcc\x88.x", NULL },
		{ "\xff.x", NULL }, { "\xc3.x", NULL }, { "xn--xn--bcher-kva-.x", NULL }, { "-\xc3\xbc.x", NULL }, { "\xc3\xbc-.x", NULL }, { "xn----eha.x", NULL }, { "ab--\xc3\xbc.x", NULL },
	};
	char out[IDN_DOMAIN_MAX + 1], again[IDN_DOMAIN_MAX + 1];
	size_t len;

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		enum pr_err err = idn_canonical(span_of_text(cases[i].in), out, &len);

		if (cases[i].out ? err || strcmp(out, cases[i].out) != 0 || len != strlen(out) : err != PR_BAD)
			fail_msg("%s gives %d %s", cases[i].in, (int)err, err ? "" : out);
		if (!err)
			assert_int_equal(idn_canonical(span_of(out, len), again, &len), PR_OK);
	}
	assert_int_equal(idn_canonical(SPAN("a\0b.x"), out, &len), PR_BAD);
}

static void t_labels_and_domains_have_their_length(void **state)
{
	char domain[300], out[IDN_DOMAIN_MAX + 1];
	size_t len;

	(void)state;
	memset(domain, 'a', sizeof(domain));
	assert_int_equal(idn_canonical(span_of(domain, 63), out, &len), PR_OK);
	assert_int_equal(idn_canonical(span_of(domain, 64), out, &len), PR_BAD);
	for (size_t i = 63; i < sizeof(domain); i += 64)
		domain[i] = '.';
	assert_int_equal(idn_canonical(span_of(domain, 255), out, &len), PR_OK);
	assert_int_equal(idn_canonical(span_of(domain, 257), out, &len), PR_BAD);
	for (size_t i = 0; i < 200; i += 2)
		memcpy(domain + i, "\xc3\xbc", 2);
	for (size_t i = 18; i + 2 < 200; i += 20)
		memcpy(domain + i, "x.", 2);
	assert_true(idn_canonical(span_of(domain, 198), out, &len) || len <= IDN_DOMAIN_MAX);
}

static void t_a_name_is_read_as_others_might(void **state)
{
	static const struct { const char *text, *name; } table[] = {
		{ "Example.ORG", "example.org" }, { "example.org.", "example.org" }, { "_a._b-.-c", "_a._b-.-c" }, { "xn--junk-.example", "xn--junk-.example" },
		{ "192.0.2.1", "192.0.2.1" }, { "b\xc3\xbc" "cher.example.", "xn--bcher-kva.example" },
		{ "", NULL }, { ".", NULL }, { "a..b", NULL }, { ".a", NULL }, { "a..", NULL }, { "a b", NULL }, { "a@b", NULL }, { "\xff.example", NULL },
		{ "b\xc3\xbc" "_cher.example", NULL },
	};
	char out[IDN_DOMAIN_MAX + 1], label[70];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		enum pr_err err = idn_name(span_of_text(table[i].text), out, &len);

		assert_int_equal(err, table[i].name ? PR_OK : PR_BAD);
		if (table[i].name) {
			assert_string_equal(out, table[i].name);
			assert_int_equal(len, strlen(out));
		}
	}
	memset(label, 'a', sizeof(label));
	assert_int_equal(idn_name(span_of(label, 63), out, &len), PR_OK);
	assert_int_equal(idn_name(span_of(label, 64), out, &len), PR_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_domain_has_one_form_or_none),
		cmocka_unit_test(t_labels_and_domains_have_their_length),
		cmocka_unit_test(t_a_name_is_read_as_others_might),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
