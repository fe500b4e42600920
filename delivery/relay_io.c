#include "delivery/relay_io.h"

#include <unistd.h>

#include "base/mem.h"
#include "delivery/own_io.h"
#include "delivery/pool_io.h"
#include "delivery/probe_io.h"
#include "delivery/spool_io.h"
#include "delivery/way.h"
#include "loop/tls_client.h"

struct relay {
	struct process *process;
	struct spool_io *io;
	struct peers *peers;
	struct tls_client *tls;
	struct own own;
	unsigned cores;
	struct ways ways;
	struct pools *pools;	/* NULL before the settings came */
	struct probe_io *probes;	/* the same */
};

/* ---- settings ----------------------------------------------------------------------- */

static bool speaks(const struct settings *s, char sign)
{
	for (unsigned i = 0; i < s->outbound.address.n; i++)
		if (strchr(s->outbound.address.at[i], ':') ? sign == ':' : sign == '.')
			return true;
	return s->outbound.address.n == 0;
}

/* Workers share what is allowed to all of them. */
static unsigned share_of_connections(const struct relay *r, const struct settings *s)
{
	int64_t share = s->outbound.max_connections / settings_relays(s, r->cores);

	return share > 0 ? (unsigned)share : 1;
}

static struct client_times times_of(const struct set_outbound *o)
{
	return (struct client_times){ .connect = o->timeout_connect, .greeting = o->timeout_greeting, .tls = o->timeout_tls,
		.command = o->timeout_command, .data = o->timeout_data, .block = o->timeout_block, .final = o->timeout_final, .idle = o->timeout_idle };
}

static void on_settings(void *owner, const struct settings *s)
{
	struct relay *r = owner;
	const char *helo = s->outbound.helo ? s->outbound.helo : s->top.hostname;
	struct pools_options options = { .io = r->io, .peers = r->peers, .tls = r->tls,
		.rules = { .names = { s->top.hostname, helo }, .is_own = own_listens, .arg = &r->own, .has_v4 = speaks(s, '.'), .has_v6 = speaks(s, ':'),
			.allow_private = s->outbound.allow_private },
		.target = { .helo = helo, .max_mails = (unsigned)s->outbound.per_connection, .port = (uint16_t)s->outbound.port,
			.force_8bit = s->outbound.force_8bit, .sources = &s->outbound.address, .times = times_of(&s->outbound) },
		.max_connections = share_of_connections(r, s) };

	if (r->pools)
		return;		/* new settings come with a new generation */
	r->own.settings = s;
	ways_init(&r->ways, s);
	r->pools = pools_new(r->process, spool_io_jobs(r->io), &options);
	r->probes = probe_io_new(r->process, &r->ways, &options);
}

/* ---- jobs --------------------------------------------------------------------------- */

static void on_start(void *owner, struct job *job)
{
	static const struct job_outcome no_way = { .fate = FATE_DEFERRED, .scope = SCOPE_SITE, .enhanced = { "4.3.5", 5 },
		.words = { "The configuration names no server for it", 40 }, .host = { "", 0 } };
	struct relay *r = owner;
	const struct way *way = way_find(&r->ways, job);

	if (way && job->n_hosts > 0)
		pools_give(r->pools, job, way, job->hosts, job->n_hosts);
	else if (way && way->host.name.len > 0)
		pools_give(r->pools, job, way, &way->host, 1);
	else
		job_settle_all(spool_io_jobs(r->io), job, &no_way);
}

static void on_body(void *owner, struct job *job)
{
	(void)owner;
	pools_body(job);
}

static void on_cancel(void *owner, struct job *job)
{
	(void)owner;
	pools_cancel(job);
}

/* ---- life --------------------------------------------------------------------------- */

static void on_wire(void *owner, enum wire_role peer, uint16_t instance, int fd)
{
	struct relay *r = owner;

	if (peer == ROLE_DNS || peer == ROLE_AUTH)
		peers_wire_take(r->peers, peer, instance, fd);
	else if (peer == ROLE_SMTPD && r->probes)
		probe_io_wire_take(r->probes, instance, fd);
	else
		(void)close(fd);
}

static void on_drain(void *owner)
{
	struct relay *r = owner;

	if (r->pools)
		pools_drain(r->pools);
}

static void on_drained_long(void *owner)
{
	struct relay *r = owner;

	if (r->pools)
		pools_end_unbegun(r->pools);
}

static void on_status(void *owner, struct buf *words)
{
	struct relay *r = owner;

	(void)buf_printf(words, "connections=%u probes=%u ", r->pools ? pools_connections(r->pools) : 0, r->probes ? probe_io_asked(r->probes) : 0);
}

struct relay *relay_new(struct process *process)
{
	struct relay *r = mem_new(sizeof(*r));
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	r->process = process;
	r->cores = cores < 1 ? 1 : (unsigned)cores;
	r->tls = tls_client_new();
	own_read(&r->own);
	r->peers = peers_new(process, &pools_peers);
	return r;
}

int relay_run(struct relay *r)
{
	static const struct worker_handlers handlers = {
		.on_settings = on_settings, .on_start = on_start, .on_body = on_body, .on_cancel = on_cancel, .on_drain = on_drain,
		.on_drained_long = on_drained_long, .on_status = on_status, .on_wire = on_wire
	};
	int status = spool_io_run(r->process, &handlers, r, &r->io);

	probe_io_free(&r->probes);
	pools_free(&r->pools);
	peers_free(&r->peers);
	ways_fini(&r->ways);
	tls_client_free(&r->tls);
	mem_free(r);
	return status;
}
