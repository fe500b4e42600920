#include "dns/dns_io.h"

#include <unistd.h>

#include "base/mem.h"
#include "dns/resolver.h"
#include "dns/site.h"
#include "dns/sockets_io.h"

#define RESOLV_CONF_MAX WIRE_PART_MAX
#define PEER_QUEUED_MAX (16u << 20)	/* bytes of answers that a peer leaves unread: no one asks for so much who reads */

struct dns {
	struct process *process;
	struct resolver *resolver;
	struct sockets *sockets;
	const struct settings *settings;
	struct buf resolv_conf;
	struct deadline due;
	struct list peers;
	struct list probes;		/* struct ask */
	bool has_begun, is_performing;
};

struct peer {
	struct list list;
	struct dns *dns;
	struct channel *channel;
	struct list asks;		/* under way */
};

/* A question of a peer, or, without one, ours about a server. */
struct ask {
	struct waiter waiter;
	struct list list;		/* of the peer's, or of the probes */
	struct peer *peer;
	uint32_t number;
	uint16_t type;
	unsigned server;		/* of a probe */
	struct site *site;		/* NULL when it is about records */
};

static int64_t now_of(const struct dns *d)
{
	return loop_now(process_loop(d->process)).mono_ms;
}

static struct ask *ask_new(struct list *among, enum resolver_lane lane)
{
	struct ask *ask = mem_new(sizeof(*ask));

	ask->waiter.lane = lane;
	list_init(&ask->waiter.list);
	list_add_last(among, &ask->list);
	return ask;
}

static struct ask *ask_of_peer(struct peer *peer, uint32_t number)
{
	struct ask *ask = ask_new(&peer->asks, channel_peer(peer->channel) == ROLE_VERIFY ? LANE_CHECKS : LANE_DELIVERY);

	ask->peer = peer;
	ask->number = number;
	return ask;
}

static void ask_free(struct dns *d, struct ask *ask)
{
	resolver_cancel(d->resolver, &ask->waiter);
	list_remove(&ask->list);
	if (ask->site)
		site_fini(ask->site);
	mem_free(ask->site);
	mem_free(ask);
}

static void asks_free(struct dns *d, struct list *asks)
{
	LIST_EACH_SAFE(node, asks)
		ask_free(d, LIST_OWNER(node, struct ask, list));
}

/* ---- answers ------------------------------------------------------------------------- */

static void tell_records(const struct ask *ask, const struct answer *a, int64_t now)
{
	struct wire_resolve_record record = { .ask = ask->number, .type = ask->type, .ttl = answer_ttl(a, now), .name = a->name };
	struct wire_resolve_done done = { .ask = ask->number, .result = (uint8_t)a->result, .secure = a->secure, .ttl = record.ttl, .why = a->why };
	struct span rest = a->rows;

	while (answer_next(&rest, &record.data))
		channel_put(ask->peer->channel, WIRE_resolve_record, &record);
	channel_put(ask->peer->channel, WIRE_resolve_done, &done);
}

static void tell_site(const struct ask *ask)
{
	const struct site *s = ask->site;
	struct wire_site_done done = { .ask = ask->number, .result = (uint8_t)s->result, .key = s->key, .ttl = s->ttl, .secure = s->secure, .why = s->why };

	for (unsigned i = 0; i < s->n; i++) {
		struct wire_site_host host = { .ask = ask->number, .preference = s->hosts[i].preference, .name = s->hosts[i].name };

		channel_put(ask->peer->channel, WIRE_site_host, &host);
	}
	channel_put(ask->peer->channel, WIRE_site_done, &done);
}

static const char *finding_text(const struct answer *a, const struct server *server)
{
	if (!a->ad)
		return "it does not validate DNSSEC";
	return server->is_trusted ? "it validates DNSSEC, and its word counts" : "it validates DNSSEC, but its word does not count (dns.trust_ad)";
}

static void tell_server(struct dns *d, enum event_code code, const struct server *server, struct span why)
{
	struct event ev;

	event_begin(&ev, code, loop_now(process_loop(d->process)).wall_ms, NULL);
	event_text(&ev, EF_HOST, span_of_text(server->text));
	event_text(&ev, EF_REASON, why);
	process_event(d->process, &ev);
}

static void tell_probed(struct dns *d, const struct ask *ask, const struct answer *a)
{
	const struct server *server = &resolver_servers(d->resolver)->at[ask->server];

	tell_server(d, EV_DNS_RESOLVER, server, a->result == RESOLVED ? span_of_text(finding_text(a, server)) : a->why);
}

static bool is_being_probed(const struct dns *d, unsigned server)
{
	LIST_EACH(node, &d->probes)
		if (LIST_OWNER(node, struct ask, list)->server == server)
			return true;
	return false;
}

/* The root's servers: every resolver knows them, and they are signed. */
static void probe(struct dns *d, unsigned server)
{
	static const struct question root = { .type = RECORD_NS, .name = { .len = 1, .at = "." } };
	struct ask *ask;

	if (is_being_probed(d, server))
		return;
	ask = ask_new(&d->probes, LANE_DELIVERY);
	ask->server = server;
	resolver_probe(d->resolver, &root, server, &ask->waiter, now_of(d));
}

