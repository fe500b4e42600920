/* What schedule.c, ways.c, sites.c and lines.c share; nobody else includes it. */
#ifndef SPOOL_SCHEDULE_PRIVATE_H
#define SPOOL_SCHEDULE_PRIVATE_H

#include "base/list.h"
#include "base/map.h"
#include "spool/pace.h"
#include "spool/schedule.h"

struct paced {			/* a route's rates */
	struct map_node node;
	struct span name;
	struct pace pace;
};

struct site {
	struct map_node node;
	struct site_key {
		uint64_t key;
		struct paced *paced;	/* what has rates of its own is a site of its own */
		uint64_t kind;
	} key;
	struct list ready;		/* in the ring of its kind while it can start something, or parked before a gate */
	struct list flows;		/* lines, one a sender; the first is next */
	struct heap_node blocked;	/* until when it is left alone */
	struct heap_node slowed;	/* until when its rate lets nothing pass */
	double window, threshold;	/* below it the window grows by one with each success, above it by one a window */
	uint32_t n_flying, n_ways;
	uint32_t n_troubles;		/* one after the other */
	uint32_t said;			/* at the last of them */
	int64_t troubled_at;		/* when the attempt began that blocked it last */
	int64_t shrunk_at;
	int64_t opened_at;		/* by hand: what began before says nothing of what was asked for then */
	bool is_proved;			/* the last thing it did was to speak */
};

struct way {
	struct map_node node;
	struct span name;
	uint32_t number, n_rcpts, n_open, n_legs, batch;
	enum way_state state;
	bool is_asked;			/* a question is out, or in the ring `again`; it may LEAD meanwhile */
	bool holds;
	struct site *site;		/* of one that LEADS */
	int64_t until;			/* the answer is good */
	struct list waiting, refused;	/* legs that stand at no site: until it is decided; to be failed or held */
	struct list list;		/* in `again`, or with the free ones */
	struct list refusing;		/* in the ring of that name while there may be refused ones */
	struct list answer;		/* in `answers`, the least recently used first */
	struct heap_node troubled;
	uint32_t n_troubles, said;
	int64_t troubled_at, opened_at;
	void *hosts;
};

/* Whose mail stands before SMTP sites: one may not take all connections. */
struct sender {
	struct map_node node;
	uint32_t key, n_flying, n_doubtful, n_flows;
	struct list parked;		/* sites at which it would be next */
};

/* The line of one sender at one site. */
struct flow {
	struct list list;	/* in site.flows, or the next free one */
	struct list legs;
	struct site *site;
	struct sender *sender;	/* at SMTP sites */
	struct map_node node;
	struct flow_key {
		struct site *site;
		uint64_t sender;
	} key;
};

/* A message standing in a line: all its recipients that are DUE on that way. */
struct leg {
	struct list list;	/* in flow.legs, way.waiting or way.refused, or the next free one */
	struct leg *next;	/* of the message */
	struct mail *mail;
	struct flow *flow;	/* NULL: it stands at no site */
	uint32_t way;
};

struct schedule {
	struct schedule_rules rules;
	struct words *words;
	struct heap waiting, blocked, slowed, troubled;
	struct list ready[N_SITE_KINDS];
	struct map names, keys, flows, senders, paces;
	struct way **ways;
	struct site undecided;	/* where those stand whose way nobody knows */
	struct list again, refusing, answers, doubtful;	/* doubtful: sites that are not proved, parked */
	struct list free_legs, free_flows, free_ways;
	struct leg **slabs;
	uint32_t n_slabs, n_ways, n_legs, n_held, n_answers;
	uint32_t n_connections, n_doubtful;	/* SMTP jobs, and those that began at sites that were not proved */
	int64_t epoch;		/* tick 0 */
	uint64_t random;
};

/* schedule.c */
int64_t schedule_wait_after(struct schedule *s, uint32_t tries);	/* with its jitter */
int64_t schedule_site_wait(struct schedule *s, uint32_t troubles);	/* the same for a site, of which the next attempt speaks for all */

/* ways.c */
void ways_init(struct schedule *s);
void ways_fini(struct schedule *s);
struct way *way_at(const struct schedule *s, uint32_t way);
bool way_touch(struct schedule *s, struct way *w, int64_t now);	/* somebody goes this way; false: it does not lead anywhere now */
bool way_is_past_hope(const struct schedule *s, const struct way *w, const struct mail *m);	/* it was tried after m's deadline, in vain */
void way_release(struct schedule *s, struct way *w);		/* forgotten when nobody needs it */
void ways_ask_again(struct schedule *s, int64_t now);		/* those whose trouble is over for now */

/* sites.c */
void site_init(struct site *site);
struct site *site_for(struct schedule *s, const struct goal *goal, struct instant now);
void site_release(struct schedule *s, struct site *site);	/* no way leads there and nothing flies there: it is freed */
void site_stand(struct schedule *s, struct site *site);		/* in the ring of its kind exactly while it can start something */
void site_open(struct schedule *s, struct site *site);
void sites_set_rules(struct schedule *s);
void sites_unblock(struct schedule *s, int64_t now);
void sites_fini(struct schedule *s);
uint32_t site_window(const struct schedule *s, const struct site *site);
void saying_keep(struct schedule *s, uint32_t *number, const struct saying *said);
void flight_begin(struct schedule *s, struct site *site, struct sender *sender, struct flight *out);
bool doubt_is_full(const struct schedule *s);
bool sender_may(const struct schedule *s, const struct sender *sender, const struct site *site);

/* lines.c */
void lines_init(struct schedule *s);
void lines_fini(struct schedule *s);
void leg_add(struct schedule *s, struct mail *m, uint32_t way);
void leg_place(struct schedule *s, struct leg *leg);		/* where it stands, by its way */
void leg_lift(struct schedule *s, struct leg *leg);		/* out of where it stands */
void leg_remove(struct schedule *s, struct leg *leg);
void leg_give_up(struct schedule *s, struct leg *leg);		/* its recipients wait again: they look at once */
void legs_remove(struct schedule *s, struct mail *m);
struct way *undecided_next(struct schedule *s);			/* somebody stands before it, senders in turn; NULL: nobody */
void sender_release(struct schedule *s, struct sender *sender);

#endif
