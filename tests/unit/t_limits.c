#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "smtpd/limits.h"

struct world {
	void *memory;
	struct tally one, two;		/* two workers over the same memory */
	struct set_listen listen;
};

static int setup(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	w->memory = mem_new(WIRE_TALLY_SIZE);
	tally_init(&w->one, w->memory, 3);
	tally_init(&w->two, w->memory, 200);
	w->listen.limit_connections_address = 4;
	w->listen.limit_connections_network = 6;
	w->listen.limit_connections_listener = 8;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	mem_free(w->memory);
	mem_free(w);
	return 0;
}

static struct limits_place place(const struct tally *t, const char *address)
{
	struct client c;

	assert_true(client_from_text(&c, span_of_text(address), 1));
	return limits_place(t, 0, &c);
}

static enum limits_scope connect_from(struct world *w, struct tally *t, const char *address, bool exempt)
{
	struct limits_place p = place(t, address);

	return limits_connect(t, &p, &w->listen, exempt);
}

static void t_workers_count_together(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(connect_from(w, i % 2 ? &w->one : &w->two, "192.0.2.1", false), LIMITS_FREE);
	assert_int_equal(connect_from(w, &w->one, "192.0.2.1", false), LIMITS_ADDRESS);
	assert_int_equal(connect_from(w, &w->two, "192.0.2.1", false), LIMITS_ADDRESS);
}

static void t_a_network_has_its_limit(void **state)
{
	struct world *w = *state;

	assert_int_equal(connect_from(w, &w->one, "2001:db8:0:1::1", false), LIMITS_FREE);
	for (unsigned i = 0; i < 5; i++) {
		char address[32] = "2001:db8:0:2::1";

		address[strlen(address) - 1] = (char)('2' + i);
		assert_int_equal(connect_from(w, &w->one, address, false), LIMITS_FREE);
	}
	assert_int_equal(connect_from(w, &w->two, "2001:db8:0:ff::1", false), LIMITS_NETWORK);
	assert_int_equal(connect_from(w, &w->two, "2001:db8:0:100::1", false), LIMITS_FREE);
}

static void t_the_listener_binds_the_trusted_too(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(connect_from(w, &w->one, "192.0.2.1", true), LIMITS_FREE);
	assert_int_equal(connect_from(w, &w->one, "192.0.2.1", true), LIMITS_LISTENER);
}

static void t_a_refused_connection_counts_nothing(void **state)
{
	struct world *w = *state;
	struct limits_place p = place(&w->one, "192.0.2.1");

	for (unsigned i = 0; i < 4; i++)
		limits_connect(&w->one, &p, &w->listen, false);
	assert_int_equal(limits_connect(&w->one, &p, &w->listen, false), LIMITS_ADDRESS);
	assert_int_equal(tally_count(&w->one, p.listener), 4);
	limits_disconnect(&w->one, &p);
	assert_int_equal(limits_connect(&w->one, &p, &w->listen, false), LIMITS_FREE);
}

static void t_a_dead_worker_takes_its_counts_with_it(void **state)
{
	struct world *w = *state;
	struct limits_place p = place(&w->one, "192.0.2.1");

	limits_connect(&w->one, &p, &w->listen, false);
	limits_connect(&w->two, &p, &w->listen, false);
	assert_int_equal(tally_count(&w->two, p.address), 2);
	tally_init(&w->one, w->memory, 3);
	assert_int_equal(tally_count(&w->two, p.address), 1);
	tally_fini(&w->two);
	assert_int_equal(tally_count(&w->one, p.address), 0);
}

static void t_deaths_of_verify_have_buckets_of_their_own(void **state)
{
	struct world *w = *state;
	struct limits_place p = place(&w->one, "192.0.2.1"), beside = place(&w->one, "192.0.2.2"), other = place(&w->one, "198.51.100.1");
	int64_t now = 1000000;

	w->listen.limit_deaths_address = (struct set_rates){ 1, { { 2, 3600000 } } };
	w->listen.limit_deaths_network = (struct set_rates){ 1, { { 3, 3600000 } } };
	w->listen.limit_mail_address = (struct set_rates){ 1, { { 10, 60000 } } };
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(limits_check(&w->one, &p, &w->listen, now), LIMITS_FREE);	/* to ask takes nothing */
		assert_int_equal(limits_check(&w->two, &p, &w->listen, now), LIMITS_FREE);
		limits_check_died(i % 2 ? &w->one : &w->two, &p, &w->listen, now);
	}
	assert_int_equal(limits_check(&w->two, &p, &w->listen, now), LIMITS_ADDRESS);
	assert_int_equal(limits_mail(&w->two, &p, &w->listen, now), LIMITS_FREE);
	assert_int_equal(limits_check(&w->one, &beside, &w->listen, now), LIMITS_FREE);
	limits_check_died(&w->one, &beside, &w->listen, now);
	assert_int_equal(limits_check(&w->one, &beside, &w->listen, now), LIMITS_NETWORK);
	assert_int_equal(limits_check(&w->one, &other, &w->listen, now), LIMITS_FREE);
	assert_int_equal(limits_check(&w->one, &p, &w->listen, now + 1800000), LIMITS_FREE);
}

