/* One attempt at a job: which servers are tried, in which order, and what to
 * say when none took it.
 *
 * Pure. Hosts are taken group by group, as their preference says; those of a
 * group are all looked up before the first of them is tried, so that we find
 * ourselves among them (RFC 5321 5.1): then only better ones are left. */
#ifndef DELIVERY_ATTEMPT_H
#define DELIVERY_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "delivery/job.h"
#include "mail/reply.h"
#include "wire/settings.h"

#define ATTEMPT_HOSTS     10	/* looked up in one attempt: nobody needs more, and a stranger's zone must not make us ask for hundreds */
#define ATTEMPT_ADDRESSES 16	/* of a host, of each family */
#define ATTEMPT_TRIES     8	/* connections of one attempt, with up to 30 s each */
#define ATTEMPT_HEARD     2	/* servers that put recipients off in one attempt: more are not asked */

struct attempt_address {
	unsigned char family;	/* 4 or 6; 0: a path, which is the host's name */
	unsigned char bytes[16];
};

/* What all attempts of a worker have in common. Borrowed. */
struct attempt_rules {
	const char *names[2];		/* by which we are called; may be NULL */
	bool (*is_own)(void *arg, const struct attempt_address *address, uint16_t port);
	void *arg;
	bool has_v4, has_v6;		/* families that we can speak from */
	bool allow_private;
};

struct attempt_host {
	struct span name;
	uint16_t preference, port;
	unsigned n_awaited;		/* answers */
	bool is_written;		/* the name is an address, or a path */
	bool is_asked, is_temporary;	/* temporary: one of them could not be had now */
	unsigned n_v4, n_v6, n_tried;
	struct attempt_address v4[ATTEMPT_ADDRESSES], v6[ATTEMPT_ADDRESSES];
};

enum attempt_step {
	ATTEMPT_ASK,		/* the addresses of host `n`, of both families that we can speak: one attempt_told for each */
	ATTEMPT_WAIT,		/* for answers */
	ATTEMPT_TRY,		/* this address; then attempt_failed, or never mind */
	ATTEMPT_OVER		/* nobody is left: the outcome says why */
};

struct attempt {
	const struct attempt_rules *rules;
	bool is_configured;	/* the admin named the hosts: they may be anywhere, and what is wrong with them is put off */
	struct attempt_host *hosts;	/* in the order to be tried */
	unsigned n_hosts;
	unsigned group, group_end;	/* the hosts that are tried now */
	unsigned at;			/* of them */
	unsigned n_tries, n_heard;
	struct attempt_address heard[ATTEMPT_HEARD];
	bool met_ourselves, met_private, met_temporary, has_verdict;
	struct job_outcome verdict;	/* of the last that failed; a deferral counts more than a failure */
	char words[REPLY_WORDS_MAX + 1], host[320], enhanced[12];
};

struct attempt_try {
	unsigned n;		/* of the host */
	const struct attempt_host *host;
	struct attempt_address address;
};

/* hosts: name, preference and port are given, in their order; all else is zero. Memory comes from the arena. */
void attempt_init(struct attempt *a, const struct attempt_rules *rules, bool is_configured, const struct job_host *hosts, unsigned n_hosts,
    struct arena *arena);
enum attempt_step attempt_next(struct attempt *a, struct attempt_try *out);
/* Addresses of a family; is_temporary: there may be some, but not now. */
void attempt_told(struct attempt *a, unsigned host, const struct attempt_address *addresses, unsigned n, bool is_temporary);
/* The server that was tried last failed before it took anything; the words are copied. */
void attempt_failed(struct attempt *a, const struct job_outcome *why);
/* The server there put recipients off for now: another host is asked about them, or another address where there is no host. It need not
 * be one that was tried: it may have been known from an earlier job. */
void attempt_heard(struct attempt *a, const struct attempt_address *address);
/* After ATTEMPT_OVER. */
struct job_outcome attempt_outcome(struct attempt *a);

#endif
