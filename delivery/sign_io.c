#include "delivery/sign_io.h"

#include <unistd.h>

#include "base/mem.h"
#include "delivery/sign.h"
#include "mail/dkim_record.h"
#include "wire/pending.h"

#define LOOK_UP_MS  HOURS(1)	/* for the records of keys that wait */
#define LOOK_UPS    64		/* at once */
#define NAME_MAX_LEN 512

struct sign_io {
	struct process *process;
	const struct settings *settings;
	struct keyring *ring;
	struct keyring *told;		/* the next one: keys come */
	struct signer signer;
	struct channel *spool, *dns;
	struct list guests;		/* struct guest */
	struct pending at_dns;		/* struct look_up */
	struct deadline look_due;
	bool has_begun, is_draining;
};

/* The command line, introduced by the master. */
struct guest {
	struct list list;
	struct sign_io *io;
	struct channel *channel;
};

/* By names: the ring may be another one when the answer comes. */
struct look_up {
	char *domain, *selector;
};

static struct instant now(const struct sign_io *io)
{
	return loop_now(process_loop(io->process));
}

/* ---- records of keys ---------------------------------------------------------------- */

static void look_up_free(struct look_up *l)
{
	mem_free(l->domain);
	mem_free(l->selector);
	mem_free(l);
}

static void look_up(struct sign_io *io, const struct ring_key *k)
{
	struct span domain = span_of_text(k->domain->name), selector = span_of_text(k->selector);
	struct wire_resolve_ask asked = { .type = RECORD_TXT };
	struct look_up *l;
	struct buf name;

	buf_init(&name, NAME_MAX_LEN);
	if (dkim_record_add_name(&name, selector, domain) == PR_OK) {
		l = mem_new(sizeof(*l));
		l->domain = mem_text(domain);
		l->selector = mem_text(selector);
		asked.ask = pending_open(&io->at_dns, l);
		asked.name = buf_span(&name);
		channel_put(io->dns, WIRE_resolve_ask, &asked);
	}
	buf_fini(&name);
}

/* As many as may be at once. When none is left it is known who signs. */
static void look_on(struct sign_io *io)
{
	struct ring_key *k;

	while (io->ring && io->dns && pending_used(&io->at_dns) < LOOK_UPS && (k = keyring_take_due(io->ring)))
		look_up(io, k);
	if (io->ring && io->has_begun && io->signer.is_waiting && pending_used(&io->at_dns) == 0)
		signer_go_on(&io->signer, now(io));
}

static void look_again(struct sign_io *io)
{
	if (!io->has_begun)
		return;
	if (io->ring)
		keyring_look_again(io->ring);
	deadline_set(process_loop(io->process), &io->look_due, now(io).mono_ms + LOOK_UP_MS);
	look_on(io);
}

static void on_look_due(struct deadline *d)
{
	look_again(LIST_OWNER(d, struct sign_io, look_due));
}

static void tell_key(struct sign_io *io, enum event_code code, struct span domain, struct span selector, struct span reason)
{
	struct event ev;

	event_begin(&ev, code, now(io).wall_ms, NULL);
	event_text(&ev, EF_DOMAIN, domain);
	event_text(&ev, EF_SELECTOR, selector);
	event_text(&ev, EF_REASON, reason);
	process_event(io->process, &ev);
}

static void on_record(struct sign_io *io, const struct wire_resolve_record *m)
{
	const struct look_up *l = pending_find(&io->at_dns, m->ask);
	struct ring_key *k = l ? keyring_find_key(io->ring, span_of_text(l->domain), span_of_text(l->selector)) : NULL;

	if (k && m->type == RECORD_TXT && !k->is_seen && keyring_record(k, m->data))
		tell_key(io, EV_DKIM_ROTATED, span_of_text(l->domain), span_of_text(l->selector), SPAN_NONE);
}

static void end_look_up(void *arg, uint32_t ask, void *owner)
{
	struct sign_io *io = arg;

	(void)pending_close(&io->at_dns, ask);
	look_up_free(owner);
}