static void t_off_is_no_limit(void **state)
{
	struct world *w = *state;

	w->listen.limit_connections_address = w->listen.limit_connections_network = SET_OFF;
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(connect_from(w, &w->one, "192.0.2.1", false), LIMITS_FREE);
}

static void t_mapped_ipv4_is_ipv4(void **state)
{
	struct world *w = *state;

	w->listen.limit_connections_address = 1;
	assert_int_equal(connect_from(w, &w->one, "192.0.2.1", false), LIMITS_FREE);
	assert_int_equal(connect_from(w, &w->one, "::ffff:192.0.2.1", false), LIMITS_ADDRESS);
}

static void t_a_bucket_gives_its_burst_and_then_its_rate(void **state)
{
	struct world *w = *state;
	struct limits_place p = place(&w->one, "192.0.2.1"), other = place(&w->one, "198.51.100.1");
	int64_t now = 1000000;

	w->listen.limit_mail_address = (struct set_rates){ 1, { { 3, 60000 } } };
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(limits_mail(i % 2 ? &w->one : &w->two, &p, &w->listen, now), LIMITS_FREE);
	assert_int_equal(limits_mail(&w->one, &p, &w->listen, now), LIMITS_ADDRESS);
	assert_int_equal(limits_mail(&w->two, &p, &w->listen, now + 19999), LIMITS_ADDRESS);
	assert_int_equal(limits_mail(&w->two, &p, &w->listen, now + 20000), LIMITS_FREE);
	assert_int_equal(limits_mail(&w->two, &p, &w->listen, now + 20000), LIMITS_ADDRESS);
	assert_int_equal(limits_mail(&w->two, &other, &w->listen, now), LIMITS_FREE);
	assert_int_equal(limits_recipient(&w->two, &p, &w->listen, now), LIMITS_FREE);
}

static void t_of_several_rates_each_binds(void **state)
{
	struct world *w = *state;
	struct limits_place p = place(&w->one, "192.0.2.1");
	int64_t now = 1000000;

	w->listen.limit_recipients_network = (struct set_rates){ 2, { { 2, 1000 }, { 3, 3600000 } } };
	assert_int_equal(limits_recipient(&w->one, &p, &w->listen, now), LIMITS_FREE);
	assert_int_equal(limits_recipient(&w->one, &p, &w->listen, now), LIMITS_FREE);
	assert_int_equal(limits_recipient(&w->one, &p, &w->listen, now), LIMITS_NETWORK);
	assert_int_equal(limits_recipient(&w->one, &p, &w->listen, now + 1000), LIMITS_FREE);
	assert_int_equal(limits_recipient(&w->one, &p, &w->listen, now + 5000), LIMITS_NETWORK);
}

static void t_a_user_counts_wherever_he_comes_from(void **state)
{
	struct world *w = *state;
	struct limits_place here = place(&w->one, "192.0.2.1"), there, nobody = here;
	struct client c;

	assert_true(client_from_text(&c, SPAN("198.51.100.1"), 1));
	there = limits_place(&w->two, 7, &c);
	w->listen.limit_recipients_user = (struct set_rates){ 2, { { 2, 3600000 }, { 10, 86400000 } } };
	limits_place_user(&here, &w->one, SPAN("alice@example.org"));
	limits_place_user(&there, &w->two, SPAN("Alice@Example.org"));
	assert_int_equal(limits_recipient(&w->one, &here, &w->listen, 1000000), LIMITS_FREE);
	assert_int_equal(limits_recipient(&w->two, &there, &w->listen, 1000000), LIMITS_FREE);
	assert_int_equal(limits_recipient(&w->one, &here, &w->listen, 1000000), LIMITS_USER);
	assert_int_equal(limits_recipient(&w->one, &nobody, &w->listen, 1000000), LIMITS_FREE);
	limits_place_user(&here, &w->one, SPAN("bob@example.org"));
	assert_int_equal(limits_recipient(&w->one, &here, &w->listen, 1000000), LIMITS_FREE);
	assert_string_equal(limits_scope_text(LIMITS_USER), "user");
}

