/* The address of the client that a check is about. An IPv4 address that is written as an IPv6 one is an IPv4 address. */
#ifndef VERIFY_CLIENT_H
#define VERIFY_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

#define CLIENT_TEXT_MAX 46	/* with its NUL */
#define CLIENT_NAME_MAX 73	/* 32 nibbles with dots, ip6.arpa, NUL */

struct client {
	bool is_v6;
	unsigned char at[16];	/* the first four where it is IPv4 */
};

/* 4 or 16 bytes in network order. */
struct client client_of(const unsigned char *bytes, size_t len);
static inline size_t client_size(const struct client *c) { return c->is_v6 ? 16 : 4; }

/* The address itself is the content of a record, A or AAAA. */
static inline bool client_is(const struct client *c, struct span record)
{
	return span_eq(span_of((const char *)c->at, client_size(c)), record);
}

/* "192.0.2.1", "2001:db8::1" */
void client_text(const struct client *c, char out[CLIENT_TEXT_MAX]);
/* Where its PTR records are: "1.2.0.192.in-addr.arpa". */
void client_reverse_name(const struct client *c, char out[CLIENT_NAME_MAX]);

#endif
