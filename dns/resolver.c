#include "dns/resolver.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/heap.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "dns/cache.h"

/* Of the whole time, the first wait for an answer is this part; each further wait is twice as long. */
#define FIRST_WAIT_PART 8
#define ANY_SERVER      (-1)

struct resolver {
	struct resolver_rules rules;
	struct servers servers;
	struct cache *cache;
	struct map queries;		/* by question; probes are in none */
	struct heap due;
	struct list flying, line;
	size_t n_flying, n_line, n_waiting;
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

static struct query *query_of(struct list *node)
{
	return LIST_OWNER(node, struct query, list);
}

/* ---- birth, and what is to be done ---------------------------------------------------- */

struct resolver *resolver_new(void)
{
	struct resolver *r = mem_new(sizeof(*r));

	r->cache = cache_new();
	map_init(&r->queries);
	heap_init(&r->due);
	list_init(&r->flying);
	list_init(&r->line);
	finding_init(&r->finding);
	return r;
}

const struct servers *resolver_servers(const struct resolver *r)
{
	return &r->servers;
}

static struct resolver_effect *effect_add(struct resolver *r, enum resolver_effect_kind kind)
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

size_t resolver_packet(const struct resolver *r, const struct attempt *a, unsigned char out[PACKET_QUESTION_MAX])
{
	return packet_write(&a->query->now, a->id, !r->servers.at[a->server].is_plain, out);
}

void resolver_count(const struct resolver *r, struct resolver_counts *out)
{
	*out = r->counts;
	out->flying = r->n_flying;
	out->in_line = r->n_line;
	out->cache_answers = cache_count(r->cache);
	out->cache_bytes = cache_bytes(r->cache);
}

/* ---- attempts ---------------------------------------------------------------------------- */

static void tell_server(struct resolver *r, unsigned server, enum resolver_effect_kind kind)
{
	effect_add(r, kind)->server = server;
}

static void note_silence(struct resolver *r, const struct attempt *a, int64_t now)
{
	if (server_silent(&r->servers.at[a->server], now))
		tell_server(r, a->server, RESOLVER_TELL_DOWN);
}

static void note_answer(struct resolver *r, unsigned server)
{
	if (server_answered(&r->servers.at[server]))
		tell_server(r, server, RESOLVER_TELL_BACK);
}

static void close_attempt(struct resolver *r, struct attempt *a)
{
	if (a->socket)
		effect_add(r, RESOLVER_CLOSE)->socket = a->socket;
	a->socket = NULL;
	a->is_open = false;
}

static void close_attempts(struct resolver *r, struct query *q)
{
	for (unsigned i = 0; i < q->n_tries; i++)
		close_attempt(r, &q->tries[i]);
}

static bool has_open_attempt(const struct query *q)
{
	for (unsigned i = 0; i < q->n_tries; i++)
		if (q->tries[i].is_open)
			return true;
	return false;
}

static struct attempt *find_streamed(struct resolver *r, unsigned server, uint16_t id)
{
	LIST_EACH(node, &r->flying) {
		struct query *q = query_of(node);

		for (unsigned i = 0; i < q->n_tries; i++) {
			struct attempt *a = &q->tries[i];

			if (a->is_open && a->is_stream && a->server == server && a->id == id)
				return a;
		}
	}
	return NULL;
}

static uint16_t draw_id(struct resolver *r, unsigned server, bool is_stream)
{
	uint16_t id;

	do
		random_bytes(&id, sizeof(id));
	while (is_stream && find_streamed(r, server, id));
	return id;
}

static void open_attempt(struct resolver *r, struct query *q, unsigned server)
{
	struct attempt *a = &q->tries[q->n_tries];
	uint16_t id = draw_id(r, server, q->needs_stream);

	*a = (struct attempt){ .query = q, .server = server, .id = id, .is_open = true, .is_stream = q->needs_stream };
	q->n_tries++;
	q->asked_of[server]++;
	r->counts.sent++;
	r->counts.streamed += q->needs_stream;
	effect_add(r, q->needs_stream ? RESOLVER_SEND_STREAM : RESOLVER_SEND)->attempt = a;
}

/* False when nobody is left to be asked. */
static bool try_next(struct resolver *r, struct query *q, int64_t now)
{
	int server = q->pinned;

	if (server == ANY_SERVER)
		server = servers_choose(&r->servers, q->no, q->asked_of, now);
	else if (q->no & 1u << server)
		server = -1;
	if (server < 0 || q->n_tries == RESOLVER_TRIES_MAX)
		return false;
	open_attempt(r, q, (unsigned)server);
	return true;
}

static void arm(struct resolver *r, struct query *q, int64_t now)
{
	int64_t at = now + q->wait_ms;

	heap_set(&r->due, &q->due, at < q->deadline ? at : q->deadline);
}

/* ---- the end of a question ------------------------------------------------------------------ */

static void answer_waiter(struct resolver *r, struct waiter *w, struct answer *a)
{
	struct resolver_effect *e = effect_add(r, RESOLVER_ANSWER);

	e->waiter = w;
	e->answer = answer_ref(a);
}

static void leave(struct resolver *r, struct query *q)
{
	close_attempts(r, q);
	heap_remove(&r->due, &q->due);
	list_remove(&q->list);
	if (q->is_flying)
		r->n_flying--;
	else
		r->n_line--;
	if (q->pinned == ANY_SERVER)
		map_remove(&r->queries, &q->node);
}

static void start_line(struct resolver *r, int64_t now);

static void finish(struct resolver *r, struct query *q, const struct finding *f, int64_t now)
{
	struct answer *a = answer_new(f, now);
	struct list *node;

	if (q->pinned == ANY_SERVER)
		cache_put(r->cache, &q->asked, a, now);
	while ((node = list_take_first(&q->waiters))) {
		r->n_waiting--;
		answer_waiter(r, LIST_OWNER(node, struct waiter, list), a);
	}
	answer_unref(&a);
	leave(r, q);
	mem_free(q);
	start_line(r, now);
}

static void give_up(struct resolver *r, struct query *q, int64_t now)
{
	struct finding *f = &r->finding;

	finding_clear(f);
	f->name = q->now.name;
	f->ttl = RESOLVER_FAILED_TTL;
	snprintf(f->why, sizeof(f->why), "%s", q->why[0] ? q->why : "there is no resolver to be asked");
	r->counts.failed++;
	finish(r, q, f, now);
}

PRINTF_LIKE(2, 3) static void note_why(struct query *q, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(q->why, sizeof(q->why), fmt, args);
	va_end(args);
}

/* Another one may know; where nobody is left and no answer can come any more it is over. */
static void ask_another(struct resolver *r, struct query *q, int64_t now)
{
	if (!try_next(r, q, now) && !has_open_attempt(q))
		give_up(r, q, now);
}

static void server_says_no(struct resolver *r, struct attempt *a, int64_t now)
{
	struct query *q = a->query;

	q->no |= 1u << a->server;
	close_attempt(r, a);
	ask_another(r, q, now);
}

/* ---- the begin of a question ------------------------------------------------------------------ */

static void begin_tries(struct resolver *r, struct query *q, int64_t now)
{
	q->no = 0;
	q->n_tries = 0;
	q->needs_stream = false;
	memset(q->asked_of, 0, sizeof(q->asked_of));
	q->wait_ms = r->rules.timeout_ms / FIRST_WAIT_PART;
	(void)try_next(r, q, now);
	arm(r, q, now);
}

static void start(struct resolver *r, struct query *q, int64_t now)
{
	q->is_flying = true;
	r->n_flying++;
	list_add_last(&r->flying, &q->list);
	begin_tries(r, q, now);
}

/* One whose time is over is given up by the same tick, and must not be sent in it. */
static void start_line(struct resolver *r, int64_t now)
{
	while (r->n_flying < RESOLVER_FLYING_MAX && !list_is_empty(&r->line)) {
		struct query *q = query_of(r->line.next);

		if (q->deadline <= now)
			return;
		list_remove(&q->list);
		r->n_line--;
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
	list_init(&q->waiters);
	list_add_last(&q->waiters, &w->list);
	r->n_waiting++;
	list_init(&q->list);
	return q;
}

static void stand_in_line(struct resolver *r, struct query *q)
{
	list_add_last(&r->line, &q->list);
	r->n_line++;
	heap_set(&r->due, &q->due, q->deadline);
}

static void refuse(struct resolver *r, const struct question *asked, struct waiter *w, int64_t now)
{
	struct finding *f = &r->finding;
	struct answer *a;

	finding_clear(f);
	f->name = asked->name;
	snprintf(f->why, sizeof(f->why), "too many questions are under way");
	a = answer_new(f, now);
	answer_waiter(r, w, a);
	answer_unref(&a);
	r->counts.failed++;
}

static bool join(struct resolver *r, const struct question *asked, struct waiter *w)
{
	struct map_node *node = map_find(&r->queries, question_key(asked));

	if (!node)
		return false;
	list_add_last(&MAP_OWNER(node, struct query, node)->waiters, &w->list);
	r->n_waiting++;
	return true;
}

void resolver_ask(struct resolver *r, const struct question *asked, struct waiter *w, int64_t now)
{
	struct answer *known = cache_find(r->cache, asked, now);
	struct query *q;

	list_init(&w->list);
	r->counts.asked++;
	if (known) {
		r->counts.cached++;
		answer_waiter(r, w, known);
		return;
	}
	if (r->n_waiting >= RESOLVER_WAITERS_MAX) {
		refuse(r, asked, w, now);
		return;
	}
	if (join(r, asked, w))
		return;
	if (r->n_flying + r->n_line >= RESOLVER_QUERIES_MAX) {
		refuse(r, asked, w, now);
		return;
	}
	q = add_query(r, asked, w, ANY_SERVER, now);
	map_put(&r->queries, &q->node, question_key(&q->asked));
	if (r->n_flying < RESOLVER_FLYING_MAX)
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
	r->n_waiting--;
}

/* ---- answers ------------------------------------------------------------------------------------- */

static void follow(struct resolver *r, struct query *q, const struct finding *f, int64_t now)
{
	q->now.name = f->name;
	q->chain_ttl = f->ttl < q->chain_ttl ? f->ttl : q->chain_ttl;
	q->chain_ad = q->chain_ad && f->ad;
	q->chain_secure = q->chain_secure && f->secure;
	close_attempts(r, q);
	begin_tries(r, q, now);
}

static void take_finding(struct resolver *r, struct query *q, struct finding *f, int64_t now)
{
	f->ttl = f->ttl < q->chain_ttl ? f->ttl : q->chain_ttl;
	f->ad = f->ad && q->chain_ad;
	f->secure = f->secure && q->chain_secure;
	finish(r, q, f, now);
}

static void read_answer(struct resolver *r, struct attempt *a, struct span packet, int64_t now)
{
	const struct server *server = &r->servers.at[a->server];
	struct finding *f = &r->finding;
	struct query *q = a->query;
	unsigned hops = q->hops;
	enum packet_reading reading;

	finding_clear(f);
	reading = packet_read(packet, &q->now, &hops, f);
	f->secure = f->ad && server->is_trusted;
	if (reading == PACKET_ANSWERS || reading == PACKET_LEADS)
		q->hops = hops;
	switch (reading) {
	case PACKET_ANSWERS:
		take_finding(r, q, f, now);
		break;
	case PACKET_LEADS:
		follow(r, q, f, now);
		break;
	case PACKET_REFERS:
		note_why(q, "%s resolves nothing: it refers to other servers", server->text);
		server_says_no(r, a, now);
		break;
	case PACKET_BROKEN:
		note_why(q, "%s: %s", server->text, f->why);
		server_says_no(r, a, now);
		break;
	}
}

static void turn_to_stream(struct resolver *r, struct attempt *a, int64_t now)
{
	struct query *q = a->query;
	unsigned server = a->server;

	if (a->is_stream) {
		note_why(q, "%s: the answer is cut, by TCP too", r->servers.at[server].text);
		server_says_no(r, a, now);
		return;
	}
	close_attempt(r, a);
	q->needs_stream = true;
	if (q->n_tries < RESOLVER_TRIES_MAX)
		open_attempt(r, q, server);
	else
		ask_another(r, q, now);
}

/* A server that does not know EDNS is asked without it, from now on. */
static bool turn_to_plain(struct resolver *r, struct attempt *a, unsigned rcode)
{
	struct server *server = &r->servers.at[a->server];
	struct query *q = a->query;
	unsigned number = a->server;

	if (server->is_plain || (rcode != RCODE_FORMAT && rcode != RCODE_NOT_KNOWN) || q->n_tries == RESOLVER_TRIES_MAX)
		return false;
	server->is_plain = true;
	close_attempt(r, a);
	open_attempt(r, q, number);
	return true;
}

static const char *rcode_text(unsigned rcode)
{
	static const char *const words[] = {
		[RCODE_FORMAT] = "FORMERR", [RCODE_FAILED] = "SERVFAIL", [RCODE_NOT_KNOWN] = "NOTIMP", [RCODE_REFUSED] = "REFUSED",
	};

	return rcode < sizeof(words) / sizeof(*words) && words[rcode] ? words[rcode] : "an error";
}

static void take_packet(struct resolver *r, struct attempt *a, const struct packet_head *head, struct span packet, int64_t now)
{
	note_answer(r, a->server);
	if (head->is_truncated) {
		turn_to_stream(r, a, now);
		return;
	}
	if (head->rcode == RCODE_OK || head->rcode == RCODE_NO_NAME) {
		read_answer(r, a, packet, now);
		return;
	}
	if (turn_to_plain(r, a, head->rcode))
		return;
	note_why(a->query, "%s says %s", r->servers.at[a->server].text, rcode_text(head->rcode));
	server_says_no(r, a, now);
}

void resolver_heard(struct resolver *r, struct attempt *a, struct span packet, int64_t now)
{
	struct packet_head head;

	if (!a->is_open)
		return;
	if (packet_look(packet, &a->query->now, &head) && head.id == a->id)
		take_packet(r, a, &head, packet, now);
	else if (++a->n_strange == RESOLVER_STRANGE_MAX)
		resolver_failed(r, a, now);
}

void resolver_heard_stream(struct resolver *r, unsigned server, struct span packet, int64_t now)
{
	uint16_t id;
	struct packet_head head;
	struct attempt *a;

	if (packet.len < sizeof(id))
		return;
	id = (uint16_t)((unsigned char)packet.at[0] << 8 | (unsigned char)packet.at[1]);
	a = find_streamed(r, server, id);
	if (a && packet_look(packet, &a->query->now, &head))
		take_packet(r, a, &head, packet, now);
}

/* The next try comes at its time where this was the only server; it may be back by then. */
void resolver_failed(struct resolver *r, struct attempt *a, int64_t now)
{
	struct query *q = a->query;
	int next;

	if (!a->is_open)
		return;
	note_why(q, "no answer from %s", r->servers.at[a->server].text);
	note_silence(r, a, now);
	close_attempt(r, a);
	next = q->pinned == ANY_SERVER ? servers_choose(&r->servers, q->no, q->asked_of, now) : -1;
	if (next >= 0 && q->asked_of[next] == 0)
		(void)try_next(r, q, now);
}

void resolver_stream_failed(struct resolver *r, unsigned server, int64_t now)
{
	LIST_EACH_SAFE(node, &r->flying) {
		struct query *q = query_of(node);

		for (unsigned i = 0; i < q->n_tries; i++)
			if (q->tries[i].is_stream && q->tries[i].server == server)
				resolver_failed(r, &q->tries[i], now);
	}
}

/* ---- time --------------------------------------------------------------------------------------------- */

static void wait_is_over(struct resolver *r, struct query *q, int64_t now)
{
	const struct attempt *last = q->n_tries > 0 ? &q->tries[q->n_tries - 1] : NULL;

	if (last && last->is_open) {
		note_why(q, "no answer from %s", r->servers.at[last->server].text);
		note_silence(r, last, now);
	}
	if (now >= q->deadline) {
		if (!q->is_flying)
			note_why(q, "too many questions are under way");
		give_up(r, q, now);
		return;
	}
	q->wait_ms *= 2;
	(void)try_next(r, q, now);
	arm(r, q, now);
}

void resolver_tick(struct resolver *r, int64_t now)
{
	struct heap_node *first;

	while ((first = heap_first(&r->due)) && first->at <= now)
		wait_is_over(r, LIST_OWNER(first, struct query, due), now);
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

static void begin_anew(struct resolver *r, int64_t now)
{
	struct list all;
	struct list *node;

	list_init(&all);
	while ((node = list_take_first(&r->flying))) {
		close_attempts(r, query_of(node));
		query_of(node)->n_tries = 0;
		list_add_last(&all, node);
	}
	while ((node = list_take_first(&all))) {
		struct query *q = query_of(node);

		list_add_last(&r->flying, node);
		if (q->pinned == ANY_SERVER)
			begin_tries(r, q, now);
		else
			give_up(r, q, now);
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
	effect_add(r, RESOLVER_CLOSE_STREAMS);
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
	drop_queries(&r->line);
	cache_free(&r->cache);
	heap_fini(&r->due);
	map_fini(&r->queries);
	finding_fini(&r->finding);
	mem_free(r->effects);
	mem_free(r);
}
