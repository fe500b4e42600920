#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "smtpd/smtpd_private.h"

#define EVIDENCE_HEAD_MAX 2048	/* what the client said of itself */
#define CLIENT_US         100	/* within that a client on this machine, or next to it, says more */
#define STORE_US          300	/* a good disk syncs in less */

struct conn {
	struct list list;
	struct smtpd *d;
	struct session *session;
	struct stream *stream;		/* NULL: the client is gone, its message is still under way; or it is a file */
	struct dropped_file *dropped;	/* NULL: it is a connection */
	struct deadline deadline;
	int64_t armed_at;		/* INT64_MAX: not */
	uint32_t at_auth, at_spool, at_relay, at_verify;	/* questions under way, 0: none */
	struct relay *relay;		/* whom at_relay is for */
	struct verifier *verifier;	/* whom at_verify is for */
	bool is_reading, is_over;
};

static void feed(struct conn *c, struct session_event *ev);

/* ---- effects --------------------------------------------------------------- */

static void part_left(void *arg)
{
	struct pool_block *block = arg;

	pool_give(&block);
}

static void ask_address(struct conn *c, struct span address)
{
	struct smtpd *d = c->d;

	c->at_auth = pending_open(&d->at_auth, c);
	BUG_ON(c->at_auth == 0);
	channel_put(d->auth, WIRE_address_ask, &(struct wire_address_ask){ .ask = c->at_auth, .address = address });
}

static void ask_recipient(struct conn *c, struct span address, struct span deliver)
{
	c->relay = peers_io_relay(c->d, deliver);
	c->at_relay = pending_open(&c->relay->asked, c);
	BUG_ON(c->at_relay == 0);
	channel_put(c->relay->channel, WIRE_recipient_ask,
	    &(struct wire_recipient_ask){ .ask = c->at_relay, .deliver = deliver, .address = address });
}

static void ask_sender(struct conn *c, struct span address)
{
	struct smtpd *d = c->d;
	struct session_login who = session_login(c->session);

	c->at_auth = pending_open(&d->at_auth, c);
	BUG_ON(c->at_auth == 0);
	channel_put(d->auth, WIRE_sender_ask, &(struct wire_sender_ask){ .ask = c->at_auth, .logins = who.logins, .login = who.login,
	    .proof = who.proof, .address = address });
}

static void begin_check(struct conn *c)
{
	struct session_check check = session_check(c->session);
	const struct set_listen *l = check.listen;

	c->verifier = peers_io_verifier(c->d);
	c->at_verify = pending_open(&c->verifier->asked, c);
	BUG_ON(c->at_verify == 0);
	channel_put(c->verifier->channel, WIRE_check_ask, &(struct wire_check_ask){ .ask = c->at_verify, .id = check.id,
	    .spf = (uint8_t)l->spf, .dkim = (uint8_t)l->dkim, .dmarc = (uint8_t)l->dmarc, .received_spf = l->received_spf,
	    .client = check.client, .helo = check.helo, .sender = check.sender });
}

static void send_check_part(struct conn *c, struct span bytes)
{
	for (; bytes.len > 0; bytes = span_from(bytes, WIRE_PART_MAX))
		channel_put(c->verifier->channel, WIRE_check_part,
		    &(struct wire_check_part){ .ask = c->at_verify, .bytes = span_first(bytes, WIRE_PART_MAX) });
}

static void cancel_check(struct conn *c)
{
	if (!c->at_verify)
		return;
	channel_put(c->verifier->channel, WIRE_check_cancel, &(struct wire_check_cancel){ .ask = c->at_verify });
	pending_close(&c->verifier->asked, c->at_verify);
	c->at_verify = 0;
}

static void report_stuck(struct conn *c)
{
	if (c->at_verify)
		channel_put(process_master(c->d->process), WIRE_captured, &(struct wire_captured){ .peer = ROLE_VERIFY,
		    .instance = c->verifier->instance, .why = SPAN("it is stuck") });
}