static void on_dns_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct sign_io *io = owner;
	struct look_up *l;

	(void)ch;
	if (fd >= 0)
		(void)close(fd);
	if (verb == WIRE_resolve_record)
		on_record(io, &msg->resolve_record);
	if (verb != WIRE_resolve_done || !(l = pending_find(&io->at_dns, msg->resolve_done.ask)))
		return;
	end_look_up(io, msg->resolve_done.ask, l);
	look_on(io);
}

static void forget_dns(struct sign_io *io)
{
	io->dns = NULL;
	pending_each(&io->at_dns, end_look_up, io);
	look_on(io);
}

static void on_dns_gone(void *owner, struct channel *ch)
{
	(void)ch;
	forget_dns(owner);
}

/* ---- keys ------------------------------------------------------------------------------- */

static struct keyring *ring_told(struct sign_io *io)
{
	if (!io->told)
		io->told = keyring_new(io->settings);
	return io->told;
}

static void on_key(struct sign_io *io, const struct wire_sign_key *m)
{
	const char *why = "";

	if (keyring_add(ring_told(io), m, &why) == PR_BAD)
		tell_key(io, EV_DKIM_REJECTED, m->domain, m->selector, span_of_text(why));
}

static void on_keys_done(struct sign_io *io)
{
	struct keyring *ring = ring_told(io);
	struct event ev;

	io->told = NULL;
	if (io->ring)
		keyring_inherit(ring, io->ring);
	keyring_free(&io->ring);
	io->ring = io->signer.ring = ring;
	event_begin(&ev, EV_DKIM_LOADED, now(io).wall_ms, NULL);
	event_num(&ev, EF_COUNT, ring->n_keys);
	process_event(io->process, &ev);
	look_again(io);
}

static void on_verb(void *owner, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct sign_io *io = owner;

	if (fd >= 0)
		(void)close(fd);
	if (verb == WIRE_sign_key)
		on_key(io, &msg->sign_key);
	else if (verb == WIRE_sign_keys_done)
		on_keys_done(io);
}

/* ---- spool -------------------------------------------------------------------------------- */

static void say(void *owner, enum wire_verb verb, const void *msg)
{
	struct sign_io *io = owner;

	if (io->spool)
		channel_put(io->spool, verb, msg);
}

static void tell(void *owner, const struct event *ev)
{
	struct sign_io *io = owner;

	process_event(io->process, ev);
}

static void end_when_drained(struct sign_io *io)
{
	if (io->is_draining && signer_is_idle(&io->signer))
		process_end(io->process, 0);
}

static void on_spool_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct wire_captured captured = { .peer = ROLE_SPOOL, .instance = channel_instance(ch), .why = SPAN("a signature's question that makes no sense") };
	struct sign_io *io = owner;

	if (fd >= 0)
		(void)close(fd);
	if (verb == WIRE_sign_ask)
		process_note(io->process, &msg->sign_ask.id);
	if (signer_hear(&io->signer, now(io), verb, msg) != PR_OK)
		channel_put(process_master(io->process), WIRE_captured, &captured);
	if (verb != WIRE_sign_end)
		return;
	process_note(io->process, NULL);
	end_when_drained(io);
}

static void forget_spool(struct sign_io *io)
{
	io->spool = NULL;
	process_note(io->process, NULL);
	signer_forget(&io->signer);
	end_when_drained(io);
}

static void on_spool_gone(void *owner, struct channel *ch)
{
	(void)ch;
	forget_spool(owner);
}

/* ---- the command line ------------------------------------------------------------------------ */

struct telling {
	struct channel *channel;
	uint32_t ask;
};

static bool tell_row(void *arg, struct ring_key *k)
{
	struct telling *t = arg;
	struct wire_keys_row row = {
		.ask = t->ask, .domain = span_of_text(k->domain->name), .selector = span_of_text(k->selector),
		.algorithm = span_of_text(key_kind_text(key_kind(k->key))), .state = (uint8_t)keyring_state(k), .since_ms = (uint64_t)k->made_ms,
	};

	channel_put(t->channel, WIRE_keys_row, &row);
	return false;
}

