/* base/ip: addresses in text, and networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/ip.h"

static void t_an_address_is_read_as_rfc_4291_writes_it(void **state)
{
	static const struct {
		struct span text;
		unsigned family;
		unsigned char first, last;
	} cases[] = {
		{ SPAN("192.0.2.1"), 4, 192, 1 }, { SPAN("2001:db8::1"), 6, 0x20, 1 }, { SPAN("::ffff:192.0.2.1"), 6, 0, 1 }, { SPAN("::"), 6, 0, 0 },
		{ SPAN("192.0.2"), 0, 0, 0 }, { SPAN("192.0.2.256"), 0, 0, 0 }, { SPAN("192.0.2.01"), 0, 0, 0 }, { SPAN("192.0.2.1 "), 0, 0, 0 },
		{ SPAN("fe80::1%eth0"), 0, 0, 0 }, { SPAN("[::1]"), 0, 0, 0 }, { SPAN(""), 0, 0, 0 }, { SPAN("192.0.2.1\0x"), 0, 0, 0 },
		{ SPAN("2001:0db8:0000:0000:0000:0000:192.000.002.001.1.1.1.1.1"), 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char bytes[16];
		unsigned family = ip_read(cases[i].text, bytes);

		if (family != cases[i].family)
			fail_msg("<%.*s> is of family %u", SPAN_ARG(cases[i].text), family);
		if (family)
			assert_true(bytes[0] == cases[i].first && bytes[family == 4 ? 3 : 15] == cases[i].last);
	}
}

static void t_a_network_holds_what_begins_with_its_bits(void **state)
{
	static const unsigned char NET[16] = { 192, 0, 2, 128 }, IN[16] = { 192, 0, 2, 200 }, OUT[16] = { 192, 0, 2, 127 }, FAR[16] = { 10, 0, 2, 128 };

	(void)state;
	assert_true(ip_is_within(IN, NET, 25) && !ip_is_within(OUT, NET, 25) && ip_is_within(OUT, NET, 24));
	assert_true(ip_is_within(NET, NET, 32) && !ip_is_within(IN, NET, 32) && ip_is_within(NET, NET, 128));
	assert_true(ip_is_within(FAR, NET, 0) && !ip_is_within(FAR, NET, 1));
}

static void t_ipv4_in_disguise_is_known(void **state)
{
	static const unsigned char MAPPED[16] = { [10] = 0xff, [11] = 0xff, [12] = 192 }, COMPATIBLE[16] = { [12] = 192 };

	(void)state;
	assert_true(ip_is_mapped(MAPPED));
	assert_false(ip_is_mapped(COMPATIBLE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_an_address_is_read_as_rfc_4291_writes_it),
		cmocka_unit_test(t_a_network_holds_what_begins_with_its_bits),
		cmocka_unit_test(t_ipv4_in_disguise_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
