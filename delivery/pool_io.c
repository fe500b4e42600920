#include "delivery/pool_io.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "delivery/spool_io.h"
#include "delivery/target_io.h"

struct pool {
	struct map_node node;
	struct pools *pools;
	const struct way *way;
	struct list idle;	/* struct conn, the one used last first */
	unsigned n_conns, n_trips;
	char key[];
};

/* A job under way. */
struct trip {
	struct list list;	/* restless or waiting, or neither */
	struct list all;
	struct pool *pool;
	struct job *job;
	const struct way *way;
	struct job_host *hosts;
	unsigned n_hosts;
	bool was_returned;	/* by a connection: the next one is new */
	bool was_put_off;	/* by the server at hand, and it is not yet told that another one is asked */
	bool is_cancelled;
	bool has_begun;		/* its attempt */
	struct attempt attempt;
	struct attempt_try try;	/* chosen, and waits for a place */
	bool has_try;
	struct conn *conn;
	struct list questions;
	bool has_login, asks_login;
	struct span user, password;
	char *secret;		/* both of them */
};

struct pools {
	struct process *process;
	struct jobs *jobs;
	struct pools_options options;
	struct conns conns;
	struct map by_key;
	struct list aged;	/* idle connections of all pools, the oldest first */
	struct list busy;	/* all others */
	struct list restless;	/* trips that have something to do */
	struct list waiting;	/* trips without a place for a connection */
	struct list trips;	/* all */
	unsigned n_conns;
	bool is_working, is_draining;
};

/* ---- pools -------------------------------------------------------------------------- */

static bool is_before(const struct job_host *a, const struct job_host *b)
{
	int order = memcmp(a->name.at, b->name.at, a->name.len < b->name.len ? a->name.len : b->name.len);

	if (a->preference != b->preference)
		return a->preference < b->preference;
	return order < 0 || (order == 0 && a->name.len < b->name.len);
}

/* Among equals the order is drawn anew for each job: here it is that of their names. */
static void sort_hosts(struct job_host *sorted, const struct job_host *hosts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned k = i;

		for (; k > 0 && is_before(&hosts[i], &sorted[k - 1]); k--)
			sorted[k] = sorted[k - 1];
		sorted[k] = hosts[i];
	}
}

/* Way and hosts. */
static size_t make_key(char *key, size_t room, const struct way *way, const struct job_host *hosts, unsigned n)
{
	struct job_host sorted[JOB_HOSTS_MAX];
	size_t len = (size_t)snprintf(key, room, "%p", (const void *)way);

	sort_hosts(sorted, hosts, n);
	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(key + len, room - len, " %u:%u:%.*s", sorted[i].preference, sorted[i].port, SPAN_ARG(sorted[i].name));
	BUG_ON(len >= room);
	return len;
}

static struct pool *pool_get(struct pools *p, const struct way *way, const struct job_host *hosts, unsigned n)
{
	char key[JOB_HOSTS_MAX * (JOB_HOST_NAME_MAX + 16) + 32];
	size_t len = make_key(key, sizeof(key), way, hosts, n);
	struct map_node *found = map_find(&p->by_key, span_of(key, len));
	struct pool *pool;

	if (found)
		return MAP_OWNER(found, struct pool, node);
	pool = mem_new(sizeof(*pool) + len);
	memcpy(pool->key, key, len);
	pool->pools = p;
	pool->way = way;
	list_init(&pool->idle);
	map_put(&p->by_key, &pool->node, span_of(pool->key, len));
	return pool;
}

static void pool_leave(struct pool *pool)
{
	if (pool->n_conns > 0 || pool->n_trips > 0)
		return;
	map_remove(&pool->pools->by_key, &pool->node);
	mem_free(pool);
}

/* ---- trips -------------------------------------------------------------------------- */

static struct trip *trip_new(struct pool *pool, struct job *job, const struct job_host *hosts, unsigned n_hosts)
{
	struct trip *t = mem_new(sizeof(*t));