/* On a failing disk evidence is lost, and nothing else. */
static void keep_evidence(struct conn *c, const struct effect *e)
{
	char client[CLIENT_TEXT_MAX];
	struct buf text;

	if (c->d->evidence < 0)
		return;
	client_text(session_client(c->session), client);
	buf_init(&text, e->evidence.message.len + EVIDENCE_HEAD_MAX);
	(void)buf_printf(&text, "X-Postrider-Client: %s\r\nX-Postrider-Helo: %.*s\r\nX-Postrider-Sender: <%.*s>\r\n", client,
	    SPAN_ARG(e->evidence.helo), SPAN_ARG(e->evidence.sender));
	(void)buf_add(&text, e->evidence.message);
	(void)!write(c->d->evidence, text.at, text.len);
	buf_fini(&text);
}

static void begin_login(struct conn *c)
{
	struct smtpd *d = c->d;
	struct session_attempt said = session_attempt(c->session);
	char client[CLIENT_TEXT_MAX], local[CLIENT_TEXT_MAX];
	struct stream_binding binding = { 0 };
	bool secured = c->stream && stream_tls_binding(c->stream, &binding);

	client_text(session_client(c->session), client);
	client_text(session_local(c->session), local);
	c->at_auth = pending_open(&d->at_auth, c);
	BUG_ON(c->at_auth == 0);
	channel_put(d->auth, WIRE_login_ask, &(struct wire_login_ask){ .ask = c->at_auth, .logins = session_login(c->session).logins,
	    .mechanism = span_of_text(said.mechanism), .client = span_of_text(client), .local = span_of_text(local), .secured = secured,
	    .exporter = span_of(binding.exporter, binding.exporter_len), .end_point = span_of(binding.end_point, binding.end_point_len),
	    .initial = said.is_initial, .bytes = said.bytes });
}

static void begin_mail(struct conn *c)
{
	struct session_envelope e = session_envelope(c->session);
	struct channel *spool = c->d->spool;
	bool is_local = session_client(c->session)->family == CLIENT_LOCAL;
	struct span login = session_login(c->session).login;
	char client[CLIENT_TEXT_MAX];

	client_text(session_client(c->session), client);
	c->at_spool = pending_open(&c->d->at_spool, c);
	BUG_ON(c->at_spool == 0);
	channel_put(spool, WIRE_mail_begin, &(struct wire_mail_begin){ .ask = c->at_spool, .id = e.id,
	    .received_ms = e.received_ms, .sender = e.sender, .envid = e.envid, .client = span_of_text(client),
	    .login = is_local ? span_of_text(client) : login });
	for (const struct recipient *r = session_recipients(c->session); r; r = r->next)
		channel_put(spool, WIRE_mail_rcpt, &(struct wire_mail_rcpt){ .ask = c->at_spool, .notify = r->notify,
		    .address = r->address, .orcpt = r->orcpt });
}

static void send_part(struct conn *c, struct pool_block *block)
{
	struct wire_mail_part part = { .ask = c->at_spool };

	channel_put_borrowed(c->d->spool, WIRE_mail_part, &part, pool_block_span(block), part_left, block);
}

static void commit_mail(struct conn *c, const struct effect *e)
{
	struct smtpd *d = c->d;

	channel_put(d->spool, WIRE_mail_commit, &(struct wire_mail_commit){ .ask = c->at_spool,
	    .flags = e->commit.flags, .size = e->commit.size, .prefix = buf_span(&d->fx.prefix), .quarantine = e->commit.quarantine,
	    .body_hash = e->commit.body_hash, .from_domain = e->commit.from_domain });
	if (d->fed_last == c && pending_used(&d->at_spool) == 1)
		loop_expect(d->loop, STORE_US, &d->store_is_quick);
}

static void ask_have(struct conn *c, const struct msg_id *id)
{
	c->at_spool = pending_open(&c->d->at_spool, c);
	BUG_ON(c->at_spool == 0);
	channel_put(c->d->spool, WIRE_have_ask, &(struct wire_have_ask){ .ask = c->at_spool, .id = *id });
}

static void drop(struct pending *p, uint32_t *ask)
{
	if (*ask)
		pending_close(p, *ask);
	*ask = 0;
}

static void drop_recipient(struct conn *c)
{
	if (c->at_relay)
		drop(&c->relay->asked, &c->at_relay);
}

static void abort_mail(struct conn *c)
{
	if (c->d->spool && c->at_spool)
		channel_put(c->d->spool, WIRE_mail_abort, &(struct wire_mail_abort){ .ask = c->at_spool });
	drop(&c->d->at_spool, &c->at_spool);
}

