/* What is remembered of logins: right passwords, and wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "auth/guess.h"
#include "auth/remember.h"

#define STORED SPAN("$y$j9T$salt$hash SCRAM-SHA-256$10000:…")
#define ALICE  SPAN("alice@example.org")

static void t_a_right_password_is_remembered_for_a_while(void **state)
{
	struct remember *r = remember_new();

	(void)state;
	assert_false(remember_has(r, STORED, SPAN("secret"), 1000));
	remember_note(r, STORED, SPAN("secret"), 1000);
	assert_true(remember_has(r, STORED, SPAN("secret"), 1000));
	assert_true(remember_has(r, STORED, SPAN("secret"), 1000 + REMEMBER_MS - 1));
	assert_false(remember_has(r, STORED, SPAN("secret"), 1000 + REMEMBER_MS));
	assert_false(remember_has(r, STORED, SPAN("secreu"), 1000));
	assert_false(remember_has(r, SPAN("another hash"), SPAN("secret"), 1000));
	remember_free(&r);
	assert_null(r);
}

static void t_many_passwords_push_out_the_oldest(void **state)
{
	struct remember *r = remember_new();
	unsigned kept = 0;

	(void)state;
	for (unsigned i = 0; i < 2 * REMEMBER_SLOTS; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%u", i);
		remember_note(r, STORED, span_of_text(text), 1000 + i);
		assert_true(remember_has(r, STORED, span_of_text(text), 1000 + i));
	}
	for (unsigned i = REMEMBER_SLOTS + REMEMBER_SLOTS / 2; i < 2 * REMEMBER_SLOTS; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%u", i);
		kept += remember_has(r, STORED, span_of_text(text), 30000);
	}
	assert_true(kept > REMEMBER_SLOTS / 2 * 8 / 10);
	remember_free(&r);
}

static void fail_from(struct guess *g, unsigned n, int64_t now)
{
	for (unsigned i = 0; i < n; i++) {
		char text[32];

		snprintf(text, sizeof(text), "198.51.100.%u", i);
		guess_failed(g, ALICE, span_of_text(text), now);
	}
}

static void t_many_addresses_at_one_account_are_slowed(void **state)
{
	struct guess *g = guess_new();

	(void)state;
	fail_from(g, GUESS_FREE, 1000);
	assert_int_equal(guess_delay_ms(g, ALICE, SPAN("192.0.2.1"), 1000), 0);
	fail_from(g, 1, 1000);
	assert_int_equal(guess_delay_ms(g, ALICE, SPAN("192.0.2.1"), 1000), GUESS_FIRST_MS);
	assert_int_equal(guess_delay_ms(g, SPAN("ALICE@example.org"), SPAN("192.0.2.1"), 1000), GUESS_FIRST_MS);
	fail_from(g, 1, 1000);
	assert_int_equal(guess_delay_ms(g, ALICE, SPAN("192.0.2.1"), 1000), 2 * GUESS_FIRST_MS);
	fail_from(g, 50, 1000);
	assert_int_equal(guess_delay_ms(g, ALICE, SPAN("192.0.2.1"), 1000), GUESS_MOST_MS);
	assert_int_equal(guess_delay_ms(g, SPAN("bob@example.org"), SPAN("192.0.2.1"), 1000), 0);
	assert_int_equal(guess_delay_ms(g, ALICE, SPAN("192.0.2.1"), 1000 + GUESS_FORGET_MS), 0);
	guess_free(&g);
}

static void t_one_address_alone_is_a_matter_of_limits(void **state)
{
	struct guess *g = guess_new();

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		guess_failed(g, ALICE, SPAN("192.0.2.1"), 1000);
	assert_int_equal(guess_delay_ms(g, ALICE, SPAN("192.0.2.1"), 1000), 0);
	assert_int_equal(guess_delay_ms(g, ALICE, SPAN("192.0.2.2"), 1000), GUESS_MOST_MS);
	guess_free(&g);
}

static void t_who_was_there_is_not_slowed(void **state)
{
	struct guess *g = guess_new();

	(void)state;
	guess_succeeded(g, ALICE, SPAN("192.0.2.9"), 500);
	fail_from(g, 50, 1000);
	assert_int_equal(guess_delay_ms(g, ALICE, SPAN("192.0.2.9"), 1000), 0);
	assert_int_equal(guess_delay_ms(g, ALICE, SPAN("192.0.2.8"), 1000), GUESS_MOST_MS);
	guess_free(&g);
}

static void t_an_ipv6_network_is_one(void **state)
{
	struct guess *g = guess_new();

	(void)state;
	guess_succeeded(g, ALICE, SPAN("2001:db8:1:2::9"), 500);
	fail_from(g, 50, 1000);
	assert_int_equal(guess_delay_ms(g, ALICE, SPAN("2001:db8:1:2:ffff::1"), 1000), 0);
	assert_int_equal(guess_delay_ms(g, ALICE, SPAN("2001:db8:1:3::9"), 1000), GUESS_MOST_MS);
	guess_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_right_password_is_remembered_for_a_while),
		cmocka_unit_test(t_many_passwords_push_out_the_oldest),
		cmocka_unit_test(t_many_addresses_at_one_account_are_slowed),
		cmocka_unit_test(t_one_address_alone_is_a_matter_of_limits),
		cmocka_unit_test(t_who_was_there_is_not_slowed),
		cmocka_unit_test(t_an_ipv6_network_is_one),
	};

	return cmocka_run_group_tests_name("guess", tests, NULL, NULL);
}
