#include "wire/network.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/ip.h"

#define MAPPED_BITS 96	/* of a mapped address before those of IPv4 */

/* ---- text -------------------------------------------------------------------- */

static enum pr_err bad(struct buf *why, const char *words)
{
	(void)buf_add_text(why, words);
	return PR_BAD;
}

static bool has_bits_beyond(const struct set_network *net, unsigned all)
{
	for (unsigned bit = net->bits; bit < all; bit++)
		if (net->address[bit / 8] & (0x80 >> bit % 8))
			return true;
	return false;
}

static void unmap(struct set_network *net)
{
	if (net->family != 6 || net->bits < MAPPED_BITS || !ip_is_mapped(net->address))
		return;
	memmove(net->address, net->address + MAPPED_BITS / 8, 4);
	memset(net->address + 4, 0, 12);
	net->family = 4;
	net->bits = (unsigned char)(net->bits - MAPPED_BITS);
}

enum pr_err network_read(struct span text, struct set_network *out, struct buf *why)
{
	struct span prefix = text, address = span_cut(&prefix, '/');
	unsigned long long bits;
	unsigned all;

	memset(out, 0, sizeof(*out));
	out->family = (unsigned char)ip_read(address, out->address);
	if (out->family == 0)
		return bad(why, "is no network: 192.0.2.0/24, 2001:db8::/32");
	all = out->family == 6 ? 128 : 32;
	bits = all;
	if (address.len != text.len && !span_to_u64(prefix, all, &bits))
		return bad(why, all == 32 ? "has no prefix length of 0 to 32" : "has no prefix length of 0 to 128");
	out->bits = (unsigned char)bits;
	if (has_bits_beyond(out, all))
		return bad(why, "has bits beyond its prefix length");
	unmap(out);
	return PR_OK;
}

void network_show(const struct set_network *net, struct buf *out)
{
	char word[INET6_ADDRSTRLEN] = "";

	inet_ntop(net->family == 6 ? AF_INET6 : AF_INET, net->address, word, sizeof(word));
	(void)buf_printf(out, "%s/%u", word, net->bits);
}

/* ---- who is in it ------------------------------------------------------------ */

bool network_has(const struct set_networks *nets, unsigned family, const unsigned char *address)
{
	if (family == 6 && ip_is_mapped(address)) {
		family = 4;
		address += MAPPED_BITS / 8;
	}
	for (unsigned i = 0; i < nets->n; i++)
		if (nets->at[i].family == family && ip_is_within(address, nets->at[i].address, nets->at[i].bits))
			return true;
	return false;
}

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

	return network_has(&nets, family, address) || (family == 6 && is_private_within(address));
}

bool network_is_loopback(unsigned family, const unsigned char *address)
{
	static const struct set_network loopback[] = { { 4, 8, { 127 } }, { 6, 128, { [15] = 1 } } };
	const struct set_networks nets = { sizeof(loopback) / sizeof(*loopback), loopback };

	return network_has(&nets, family, address);
}
