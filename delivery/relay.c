#include "delivery/relay.h"

#include "base/mem.h"
#include "delivery/client_io.h"
#include "delivery/spool_io.h"

/* A deliver section; site is NULL where it is no LMTP server we can reach. */
struct way {
	char *name;
	struct client_site *site;
};

struct relay {
	struct process *process;
	struct spool_io *io;
	struct way *ways;
	unsigned n_ways;
};

static void on_settings(void *owner, const struct settings *s)
{
	struct relay *r = owner;

	if (r->ways)
		return;		/* new settings come with a new generation */
	r->ways = mem_new((s->n_deliver + 1) * sizeof(struct way));
	r->n_ways = s->n_deliver;
	for (unsigned i = 0; i < s->n_deliver; i++) {
		struct client_site_options options = { .address = s->deliver[i].lmtp, .helo = s->top.hostname,
			.max_mails = (unsigned)s->outbound.per_connection };

		r->ways[i].name = mem_text(span_of_text(s->deliver[i].title));
		if (options.address)
			r->ways[i].site = client_site_new(r->process, spool_io_jobs(r->io), &options);
	}
}

static struct client_site *site_of(const struct relay *r, struct span deliver)
{
	for (unsigned i = 0; i < r->n_ways; i++)
		if (span_eq(span_of_text(r->ways[i].name), deliver))
			return r->ways[i].site;
	return NULL;
}

static void on_start(void *owner, struct job *job)
{
	static const struct job_outcome no_way = { .fate = FATE_DEFERRED, .scope = SCOPE_SITE, .enhanced = { "4.3.5", 5 },
		.words = { "The configuration names no LMTP server for it by its address", 60 }, .host = { "", 0 } };
	struct relay *r = owner;
	struct client_site *site = site_of(r, job->deliver);

	if (!site) {
		job_settle_all(spool_io_jobs(r->io), job, &no_way);
		return;
	}
	spool_io_started(r->io, job, span_of_text(client_site_host(site)));
	client_site_give(site, job);
}

static void on_body(void *owner, struct job *job)
{
	(void)owner;
	client_job_body(job);
}

static void on_cancel(void *owner, struct job *job)
{
	(void)owner;
	client_job_cancel(job);
}

static void on_drain(void *owner)
{
	struct relay *r = owner;

	for (unsigned i = 0; i < r->n_ways; i++)
		if (r->ways[i].site)
			client_site_drain(r->ways[i].site);
}

static void on_status(void *owner, struct buf *words)
{
	struct relay *r = owner;
	unsigned n = 0;

	for (unsigned i = 0; i < r->n_ways; i++)
		n += r->ways[i].site ? client_site_connections(r->ways[i].site) : 0;
	(void)buf_printf(words, "connections=%u ", n);
}

int relay_run(struct process *process)
{
	static const struct worker_handlers handlers = {
		.on_settings = on_settings, .on_start = on_start, .on_body = on_body, .on_cancel = on_cancel, .on_drain = on_drain,
		.on_status = on_status
	};
	struct relay r = { .process = process };
	int status = spool_io_run(process, &handlers, &r, &r.io);

	for (unsigned i = 0; i < r.n_ways; i++) {
		client_site_free(&r.ways[i].site);
		mem_free(r.ways[i].name);
	}
	mem_free(r.ways);
	return status;
}
