/* Networks of addresses, and those that mean something to mail. Pure.
 *
 *   network = IP [ "/" 1*DIGIT ]     ; no bits beyond the prefix
 *
 * family: 4 or 6; an address is 4 or 16 bytes in network order. */
#ifndef WIRE_NETWORK_H
#define WIRE_NETWORK_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "wire/settings.h"

/* PR_BAD appends why, in words that follow the text. A network of addresses that are IPv4 in disguise becomes one of IPv4. */
enum pr_err network_read(struct span text, struct set_network *out, struct buf *why) MUST_USE;
void network_show(const struct set_network *net, struct buf *out);

/* The address lies in one of them; an IPv4-mapped IPv6 address counts as IPv4. */
bool network_has(const struct set_networks *nets, unsigned family, const unsigned char *address);

/* 127.0.0.1, 10.0.0.0/8, fe80::/10 and all others that can't be reached from the world. */
bool network_is_private(unsigned family, const unsigned char *address);
bool network_is_loopback(unsigned family, const unsigned char *address);

#endif
