/* One connection to a server on one side, a client on the other. Ends itself:
 * its owner only hears of it. */
#ifndef DELIVERY_CLIENT_IO_H
#define DELIVERY_CLIENT_IO_H

#include <stdbool.h>
#include <sys/socket.h>

#include "delivery/client.h"
#include "delivery/job.h"
#include "loop/process.h"
#include "loop/stream.h"

struct conn;

/* Told from inside a connection's work: no other one may be fed before on_turn. */
struct conn_handlers {
	void (*on_told)(void *owner, struct conn *c, void *errand);	/* all outcomes of its job were told, the job is no more */
	/* The job is its giver's again: for some reason of the server, or (NULL) because the server took its word of all, and put some off. */
	void (*on_returned)(void *owner, struct conn *c, void *errand, const struct job_outcome *why);
	void (*on_idle)(void *owner, struct conn *c);	/* it can be given a job */
	void (*on_gone)(void *owner, struct conn *c);	/* it is freed after this */
	void (*on_turn)(void *owner);
};

/* What all connections of a process share. */
struct conns {
	struct process *process;
	struct jobs *jobs;
	struct tls_client *tls;
	const struct conn_handlers *on;
	void *owner;
	struct buf out;
};

void conns_init(struct conns *all, struct process *process, struct jobs *jobs, struct tls_client *tls, const struct conn_handlers *on, void *owner);
void conns_fini(struct conns *all);

/* Where to and how. All of it is copied. */
struct conn_target {
	struct sockaddr_storage to, source;	/* source: with family 0 none */
	socklen_t to_len, source_len;
	const char *tls_name;	/* whose certificate it must be */
	bool is_verified;
	struct client_options options;
};

/* The lists are its owner's. */
struct conn {
	struct list list, aged;
	void *home;		/* its owner's too */
	struct conns *all;
	struct client client;
	struct conn_target target;
	char *texts;		/* of the target */
	struct stream *stream;
	struct deadline deadline;
	struct job *job;	/* NULL when all its outcomes were told */
	void *errand;
	bool wants;		/* a piece of the body */
	bool has_sent;		/* all that it had to send */
	bool is_idle;		/* as its owner knows */
};

struct conn *conn_new(struct conns *all, const struct conn_target *target);
void conn_abort(struct conn *c);	/* at once, without a word */
/* Only to an idle or a new one. */
void conn_give(struct conn *c, struct job *job, void *errand);
void conn_body(struct conn *c);		/* there is more of the job's body */
void conn_cancel(struct conn *c);	/* no more of it will come */
void conn_last(struct conn *c);		/* the job at hand is the last one */

#endif
