#include "dns/resolver.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "dns/resolver_private.h"

/* ---- birth, and what is to be done ---------------------------------------------------- */

struct resolver *resolver_new(void)
{
	struct resolver *r = mem_new(sizeof(*r));

	r->cache = cache_new();
	map_init(&r->queries);
	heap_init(&r->due);
	list_init(&r->flying);
	for (size_t i = 0; i < N_LANES; i++)
		list_init(&r->lanes[i].line);
	finding_init(&r->finding);
	return r;
}

const struct servers *resolver_servers(const struct resolver *r)
{
	return &r->servers;
}

struct resolver_effect *resolver_effect_add(struct resolver *r, enum resolver_effect_kind kind)
{
	if (r->n_effects == r->effects_room) {
		r->effects_room = r->effects_room ? r->effects_room * 2 : 64;
		r->effects = mem_resize(r->effects, r->effects_room * sizeof(*r->effects));
	}
	r->effects[r->n_effects] = (struct resolver_effect){ .kind = kind };
	return &r->effects[r->n_effects++];
}

bool resolver_take(struct resolver *r, struct resolver_effect *out)
{
	if (r->effects_taken == r->n_effects) {
		r->effects_taken = r->n_effects = 0;
		return false;
	}
	*out = r->effects[r->effects_taken++];
	return true;
}

int64_t resolver_due(const struct resolver *r)
{
	const struct heap_node *first = heap_first(&r->due);

	return first ? first->at : INT64_MAX;
}

void resolver_count(const struct resolver *r, struct resolver_counts *out)
{
	*out = r->counts;
	for (size_t i = 0; i < N_LANES; i++) {
		out->flying += r->lanes[i].n_flying;
		out->in_line += r->lanes[i].n_line;
	}
	out->cache_answers = cache_count(r->cache);
	out->cache_bytes = cache_bytes(r->cache);
}

/* ---- the end of a question ------------------------------------------------------------------ */

static void answer_waiter(struct resolver *r, struct waiter *w, struct answer *a)
{
	struct resolver_effect *e = resolver_effect_add(r, RESOLVER_ANSWER);

	e->waiter = w;
	e->answer = answer_ref(a);
}

static void leave(struct resolver *r, struct query *q)
{
	query_close_attempts(r, q);
	heap_remove(&r->due, &q->due);
	list_remove(&q->list);
	if (q->is_flying)
		r->lanes[q->lane].n_flying--;
	else
		r->lanes[q->lane].n_line--;
	if (q->pinned == ANY_SERVER)
		map_remove(&r->queries, &q->node);
}

static void start_line(struct resolver *r, struct lane *lane, int64_t now);

static struct waiter *take_waiter(struct resolver *r, struct query *q)
{
	struct list *node = list_take_first(&q->waiters);
	struct waiter *w = node ? LIST_OWNER(node, struct waiter, list) : NULL;

	if (w)
		r->lanes[w->lane].n_waiting--;
	return w;
}

void query_finish(struct resolver *r, struct query *q, const struct finding *f, int64_t now)
{
	struct lane *lane = &r->lanes[q->lane];
	struct answer *a = answer_new(f, now);
	struct waiter *w;

	if (q->pinned == ANY_SERVER)
		cache_put(r->cache, &q->asked, a, now);
	while ((w = take_waiter(r, q)))
		answer_waiter(r, w, a);
	answer_unref(&a);
	leave(r, q);
	mem_free(q);
	start_line(r, lane, now);
}

void query_give_up(struct resolver *r, struct query *q, int64_t now)
{
	struct finding *f = &r->finding;

	finding_clear(f);
	f->name = q->now.name;
	f->ttl = RESOLVER_FAILED_TTL;
	snprintf(f->why, sizeof(f->why), "%s", q->why[0] ? q->why : "there is no resolver to be asked");
	r->counts.failed++;
	if (q->pinned != ANY_SERVER)
		server_missed(&r->servers.at[q->pinned]);
	query_finish(r, q, f, now);
}

