/* The channels to auth, spool, relays and verify: questions leave by session_io.c, answers come in here. */
#include "base/mem.h"
#include "smtpd/smtpd_private.h"

static void auth_is_open(struct smtpd *d, struct channel *ch);
static void spool_is_open(struct smtpd *d, struct channel *ch);

/* ---- auth ------------------------------------------------------------------- */

/* Who waits for auth's last word on this; NULL when nobody does any more. */
static struct conn *answered(struct smtpd *d, uint32_t ask)
{
	struct conn *c = pending_close(&d->at_auth, ask);

	if (c)
		conn_auth_answered(c);
	return c;
}

static void on_auth(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct smtpd *d = owner;
	struct conn *c;

	(void)ch;
	(void)fd;
	switch (verb) {
	case WIRE_addresses_changed:
		known_forget(&d->house.known);
		return;
	case WIRE_address_told:
		if ((c = answered(d, msg->address_told.ask)))
			conn_address_told(c, &msg->address_told);
		return;
	case WIRE_sender_told:
		if ((c = answered(d, msg->sender_told.ask)))
			conn_answer(c, SE_SENDER, msg->sender_told.result);
		return;
	case WIRE_login_challenge:
		if ((c = pending_find(&d->at_auth, msg->login_challenge.ask)))
			conn_challenge(c, msg->login_challenge.bytes);
		return;
	case WIRE_login_done:
		if ((c = answered(d, msg->login_done.ask)))
			conn_login_told(c, &msg->login_done);
		return;
	default:
		return;
	}
}

static void on_auth_gone(void *owner, struct channel *ch)
{
	struct smtpd *d = owner;
	struct channel *next = d->auth_next;

	if (ch == next)
		d->auth_next = NULL;
	if (ch != d->auth)
		return;
	d->auth = d->auth_next = NULL;
	d->house.auth_is_up = false;
	known_forget(&d->house.known);
	pending_fini(&d->at_auth);
	pending_init(&d->at_auth, SESSIONS_MAX);
	session_io_each(d, SE_AUTH_GONE, 0);
	if (next)
		auth_is_open(d, next);
}

static void auth_is_open(struct smtpd *d, struct channel *ch)
{
	d->auth = ch;
	d->house.auth_is_up = true;
}

/* ---- spool ------------------------------------------------------------------- */

static void on_done(struct smtpd *d, uint32_t ask, enum session_event_type type, uint8_t result)
{
	struct conn *c = pending_close(&d->at_spool, ask);

	if (!c)
		return;
	conn_mail_answered(c);
	conn_answer(c, type, result);
}

static void on_spool(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct smtpd *d = owner;
	struct conn *c;

	(void)ch;
	(void)fd;
	switch (verb) {
	case WIRE_mail_window:
		c = pending_find(&d->at_spool, msg->mail_window.ask);
		if (c)
			conn_answer(c, SE_WINDOW, msg->mail_window.bytes);
		return;
	case WIRE_mail_done: on_done(d, msg->mail_done.ask, SE_STORED, msg->mail_done.result); return;
	case WIRE_have_told: on_done(d, msg->have_told.ask, SE_HAVE, msg->have_told.yes); return;
	default: return;
	}
}

static void on_spool_gone(void *owner, struct channel *ch)
{
	struct smtpd *d = owner;
	struct channel *next = d->spool_next;

	if (ch == next)
		d->spool_next = NULL;
	if (ch != d->spool)
		return;
	d->spool = d->spool_next = NULL;
	d->house.spool_is_up = false;
	pending_fini(&d->at_spool);
	pending_init(&d->at_spool, SESSIONS_MAX);
	session_io_each(d, SE_SPOOL_GONE, 0);
	if (next)
		spool_is_open(d, next);
}

static void withdraw_all(struct smtpd *d)
{
	for (size_t i = 0; i < d->n_withdrawn; i++)
		channel_put(d->spool, WIRE_withdraw, &(struct wire_withdraw){ .id = d->withdrawn[i] });
	mem_free(d->withdrawn);
	d->withdrawn = NULL;
	d->n_withdrawn = d->withdrawn_room = 0;
}

