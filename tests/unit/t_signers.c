#include "smtpd/signers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static char keyed[] = "keyed.test", bare[] = "bare.test", off[] = "off.test";
static struct set_domain domains[] = {
	{ .title = keyed, .dkim = DOMAIN_DKIM_AUTO }, { .title = bare, .dkim = DOMAIN_DKIM_AUTO }, { .title = off, .dkim = DOMAIN_DKIM_OFF },
};
static const struct settings settings = { .domain = domains, .n_domain = 3 };
static struct signers signers;

static int begin(void **state)
{
	(void)state;
	signers_init(&signers, &settings);
	return 0;
}

static int end(void **state)
{
	(void)state;
	signers_fini(&signers);
	return 0;
}

static void tell_keyed(void)
{
	signers_told(&signers, SPAN("keyed.test"));
	signers_told(&signers, SPAN("nobody.test"));
	signers_all_told(&signers);
}

static void t_before_the_keys_are_known_every_domain_that_may_have_one_signs(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_true(signers_sign(&signers, SPAN("keyed.test")));
		assert_true(signers_sign(&signers, SPAN("bare.test")));
		assert_false(signers_sign(&signers, SPAN("off.test")));
		assert_false(signers_sign(&signers, SPAN("nobody.test")));
	}
}

static void t_a_domain_without_a_key_is_asked_for_once(void **state)
{
	(void)state;
	assert_true(signers_sign(&signers, SPAN("bare.test")));
	tell_keyed();
	for (unsigned i = 0; i < 3; i++) {
		assert_true(signers_sign(&signers, SPAN("keyed.test")));
		assert_int_equal(signers_sign(&signers, SPAN("bare.test")), i == 0);
	}
}

static void t_a_key_that_comes_counts_and_one_that_goes_does_not(void **state)
{
	(void)state;
	tell_keyed();
	assert_true(signers_sign(&signers, SPAN("bare.test")));
	signers_told(&signers, SPAN("bare.test"));
	signers_all_told(&signers);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(signers_sign(&signers, SPAN("bare.test")));
		assert_int_equal(signers_sign(&signers, SPAN("keyed.test")), i == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(t_before_the_keys_are_known_every_domain_that_may_have_one_signs, begin, end),
		cmocka_unit_test_setup_teardown(t_a_domain_without_a_key_is_asked_for_once, begin, end),
		cmocka_unit_test_setup_teardown(t_a_key_that_comes_counts_and_one_that_goes_does_not, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