/* ---- the begin of a question ------------------------------------------------------------------ */

static void start(struct resolver *r, struct query *q, int64_t now)
{
	q->is_flying = true;
	r->lanes[q->lane].n_flying++;
	list_add_last(&r->flying, &q->list);
	query_begin_tries(r, q, now);
}

/* One whose time is over is given up by the same tick, and must not be sent in it. */
static void start_line(struct resolver *r, struct lane *lane, int64_t now)
{
	while (lane->n_flying < RESOLVER_FLYING_MAX && !list_is_empty(&lane->line)) {
		struct query *q = query_of(lane->line.next);

		if (q->deadline <= now)
			return;
		list_remove(&q->list);
		lane->n_line--;
		start(r, q, now);
	}
}

static struct query *add_query(struct resolver *r, const struct question *asked, struct waiter *w, int pinned, int64_t now)
{
	struct query *q = mem_new(sizeof(*q));

	q->asked = q->now = *asked;
	q->pinned = pinned;
	q->chain_ttl = PACKET_TTL_MAX;
	q->chain_ad = q->chain_secure = true;
	q->deadline = now + r->rules.timeout_ms;
	q->lane = w->lane;
	list_init(&q->waiters);
	list_add_last(&q->waiters, &w->list);
	r->lanes[w->lane].n_waiting++;
	list_init(&q->list);
	return q;
}

static void stand_in_line(struct resolver *r, struct query *q)
{
	list_add_last(&r->lanes[q->lane].line, &q->list);
	r->lanes[q->lane].n_line++;
	heap_set(&r->due, &q->due, q->deadline);
}

static const char TOO_MANY[] = "too many questions are under way";

static void refuse(struct resolver *r, const struct question *asked, struct waiter *w, const char *why, int64_t now)
{
	struct finding *f = &r->finding;
	struct answer *a;

	finding_clear(f);
	f->name = asked->name;
	snprintf(f->why, sizeof(f->why), "%s", why);
	a = answer_new(f, now);
	answer_waiter(r, w, a);
	answer_unref(&a);
	r->counts.failed++;
}

/* Mail that waits for it must not wait behind names of strangers. */
static void change_lane(struct resolver *r, struct query *q, enum resolver_lane lane, int64_t now)
{
	list_remove(&q->list);
	r->lanes[q->lane].n_line--;
	q->lane = lane;
	stand_in_line(r, q);
	start_line(r, &r->lanes[lane], now);
}

static bool join(struct resolver *r, const struct question *asked, struct waiter *w, int64_t now)
{
	struct map_node *node = map_find(&r->queries, question_key(asked));
	struct query *q = node ? MAP_OWNER(node, struct query, node) : NULL;

	if (!q)
		return false;
	list_add_last(&q->waiters, &w->list);
	r->lanes[w->lane].n_waiting++;
	if (!q->is_flying && q->lane != w->lane && w->lane == LANE_DELIVERY)
		change_lane(r, q, w->lane, now);
	return true;
}

void resolver_ask(struct resolver *r, const struct question *asked, struct waiter *w, int64_t now)
{
	struct answer *known = cache_find(r->cache, asked, now);
	const struct lane *lane = &r->lanes[w->lane];
	enum servers_hope hope;
	struct query *q;

	list_init(&w->list);
	r->counts.asked++;
	if (known) {
		r->counts.cached++;
		answer_waiter(r, w, known);
		return;
	}
	if (lane->n_waiting >= RESOLVER_WAITERS_MAX) {
		refuse(r, asked, w, TOO_MANY, now);
		return;
	}
	if (join(r, asked, w, now))
		return;
	if (lane->n_flying + lane->n_line >= RESOLVER_QUERIES_MAX) {
		refuse(r, asked, w, TOO_MANY, now);
		return;
	}
	hope = servers_hope(&r->servers, now);
	if (hope == SERVERS_DOWN) {
		refuse(r, asked, w, "no resolver answers", now);
		return;
	}
	q = add_query(r, asked, w, ANY_SERVER, now);
	if (hope == SERVERS_DOUBTFUL)	/* nobody waits long for who was silent so far */
		q->deadline = now + r->rules.timeout_ms / FIRST_WAIT_PART;
	map_put(&r->queries, &q->node, question_key(&q->asked));
	if (lane->n_flying < RESOLVER_FLYING_MAX)
		start(r, q, now);
	else
		stand_in_line(r, q);
}