static void drop_login(struct conn *c)
{
	if (c->d->auth && c->at_auth)
		channel_put(c->d->auth, WIRE_login_cancel, &(struct wire_login_cancel){ .ask = c->at_auth });
	drop(&c->d->at_auth, &c->at_auth);
}

static void start_tls(struct conn *c, struct span first)
{
	if (c->stream)
		stream_start_tls_with(c->stream, c->d->tls, first);
}

static void perform(struct conn *c, struct effect *e)
{
	struct smtpd *d = c->d;

	switch (e->type) {
	case FX_ASK_ADDRESS: ask_address(c, e->text); return;
	case FX_ASK_SENDER: ask_sender(c, e->text); return;
	case FX_ASK_RECIPIENT: ask_recipient(c, e->recipient.address, e->recipient.deliver); return;
	case FX_DROP_RECIPIENT: drop_recipient(c); return;
	case FX_LOGIN: begin_login(c); return;
	case FX_LOGIN_STEP:
		channel_put(d->auth, WIRE_login_step, &(struct wire_login_step){ .ask = c->at_auth, .bytes = session_attempt(c->session).bytes });
		return;
	case FX_DROP_LOGIN: drop_login(c); return;
	case FX_DROP_ADDRESS: drop(&d->at_auth, &c->at_auth); return;
	case FX_BEGIN: begin_mail(c); return;
	case FX_PART: send_part(c, e->block); return;
	case FX_COMMIT: commit_mail(c, e); return;
	case FX_ABORT: abort_mail(c); return;
	case FX_DROP_MAIL: drop(&d->at_spool, &c->at_spool); return;
	case FX_WITHDRAW: peers_io_withdraw(d, &e->id); return;
	case FX_HAVE: ask_have(c, &e->id); return;
	case FX_CHECK: begin_check(c); return;
	case FX_CHECK_PART: send_check_part(c, span_of(d->fx.checked.at + e->part.at, e->part.len)); return;
	case FX_CHECK_END:
		channel_put(c->verifier->channel, WIRE_check_end, &(struct wire_check_end){ .ask = c->at_verify });
		return;
	case FX_CHECK_CANCEL: cancel_check(c); return;
	case FX_CHECK_STUCK: report_stuck(c); return;
	case FX_EVIDENCE: keep_evidence(c, e); return;
	case FX_START_TLS: start_tls(c, e->text); return;
	case FX_EVENT: process_event(d->process, e->event); return;
	case FX_CLOSE: c->is_over = true; return;
	}
}

static void perform_all(struct conn *c)
{
	struct effects *fx = &c->d->fx;

	if (fx->out.len > 0 && c->stream)
		stream_send(c->stream, buf_span(&fx->out));
	for (unsigned i = 0; i < fx->n; i++)
		perform(c, &fx->row[i]);
	effects_clear(fx);
}

/* ---- feeding ------------------------------------------------------------------ */

static void end(struct conn *c)
{
	struct smtpd *d = c->d;

	drop(&d->at_auth, &c->at_auth);
	drop(&d->at_spool, &c->at_spool);
	drop_recipient(c);
	cancel_check(c);
	deadline_clear(d->loop, &c->deadline);
	if (c->stream)
		stream_close(&c->stream);
	if (c->dropped)
		dropped_close(&c->dropped, c->session);
	session_free(&c->session);
	list_remove(&c->list);
	mem_free(c);
	d->n_conns--;
	listener_io_room(d);
	if (d->house.draining && d->n_conns == 0)
		smtpd_end(d);
}

/* A deadline that moved away is left where it is: it comes, finds nothing due, and is set anew. */
static void arm(struct conn *c)
{
	int64_t due = session_due(c->session);

	if (due >= c->armed_at)
		return;
	c->armed_at = due;
	deadline_set(c->d->loop, &c->deadline, due);
}

static void settle(struct conn *c)
{
	struct smtpd *d = c->d;
	bool wants;

	if (c->is_over) {
		end(c);
		return;
	}
	arm(c);
	wants = session_wants_bytes(c->session);
	if (c->dropped)
		dropped_want(c->dropped, wants);
	if (!c->stream)
		return;
	if (wants && !c->is_reading)
		stream_resume(c->stream);
	else if (!wants && c->is_reading)
		stream_pause(c->stream);
	c->is_reading = wants;
	if (wants && d->fed_last == c && pending_used(&d->at_spool) == 0 && pending_used(&d->at_auth) == 0)
		loop_expect(d->loop, CLIENT_US, &d->client_is_quick);
	d->fed_last = c;
}

