#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 4648 10. */
static const struct {
	struct span bytes, text;
} known[] = {
	{ { "", 0 }, { "", 0 } }, { { "f", 1 }, { "Zg==", 4 } }, { { "fo", 2 }, { "Zm8=", 4 } }, { { "foo", 3 }, { "Zm9v", 4 } },
	{ { "foob", 4 }, { "Zm9vYg==", 8 } }, { { "fooba", 5 }, { "Zm9vYmE=", 8 } }, { { "foobar", 6 }, { "Zm9vYmFy", 8 } },
	{ { "\0\0\0", 3 }, { "AAAA", 4 } }, { { "\xff\xef\xbe", 3 }, { "/+++", 4 } }, { { "\xff", 1 }, { "/w==", 4 } },
};

static void t_base64_gives_the_values_of_rfc_4648(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct buf b;
		char out[8];
		size_t len;

		buf_init(&b, 100);
		assert_int_equal(base64_add(&b, known[i].bytes), PR_OK);
		assert_true(span_eq(buf_span(&b), known[i].text));
		assert_int_equal(base64_decode(known[i].text, out, known[i].bytes.len, &len), PR_OK);
		assert_true(span_eq(span_of(out, len), known[i].bytes));
		buf_fini(&b);
	}
}

static void t_what_is_no_base64_is_refused(void **state)
{
	static const struct span bad[] = {
		{ "Z", 1 }, { "Zg", 2 }, { "Zg=", 3 }, { "Zg===", 5 }, { "=", 1 }, { "====", 4 }, { "Z===", 4 }, { "Zh==", 4 }, { "Zm9=", 4 },
		{ "Zg==Zg==", 8 }, { "Zg=a", 4 }, { "Z=g=", 4 }, { "Zm 9", 4 }, { "Zm9v\r\n", 6 }, { " Zm9v", 5 }, { "Zm9v    ", 8 },
		{ "Zm-_", 4 }, { "Zm\0v", 4 }, { "Zm\xe9v", 4 }, { "Zm9v=", 5 }, { "Zm9v====", 8 }, { "Z@[`", 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char out[16];
		size_t len = 99;

		assert_int_equal(base64_decode(bad[i], out, sizeof(out), &len), PR_BAD);
		assert_int_equal(len, 0);
	}
}

/* Over all texts of four letters out of a telling alphabet: what decodes encodes back to itself. */
static void t_what_decodes_comes_back(void **state)
{
	static const char letters[] = "AZaz09+/=BQgw- ";

	(void)state;
	for (size_t n = 0; n < 15 * 15 * 15 * 15; n++) {
		char text[4] = { letters[n % 15], letters[n / 15 % 15], letters[n / 225 % 15], letters[n / 3375] }, out[3];
		struct buf b;
		size_t len;

		if (base64_decode(span_of(text, 4), out, sizeof(out), &len))
			continue;
		buf_init(&b, 4);
		assert_int_equal(base64_add(&b, span_of(out, len)), PR_OK);
		assert_true(span_eq(buf_span(&b), span_of(text, 4)));
		buf_fini(&b);
	}
}

static void t_every_length_makes_the_journey(void **state)
{
	unsigned char bytes[300], out[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 167 + 13);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		struct buf b;
		size_t len;

		buf_init(&b, BASE64_LEN(n));
		assert_int_equal(base64_add(&b, span_of((char *)bytes, n)), PR_OK);
		assert_int_equal(b.len, BASE64_LEN(n));
		assert_int_equal(base64_decode(buf_span(&b), out, n, &len), PR_OK);
		assert_int_equal(len, n);
		assert_memory_equal(out, bytes, n);
		if (n)
			assert_int_equal(base64_decode(buf_span(&b), out, n - 1, &len), PR_FULL);
		assert_true(n == 0 || len == 0);
		buf_fini(&b);
	}
}

static void t_a_full_buffer_takes_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 7);
	assert_int_equal(base64_add(&b, SPAN("foob")), PR_FULL);
	assert_int_equal(b.len, 0);
	assert_true(b.overflowed);
	assert_int_equal(base64_add(&b, SPAN("f")), PR_FULL);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_base64_gives_the_values_of_rfc_4648),
		cmocka_unit_test(t_what_is_no_base64_is_refused),
		cmocka_unit_test(t_what_decodes_comes_back),
		cmocka_unit_test(t_every_length_makes_the_journey),
		cmocka_unit_test(t_a_full_buffer_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
