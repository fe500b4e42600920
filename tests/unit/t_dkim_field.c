#include "mail/dkim_field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "slow_dkim.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

static void t_every_short_field_is_relaxed_as_the_rfc_says(void **state)
{
	static const char *const pieces[] = { "a", " ", "\t", "\r\n ", "B" };
	struct buf field, expected, got;

	(void)state;
	buf_init(&field, 64);
	buf_init(&expected, 64);
	buf_init(&got, 64);
	for (size_t n = 0; n < 5 * 5 * 5 * 5 * 5 * 5; n++) {
		buf_clear(&field);
		buf_clear(&expected);
		buf_clear(&got);
		(void)buf_add_text(&field, n % 2 ? "X-Name:" : "sUBJECT \t:");
		for (size_t rest = n; rest; rest /= 5)
			(void)buf_add_text(&field, pieces[rest % 5]);
		slow_dkim_field(buf_span(&field), &expected);
		dkim_field_canonical(buf_span(&field), true, &got);
		if (!span_eq(buf_span(&expected), buf_span(&got)))
			fail_msg("%.*s: %.*s", (int)field.len, field.at, (int)got.len, got.at);
		buf_clear(&got);
		dkim_field_canonical(buf_span(&field), false, &got);
		assert_true(span_eq(buf_span(&field), buf_span(&got)));
	}
	buf_fini(&field);
	buf_fini(&expected);
	buf_fini(&got);
}

static void t_a_field_is_hashed_without_its_signature(void **state)
{
	static const struct {
		const char *field, *simple, *relaxed;
	} rows[] = {
		{ "X: a=1; b=SIG; c=2", "X: a=1; b=; c=2", "x:a=1; b=; c=2" },
		{ "X: a=1; b= \r\n\tSIG \r\n ; c=2", "X: a=1; b=; c=2", "x:a=1; b=; c=2" },
		{ "X: b=SIG", "X: b=", "x:b=" },
		{ "X: b = SIG\r\n ", "X: b =", "x:b =" },
	};
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	for (size_t i = 0; i < N_OF(rows); i++) {
		struct span whole = span_of_text(rows[i].field), signature = span_of(strstr(whole.at, "SIG"), 3);

		buf_clear(&out);
		dkim_field_unsigned(whole, signature, false, &out);
		assert_true(span_eq(buf_span(&out), span_of_text(rows[i].simple)));
		buf_clear(&out);
		dkim_field_unsigned(whole, signature, true, &out);
		assert_true(span_eq(buf_span(&out), span_of_text(rows[i].relaxed)));
	}
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_every_short_field_is_relaxed_as_the_rfc_says),
		cmocka_unit_test(t_a_field_is_hashed_without_its_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