static void spool_is_open(struct smtpd *d, struct channel *ch)
{
	d->spool = ch;
	d->house.spool_is_up = true;
	withdraw_all(d);
	session_io_each(d, SE_SPOOL_BACK, 0);
}

/* While spool is away this grows by one for each message that was in its hands, no more. */
void peers_io_withdraw(struct smtpd *d, const struct msg_id *id)
{
	if (d->spool) {
		channel_put(d->spool, WIRE_withdraw, &(struct wire_withdraw){ .id = *id });
		return;
	}
	if (d->n_withdrawn == d->withdrawn_room) {
		d->withdrawn_room = d->withdrawn_room ? 2 * d->withdrawn_room : 64;
		d->withdrawn = mem_resize(d->withdrawn, d->withdrawn_room * sizeof(*d->withdrawn));
	}
	d->withdrawn[d->n_withdrawn++] = *id;
}

/* ---- relays -------------------------------------------------------------------- */

/* FNV-1a: the same in every process, unlike that of base/map.h, so that all workers ask the same one. */
static uint64_t weight(struct span deliver, uint16_t instance)
{
	uint64_t h = 0xcbf29ce484222325u ^ instance;

	for (size_t i = 0; i < deliver.len; i++)
		h = (h ^ (unsigned char)deliver.at[i]) * 0x100000001b3u;
	return h ^ h >> 29;
}

struct relay *peers_io_relay(struct smtpd *d, struct span deliver)
{
	struct relay *best = NULL;
	uint64_t heaviest = 0;

	LIST_EACH(node, &d->relays) {
		struct relay *r = LIST_OWNER(node, struct relay, list);
		uint64_t w = weight(deliver, channel_instance(r->channel));

		if (best && w <= heaviest)
			continue;
		best = r;
		heaviest = w;
	}
	return best;
}

static void on_relay(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct relay *r = owner;
	struct conn *c = verb == WIRE_recipient_told ? pending_close(&r->asked, msg->recipient_told.ask) : NULL;

	(void)ch;
	(void)fd;
	if (c)
		conn_recipient_told(c, &msg->recipient_told);
}

/* Who waits for it asks another one; each may end by it. */
static void on_relay_gone(void *owner, struct channel *ch)
{
	struct relay *r = owner;
	struct smtpd *d = r->d;
	struct conn *c;

	(void)ch;
	list_remove(&r->list);
	d->house.relay_is_up = !list_is_empty(&d->relays);
	while ((c = pending_take(&r->asked)))
		conn_relay_left(c);
	pending_fini(&r->asked);
	mem_free(r);
}

void peers_io_wire_relay(struct smtpd *d, uint16_t instance, int fd)
{
	static const struct channel_handlers RELAY = { .on_verb = on_relay, .on_gone = on_relay_gone };
	struct relay *r = mem_new(sizeof(*r));

	r->d = d;
	pending_init(&r->asked, SESSIONS_MAX);
	list_add_first(&d->relays, &r->list);
	r->channel = channel_open_take(d->loop, fd, ROLE_SMTPD, ROLE_RELAY, instance, &RELAY, r);
	d->house.relay_is_up = true;
}

/* ---- verify ---------------------------------------------------------------------- */

struct verifier *peers_io_verifier(struct smtpd *d)
{
	struct verifier *best = NULL;

	LIST_EACH(node, &d->verifiers) {
		struct verifier *v = LIST_OWNER(node, struct verifier, list);

		if (best && v->generation != best->generation)
			break;
		if (!best || pending_used(&v->asked) < pending_used(&best->asked))
			best = v;
	}
	return best;
}

