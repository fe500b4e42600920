/* Which networks are whose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "wire/network.h"

static unsigned read_address(const char *text, unsigned char bytes[16])
{
	if (inet_pton(AF_INET, text, bytes) == 1)
		return 4;
	assert_int_equal(inet_pton(AF_INET6, text, bytes), 1);
	return 6;
}

static void t_what_is_private(void **state)
{
	static const struct { const char *text; bool is_private; } rows[] = {
		{ "0.0.0.0", true }, { "127.255.0.1", true }, { "172.31.1.1", true }, { "172.32.0.1", false }, { "100.64.0.1", true }, { "169.254.1.1", true },
		{ "224.0.0.1", true }, { "255.255.255.255", true }, { "8.8.8.8", false }, { "::", true }, { "::1", true }, { "::ffff:10.0.0.1", true },
		{ "::ffff:8.8.8.8", false }, { "fd00::1", true }, { "fe80::1", true }, { "ff02::1", true }, { "2001:4860::1", false },
		{ "64:ff9b::7f00:1", true }, { "64:ff9b::808:808", false }, { "2002:7f00:1::", true }, { "2002:808:808::", false }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		unsigned char bytes[16];
		unsigned family = read_address(rows[i].text, bytes);

		if (network_is_private(family, bytes) != rows[i].is_private)
			fail_msg("%s", rows[i].text);
	}
}

static void t_what_is_this_machine(void **state)
{
	static const struct { const char *text; bool is_loopback; } rows[] = {
		{ "127.0.0.1", true }, { "127.8.9.1", true }, { "128.0.0.1", false }, { "::1", true }, { "::", false }, { "::2", false }, { "10.0.0.1", false }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		unsigned char bytes[16];
		unsigned family = read_address(rows[i].text, bytes);

		if (network_is_loopback(family, bytes) != rows[i].is_loopback)
			fail_msg("%s", rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(t_what_is_private), cmocka_unit_test(t_what_is_this_machine) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
