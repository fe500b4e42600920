/* smtpd: the dialogue with clients. It holds accepted sockets, its channels
 * and TLS keys; no file, no connection outward. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/sandbox.h"
#include "smtpd/smtpd_private.h"

/* ---- settings ------------------------------------------------------------- */

/* A worker of another configuration is another process: settings come once. */
static void on_settings(void *owner, const struct settings *s)
{
	struct smtpd *d = owner;

	if (d->settings)
		return;
	d->settings = s;
	house_init(&d->house, s, &d->tally);
}

static void tell_tls(struct smtpd *d, enum event_code code, const char *reason, unsigned count)
{
	struct event ev;

	event_begin(&ev, code, loop_now(d->loop).wall_ms, NULL);
	event_text(&ev, EF_REASON, span_of_text(reason));
	event_num(&ev, EF_COUNT, count);
	process_event(d->process, &ev);
}

/* ---- certificates ----------------------------------------------------------- */

static struct tls_server *next_certificates(struct smtpd *d)
{
	const struct set_tls *tls = &d->settings->tls;
	const struct tls_options options = { tls->ciphers, tls->groups, tls->minimum };

	if (!d->tls_next && !d->tls_doubt)
		d->tls_next = tls_server_new(&options, &d->tls_doubt);
	return d->tls_next;
}

static void keep_certificate(struct smtpd *d, struct span name)
{
	struct tls_server *next = next_certificates(d);

	if (next)
		(void)tls_server_keep(next, d->tls, name);
}

static void certificate(struct smtpd *d, const struct wire_certificate *m)
{
	struct tls_server *next = next_certificates(d);
	const char *why = NULL;

	if (!next || tls_server_add(next, m->name, m->chain, m->key, &why) == PR_OK)
		return;
	tell_tls(d, EV_TLS_REJECTED, why, 0);
	keep_certificate(d, m->name);
}

static bool has_any(const struct tls_server *t)
{
	return t && tls_server_count(t) > 0;
}

static void certificates_done(struct smtpd *d)
{
	if (d->tls_doubt)
		tell_tls(d, EV_TLS_REJECTED, d->tls_doubt, 0);
	if (has_any(d->tls_next)) {
		tls_server_free(&d->tls);
		d->tls = d->tls_next;
		d->tls_next = NULL;
		if (d->ticket_keys)
			tls_server_ticket_keys(d->tls, span_of(d->ticket_keys, d->ticket_keys_len));
	}
	tls_server_free(&d->tls_next);
	d->tls_doubt = NULL;
	d->house.has_tls = d->tls != NULL;
}

static void ticket_keys(struct smtpd *d, struct span keys)
{
	if (d->ticket_keys)
		mem_wipe(d->ticket_keys, d->ticket_keys_len);
	mem_free(d->ticket_keys);
	d->ticket_keys = mem_text(keys);
	d->ticket_keys_len = keys.len;
	if (d->tls)
		tls_server_ticket_keys(d->tls, keys);
}

/* ---- the master's words --------------------------------------------------------- */

static void on_wire(void *owner, enum wire_role peer, uint16_t instance, uint32_t generation, int fd)
{
	if (peer == ROLE_AUTH || peer == ROLE_SPOOL)
		peers_io_wire(owner, peer, instance, fd);
	else if (peer == ROLE_RELAY)
		peers_io_wire_relay(owner, instance, fd);
	else if (peer == ROLE_VERIFY)
		peers_io_wire_verify(owner, instance, generation, fd);
	else
		close(fd);
}

/* What was counted alone before is nothing: it comes before the first connection. */
static void tally(struct smtpd *d, unsigned column, int fd)
{
	void *at = mmap(NULL, WIRE_TALLY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	if (at == MAP_FAILED || column >= WIRE_TALLY_COLUMNS || d->n_conns > 0)
		return;
	d->tally_memory = at;
	tally_init(&d->tally, at, column);
}

static void on_verb(void *owner, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct smtpd *d = owner;

	if (verb == WIRE_listener && fd >= 0) {
		listener_io_add_take(d, msg->listener.index, fd);
		return;
	}
	if (verb == WIRE_tally && fd >= 0) {
		tally(d, msg->tally.column, fd);
		return;
	}
	if (verb == WIRE_drop_file && fd >= 0 && d->settings) {
		session_io_open_dropped_take(d, fd, &msg->drop_file);
		return;
	}
	if (verb == WIRE_verify_ended) {
		peers_io_verify_ended_take(d, &msg->verify_ended, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	if (!d->settings)
		return;
	if (verb == WIRE_certificate)
		certificate(d, &msg->certificate);
	else if (verb == WIRE_certificate_kept)
		keep_certificate(d, msg->certificate_kept.name);
	else if (verb == WIRE_certificates_done)
		certificates_done(d);
	else if (verb == WIRE_ticket_keys)
		ticket_keys(d, msg->ticket_keys.keys);
	else if (verb == WIRE_signer)
		signers_told(&d->house.signers, msg->signer.domain);
	else if (verb == WIRE_signers_done)
		signers_all_told(&d->house.signers);
}

static void on_begin(void *owner)
{
	struct smtpd *d = owner;

	if (!d->settings) {
		process_end(d->process, 64);
		return;
	}
	if (!d->tally_memory) {
		d->tally_memory = mem_new(WIRE_TALLY_SIZE);
		tally_init(&d->tally, d->tally_memory, 0);
	}
	listener_io_begin(d);
	process_ready(d->process);
}

void smtpd_end(struct smtpd *d)
{
	if (d->tally.region)
		tally_fini(&d->tally);
	process_end(d->process, 0);
}

static void on_drain(void *owner, int64_t idle_ms, int64_t deadline_ms)
{
	struct smtpd *d = owner;
	int64_t now = loop_now(d->loop).mono_ms;

	if (d->house.draining)
		return;
	d->house.draining = true;
	d->house.stopping = process_stops(d->process);
	d->house.drain_idle_ms = idle_ms;
	d->house.drain_began_at = now;
	d->house.drain_deadline_at = now + deadline_ms;
	listener_io_end(d);
	session_io_each(d, SE_DRAIN, 0);
	if (d->n_conns == 0)
		smtpd_end(d);
}

static void on_status(void *owner, struct buf *words)
{
	struct smtpd *d = owner;

	buf_printf(words, "sessions=%u connections=%llu messages=%llu body_bytes=%zu", d->n_conns, (unsigned long long)d->n_connections,
	    (unsigned long long)d->house.n_messages, d->house.pool.used);
}

/* ---- life -------------------------------------------------------------------------- */

static struct smtpd *smtpd_new(struct process *p)
{
	struct smtpd *d = mem_new(sizeof(*d));

	d->process = p;
	d->loop = process_loop(p);
	list_init(&d->listeners);
	list_init(&d->conns);
	list_init(&d->relays);
	list_init(&d->verifiers);
	list_init(&d->verifiers_gone);
	d->evidence = -1;
	effects_init(&d->fx);
	pending_init(&d->at_auth, SESSIONS_MAX);
	pending_init(&d->at_spool, SESSIONS_MAX);
	return d;
}

int main(int argc, char **argv)
{
	static const struct process_handlers HANDLERS = {
		.on_settings = on_settings,
		.on_wire = on_wire,
		.on_verb = on_verb,
		.on_begin = on_begin,
		.on_drain = on_drain,
		.on_status = on_status,
	};
	struct process *p = process_new(argc, argv);
	struct smtpd *d = smtpd_new(p);

	tls_warm_up();
	process_confine(p, MAY_ACCEPT);
	return process_run(p, &HANDLERS, d);
}