static void on_guest_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct guest *g = owner;
	struct telling t = { .channel = ch };

	if (fd >= 0)
		(void)close(fd);
	if (verb != WIRE_keys_ask)
		return;
	t.ask = msg->keys_ask.ask;
	if (g->io->ring)
		(void)keyring_each(g->io->ring, tell_row, &t);
	channel_put(ch, WIRE_keys_done, &(struct wire_keys_done){ .ask = t.ask });
}

static void guest_free(struct guest *g)
{
	list_remove(&g->list);
	mem_free(g);
}

static void on_guest_gone(void *owner, struct channel *ch)
{
	(void)ch;
	guest_free(owner);
}

static void guest_new_take(struct sign_io *io, uint16_t instance, int fd)
{
	static const struct channel_handlers handlers = { .on_verb = on_guest_verb, .on_gone = on_guest_gone };
	struct guest *g = mem_new(sizeof(*g));

	g->io = io;
	list_add_last(&io->guests, &g->list);
	g->channel = channel_open_take(process_loop(io->process), fd, ROLE_SIGN, ROLE_CTL, instance, &handlers, g);
}

/* ---- the life of the process -------------------------------------------------------------------- */

static void on_wire(void *owner, enum wire_role peer, uint16_t instance, uint32_t generation, int fd)
{
	static const struct channel_handlers of_spool = { .on_verb = on_spool_verb, .on_gone = on_spool_gone };
	static const struct channel_handlers of_dns = { .on_verb = on_dns_verb, .on_gone = on_dns_gone };
	struct sign_io *io = owner;
	struct loop *loop = process_loop(io->process);

	(void)generation;
	switch (peer) {
	case ROLE_SPOOL:
		if (io->spool) {
			channel_close(&io->spool);
			forget_spool(io);
		}
		io->spool = channel_open_take(loop, fd, ROLE_SIGN, peer, instance, &of_spool, io);
		break;
	case ROLE_DNS:
		if (io->dns) {
			channel_close(&io->dns);
			forget_dns(io);
		}
		io->dns = channel_open_take(loop, fd, ROLE_SIGN, peer, instance, &of_dns, io);
		look_again(io);
		break;
	case ROLE_CTL:
		guest_new_take(io, instance, fd);
		break;
	default:
		(void)close(fd);
	}
}

static void on_settings(void *owner, const struct settings *s)
{
	struct sign_io *io = owner;

	io->settings = s;
}

static void on_begin(void *owner)
{
	struct sign_io *io = owner;

	io->has_begun = true;
	look_again(io);
	process_ready(io->process);
}

static void on_drain(void *owner, int64_t idle_ms, int64_t deadline_ms)
{
	struct sign_io *io = owner;

	(void)idle_ms, (void)deadline_ms;	/* what is under way takes milliseconds */
	io->is_draining = true;
	end_when_drained(io);
}

static void on_status(void *owner, struct buf *words)
{
	struct sign_io *io = owner;

	(void)buf_printf(words, "keys=%u signed=%llu", io->ring ? io->ring->n_keys : 0, (unsigned long long)io->signer.n_signed);
}

static void sign_io_fini(struct sign_io *io)
{
	signer_forget(&io->signer);
	if (io->spool)
		channel_close(&io->spool);
	if (io->dns)
		channel_close(&io->dns);
	pending_each(&io->at_dns, end_look_up, io);
	pending_fini(&io->at_dns);
	LIST_EACH_SAFE(node, &io->guests) {
		struct guest *g = LIST_OWNER(node, struct guest, list);

		channel_close(&g->channel);
		guest_free(g);
	}
	keyring_free(&io->told);
	keyring_free(&io->ring);
}

int sign_run(struct process *process)
{
	static const struct signer_handlers to_signer = { .say = say, .tell = tell };
	static const struct process_handlers handlers = {
		.on_settings = on_settings, .on_wire = on_wire, .on_verb = on_verb, .on_begin = on_begin, .on_drain = on_drain,
		.on_status = on_status
	};
	struct sign_io io = { .process = process };
	int status;

	signer_init(&io.signer, &to_signer, &io);
	io.signer.is_waiting = true;
	list_init(&io.guests);
	pending_init(&io.at_dns, LOOK_UPS);
	deadline_init(&io.look_due, on_look_due);
	status = process_run(process, &handlers, &io);
	sign_io_fini(&io);
	return status;
}
