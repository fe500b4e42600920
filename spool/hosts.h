/* Whom to give mail to: hosts with their preferences, as DNS or the
 * configuration told. In one block of memory; mem_free frees it. */
#ifndef SPOOL_HOSTS_H
#define SPOOL_HOSTS_H

#include <stdint.h>

#include "base/span.h"

#define HOSTS_MAX 32	/* more are not tried for one message anyway */

struct host {
	uint16_t preference, port;	/* port 0: that of `outbound` */
	struct span name;
};

struct hosts {
	unsigned n;
	struct host at[];
};

/* At most HOSTS_MAX of them, sorted by preference. */
struct hosts *hosts_new(const struct host *at, unsigned n);
/* Another order among those of equal preference (RFC 5321 5.1): answers are remembered, and each message draws anew. */
void hosts_draw(struct hosts *h, uint64_t random);

#endif
