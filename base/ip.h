/* Addresses of IPv4 and IPv6: text to bytes, and networks. Bytes are in network order. */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <stdbool.h>

#include "base/span.h"

/* The family, 4 (the first four bytes are filled) or 6; 0: it is no address, and bytes say nothing. */
unsigned ip_read(struct span text, unsigned char bytes[16]);

/* address lies in the network of the same family; bits: 0 to 32 or 128. */
bool ip_is_within(const unsigned char *address, const unsigned char *network, unsigned bits);

/* ::ffff:192.0.2.1 (RFC 4291 2.5.5.2): an IPv4 address in disguise, whose bytes are the last four. */
bool ip_is_mapped(const unsigned char v6[16]);

#endif
