/* The ways that mail leaves by SMTP and LMTP, as the configuration says them:
 * one for the world, one for each deliver section with a server, one for each
 * route. Pure. */
#ifndef DELIVERY_WAY_H
#define DELIVERY_WAY_H

#include <stdbool.h>

#include "delivery/client.h"
#include "delivery/job.h"
#include "wire/settings.h"

struct way {
	bool is_lmtp;
	bool is_configured;	/* the admin named its server */
	enum client_tls tls;
	bool tls_first;		/* from the first byte on: its server has the port of SMTP over TLS */
	bool is_verified;	/* the server must prove its name */
	const char *login_file;	/* NULL: no login is needed */
	struct job_host host;	/* of a deliver section: its server; without a name elsewhere */
};

struct ways {
	const struct settings *settings;
	struct way world, *of_deliver, *of_route;
};

/* Borrows settings. */
void ways_init(struct ways *w, const struct settings *settings);
void ways_fini(struct ways *w);
/* By the section that the job names, or by the domain of its first recipient. NULL: that section is no server. */
const struct way *way_find(const struct ways *w, const struct job *job);
/* Of a section; NULL: it is no server, or there is none of that name. */
const struct way *way_of_section(const struct ways *w, struct span deliver);

#endif
