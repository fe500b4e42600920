/* Jobs on their way to servers. A pool holds the connections to one site by
 * one way: a job takes one that is idle there, the one used last first, or
 * makes an attempt to get a new one, from server to server until one of them
 * takes the job. */
#ifndef DELIVERY_POOL_IO_H
#define DELIVERY_POOL_IO_H

#include "delivery/attempt.h"
#include "delivery/client_io.h"
#include "delivery/peers_io.h"
#include "delivery/target_io.h"
#include "delivery/way.h"

struct pools;

struct pools_options {
	struct spool_io *io;	/* is told of attempts that begin; may be NULL */
	struct peers *peers;	/* whose handlers are pools_peers, and which is freed after the pools */
	struct tls_client *tls;
	struct attempt_rules rules;
	struct target_options target;
	unsigned max_connections;	/* in all */
};

/* Options are copied, what they point at is borrowed. */
struct pools *pools_new(struct process *process, struct jobs *jobs, const struct pools_options *options);
void pools_free(struct pools **p);	/* connections end at once */

/* Takes job->work for its own use. hosts: at least one. */
void pools_give(struct pools *p, struct job *job, const struct way *way, const struct job_host *hosts, unsigned n_hosts);
/* Of a job that was given: there is more body, or no more will come. */
void pools_body(struct job *job);
void pools_cancel(struct job *job);
void pools_drain(struct pools *p);	/* no connection is kept after its job */
void pools_end_unbegun(struct pools *p);	/* jobs of whose message nothing was sent are put off */
unsigned pools_connections(const struct pools *p);

extern const struct peers_handlers pools_peers;

#endif