static void t_only_failures_take_tokens_of_logins(void **state)
{
	struct world *w = *state;
	struct limits_place p = place(&w->one, "192.0.2.1");

	w->listen.limit_logins_address = (struct set_rates){ 1, { { 2, 60000 } } };
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(limits_login(&w->one, &p, &w->listen, 1000000), LIMITS_FREE);
	limits_login_failed(&w->one, &p, &w->listen, 1000000);
	limits_login_failed(&w->two, &p, &w->listen, 1000000);
	assert_int_equal(limits_login(&w->one, &p, &w->listen, 1000000), LIMITS_ADDRESS);
	assert_int_equal(limits_login(&w->one, &p, &w->listen, 1030000), LIMITS_FREE);
	assert_int_equal(limits_mail(&w->one, &p, &w->listen, 1000000), LIMITS_FREE);
}

/* Who rents one machine has 2^64 addresses of IPv6. */
static void t_another_address_of_a_64_brings_no_other_guesses(void **state)
{
	struct world *w = *state;
	struct limits_place first = place(&w->one, "2001:db8:0:1::1"), second = place(&w->one, "2001:db8:0:1:aaaa::2");
	struct limits_place other = place(&w->one, "2001:db8:0:2::1");

	w->listen.limit_logins_address = w->listen.limit_deaths_address = (struct set_rates){ 1, { { 1, 60000 } } };
	w->listen.limit_mail_address = (struct set_rates){ 1, { { 1, 60000 } } };
	limits_login_failed(&w->one, &first, &w->listen, 1000000);
	assert_int_equal(limits_login(&w->one, &second, &w->listen, 1000000), LIMITS_ADDRESS);
	assert_int_equal(limits_login(&w->one, &other, &w->listen, 1000000), LIMITS_FREE);
	limits_check_died(&w->one, &first, &w->listen, 1000000);
	assert_int_equal(limits_check(&w->one, &second, &w->listen, 1000000), LIMITS_ADDRESS);
	assert_int_equal(limits_check(&w->one, &other, &w->listen, 1000000), LIMITS_FREE);
	assert_int_equal(limits_mail(&w->one, &first, &w->listen, 1000000), LIMITS_FREE);	/* a farm of mail servers is one /64 */
	assert_int_equal(limits_mail(&w->one, &second, &w->listen, 1000000), LIMITS_FREE);
}

/* A group of eight buckets takes whoever comes: a full one goes first, and none is ever looser for long. */
static void t_many_addresses_have_their_own_buckets(void **state)
{
	struct world *w = *state;
	unsigned refused = 0;

	w->listen.limit_mail_address = (struct set_rates){ 1, { { 1, 3600000 } } };
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 2000; i++) {
			struct client c = { .family = 4, .address = { 10, 0, (unsigned char)(i >> 8), (unsigned char)i } };
			struct limits_place p = limits_place(&w->one, 0, &c);

			refused += limits_mail(&w->one, &p, &w->listen, 1000000) != LIMITS_FREE;
		}
	}
	assert_in_range(refused, 1990, 2010);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(t_workers_count_together),
		TEST(t_a_network_has_its_limit),
		TEST(t_the_listener_binds_the_trusted_too),
		TEST(t_a_refused_connection_counts_nothing),
		TEST(t_a_dead_worker_takes_its_counts_with_it),
		TEST(t_deaths_of_verify_have_buckets_of_their_own),
		TEST(t_off_is_no_limit),
		TEST(t_mapped_ipv4_is_ipv4),
		TEST(t_a_bucket_gives_its_burst_and_then_its_rate),
		TEST(t_of_several_rates_each_binds),
		TEST(t_a_user_counts_wherever_he_comes_from),
		TEST(t_only_failures_take_tokens_of_logins),
		TEST(t_another_address_of_a_64_brings_no_other_guesses),
		TEST(t_many_addresses_have_their_own_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
