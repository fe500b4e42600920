/* What schedule.c and sites.c share; nobody else includes it. */
#ifndef SPOOL_SCHEDULE_PRIVATE_H
#define SPOOL_SCHEDULE_PRIVATE_H

#include "base/list.h"
#include "base/map.h"
#include "spool/schedule.h"

struct site {
	struct span name;
	enum site_kind kind;
	struct list ready;	/* in the ring of its kind, while it can start something */
	struct list flows;	/* lines, one a sender; the first is next */
	struct heap_node blocked;	/* until when it is left alone */
	double window;
	uint32_t number, n_flying, batch;
	uint32_t n_troubles;	/* one after the other */
	int64_t troubled_at;	/* when the attempt began that blocked it last */
	struct map_node node;
};

/* The line of one sender at one site. */
struct flow {
	struct list list;	/* in site.flows, or the next free one */
	struct list legs;
	struct site *site;
	struct map_node node;
	struct flow_key {
		uint32_t site, sender;
	} key;
};

/* A message standing in a line: all its recipients that are DUE at that site. */
struct leg {
	struct list list;
	struct leg *next;	/* of the message */
	struct mail *mail;
	struct flow *flow;
};

struct schedule {
	struct schedule_rules rules;
	struct heap waiting, blocked;
	struct list ready[N_SITE_KINDS];
	struct site **sites;
	struct map names, flows;
	struct list free_legs, free_flows;
	uint32_t n_sites, n_legs, n_held;
	int64_t epoch;		/* tick 0 */
	uint64_t random;
};

/* schedule.c */
int64_t schedule_wait_after(struct schedule *s, uint32_t tries);	/* with its jitter */

/* sites.c */
void sites_init(struct schedule *s);
void sites_fini(struct schedule *s);
void sites_set_rules(struct schedule *s);
struct site *site_at(const struct schedule *s, uint32_t site);
void sites_unblock(struct schedule *s, int64_t now);
void leg_add(struct schedule *s, struct mail *m, uint32_t site);
void legs_remove(struct schedule *s, struct mail *m);

#endif
