/* The PROXY protocol, versions 1 and 2: a balancer says whose connection it
 * passes on. Only heard from balancers that the configuration names. */
#ifndef SMTPD_PROXY_H
#define SMTPD_PROXY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "smtpd/client.h"

#define PROXY_MAX 536	/* bytes of a header that we read: version 2 with addresses of unix sockets and some TLVs */

enum proxy_result { PROXY_MORE, PROXY_DONE, PROXY_BAD };

struct proxy {
	bool own;		/* the balancer speaks for itself (LOCAL, UNKNOWN): from and to are not set */
	struct client from, to;
};

/* Reads the header at the front of in; used: its length, when it is DONE. */
enum proxy_result proxy_parse(struct span in, size_t *used, struct proxy *out);

#endif
