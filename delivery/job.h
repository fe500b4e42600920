/* What spool gave this worker to do, and what came of it.
 *
 * A job is a message and the recipients of it that go one way. Its outcomes
 * are kept until spool has them in its journal, and told again to a spool that
 * starts anew. Knows no channel: words go out by `say`, and a part's bytes are
 * borrowed until `release`. */
#ifndef DELIVERY_JOB_H
#define DELIVERY_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/id.h"
#include "base/list.h"
#include "base/span.h"
#include "wire/verbs.h"

#define JOB_RCPTS_MAX 1000	/* the bound of deliver.batch */
#define JOB_HOST_NAME_MAX 255	/* of a domain's name (RFC 5321 4.5.3.1.2), and more than a path's */
#define JOB_HOSTS_MAX 16	/* more are not tried anyway, and are forgotten */
#define JOB_AGAIN_MAX 65536	/* a message up to this size can be sent to another server after one had it: below the window, so that nothing waits */

struct job_outcome {
	enum wire_fate fate;
	enum wire_scope scope;
	uint16_t code;		/* of the server's reply; 0: the words are ours */
	struct span enhanced, words;
	struct span host;	/* the server that was reached; empty: none was */
};

struct job_rcpt {
	uint32_t n;		/* its number within the message */
	uint8_t notify;
	struct span mailbox, address, orcpt;
	bool is_settled;
	bool is_put_off;	/* by the server at hand; another one may take it */
	struct job_outcome outcome;	/* of one that is not settled: what the server said that put it off last; all zero before */
};

struct job_host {
	struct span name;	/* a host's, an address, an address literal, or unix:/path */
	uint16_t preference, port;	/* port 0: the usual one */
};

struct job_part {
	struct list list;
	struct span bytes;
	void *hold;		/* what keeps the bytes */
};

enum job_step {
	JOB_COMING,		/* its recipients are being told */
	JOB_RUNNING,
	JOB_TOLD		/* all outcomes were told, and wait for their acknowledgement */
};

struct job {
	struct list list, line;
	uint32_t number;
	struct msg_id id;
	uint32_t flags;		/* enum wire_mail */
	struct span deliver;	/* the name of a section */
	uint32_t attempt;
	bool is_inherited;	/* an earlier spool gave it: the numbers of a new one have nothing to do with it */
	uint64_t size;
	struct span sender, envid, quarantine;
	struct job_rcpt *rcpts;
	unsigned n_rcpts, n_open;	/* n_open: not yet settled */
	struct job_host hosts[JOB_HOSTS_MAX];	/* to be tried, in this order; none: `deliver` knows */
	unsigned n_hosts;
	struct list parts;	/* struct job_part, not yet used */
	struct list used;	/* kept for another server */
	bool has_lost;		/* some were used and are gone */
	bool has_ended;		/* no more parts will come */
	enum job_step step;
	void *work;		/* of whoever runs it */
	/* its own */
	unsigned rcpts_room;
	uint64_t came;		/* bytes of parts */
	bool is_orphan;		/* its spool left before the message was whole: what did not happen is not told */
	struct arena arena;
};

struct jobs_handlers {
	void (*say)(void *owner, enum wire_verb verb, const void *msg);
	void *(*keep)(void *owner);	/* the bytes of the verb at hand stay; returns what `release` takes */
	void (*release)(void *owner, void *hold);
	void (*on_start)(void *owner, struct job *job);		/* all recipients are known */
	void (*on_body)(void *owner, struct job *job);		/* there are more parts, or it has ended */
	void (*on_cancel)(void *owner, struct job *job);	/* settle what is open, now or soon */
	void (*on_idle)(void *owner);				/* no job is left */
};

#define JOB_LINES 256

struct jobs {
	const struct jobs_handlers *on;
	void *owner;
	struct list all, spare;
	struct list lines[JOB_LINES];	/* by number: those whose outcomes wait for their word are many */
	size_t n, n_orphans;
};

void jobs_init(struct jobs *j, const struct jobs_handlers *on, void *owner);
void jobs_fini(struct jobs *j);

/* A verb of spool. PR_BAD when it makes no sense: spool must be taken for captured. */
enum pr_err jobs_hear(struct jobs *j, enum wire_verb verb, const union wire_msg *msg) MUST_USE;
/* A spool is there: it is told all that is held or not acknowledged. */
void jobs_spool_came(struct jobs *j);
/* It went: jobs whose message is not whole are cancelled, and but for what was done by then they never were. */
void jobs_spool_left(struct jobs *j);
/* Ends all that is under way. */
void jobs_cancel_all(struct jobs *j);

/* The first part that is not used yet, NULL when there is none; job_part_used gives it back and grants its bytes anew. */
struct job_part *job_part_first(const struct job *job);
void job_part_used(struct jobs *j, struct job *job, struct job_part *part);
/* Takes the first part out of the job for a while; it goes back by job_part_used. */
struct job_part *job_part_take(struct job *job);

/* A server does not take rcpts[i] now; while the message can be sent again another one may. job_rewind: all that are not settled are open,
 * and the message begins anew. */
bool job_can_rewind(const struct job *job);
void job_put_off(struct job *job, unsigned i, const struct job_outcome *outcome);
void job_rewind(struct job *job);

/* The outcome of rcpts[i], copied and told; nothing when it was settled before. With the last one the job is told and its
 * parts are dropped; the job must not be used any more after that. */
void job_settle(struct jobs *j, struct job *job, unsigned i, const struct job_outcome *outcome);
/* The same for all that are open; but who was put off gets what that server said of him. */
void job_settle_all(struct jobs *j, struct job *job, const struct job_outcome *outcome);

#endif
