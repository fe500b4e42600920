/* From an address that is to be tried to a connection: where from, by which
 * name, with what TLS and login, and how the server is called in outcomes. */
#ifndef DELIVERY_TARGET_IO_H
#define DELIVERY_TARGET_IO_H

#include "delivery/attempt.h"
#include "delivery/client_io.h"
#include "delivery/way.h"

/* The same for all. Borrowed. */
struct target_options {
	const char *helo;
	unsigned max_mails;		/* over one connection */
	uint16_t port;			/* of servers that are named without one */
	bool force_8bit;
	struct client_times times;
	const struct set_list *sources;	/* addresses to speak from; one of each family is chosen for a site, always the same */
};

struct target {
	const struct target_options *options;
	const struct way *way;
	const struct attempt_try *try;
	struct span site;		/* for the choice of the source: the site's first host */
	struct span user, password;	/* empty where there is no login */
};

struct conn *target_connect(struct conns *all, const struct target *target);
/* The other way: where it leads. */
struct attempt_address target_address(const struct conn_target *target);

#endif
