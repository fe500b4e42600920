#include "smtpd/client.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const unsigned char MAPPED[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

void client_set(struct client *c, int family, const unsigned char *address, uint16_t port)
{
	*c = (struct client){ .family = (unsigned char)family, .port = port };
	if (family == 6 && memcmp(address, MAPPED, sizeof(MAPPED)) == 0) {
		c->family = 4;
		address += sizeof(MAPPED);
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
	static const unsigned char v6[16] = { [15] = 1 };

	return (c->family == 4 && c->address[0] == 127) || (c->family == 6 && memcmp(c->address, v6, sizeof(v6)) == 0);
}

bool client_from_text(struct client *c, struct span text, uint16_t port)
{
	unsigned char address[16];
	char word[CLIENT_TEXT_MAX];

	if (text.len == 0 || text.len >= sizeof(word) || memchr(text.at, 0, text.len))
		return false;
	memcpy(word, text.at, text.len);
	word[text.len] = 0;
	if (inet_pton(AF_INET, word, address) == 1)
		client_set(c, 4, address, port);
	else if (inet_pton(AF_INET6, word, address) == 1)
		client_set(c, 6, address, port);
	else
		return false;
	return true;
}
