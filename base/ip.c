#include "base/ip.h"

#include <arpa/inet.h>
#include <string.h>

unsigned ip_read(struct span text, unsigned char bytes[16])
{
	char word[INET6_ADDRSTRLEN];

	if (text.len == 0 || text.len >= sizeof(word) || memchr(text.at, '\0', text.len))
		return 0;
	memcpy(word, text.at, text.len);
	word[text.len] = '\0';
	if (memchr(word, ':', text.len))
		return inet_pton(AF_INET6, word, bytes) == 1 ? 6 : 0;
	return inet_pton(AF_INET, word, bytes) == 1 ? 4 : 0;
}

bool ip_is_within(const unsigned char *address, const unsigned char *network, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(address, network, whole) != 0)
		return false;
	return rest == 0 || ((address[whole] ^ network[whole]) >> (8 - rest)) == 0;
}

bool ip_is_mapped(const unsigned char v6[16])
{
	static const unsigned char MAPPED[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(v6, MAPPED, sizeof(MAPPED)) == 0;
}