	t->pool = pool;
	t->job = job;
	t->way = pool->way;
	t->user = t->password = SPAN_NONE;
	t->hosts = arena_new(&job->arena, n_hosts * sizeof(*hosts));
	t->n_hosts = n_hosts;
	memcpy(t->hosts, hosts, n_hosts * sizeof(*hosts));
	list_init(&t->list);
	list_add_last(&pool->pools->trips, &t->all);
	list_init(&t->questions);
	pool->n_trips++;
	job->work = t;
	return t;
}

static void trip_free(struct trip *t)
{
	struct pool *pool = t->pool;

	peers_forget(&t->questions);
	list_remove(&t->list);
	list_remove(&t->all);
	if (t->secret)
		mem_wipe(t->secret, t->user.len + t->password.len);
	mem_free(t->secret);
	mem_free(t);
	pool->n_trips--;
	pool_leave(pool);
}

static void trip_end(struct trip *t, const struct job_outcome *outcome)
{
	job_settle_all(t->pool->pools->jobs, t->job, outcome);
	trip_free(t);
}

static void trip_is_restless(struct trip *t)
{
	list_remove(&t->list);
	list_add_last(&t->pool->pools->restless, &t->list);
}

/* ---- the work --------------------------------------------------------------------------- */

static void trip_ride(struct trip *t, struct conn *c)
{
	struct pools *p = t->pool->pools;

	list_remove(&c->list);
	list_remove(&c->aged);
	list_add_last(&p->busy, &c->list);
	t->conn = c;
	if (p->options.io)
		spool_io_started(p->options.io, t->job, span_of_text(c->target.options.host));
	conn_give(c, t->job, t);
}

static const struct job_outcome trip_ended = { .fate = FATE_DEFERRED, .scope = SCOPE_MESSAGE, .enhanced = { "4.3.0", 5 },
	.words = { "The attempt was ended before the message was sent", 49 }, .host = { "", 0 } };

/* Makes room where all places are taken but not all are used. */
static bool has_place(struct pools *p)
{
	if (p->n_conns >= p->options.max_connections && !list_is_empty(&p->aged))
		conn_last(LIST_OWNER(p->aged.next, struct conn, aged));
	return p->n_conns < p->options.max_connections;
}

static void trip_begin(struct trip *t)
{
	struct pools *p = t->pool->pools;

	t->has_begun = true;
	attempt_init(&t->attempt, &p->options.rules, t->way->is_configured, t->hosts, t->n_hosts, &t->job->arena);
}

static void trip_ask_addresses(struct trip *t, const struct attempt_try *whose)
{
	const struct pools_options *o = &t->pool->pools->options;

	for (int family = 4; family <= 6; family += 2) {
		bool is_spoken = family == 4 ? o->rules.has_v4 : o->rules.has_v6;

		if (is_spoken && !peers_ask_addresses(o->peers, t, &t->questions, whose->n, whose->host->name, family))
			attempt_told(&t->attempt, whose->n, NULL, 0, true);
	}
}

/* False while it must wait for its login. */
static bool trip_login(struct trip *t)
{
	static const struct job_outcome no_auth = { .fate = FATE_DEFERRED, .scope = SCOPE_SITE, .enhanced = { "4.3.0", 5 },
		.words = { "Our login can't be had now", 26 }, .host = { "", 0 } };

	if (!t->way->login_file || t->has_login)
		return true;
	if (!t->asks_login && !peers_ask_login(t->pool->pools->options.peers, t, &t->questions, span_of_text(t->way->login_file)))
		trip_end(t, &no_auth);
	else
		t->asks_login = true;
	return false;
}

/* One server said not now; what it said would be lost when the next one takes it. */
static void tell_put_off(struct trip *t)
{
	struct pools *p = t->pool->pools;

	for (unsigned i = 0; t->was_put_off && p->options.io && i < t->job->n_rcpts; i++)
		if (t->job->rcpts[i].is_put_off)
			spool_io_put_off(p->options.io, t->job, &t->job->rcpts[i]);
	t->was_put_off = false;
}

