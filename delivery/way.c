#include "delivery/way.h"

#include "base/mem.h"
#include "mail/address.h"
#include "wire/route.h"
#include "wire/settings_value.h"

/* ---- from settings ------------------------------------------------------------------ */

/* A path is its own name. */
static struct job_host read_server(const char *text)
{
	struct job_host host = { .name = span_of_text(text) };
	struct span name;
	unsigned port = 0;

	if (!settings_socket_split(host.name, &name, &port))
		return host;
	return (struct job_host){ .name = name, .port = (uint16_t)port };
}

static void set_tls(struct way *way, enum set_outbound_tls tls)
{
	static const enum client_tls words[] = {
		[OUTBOUND_TLS_NONE] = CLIENT_TLS_NONE, [OUTBOUND_TLS_OPPORTUNISTIC] = CLIENT_TLS_OPPORTUNISTIC,
		[OUTBOUND_TLS_REQUIRED] = CLIENT_TLS_REQUIRED, [OUTBOUND_TLS_VERIFIED] = CLIENT_TLS_REQUIRED
	};

	way->tls = words[tls];
	way->is_verified = tls == OUTBOUND_TLS_VERIFIED;
}

#define SUBMISSIONS 465	/* RFC 8314 7.3 */

static void set_first(struct way *way, uint16_t port)
{
	way->tls_first = port == SUBMISSIONS && way->tls != CLIENT_TLS_NONE;
	if (way->tls_first)
		way->tls = CLIENT_TLS_REQUIRED;
}

static struct way way_of_deliver(const struct settings *s, const struct set_deliver *d)
{
	struct way way = { .is_configured = true, .is_lmtp = d->lmtp != NULL, .tls = CLIENT_TLS_NONE };

	if (d->lmtp || d->smtp)
		way.host = read_server(d->lmtp ? d->lmtp : d->smtp);
	if (d->smtp)
		set_tls(&way, (enum set_outbound_tls)s->outbound.tls);
	set_first(&way, way.host.port);
	return way;
}

static struct way way_of_route(const struct set_route *r)
{
	struct way way = { .is_configured = r->via != NULL, .login_file = r->login_file };

	set_tls(&way, (enum set_outbound_tls)(r->tls - ROUTE_TLS_NONE));
	if (r->via)
		set_first(&way, read_server(r->via).port);
	return way;
}

void ways_init(struct ways *w, const struct settings *s)
{
	*w = (struct ways){ .settings = s };
	set_tls(&w->world, (enum set_outbound_tls)s->outbound.tls);
	w->of_deliver = mem_new((s->n_deliver + 1) * sizeof(*w->of_deliver));
	for (unsigned i = 0; i < s->n_deliver; i++)
		w->of_deliver[i] = way_of_deliver(s, &s->deliver[i]);
	w->of_route = mem_new((s->n_route + 1) * sizeof(*w->of_route));
	for (unsigned i = 0; i < s->n_route; i++)
		w->of_route[i] = way_of_route(&s->route[i]);
}

void ways_fini(struct ways *w)
{
	mem_free(w->of_deliver);
	mem_free(w->of_route);
}

/* ---- of a job ----------------------------------------------------------------------- */

const struct way *way_of_section(const struct ways *w, struct span name)
{
	const struct set_deliver *d = settings_deliver(w->settings, name);
	const struct way *way = d ? &w->of_deliver[d - w->settings->deliver] : NULL;

	return way && way->host.name.len > 0 ? way : NULL;
}

const struct way *way_find(const struct ways *w, const struct job *job)
{
	struct span local, domain;
	const struct set_route *route;

	if (job->deliver.len > 0)
		return way_of_section(w, job->deliver);
	address_split(job->rcpts[0].address, &local, &domain);
	route = route_find(w->settings, domain);
	return route ? &w->of_route[route - w->settings->route] : &w->world;
}