/* Memory of bodies is short: the largest one goes on as a part, now. */
static void relieve(struct smtpd *d)
{
	struct session *largest;

	if (d->is_relieving || d->house.pool.used + POOL_BLOCK_MAX <= d->house.pool.ceiling || !d->house.spool_is_up)
		return;
	largest = house_largest(&d->house);
	if (!largest)
		return;
	d->is_relieving = true;
	conn_answer(session_owner(largest), SE_SPILL, 0);
	channel_flush(d->spool);
	d->is_relieving = false;
}

static void feed(struct conn *c, struct session_event *ev)
{
	struct smtpd *d = c->d;
	bool more;

	BUG_ON(d->is_feeding);
	d->is_feeding = true;
	ev->now = loop_now(d->loop);
	process_note(d->process, session_mail_id(c->session));
	more = session_feed(c->session, ev, &d->fx);
	perform_all(c);
	while (more) {
		process_note(d->process, session_mail_id(c->session));
		more = session_go_on(c->session, &d->fx);
		perform_all(c);
	}
	process_note(d->process, NULL);
	d->is_feeding = false;
	settle(c);
	relieve(d);
}

void conn_bytes(struct conn *c, struct span bytes)
{
	feed(c, &(struct session_event){ .type = SE_BYTES, .bytes = bytes });
}

void conn_answer(struct conn *c, enum session_event_type type, uint32_t number)
{
	feed(c, &(struct session_event){ .type = type, .number = number });
}

void conn_address_told(struct conn *c, const struct wire_address_told *told)
{
	feed(c, &(struct session_event){ .type = SE_ADDRESS, .number = told->result, .otherwise = told->otherwise, .bytes = told->deliver });
}

void conn_recipient_told(struct conn *c, const struct wire_recipient_told *told)
{
	c->at_relay = 0;
	feed(c, &(struct session_event){ .type = SE_RECIPIENT, .number = told->result, .bytes = told->words, .enhanced = told->enhanced });
}

void conn_relay_left(struct conn *c)
{
	c->at_relay = 0;
	feed(c, &(struct session_event){ .type = SE_RECIPIENT_LOST });
}

void conn_checked(struct conn *c, const struct wire_check_done *done)
{
	c->at_verify = 0;
	feed(c, &(struct session_event){ .type = SE_VERDICT, .checked = done });
}

void conn_verifier_left(struct conn *c)
{
	c->at_verify = 0;
	feed(c, &(struct session_event){ .type = SE_VERIFY_GONE });
}

void conn_login_told(struct conn *c, const struct wire_login_done *done)
{
	feed(c, &(struct session_event){ .type = SE_LOGIN_DONE, .number = done->result, .bytes = done->login, .proof = done->proof });
}

void conn_challenge(struct conn *c, struct span bytes)
{
	feed(c, &(struct session_event){ .type = SE_LOGIN_CHALLENGE, .bytes = bytes });
}

void conn_mail_answered(struct conn *c)
{
	c->at_spool = 0;
}

void conn_auth_answered(struct conn *c)
{
	c->at_auth = 0;
}

static void feed_each(struct smtpd *d, const struct session_event *ev)
{
	enum session_event_type type = ev->type;
	struct list all;

	/* Any of them may end any time: those that were told move over. */
	list_init(&all);
	while (!list_is_empty(&d->conns)) {
		struct conn *c = LIST_OWNER(list_take_first(&d->conns), struct conn, list);

		list_add_last(&all, &c->list);
		if (type == SE_SPOOL_GONE)
			c->at_spool = 0;
		if (type == SE_AUTH_GONE)
			c->at_auth = 0;
		feed(c, &(struct session_event){ .type = type, .number = ev->number, .id = ev->id });
	}
	for (struct list *n; (n = list_take_first(&all));)
		list_add_last(&d->conns, n);
}

void session_io_each(struct smtpd *d, enum session_event_type type, uint32_t number)
{
	feed_each(d, &(struct session_event){ .type = type, .number = number });
}

