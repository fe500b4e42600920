#include "smtpd/client.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/ip.h"
#include "wire/network.h"

void client_set(struct client *c, int family, const unsigned char *address, uint16_t port)
{
	*c = (struct client){ .family = (unsigned char)family, .port = port };
	if (family == 6 && ip_is_mapped(address)) {
		c->family = 4;
		address += 12;
	}
	memcpy(c->address, address, c->family == 4 ? 4 : 16);
}

void client_set_local(struct client *c, uint32_t uid)
{
	*c = (struct client){ .family = CLIENT_LOCAL };
	memcpy(c->address, &uid, sizeof(uid));
}

uint32_t client_uid(const struct client *c)
{
	uint32_t uid;

	memcpy(&uid, c->address, sizeof(uid));
	return uid;
}

void client_text(const struct client *c, char text[CLIENT_TEXT_MAX])
{
	if (c->family == CLIENT_LOCAL)
		snprintf(text, CLIENT_TEXT_MAX, "uid:%" PRIu32, client_uid(c));
	else if (!c->family || !inet_ntop(c->family == 4 ? AF_INET : AF_INET6, c->address, text, CLIENT_TEXT_MAX))
		snprintf(text, CLIENT_TEXT_MAX, "unknown");
}

bool client_same_address(const struct client *a, const struct client *b)
{
	return a->family && a->family == b->family && memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

bool client_is_loopback(const struct client *c)
{
	return network_is_loopback(c->family, c->address);
}

bool client_from_text(struct client *c, struct span text, uint16_t port)
{
	unsigned char address[16];
	unsigned family = ip_read(text, address);

	if (family != 0)
		client_set(c, (int)family, address, port);
	return family != 0;
}
