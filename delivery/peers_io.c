#include "delivery/peers_io.h"

#include <unistd.h>

#include "base/mem.h"
#include "wire/pending.h"

#define CREDIT 4096	/* questions under way at each of them */

struct peer {
	struct channel *channel;	/* NULL while it is not there */
	struct pending pending;
	struct peers *peers;
};

struct peers {
	struct process *process;
	const struct peers_handlers *on;
	struct peer dns, auth;
};

struct question {
	struct list list;	/* of its asker */
	void *asker;		/* NULL: it left */
	unsigned host;
	int family;
	unsigned n;
	struct attempt_address addresses[ATTEMPT_ADDRESSES];
};

/* ---- questions ---------------------------------------------------------------------- */

static uint32_t question_open(struct peer *peer, void *asker, struct list *questions, unsigned host, int family)
{
	struct question *q;
	uint32_t ask;

	if (!peer->channel)
		return 0;
	q = mem_new(sizeof(*q));
	ask = pending_open(&peer->pending, q);
	if (ask == 0) {
		mem_free(q);
		return 0;
	}
	q->asker = asker;
	q->host = host;
	q->family = family;
	list_add_last(questions, &q->list);
	return ask;
}

static void question_free(struct question *q)
{
	list_remove(&q->list);
	mem_free(q);
}

bool peers_ask_addresses(struct peers *p, void *asker, struct list *questions, unsigned host, struct span name, int family)
{
	struct wire_resolve_ask ask = { .type = family == 4 ? RECORD_A : RECORD_AAAA, .name = name };

	ask.ask = question_open(&p->dns, asker, questions, host, family);
	if (ask.ask != 0)
		channel_put(p->dns.channel, WIRE_resolve_ask, &ask);
	return ask.ask != 0;
}

bool peers_ask_login(struct peers *p, void *asker, struct list *questions, struct span file)
{
	struct wire_relay_login_ask ask = { .file = file };

	ask.ask = question_open(&p->auth, asker, questions, 0, 0);
	if (ask.ask != 0)
		channel_put(p->auth.channel, WIRE_relay_login_ask, &ask);
	return ask.ask != 0;
}

void peers_forget(struct list *questions)
{
	for (struct list *node = list_take_first(questions); node; node = list_take_first(questions))
		LIST_OWNER(node, struct question, list)->asker = NULL;
}

/* ---- answers ------------------------------------------------------------------------ */

static void on_record(struct peer *peer, const struct wire_resolve_record *row)
{
	struct question *q = pending_find(&peer->pending, row->ask);
	struct attempt_address *a;

	if (!q || q->n == ATTEMPT_ADDRESSES || row->data.len != (q->family == 4 ? 4 : 16))
		return;
	a = &q->addresses[q->n++];
	a->family = (unsigned char)q->family;
	memcpy(a->bytes, row->data.at, row->data.len);
}

static void answer_addresses(struct peers *p, struct question *q, bool is_temporary)
{
	struct question told = *q;

	question_free(q);
	if (told.asker)
		p->on->on_addresses(told.asker, told.host, told.addresses, told.n, is_temporary);
}

static void on_resolved(struct peer *peer, const struct wire_resolve_done *done)
{
	struct question *q = pending_close(&peer->pending, done->ask);

	if (q)
		answer_addresses(peer->peers, q, done->result == RESOLVE_TEMPORARY);
}

static void answer_login(struct peers *p, struct question *q, struct span user, struct span password)
{
	void *asker = q->asker;

	question_free(q);
	if (asker)
		p->on->on_login(asker, user, password);
}

static void on_login(struct peer *peer, const struct wire_relay_login_told *told)
{
	struct question *q = pending_close(&peer->pending, told->ask);

	if (q)
		answer_login(peer->peers, q, told->user, told->password);
}

static void on_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct peer *peer = owner;

	(void)ch;
	if (fd >= 0)
		(void)close(fd);
	if (verb == WIRE_resolve_record)
		on_record(peer, &msg->resolve_record);
	else if (verb == WIRE_resolve_done)
		on_resolved(peer, &msg->resolve_done);
	else if (verb == WIRE_relay_login_told)
		on_login(peer, &msg->relay_login_told);
}

/* ---- coming and going --------------------------------------------------------------- */

/* Who asked is told that there is no answer now; in that it may forget other questions. */
static void drop_questions(struct peer *peer)
{
	struct question *q;

	while ((q = pending_take(&peer->pending))) {
		q->n = 0;
		if (peer == &peer->peers->dns)
			answer_addresses(peer->peers, q, true);
		else
			answer_login(peer->peers, q, SPAN_NONE, SPAN_NONE);
	}
}

static void on_gone(void *owner, struct channel *ch)
{
	struct peer *peer = owner;

	if (peer->channel != ch)
		return;
	peer->channel = NULL;
	drop_questions(peer);
}

void peers_wire_take(struct peers *p, enum wire_role role, uint16_t instance, int fd)
{
	static const struct channel_handlers handlers = { .on_verb = on_verb, .on_gone = on_gone };
	struct peer *peer = role == ROLE_DNS ? &p->dns : &p->auth;

	if (peer->channel)
		channel_close(&peer->channel);
	drop_questions(peer);
	peer->channel = channel_open_take(process_loop(p->process), fd, process_role(p->process), role, instance, &handlers, peer);
}

static void peer_init(struct peer *peer, struct peers *p)
{
	peer->peers = p;
	pending_init(&peer->pending, CREDIT);
}

struct peers *peers_new(struct process *process, const struct peers_handlers *on)
{
	struct peers *p = mem_new(sizeof(*p));

	p->process = process;
	p->on = on;
	peer_init(&p->dns, p);
	peer_init(&p->auth, p);
	return p;
}

/* Who asked has left by now. */
static void peer_fini(struct peer *peer)
{
	if (peer->channel)
		channel_close(&peer->channel);
	drop_questions(peer);
	pending_fini(&peer->pending);
}

void peers_free(struct peers **where)
{
	struct peers *p = *where;

	*where = NULL;
	if (!p)
		return;
	peer_fini(&p->dns);
	peer_fini(&p->auth);
	mem_free(p);
}
