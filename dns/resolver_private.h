/* What the files of the resolver share: attempts.c asks servers, heard.c takes in what they say, resolver.c keeps the questions. */
#ifndef DNS_RESOLVER_PRIVATE_H
#define DNS_RESOLVER_PRIVATE_H

#include "base/err.h"
#include "base/heap.h"
#include "base/map.h"
#include "dns/cache.h"
#include "dns/resolver.h"

#define ANY_SERVER (-1)
/* Of the whole time, the first wait for an answer is this part; each further wait is twice as long. */
#define FIRST_WAIT_PART 8

struct lane {
	struct list line;
	size_t n_flying, n_line, n_waiting;
};

struct resolver {
	struct resolver_rules rules;
	struct servers servers;
	struct cache *cache;
	struct map queries;		/* by question; probes are in none */
	struct heap due;
	struct list flying;
	struct lane lanes[N_LANES];
	struct finding finding;		/* of the packet in hand */
	struct resolver_effect *effects;
	size_t n_effects, effects_room, effects_taken;
	struct resolver_counts counts;
};

struct query {
	struct map_node node;
	struct heap_node due;
	struct list list;		/* of flying, or of line */
	struct list waiters;
	enum resolver_lane lane;	/* in which it counts */
	struct question asked;
	struct question now;		/* where CNAMEs have led */
	unsigned hops;
	uint32_t chain_ttl;
	bool chain_ad, chain_secure;
	int pinned;			/* a probe's server, or ANY_SERVER */
	bool is_flying, needs_stream;
	unsigned no;			/* servers that can't answer it: a set */
	uint8_t asked_of[SERVERS_MAX];
	unsigned n_tries;
	struct attempt tries[RESOLVER_TRIES_MAX];
	int64_t deadline, wait_ms;
	char why[128];			/* the last thing that went wrong */
};

static inline struct query *query_of(struct list *node)
{
	return LIST_OWNER(node, struct query, list);
}

struct resolver_effect *resolver_effect_add(struct resolver *r, enum resolver_effect_kind kind);

/* ---- resolver.c: the end of a question; it is freed ---- */
void query_finish(struct resolver *r, struct query *q, const struct finding *f, int64_t now);
void query_give_up(struct resolver *r, struct query *q, int64_t now);	/* for the reason that was noted last */

/* ---- attempts.c ---- */
/* Asks for q->now, from the first try on. */
void query_begin_tries(struct resolver *r, struct query *q, int64_t now);
void query_open_attempt(struct resolver *r, struct query *q, unsigned server);
void query_close_attempts(struct resolver *r, struct query *q);
/* Another server may know; where nobody is left and no answer can come any more the question is given up. */
void query_ask_another(struct resolver *r, struct query *q, int64_t now);
PRINTF_LIKE(2, 3) void query_note_why(struct query *q, const char *fmt, ...);
void attempt_close(struct resolver *r, struct attempt *a);
/* Its server can't answer this question: it is not asked again, but another is. */
void attempt_says_no(struct resolver *r, struct attempt *a, int64_t now);
/* The one that waits for a packet with that id on the server's stream; NULL when there is none. */
struct attempt *attempt_find_streamed(struct resolver *r, unsigned server, uint16_t id);
void resolver_note_answer(struct resolver *r, unsigned server);

#endif
