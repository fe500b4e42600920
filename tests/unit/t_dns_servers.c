/* Resolvers: how they are written, and who is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "dns/servers.h"

static void t_addresses(void **state)
{
	static const struct {
		const char *text, *shown;	/* NULL: it is none */
		bool is_loopback;
	} rows[] = {
		{ "127.0.0.1", "127.0.0.1:53", true }, { "127.8.0.53:5353", "127.8.0.53:5353", true }, { "192.0.2.1:1", "192.0.2.1:1", false },
		{ "::1", "[::1]:53", true }, { "[::1]:53", "[::1]:53", true }, { "2001:db8::1", "[2001:db8::1]:53", false },
		{ "[2001:DB8::1]:5353", "[2001:db8::1]:5353", false }, { "fe80::1%2", "[fe80::1%2]:53", false }, { "[fe80::1%7]:54", "[fe80::1%7]:54", false },
		{ "::ffff:127.0.0.1", "[::ffff:127.0.0.1]:53", true },
		{ "", NULL, false }, { "localhost", NULL, false }, { "localhost:53", NULL, false }, { "127.0.0.1:", NULL, false }, { "127.0.0.1:0", NULL, false },
		{ "127.0.0.1:65536", NULL, false }, { "127.0.0.1:5x", NULL, false }, { "[::1]", NULL, false }, { "[127.0.0.1]:53", NULL, false },
		{ "[::1:53", NULL, false }, { "unix:/run/x", NULL, false }, { "fe80::1%eth0", NULL, false }, { "1.2.3.4.5", NULL, false }, { ":53", NULL, false },
		{ "127.0.0.1 ", NULL, false },
	};
	struct server_address a;
	char text[SERVER_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (server_address_from_text(span_of_text(rows[i].text), &a) != (rows[i].shown != NULL))
			fail_msg("%s", rows[i].text);
		if (!rows[i].shown)
			continue;
		server_address_to_text(&a, text);
		assert_string_equal(text, rows[i].shown);
		assert_int_equal(server_address_is_loopback(&a), rows[i].is_loopback);
	}
}

static void t_resolv_conf_as_it_is(void **state)
{
	static const struct {
		const char *content;
		unsigned n;
		const char *first, *last;
	} rows[] = {
		{ "", 1, "127.0.0.1:53", "127.0.0.1:53" },
		{ "search example.org\noptions edns0 trust-ad\n", 1, "127.0.0.1:53", "127.0.0.1:53" },
		{ "nameserver 192.0.2.1\nnameserver 2001:db8::2\n", 2, "192.0.2.1:53", "[2001:db8::2]:53" },
		{ "# nameserver 192.0.2.9\n;nameserver 192.0.2.8\n nameserver\t192.0.2.1 \r\n", 1, "192.0.2.1:53", "192.0.2.1:53" },
		{ " nameserver \t 192.0.2.1 # ours\nnameserver x\nnameserver", 1, "192.0.2.1:53", "192.0.2.1:53" },
		{ "nameservers 192.0.2.1\nnameserver 192.0.2.2", 1, "192.0.2.2:53", "192.0.2.2:53" },
		{ "nameserver 1.0.0.1\nnameserver 1.0.0.2\nnameserver 1.0.0.3\nnameserver 1.0.0.4\nnameserver 1.0.0.5\nnameserver 1.0.0.6\n"
		    "nameserver 1.0.0.7\nnameserver 1.0.0.8\nnameserver 1.0.0.9\n", SERVERS_MAX, "1.0.0.1:53", "1.0.0.8:53" },
	};
	struct server_address out[SERVERS_MAX];
	char text[SERVER_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(servers_from_resolv_conf(span_of_text(rows[i].content), out), rows[i].n);
		server_address_to_text(&out[0], text);
		assert_string_equal(text, rows[i].first);
		server_address_to_text(&out[rows[i].n - 1], text);
		assert_string_equal(text, rows[i].last);
	}
}

static void t_who_is_asked(void **state)
{
	static const char *const texts[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3" };
	struct server_address addresses[3];
	struct servers s;
	uint8_t asked[SERVERS_MAX] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_true(server_address_from_text(span_of_text(texts[i]), &addresses[i]));
	servers_set(&s, addresses, 3, TRUST_AD_LOOPBACK);
	assert_int_equal(servers_choose(&s, 0, asked, 1000), 0);
	assert_int_equal(servers_choose(&s, 1, asked, 1000), 1);
	assert_int_equal(servers_choose(&s, 7, asked, 1000), -1);
	asked[0] = asked[1] = 1;
	assert_int_equal(servers_choose(&s, 0, asked, 1000), 2);
	assert_false(server_silent(&s.at[2], 1000));
	assert_false(server_silent(&s.at[2], 1000));
	assert_true(server_silent(&s.at[2], 1000));
	assert_int_equal(servers_choose(&s, 0, asked, 1000), 0);
	assert_int_equal(servers_choose(&s, 3, asked, 1000), 2);
	assert_int_equal(servers_choose(&s, 0, asked, 1000 + SERVER_DOWN_FIRST_MS), 2);
	assert_true(server_answered(&s.at[2]));
	assert_false(server_answered(&s.at[2]));
	assert_int_equal(servers_choose(&s, 0, asked, 1000), 2);
}

static void t_the_longer_it_is_silent_the_longer_it_rests(void **state)
{
	struct server s = { .n_silent = 0 };
	int64_t now = 1000, longest = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		(void)server_silent(&s, now);
		if (s.down_until > now) {
			assert_true(s.down_until - now >= longest);
			longest = s.down_until - now;
			now = s.down_until;
		}
	}
	assert_int_equal(longest, SERVER_DOWN_LAST_MS);
}

static void t_one_that_was_missed_is_back_once(void **state)
{
	struct server s = { .is_missed = true };

	(void)state;
	assert_true(server_answered(&s));
	assert_false(server_answered(&s));
	assert_true(s.is_heard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_addresses),
		cmocka_unit_test(t_resolv_conf_as_it_is),
		cmocka_unit_test(t_who_is_asked),
		cmocka_unit_test(t_the_longer_it_is_silent_the_longer_it_rests),
		cmocka_unit_test(t_one_that_was_missed_is_back_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
