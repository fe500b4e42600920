/* The other side of a session: an IP address and a port, or a user of this
 * machine. IPv4 that came mapped into IPv6 is IPv4. */
#ifndef SMTPD_CLIENT_H
#define SMTPD_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define CLIENT_TEXT_MAX 46	/* with the NUL */

#define CLIENT_LOCAL 1		/* a family: the address holds the uid that the kernel told */

struct client {
	unsigned char family;	/* 4, 6, CLIENT_LOCAL, or 0: unknown */
	unsigned char address[16];
	uint16_t port;
};

/* From network order; 16 bytes of a mapped IPv4 address become 4. */
void client_set(struct client *c, int family, const unsigned char *address, uint16_t port);
void client_set_local(struct client *c, uint32_t uid);
uint32_t client_uid(const struct client *c);	/* of a local one */
/* "192.0.2.7", "2001:db8::7" or "uid:1000"; "unknown" without one. */
void client_text(const struct client *c, char text[CLIENT_TEXT_MAX]);
bool client_same_address(const struct client *a, const struct client *b);
bool client_is_loopback(const struct client *c);
bool client_from_text(struct client *c, struct span text, uint16_t port);

#endif