static void trip_try(struct trip *t)
{
	struct pools *p = t->pool->pools;
	struct conn *c;

	if (!has_place(p)) {
		list_add_last(&p->waiting, &t->list);
		return;
	}
	t->has_try = false;
	tell_put_off(t);
	c = target_connect(&p->conns, &(struct target){ .options = &p->options.target, .way = t->way, .try = &t->try,
	    .site = t->hosts[0].name, .user = t->user, .password = t->password });
	c->home = t->pool;
	t->pool->n_conns++;
	p->n_conns++;
	trip_ride(t, c);
}

static void trip_go_on(struct trip *t)
{
	struct list *idle = t->was_returned || t->is_cancelled ? NULL : list_take_first(&t->pool->idle);
	struct job_outcome end;

	if (t->is_cancelled) {
		trip_end(t, &trip_ended);
		return;
	}
	if (idle) {
		trip_ride(t, LIST_OWNER(idle, struct conn, list));
		return;
	}
	if (!trip_login(t))
		return;
	if (!t->has_begun)
		trip_begin(t);
	while (!t->has_try)
		switch (attempt_next(&t->attempt, &t->try)) {
		case ATTEMPT_ASK:
			trip_ask_addresses(t, &t->try);
			break;
		case ATTEMPT_WAIT:
			return;
		case ATTEMPT_TRY:
			t->has_try = true;
			break;
		case ATTEMPT_OVER:
			end = attempt_outcome(&t->attempt);
			trip_end(t, &end);
			return;
		}
	trip_try(t);
}

/* Whoever waits, when there is a place for it. */
static struct list *take_waiting(struct pools *p)
{
	bool has_place = p->n_conns < p->options.max_connections || !list_is_empty(&p->aged);

	return has_place ? list_take_first(&p->waiting) : NULL;
}

/* All that there is to do; from inside a connection's work it is left to that one's end. */
static void work(struct pools *p)
{
	struct list *node;

	if (p->is_working)
		return;
	p->is_working = true;
	do {
		node = list_take_first(&p->restless);
		if (!node)
			node = take_waiting(p);
		if (node)
			trip_go_on(LIST_OWNER(node, struct trip, list));
	} while (node);
	while (p->is_draining && !list_is_empty(&p->aged))
		conn_last(LIST_OWNER(p->aged.next, struct conn, aged));
	p->is_working = false;
}

/* ---- what connections tell ---------------------------------------------------------------- */

static void on_told(void *owner, struct conn *c, void *errand)
{
	(void)owner;
	(void)c;
	trip_free(errand);
}

static void trip_put_off(struct trip *t, const struct conn *c)
{
	struct attempt_address address = target_address(&c->target);

	if (!t->has_begun)
		trip_begin(t);
	attempt_heard(&t->attempt, &address);
	t->was_put_off = true;
}

static void on_returned(void *owner, struct conn *c, void *errand, const struct job_outcome *why)
{
	struct trip *t = errand;

	(void)owner;
	t->conn = NULL;
	t->was_returned = true;
	if (!why && !job_can_rewind(t->job)) {
		trip_end(t, &trip_ended);
		return;
	}
	if (!why)
		trip_put_off(t, c);
	else if (t->has_begun)
		attempt_failed(&t->attempt, why);
	trip_is_restless(t);
}

static void on_idle(void *owner, struct conn *c)
{
	struct pools *p = owner;
	struct pool *pool = c->home;

	list_remove(&c->list);
	list_add_first(&pool->idle, &c->list);
	list_add_last(&p->aged, &c->aged);
}

static void on_gone(void *owner, struct conn *c)
{
	struct pools *p = owner;
	struct pool *pool = c->home;

	p->n_conns--;
	pool->n_conns--;
	pool_leave(pool);
}

static void on_turn(void *owner)
{
	work(owner);
}

/* ---- what others answer --------------------------------------------------------------------- */

static void on_addresses(void *asker, unsigned host, const struct attempt_address *addresses, unsigned n, bool is_temporary)
{
	struct trip *t = asker;
	struct pools *p = t->pool->pools;

	attempt_told(&t->attempt, host, addresses, n, is_temporary);
	if (!t->conn)
		trip_is_restless(t);
	work(p);
}