void resolver_probe(struct resolver *r, const struct question *asked, unsigned server, struct waiter *w, int64_t now)
{
	BUG_ON(server >= r->servers.n);
	list_init(&w->list);
	start(r, add_query(r, asked, w, (int)server, now), now);
}

void resolver_cancel(struct resolver *r, struct waiter *w)
{
	if (list_is_empty(&w->list))
		return;
	list_remove(&w->list);
	r->lanes[w->lane].n_waiting--;
}

void resolver_withdraw(struct resolver *r, struct waiter *w, int64_t now)
{
	struct list *others = w->list.next;
	struct lane *lane;
	struct query *q;

	resolver_cancel(r, w);
	if (!list_is_empty(others) || others == &w->list)
		return;
	q = LIST_OWNER(others, struct query, waiters);
	lane = &r->lanes[q->lane];
	leave(r, q);
	mem_free(q);
	start_line(r, lane, now);
}

/* ---- other servers, and death ------------------------------------------------------------------------------ */

static bool is_same(const struct resolver *r, const struct server_address *servers, unsigned n)
{
	if (n != r->servers.n)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (!server_address_eq(&r->servers.at[i].address, &servers[i]))
			return false;
	return true;
}

/* The server that it asked is gone. */
static void forget_probe(struct resolver *r, struct query *q)
{
	while (take_waiter(r, q))
		;
	leave(r, q);
	mem_free(q);
}

static void begin_anew(struct resolver *r, int64_t now)
{
	struct list all;
	struct list *node;

	list_init(&all);
	while ((node = list_take_first(&r->flying))) {
		query_close_attempts(r, query_of(node));
		query_of(node)->n_tries = 0;
		list_add_last(&all, node);
	}
	while ((node = list_take_first(&all))) {
		struct query *q = query_of(node);

		list_add_last(&r->flying, node);
		if (q->pinned == ANY_SERVER)
			query_begin_tries(r, q, now);
		else
			forget_probe(r, q);
	}
}

bool resolver_set(struct resolver *r, const struct resolver_rules *rules, const struct server_address *servers, unsigned n, int64_t now)
{
	bool is_other;

	BUG_ON(n == 0);
	is_other = rules->trust_ad != r->rules.trust_ad || !is_same(r, servers, n);

	r->rules = *rules;
	cache_set_size(r->cache, rules->cache_size);
	if (!is_other)
		return false;
	cache_clear(r->cache);
	servers_set(&r->servers, servers, n, rules->trust_ad);
	resolver_effect_add(r, RESOLVER_CLOSE_STREAMS);
	begin_anew(r, now);
	return true;
}

static void drop_queries(struct list *queries)
{
	struct list *node;

	while ((node = list_take_first(queries))) {
		struct query *q = query_of(node);

		while (list_take_first(&q->waiters))
			;
		mem_free(q);
	}
}

void resolver_free(struct resolver **rp)
{
	struct resolver *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	for (size_t i = r->effects_taken; i < r->n_effects; i++)
		answer_unref(&r->effects[i].answer);
	drop_queries(&r->flying);
	for (size_t i = 0; i < N_LANES; i++)
		drop_queries(&r->lanes[i].line);
	cache_free(&r->cache);
	heap_fini(&r->due);
	map_fini(&r->queries);
	finding_fini(&r->finding);
	mem_free(r->effects);
	mem_free(r);
}