static void probe_all(struct dns *d)
{
	asks_free(d, &d->probes);
	for (unsigned i = 0; i < resolver_servers(d->resolver)->n; i++)
		probe(d, i);
}

/* ---- effects -------------------------------------------------------------------------- */

static void take_answer(struct dns *d, struct ask *ask, struct answer *a)
{
	int64_t now = now_of(d);

	if (ask->site && !site_feed(ask->site, a, now)) {
		resolver_ask(d->resolver, &ask->site->question, &ask->waiter, now);
		return;
	}
	if (!ask->peer)
		tell_probed(d, ask, a);
	else if (ask->site)
		tell_site(ask);
	else
		tell_records(ask, a, now);
	ask_free(d, ask);
}

static void do_effect(struct dns *d, struct resolver_effect *e)
{
	const struct servers *servers = resolver_servers(d->resolver);

	switch (e->kind) {
	case RESOLVER_SEND: sockets_send(d->sockets, e->attempt); break;
	case RESOLVER_SEND_STREAM: sockets_send_stream(d->sockets, e->attempt); break;
	case RESOLVER_CLOSE: sockets_close(d->sockets, e->socket); break;
	case RESOLVER_CLOSE_STREAMS: sockets_close_streams(d->sockets); break;
	case RESOLVER_ANSWER:
		take_answer(d, LIST_OWNER(e->waiter, struct ask, waiter), e->answer);
		answer_unref(&e->answer);
		break;
	case RESOLVER_TELL_DOWN:
		tell_server(d, EV_DNS_DOWN, &servers->at[e->server], SPAN_NONE);
		probe(d, e->server);	/* or was it but a name whose servers are silent? */
		break;
	case RESOLVER_TELL_BACK:
		tell_server(d, EV_DNS_BACK, &servers->at[e->server], SPAN_NONE);
		probe(d, e->server);	/* it may not have been there at the start, or be another one now */
		break;
	}
}

static void perform(void *owner)
{
	struct dns *d = owner;
	struct loop *loop = process_loop(d->process);
	struct resolver_effect e;
	int64_t due;

	if (d->is_performing)
		return;
	d->is_performing = true;
	while (resolver_take(d->resolver, &e))
		do_effect(d, &e);
	d->is_performing = false;
	due = resolver_due(d->resolver);
	if (due == INT64_MAX)
		deadline_clear(loop, &d->due);
	else
		deadline_set(loop, &d->due, due);
}

static void on_due(struct deadline *due)
{
	struct dns *d = LIST_OWNER(due, struct dns, due);

	resolver_tick(d->resolver, now_of(d));
	perform(d);
}

/* ---- questions -------------------------------------------------------------------------- */

static void take_resolve(struct peer *p, const struct wire_resolve_ask *asked)
{
	struct wire_resolve_done refused = { .ask = asked->ask, .result = RESOLVE_REFUSED, .why = SPAN("it is no name, or no known type") };
	struct question q = { .type = asked->type };
	struct ask *ask;

	if (!packet_knows_type(asked->type) || !name_from_text(asked->name, &q.name)) {
		channel_put(p->channel, WIRE_resolve_done, &refused);
		return;
	}
	ask = ask_of_peer(p, asked->ask);
	ask->type = asked->type;
	resolver_ask(p->dns->resolver, &q, &ask->waiter, now_of(p->dns));
	perform(p->dns);
}

static void take_cancel(struct peer *p, uint32_t number)
{
	struct dns *d = p->dns;

	LIST_EACH(node, &p->asks) {
		struct ask *ask = LIST_OWNER(node, struct ask, list);

		if (ask->number != number)
			continue;
		resolver_withdraw(d->resolver, &ask->waiter, now_of(d));
		ask_free(d, ask);
		perform(d);
		return;
	}
}

static void take_site(struct peer *p, const struct wire_site_ask *asked)
{
	struct wire_site_done refused = { .ask = asked->ask, .result = SITE_NO_NAME, .why = SPAN("it is no domain name") };
	struct name domain;
	struct ask *ask;

	if (!name_from_text(asked->domain, &domain)) {
		channel_put(p->channel, WIRE_site_done, &refused);
		return;
	}
	ask = ask_of_peer(p, asked->ask);
	ask->site = mem_new(sizeof(*ask->site));
	site_begin(ask->site, &domain);
	resolver_ask(p->dns->resolver, &ask->site->question, &ask->waiter, now_of(p->dns));
	perform(p->dns);
}

static void peer_free(struct peer *p)
{
	asks_free(p->dns, &p->asks);
	list_remove(&p->list);
	mem_free(p);
}