void session_io_died_over_take(struct smtpd *d, const struct msg_id *id, int evidence)
{
	d->evidence = evidence;
	feed_each(d, &(struct session_event){ .type = SE_DIED_OVER, .id = id });
	d->evidence = -1;
	if (evidence >= 0)
		close(evidence);
}

/* ---- the socket ------------------------------------------------------------------- */

static void on_bytes(void *owner, struct stream *stream, struct span bytes)
{
	(void)stream;
	conn_bytes(owner, bytes);
}

static void on_tls(void *owner, struct stream *stream, bool ok, const char *why)
{
	struct conn *c = owner;
	struct session_tls tls;
	struct stream_tls facts;

	if (!ok || !stream_tls_facts(stream, &facts)) {
		feed(c, &(struct session_event){ .type = SE_TLS_FAILED, .bytes = span_of_text(why) });
		return;
	}
	tls = (struct session_tls){ facts.version, facts.cipher, facts.bits };
	feed(c, &(struct session_event){ .type = SE_TLS_UP, .tls = &tls });
}

static void on_gone(void *owner, struct stream *stream, bool clean)
{
	struct conn *c = owner;

	(void)stream;
	if (!clean)
		stream_abort(&c->stream);
	conn_answer(c, SE_PEER_LEFT, clean);
}

static void on_deadline(struct deadline *deadline)
{
	struct conn *c = LIST_OWNER(deadline, struct conn, deadline);
	int early = c->stream && session_wants_peek(c->session) ? stream_peek(c->stream) : 0;

	c->armed_at = INT64_MAX;
	conn_answer(c, SE_TICK, early > 0);
}

static void to_client(struct client *c, const struct sockaddr_storage *from)
{
	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)from;

		client_set(c, 4, (const unsigned char *)&v4->sin_addr, ntohs(v4->sin_port));
	} else if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)from;

		client_set(c, 6, (const unsigned char *)&v6->sin6_addr, ntohs(v6->sin6_port));
	} else {
		*c = (struct client){ 0 };
	}
}

/* Who connected, not who holds the socket now: a user can't lend his name by passing it on. */
static void to_local_client(struct client *c, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	*c = (struct client){ 0 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
		client_set_local(c, peer.uid);
}

static const struct stream_handlers HANDLERS = { .on_bytes = on_bytes, .on_tls = on_tls, .on_gone = on_gone };

static struct conn *conn_new(struct smtpd *d, unsigned listener, const struct client *client, const struct client *local)
{
	struct conn *c = mem_new(sizeof(*c));

	c->d = d;
	c->session = session_new(&d->house, listener, client, local, c);
	c->armed_at = INT64_MAX;
	deadline_init(&c->deadline, on_deadline);
	list_add_last(&d->conns, &c->list);
	d->n_conns++;
	d->n_connections++;
	return c;
}

void session_io_open_take(struct smtpd *d, unsigned listener, int fd, const struct sockaddr_storage *from)
{
	struct sockaddr_storage own = { 0 };
	socklen_t len = sizeof(own);
	struct client client, local;
	struct conn *c;

	if (getsockname(fd, (struct sockaddr *)&own, &len) < 0)
		own.ss_family = AF_UNSPEC;
	if (d->settings->listen[listener].local)
		to_local_client(&client, fd);
	else
		to_client(&client, from);
	to_client(&local, &own);
	c = conn_new(d, listener, &client, &local);
	c->stream = stream_open_take(d->loop, fd, &HANDLERS, c);
	conn_answer(c, SE_CONNECTED, stream_peek(c->stream) > 0);
}

static unsigned local_listener(const struct settings *s)
{
	unsigned i = 0;

	while (i < s->n_listen && !s->listen[i].local)
		i++;
	return i;
}

void session_io_open_dropped_take(struct smtpd *d, int fd, const struct wire_drop_file *told)
{
	unsigned listener = local_listener(d->settings);
	const struct client nowhere = { 0 };
	struct client client;
	struct conn *c;

	if (listener == d->settings->n_listen || d->house.draining || d->n_conns >= SESSIONS_MAX) {
		close(fd);
		dropped_refuse(d, told->ask);
		return;
	}
	client_set_local(&client, told->uid);
	c = conn_new(d, listener, &client, &nowhere);
	c->dropped = dropped_open_take(d, fd, told->ask, c);
	session_is_dropped(c->session, &told->id);
	conn_answer(c, SE_CONNECTED, 0);
}
