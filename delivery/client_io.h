/* Connections to LMTP servers on one side, clients on the other. A server has
 * as many connections as it has jobs at one time; one that is left over is
 * kept for a while and used again, the one used last first. */
#ifndef DELIVERY_CLIENT_IO_H
#define DELIVERY_CLIENT_IO_H

#include <stdbool.h>

#include "delivery/client.h"
#include "delivery/job.h"
#include "loop/process.h"

struct client_site;

struct client_site_options {
	const char *address;	/* "unix:/path", "192.0.2.1:24" or "[2001:db8::1]:24" */
	const char *helo;
	unsigned max_mails;	/* over one connection */
};

/* Texts are copied. NULL when the address is none of these. */
struct client_site *client_site_new(struct process *process, struct jobs *jobs, const struct client_site_options *options);
void client_site_free(struct client_site **site);	/* its connections end at once */
const char *client_site_host(const struct client_site *site);
/* Takes job->work for its own use. */
void client_site_give(struct client_site *site, struct job *job);
void client_site_drain(struct client_site *site);	/* no connection is kept after its job */
unsigned client_site_connections(const struct client_site *site);

/* Of a job that was given: there is more body, or no more will come. */
void client_job_body(struct job *job);
void client_job_cancel(struct job *job);

#endif