/* Whoever asks on and on without reading is taken for captured: what waits for him must not grow. */
static void drop_peer(struct peer *p)
{
	struct wire_captured told = { .peer = (uint8_t)channel_peer(p->channel), .instance = channel_instance(p->channel), .why = SPAN("it asks and does not read") };

	channel_put(process_master(p->dns->process), WIRE_captured, &told);
	channel_close(&p->channel);
	peer_free(p);
}

static void on_peer_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct peer *p = owner;

	if (fd >= 0)
		(void)close(fd);
	if (channel_queued(ch) > PEER_QUEUED_MAX)
		drop_peer(p);
	else if (verb == WIRE_resolve_ask)
		take_resolve(p, &msg->resolve_ask);
	else if (verb == WIRE_resolve_cancel)
		take_cancel(p, msg->resolve_cancel.ask);
	else if (verb == WIRE_site_ask)
		take_site(p, &msg->site_ask);
}

static void on_peer_gone(void *owner, struct channel *ch)
{
	(void)ch;
	peer_free(owner);
}

static void on_wire(void *owner, enum wire_role role, uint16_t instance, uint32_t generation, int fd)
{
	static const struct channel_handlers handlers = { .on_verb = on_peer_verb, .on_gone = on_peer_gone };
	struct dns *d = owner;
	struct peer *p = mem_new(sizeof(*p));

	(void)generation;
	p->dns = d;
	list_init(&p->asks);
	list_add_last(&d->peers, &p->list);
	p->channel = channel_open_take(process_loop(d->process), fd, ROLE_DNS, role, instance, &handlers, p);
}

/* ---- the master's words ------------------------------------------------------------------ */

static void apply(struct dns *d)
{
	const struct set_dns *set = &d->settings->dns;
	struct resolver_rules rules = { .timeout_ms = set->timeout, .cache_size = (size_t)set->cache_size, .trust_ad = set->trust_ad };
	struct server_address servers[SERVERS_MAX];
	unsigned n = set->servers.n > 0 ? servers_from_settings(set, servers) : servers_from_resolv_conf(buf_span(&d->resolv_conf), servers);

	if (resolver_set(d->resolver, &rules, servers, n, now_of(d)) && d->has_begun)
		probe_all(d);
	perform(d);
}

static void on_settings(void *owner, const struct settings *s)
{
	struct dns *d = owner;

	d->settings = s;
	apply(d);
}

static void on_master_verb(void *owner, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct dns *d = owner;

	if (fd >= 0)
		(void)close(fd);
	if (verb != WIRE_resolv_conf)
		return;
	buf_clear(&d->resolv_conf);
	(void)buf_add(&d->resolv_conf, span_first(msg->resolv_conf.content, RESOLV_CONF_MAX));
	apply(d);
}

static void on_begin(void *owner)
{
	struct dns *d = owner;

	d->has_begun = true;
	probe_all(d);
	perform(d);
	process_ready(d->process);
}

/* Who asked is told to end before us. */
static void on_drain(void *owner, int64_t idle_ms, int64_t deadline_ms)
{
	struct dns *d = owner;

	(void)idle_ms, (void)deadline_ms;
	process_end(d->process, 0);
}

static void on_status(void *owner, struct buf *words)
{
	struct dns *d = owner;
	const struct servers *servers = resolver_servers(d->resolver);
	struct resolver_counts c;
	unsigned down = 0;

	for (unsigned i = 0; i < servers->n; i++)
		down += servers->at[i].is_down;
	resolver_count(d->resolver, &c);
	(void)buf_printf(words, "servers=%u down=%u asked=%llu cached=%llu sent=%llu streamed=%llu failed=%llu flying=%zu waiting=%zu answers=%zu cache_bytes=%zu",
	    servers->n, down, (unsigned long long)c.asked, (unsigned long long)c.cached, (unsigned long long)c.sent,
	    (unsigned long long)c.streamed, (unsigned long long)c.failed, c.flying, c.in_line, c.cache_answers, c.cache_bytes);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void dns_fini(struct dns *d)
{
	LIST_EACH_SAFE(node, &d->peers) {
		struct peer *p = LIST_OWNER(node, struct peer, list);

		channel_close(&p->channel);
		peer_free(p);
	}
	asks_free(d, &d->probes);
	deadline_clear(process_loop(d->process), &d->due);
	sockets_free(&d->sockets);
	resolver_free(&d->resolver);
	buf_fini(&d->resolv_conf);
}

int dns_run(struct process *process)
{
	static const struct process_handlers handlers = {
		.on_settings = on_settings, .on_wire = on_wire, .on_verb = on_master_verb, .on_begin = on_begin, .on_drain = on_drain,
		.on_status = on_status
	};
	struct dns d = { .process = process, .resolver = resolver_new() };
	int status;

	d.sockets = sockets_new(process_loop(process), d.resolver, perform, &d);
	list_init(&d.peers);
	list_init(&d.probes);
	buf_init(&d.resolv_conf, RESOLV_CONF_MAX);
	deadline_init(&d.due, on_due);
	status = process_run(process, &handlers, &d);
	dns_fini(&d);
	return status;
}