static void keep_login(struct trip *t, struct span user, struct span password)
{
	t->secret = mem_new(user.len + password.len);
	memcpy(t->secret, user.at, user.len);
	memcpy(t->secret + user.len, password.at, password.len);
	t->user = span_of(t->secret, user.len);
	t->password = span_of(t->secret + user.len, password.len);
	t->has_login = true;
}

static void on_login(void *asker, struct span user, struct span password)
{
	static const struct job_outcome no_login = { .fate = FATE_DEFERRED, .scope = SCOPE_SITE, .enhanced = { "4.3.5", 5 },
		.words = { "There is no login in the login_file of its route", 48 }, .host = { "", 0 } };
	struct trip *t = asker;
	struct pools *p = t->pool->pools;

	if (user.len == 0) {
		trip_end(t, &no_login);
	} else {
		keep_login(t, user, password);
		if (!t->conn)
			trip_is_restless(t);
	}
	work(p);
}

const struct peers_handlers pools_peers = { .on_addresses = on_addresses, .on_login = on_login };

/* ---- jobs ------------------------------------------------------------------------------------- */

void pools_give(struct pools *p, struct job *job, const struct way *way, const struct job_host *hosts, unsigned n_hosts)
{
	struct job_host ported[JOB_HOSTS_MAX];

	for (unsigned i = 0; i < n_hosts; i++) {
		ported[i] = hosts[i];
		if (ported[i].port == 0)
			ported[i].port = p->options.target.port;
	}
	trip_is_restless(trip_new(pool_get(p, way, ported, n_hosts), job, ported, n_hosts));
	work(p);
}

void pools_body(struct job *job)
{
	const struct trip *t = job->work;

	if (t->conn)
		conn_body(t->conn);
}

void pools_cancel(struct job *job)
{
	struct trip *t = job->work;

	t->is_cancelled = true;
	if (t->conn)
		conn_cancel(t->conn);
	else
		trip_end(t, &trip_ended);
}

/* ---- life --------------------------------------------------------------------------------------- */

struct pools *pools_new(struct process *process, struct jobs *jobs, const struct pools_options *options)
{
	static const struct conn_handlers handlers = {
		.on_told = on_told, .on_returned = on_returned, .on_idle = on_idle, .on_gone = on_gone, .on_turn = on_turn
	};
	struct pools *p = mem_new(sizeof(*p));

	p->process = process;
	p->jobs = jobs;
	p->options = *options;
	conns_init(&p->conns, process, jobs, options->tls, &handlers, p);
	map_init(&p->by_key);
	list_init(&p->aged);
	list_init(&p->busy);
	list_init(&p->restless);
	list_init(&p->waiting);
	list_init(&p->trips);
	return p;
}

void pools_free(struct pools **where)
{
	struct pools *p = *where;

	*where = NULL;
	if (!p)
		return;
	p->is_working = true;	/* nothing new */
	LIST_EACH_SAFE(node, &p->busy)
		conn_abort(LIST_OWNER(node, struct conn, list));
	LIST_EACH_SAFE(node, &p->aged)
		conn_abort(LIST_OWNER(node, struct conn, aged));
	LIST_EACH_SAFE(node, &p->trips)
		trip_free(LIST_OWNER(node, struct trip, all));
	map_fini(&p->by_key);
	conns_fini(&p->conns);
	mem_free(p);
}

void pools_drain(struct pools *p)
{
	p->is_draining = true;
	work(p);
}

void pools_end_unbegun(struct pools *p)
{
	p->is_working = true;
	LIST_EACH_SAFE(node, &p->trips) {
		struct trip *t = LIST_OWNER(node, struct trip, all);

		if (!t->conn || !t->conn->client.has_begun)
			pools_cancel(t->job);
	}
	p->is_working = false;
	work(p);
}

unsigned pools_connections(const struct pools *p)
{
	return p->n_conns;
}
