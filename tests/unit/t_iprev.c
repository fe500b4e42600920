/* Forward-confirmed reverse DNS, and the address of a client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include "tests/unit/facts_zone.h"
#include "verify/iprev.h"

static struct zone zone;
static struct iprev_told told;

static struct client client(const char *ip)
{
	unsigned char bytes[16];

	if (inet_pton(AF_INET, ip, bytes) == 1)
		return client_of(bytes, 4);
	assert_int_equal(inet_pton(AF_INET6, ip, bytes), 1);
	return client_of(bytes, 16);
}

static const char *check(const char *ip, unsigned max_questions)
{
	struct facts *f = facts_new(max_questions);
	struct client c = client(ip);

	while (!iprev_check(f, &c, &told, NULL))
		assert_true(zone_answer(&zone, f));
	facts_free(&f);
	return auth_result_text(told.result);
}

static void t_addresses(void **state)
{
	struct client c = client("::ffff:192.0.2.129");
	char name[CLIENT_NAME_MAX], text[CLIENT_TEXT_MAX];

	(void)state;
	assert_false(c.is_v6);
	assert_true(client_is(&c, SPAN("\300\0\2\201")));
	client_reverse_name(&c, name);
	assert_string_equal(name, "129.2.0.192.in-addr.arpa");
	client_text(&c, text);
	assert_string_equal(text, "192.0.2.129");
	c = client("2001:db8::567:89ab");
	assert_true(c.is_v6);
	client_reverse_name(&c, name);
	assert_string_equal(name, "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
	c = client("255.255.255.255");
	client_reverse_name(&c, name);
	assert_string_equal(name, "255.255.255.255.in-addr.arpa");
}

static void t_a_name_that_leads_back_passes(void **state)
{
	(void)state;
	zone_init(&zone);
	zone_say(&zone, "1.2.0.192.in-addr.arpa", "PTR", "liar.example.org");
	zone_say(&zone, "1.2.0.192.in-addr.arpa", "PTR", "gone.example.org");
	zone_say(&zone, "1.2.0.192.in-addr.arpa", "PTR", "mail.example.org");
	zone_say(&zone, "liar.example.org", "A", "192.0.2.99");
	zone_say(&zone, "mail.example.org", "A", "192.0.2.9");
	zone_say(&zone, "mail.example.org", "A", "192.0.2.1");
	assert_string_equal(check("192.0.2.1", 50), "pass");
	assert_string_equal(told.name, "mail.example.org");
	zone_say(&zone, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "PTR", "six.example.org");
	zone_say(&zone, "six.example.org", "AAAA", "2001:db8::1");
	assert_string_equal(check("2001:db8::1", 50), "pass");
	assert_string_equal(told.why, "2001:db8::1 is called six.example.org, and that name leads back to it");
	zone_fini(&zone);
}

static void t_a_name_that_does_not_fails(void **state)
{
	(void)state;
	zone_init(&zone);
	zone_say(&zone, "1.2.0.192.in-addr.arpa", "PTR", "liar.example.org");
	assert_string_equal(check("192.0.2.1", 50), "fail");	/* no such name */
	assert_string_equal(told.name, "liar.example.org");
	zone_say(&zone, "liar.example.org", "AAAA", "2001:db8::1");
	assert_string_equal(check("192.0.2.1", 50), "fail");	/* no such address */
	zone_say(&zone, "liar.example.org", "A", "192.0.2.2");
	assert_string_equal(check("192.0.2.1", 50), "fail");
	assert_string_equal(told.why, "192.0.2.1 is called liar.example.org, but that name doesn't lead back to it");
	zone_fini(&zone);
}

static void t_no_name_and_no_answer(void **state)
{
	(void)state;
	zone_init(&zone);
	assert_string_equal(check("192.0.2.1", 50), "permerror");
	assert_string_equal(told.name, "");
	zone_say(&zone, "1.2.0.192.in-addr.arpa", "PTR", "a b\n.example.org");
	assert_string_equal(check("192.0.2.1", 50), "permerror");	/* nothing that is a name */
	zone_fail(&zone, RECORD_PTR, SPAN("2.2.0.192.in-addr.arpa"));
	assert_string_equal(check("192.0.2.2", 50), "temperror");
	zone_say(&zone, "3.2.0.192.in-addr.arpa", "PTR", "slow.example.org");
	zone_fail(&zone, RECORD_A, SPAN("slow.example.org"));
	assert_string_equal(check("192.0.2.3", 50), "temperror");
	assert_string_equal(check("192.0.2.3", 1), "temperror");
	assert_string_equal(check("192.0.2.3", 0), "temperror");
	zone_fini(&zone);
}

static void t_of_many_names_ten_are_looked_at(void **state)
{
	char name[40];

	(void)state;
	zone_init(&zone);
	for (unsigned i = 0; i < 12; i++) {
		(void)snprintf(name, sizeof(name), "n%u.example.org", i);
		zone_say(&zone, "1.2.0.192.in-addr.arpa", "PTR", name);
	}
	zone_say(&zone, "n10.example.org", "A", "192.0.2.1");
	assert_string_equal(check("192.0.2.1", 50), "fail");
	assert_int_equal(zone.n_answered, 11);
	zone_say(&zone, "n9.example.org", "A", "192.0.2.1");
	assert_string_equal(check("192.0.2.1", 50), "pass");
	zone_fini(&zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_addresses),
		cmocka_unit_test(t_a_name_that_leads_back_passes),
		cmocka_unit_test(t_a_name_that_does_not_fails),
		cmocka_unit_test(t_no_name_and_no_answer),
		cmocka_unit_test(t_of_many_names_ten_are_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
