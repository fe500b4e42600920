/* The site of a domain: the hosts that take its mail (RFC 5321 5.1). A core:
 * it says which question it has, is fed the answer, and is done or has another
 * one. */
#ifndef DNS_SITE_H
#define DNS_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "dns/answer.h"
#include "dns/packet.h"
#include "wire/verbs.h"

#define SITE_HOSTS_MAX 20	/* told, the best ones: nobody tries more in one attempt */

struct site_host {
	uint16_t preference;
	uint64_t draw;		/* the order among equals */
	struct span name;	/* in `answer` or `domain` of the site */
};

struct site {
	struct name domain;
	struct question question;	/* the one that is open */
	enum wire_site result;
	uint64_t key;
	uint32_t ttl;
	bool secure;
	struct span why;		/* in `answer`, or static */
	struct answer *answer;
	unsigned n;
	struct site_host hosts[SITE_HOSTS_MAX];
};

void site_begin(struct site *s, const struct name *domain);
/* True when it is done: the result counts. A question with a temporary answer is never taken for a no. */
bool site_feed(struct site *s, struct answer *a, int64_t now);
void site_fini(struct site *s);

#endif
