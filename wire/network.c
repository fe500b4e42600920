#include "wire/network.h"

#include <string.h>

#include "wire/settings_value.h"

static const struct set_network private_networks[] = {
	{ 4, 8, { 0 } }, { 4, 8, { 10 } }, { 4, 10, { 100, 64 } }, { 4, 8, { 127 } }, { 4, 16, { 169, 254 } }, { 4, 12, { 172, 16 } },
	{ 4, 24, { 192, 0, 0 } }, { 4, 24, { 192, 0, 2 } }, { 4, 16, { 192, 168 } }, { 4, 15, { 198, 18 } }, { 4, 24, { 198, 51, 100 } },
	{ 4, 24, { 203, 0, 113 } }, { 4, 3, { 224 } },
	{ 6, 96, { 0 } },	/* ::, ::1, and addresses of IPv4 that are no more */
	{ 6, 7, { 0xfc } }, { 6, 10, { 0xfe, 0x80 } }, { 6, 10, { 0xfe, 0xc0 } }, { 6, 8, { 0xff } }, { 6, 32, { 0x20, 0x01, 0x0d, 0xb8 } }
};

/* IPv4 inside IPv6: 6to4 and NAT64 lead to it. */
static bool is_private_within(const unsigned char *v6)
{
	static const unsigned char nat64[12] = { 0, 0x64, 0xff, 0x9b };

	if (memcmp(v6, nat64, sizeof(nat64)) == 0)
		return network_is_private(4, v6 + 12);
	if (v6[0] == 0x20 && v6[1] == 0x02)
		return network_is_private(4, v6 + 2);
	return false;
}

bool network_is_private(unsigned family, const unsigned char *address)
{
	const struct set_networks nets = { sizeof(private_networks) / sizeof(*private_networks), private_networks };

	return settings_network_has(&nets, (unsigned char)family, address) || (family == 6 && is_private_within(address));
}

bool network_is_loopback(unsigned family, const unsigned char *address)
{
	static const struct set_network loopback[] = { { 4, 8, { 127 } }, { 6, 128, { [15] = 1 } } };
	const struct set_networks nets = { sizeof(loopback) / sizeof(*loopback), loopback };

	return settings_network_has(&nets, (unsigned char)family, address);
}