static void on_verify(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct verifier *v = owner;
	struct conn *c;

	(void)ch;
	(void)fd;
	if (verb == WIRE_check_done && (c = pending_close(&v->asked, msg->check_done.ask)))
		conn_checked(c, &msg->check_done);
	if (verb == WIRE_check_window && (c = pending_find(&v->asked, msg->check_window.ask)))
		conn_answer(c, SE_CHECK_WINDOW, msg->check_window.bytes);
}

/* Over which message one died the master says. Before that nobody asks again what that one was asked: it might kill the next. */
static void ask_verifiers_again(struct smtpd *d)
{
	if (d->house.verify_is_up && list_is_empty(&d->verifiers_gone))
		session_io_each(d, SE_VERIFY_BACK, 0);
}

static void on_verify_gone(void *owner, struct channel *ch)
{
	struct verifier *v = owner;
	struct smtpd *d = v->d;
	struct conn *c;

	(void)ch;
	list_remove(&v->list);
	d->house.verify_is_up = !list_is_empty(&d->verifiers);
	while ((c = pending_take(&v->asked)))
		conn_verifier_left(c);
	pending_fini(&v->asked);
	v->channel = NULL;
	if (v->is_ended) {
		mem_free(v);
		ask_verifiers_again(d);
	} else {
		list_add_last(&d->verifiers_gone, &v->list);
	}
}

static struct verifier *find_verifier(struct list *all, const struct wire_verify_ended *m)
{
	LIST_EACH(node, all) {
		struct verifier *v = LIST_OWNER(node, struct verifier, list);

		if (v->instance == m->instance && v->generation == m->generation && !v->is_ended)
			return v;
	}
	return NULL;
}

void peers_io_verify_ended_take(struct smtpd *d, const struct wire_verify_ended *m, int evidence)
{
	struct verifier *gone = find_verifier(&d->verifiers_gone, m), *v = gone ? NULL : find_verifier(&d->verifiers, m);

	session_io_died_over_take(d, &m->id, evidence);
	if (v)
		v->is_ended = true;
	if (!gone)
		return;
	list_remove(&gone->list);
	mem_free(gone);
	ask_verifiers_again(d);
}

static void add_by_generation(struct smtpd *d, struct verifier *v)
{
	LIST_EACH(node, &d->verifiers)
		if (LIST_OWNER(node, struct verifier, list)->generation <= v->generation) {
			list_add_last(node, &v->list);
			return;
		}
	list_add_last(&d->verifiers, &v->list);
}

void peers_io_wire_verify(struct smtpd *d, uint16_t instance, uint32_t generation, int fd)
{
	static const struct channel_handlers VERIFY = { .on_verb = on_verify, .on_gone = on_verify_gone };
	struct verifier *v = mem_new(sizeof(*v));

	v->d = d;
	v->instance = instance;
	v->generation = generation;
	pending_init(&v->asked, SESSIONS_MAX);
	add_by_generation(d, v);
	v->channel = channel_open_take(d->loop, fd, ROLE_SMTPD, ROLE_VERIFY, instance, &VERIFY, v);
	d->house.verify_is_up = true;
	ask_verifiers_again(d);
}

/* ---- wires ---------------------------------------------------------------------- */

/* A new wire to a peer that still has one: what the dead one said is read first, then the new one counts. */
void peers_io_wire(struct smtpd *d, enum wire_role peer, uint16_t instance, int fd)
{
	static const struct channel_handlers AUTH = { .on_verb = on_auth, .on_gone = on_auth_gone };
	static const struct channel_handlers SPOOL = { .on_verb = on_spool, .on_gone = on_spool_gone };
	bool is_auth = peer == ROLE_AUTH;
	struct channel **next = is_auth ? &d->auth_next : &d->spool_next;
	struct channel *ch = channel_open_take(d->loop, fd, ROLE_SMTPD, peer, instance, is_auth ? &AUTH : &SPOOL, d);

	if (is_auth ? d->auth != NULL : d->spool != NULL) {
		if (*next)
			channel_close(next);
		*next = ch;
	} else if (is_auth) {
		auth_is_open(d, ch);
	} else {
		spool_is_open(d, ch);
	}
}
