#include "smtpd/session_private.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define INPUT_CEILING  (1024 * 1024)	/* what the client said while it had to wait: one read beyond INPUT_MARK */
#define INPUT_MARK     8192		/* from here on its socket is not read before we are ready */
#define INPUT_FREE     4096		/* that much each session may keep without a charge to the pool */
#define SLOW_MS        1000
#define SLOWER_MS      5000

static enum progress closed(struct session *s, struct effects *fx);
static enum progress delay(struct session *s, struct effects *fx);
static enum progress delay_over(struct session *s, struct effects *fx);

const struct step STEP_DELAY = { "delay", delay, delay_over, false };
const struct step STEP_CLOSED = { "closed", closed, closed, false };

/* ---- the house ------------------------------------------------------------- */

void house_init(struct house *h, const struct settings *settings, struct tally *tally)
{
	*h = (struct house){ .settings = settings, .tally = tally };
	pool_init(&h->pool, POOL_CEILING);
	list_init(&h->gathering);
	signers_init(&h->signers, settings);
}

void house_fini(struct house *h)
{
	BUG_ON(!list_is_empty(&h->gathering));
	pool_fini(&h->pool);
	signers_fini(&h->signers);
	known_forget(&h->known);
}

struct session *house_largest(const struct house *h)
{
	struct transaction *largest = NULL;

	LIST_EACH(n, &h->gathering) {
		struct transaction *tx = LIST_OWNER(n, struct transaction, gathering);

		if (!largest || tx->block->len > largest->block->len)
			largest = tx;
	}
	return largest ? largest->session : NULL;
}

/* ---- birth ----------------------------------------------------------------- */

struct session *session_new(struct house *h, unsigned listener, const struct client *client, const struct client *local, void *owner)
{
	struct session *s = mem_new(sizeof(*s));

	s->house = h;
	s->owner = owner;
	s->listener = (uint16_t)listener;
	s->listen = &h->settings->listen[listener];
	s->client = *client;
	s->local = *local;
	s->step = &STEP_PREGREET;
	s->step_due = INT64_MAX;
	buf_init(&s->input, INPUT_CEILING);
	return s;
}

void session_is_dropped(struct session *s, const struct msg_id *id)
{
	s->dropped = mem_new(sizeof(*s->dropped));
	s->dropped->id = *id;
}

static void dropped_free(struct dropped **dp)
{
	if (*dp)
		mem_free((*dp)->words);
	mem_free(*dp);
	*dp = NULL;
}

void session_free(struct session **sp)
{
	struct session *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	transaction_free(&s->tx);
	dropped_free(&s->dropped);
	if (s->counts)
		limits_disconnect(s->house->tally, &s->place);
	pool_discharge(&s->house->pool, s->charged);
	buf_fini(&s->input);
	mem_free(s->helo);
	mem_free(s->held);
	mem_free(s->login);
	session_attempt_free(s);
	mem_free(s);
}

/* ---- steps ------------------------------------------------------------------- */

enum progress session_step_to(struct session *s, const struct step *step, int64_t ms)
{
	s->step = step;
	s->step_due = s->now.mono_ms + ms;
	s->is_answered = false;
	return STEP_AGAIN;
}

enum progress session_await_command(struct session *s)
{
	session_step_to(s, &STEP_COMMAND, s->listen->timeout_command);
	s->idle_since = s->now.mono_ms;
	if (!s->helo && s->step_due > s->helo_due)
		s->step_due = s->helo_due;
	return STEP_AGAIN;
}

void session_take(struct session *s, size_t n)
{
	s->in = span_from(s->in, n);
}

static enum progress closed(struct session *s, struct effects *fx)
{
	(void)fx;
	s->in = SPAN_NONE;
	s->step_due = INT64_MAX;
	return STEP_WAIT;
}

/* ---- replies ------------------------------------------------------------------- */

static void add_reply(struct buf *out, unsigned code, const char *enhanced, const char *text)
{
	const char digits[] = { (char)('0' + code / 100 % 10), (char)('0' + code / 10 % 10), (char)('0' + code % 10), ' ' };

	buf_add(out, span_of(digits, sizeof(digits)));
	if (enhanced) {
		buf_add_text(out, enhanced);
		buf_add_char(out, ' ');
	}
	buf_add_text(out, text);
	buf_add(out, SPAN("\r\n"));
}

/* Nobody hears what is said to a file: what counts is kept. */
static void note_refusal(struct session *s, unsigned code, const char *text)
{
	if (!s->dropped || code < 400 || s->dropped->code)
		return;
	s->dropped->code = code;
	s->dropped->words = mem_text(span_of_text(text));
}

enum progress session_say(struct session *s, struct effects *fx, unsigned code, const char *enhanced, const char *text)
{
	note_refusal(s, code, text);
	add_reply(&fx->out, code, enhanced, text);
	return session_await_command(s);
}

static int64_t penalty_ms(const struct session *s)
{
	if (s->n_errors * 3 >= (uint64_t)s->listen->max_errors * 2)
		return SLOWER_MS;
	return s->n_errors * 3 >= (uint64_t)s->listen->max_errors ? SLOW_MS : 0;
}

enum progress session_refuse(struct session *s, struct effects *fx, unsigned code, const char *enhanced, const char *text)
{
	struct buf reply;

	note_refusal(s, code, text);
	if (++s->n_errors >= (uint64_t)s->listen->max_errors) {
		add_reply(&fx->out, code, enhanced, text);	/* a 421 in its place would have the same message sent again */
		return session_hang_up(s, fx, 421, "4.7.0", "Too many errors, good bye");
	}
	if (penalty_ms(s) == 0)
		return session_say(s, fx, code, enhanced, text);
	buf_init(&reply, EFFECTS_OUT_MAX);
	add_reply(&reply, code, enhanced, text);
	mem_free(s->held);
	s->held = mem_text(buf_span(&reply));
	buf_fini(&reply);
	return session_step_to(s, &STEP_DELAY, penalty_ms(s));
}

enum progress session_reply(struct session *s, struct effects *fx, const struct reply *r)
{
	if (r->code >= 500 || s->n_errors >= (uint64_t)s->listen->max_errors)
		return session_refuse(s, fx, r->code, r->enhanced, r->text);
	return session_say(s, fx, r->code, r->enhanced, r->text);
}

static enum progress delay(struct session *s, struct effects *fx)
{
	(void)s;
	(void)fx;
	return STEP_WAIT;
}

static void say_held(struct session *s, struct effects *fx)
{
	if (s->held)
		buf_add_text(&fx->out, s->held);
	mem_free(s->held);
	s->held = NULL;
}

static enum progress delay_over(struct session *s, struct effects *fx)
{
	say_held(s, fx);
	return session_await_command(s);
}

static void end(struct session *s, struct effects *fx, const char *why)
{
	struct event *ev = session_event(s, fx, EV_SMTP_CLOSED);

	event_text(ev, EF_HELO, span_of_text(s->helo));
	event_num(ev, EF_COMMANDS, s->n_commands);
	event_num(ev, EF_MESSAGES, s->n_messages);
	event_num(ev, EF_ERRORS, s->n_errors);
	event_num(ev, EF_MS, s->now.mono_ms - s->connected_at);
	event_text(ev, EF_STAGE, span_of_text(s->step->name));
	event_text(ev, EF_REASON, span_of_text(why));
	if ((s->step == &STEP_ADDRESS || s->step == &STEP_SENDER || s->step == &STEP_AUTHOR) && !s->is_answered)
		effects_add(fx, FX_DROP_ADDRESS);
	if (s->step == &STEP_RECIPIENT && !s->is_answered)
		effects_add(fx, FX_DROP_RECIPIENT);
	session_forget_attempt(s, fx);
	transaction_end(s, fx);
	effects_add(fx, FX_CLOSE);
	session_step_to(s, &STEP_CLOSED, 0);
	s->step_due = INT64_MAX;
}

enum progress session_hang_up(struct session *s, struct effects *fx, unsigned code, const char *enhanced, const char *text)
{
	note_refusal(s, code, text);
	say_held(s, fx);	/* the message that it refuses would be sent again */
	add_reply(&fx->out, code, enhanced, text);
	end(s, fx, text);
	return STEP_AGAIN;
}

enum progress session_drained(struct session *s, struct effects *fx)
{
	return session_hang_up(s, fx, 421, "4.3.2", s->house->stopping ? "Service shutting down" : "Service is being replaced, come again");
}

enum progress session_end(struct session *s, struct effects *fx, const char *why)
{
	end(s, fx, why);
	return STEP_AGAIN;
}

enum progress session_late(struct session *s, struct effects *fx)
{
	return session_hang_up(s, fx, 421, "4.4.2", "Timeout, good bye");
}

/* ---- events ---------------------------------------------------------------------- */

struct event *session_event(struct session *s, struct effects *fx, enum event_code code)
{
	struct event *ev = effects_event(fx);
	char text[CLIENT_TEXT_MAX];

	client_text(&s->client, text);
	event_begin(ev, code, s->now.wall_ms, s->tx ? &s->tx->id : NULL);
	event_text(ev, EF_CLIENT, span_of_text(text));
	event_num(ev, EF_PORT, s->client.port);
	event_text(ev, EF_LISTENER, span_of_text(s->listen->title));
	if (s->login)
		event_text(ev, EF_LOGIN, span_of_text(s->login));
	return ev;
}

bool session_abused(struct session *s, struct effects *fx, int severity, const char *what)
{
	struct event *ev = session_event(s, fx, EV_SMTP_ABUSE);

	event_text(ev, EF_HELO, span_of_text(s->helo));
	event_text(ev, EF_STAGE, span_of_text(s->step->name));
	event_text(ev, EF_REASON, span_of_text(what));
	if (severity == SEVERITY_SLOW && s->n_errors * 3 < (uint64_t)s->listen->max_errors)
		s->n_errors = (uint32_t)(s->listen->max_errors + 2) / 3;
	return severity == SEVERITY_REFUSE;
}

/* ---- feeding ------------------------------------------------------------------------ */

static void absorb_bytes(struct session *s, struct span bytes)
{
	if (s->step == &STEP_CLOSED)
		return;
	if (!s->in_is_kept) {
		s->in = bytes;
		return;
	}
	s->flooded |= buf_add(&s->input, bytes) != PR_OK;
	s->in = buf_span(&s->input);
}

void session_answer(struct session *s, const struct step *step, uint32_t number)
{
	if (s->step != step)
		return;	/* it came too late: nobody waits any more */
	s->is_answered = true;
	s->answer = number;
}

static void auth_is_gone(struct session *s)
{
	session_answer(s, &STEP_ADDRESS, ADDRESS_TEMPORARY);
	session_answer(s, &STEP_SENDER, SENDER_TEMPORARY);
	session_answer(s, &STEP_AUTHOR, SENDER_TEMPORARY);
	session_login_lost(s);
}

static void sender_told(struct session *s, uint32_t number)
{
	session_answer(s, &STEP_SENDER, number);
	session_answer(s, &STEP_AUTHOR, number);
}

static void tls_is_up(struct session *s, const struct session_tls *tls)
{
	s->tls_version = tls->version;
	s->tls_cipher = tls->cipher;
	session_answer(s, &STEP_TLS, 1);
}

static void peer_left(struct session *s, struct effects *fx, bool in_good_order)
{
	s->peer_left = true;
	if (!in_good_order && s->step != &STEP_STORED && s->step != &STEP_SPOOL && s->step != &STEP_HAVE && s->step != &STEP_CLOSED)
		session_end(s, fx, "connection broken");
}

static void have_told(struct session *s, uint32_t number)
{
	session_answer(s, &STEP_HAVE, number);
	session_answer(s, &STEP_SEEN, number);
}

static void spool_left(struct session *s, struct effects *fx)
{
	if (s->step == &STEP_SEEN)
		session_end(s, fx, "the queue is away");
	transaction_spool_left(s, fx);
}

static void absorb(struct session *s, const struct session_event *ev, struct effects *fx)
{
	s->now = ev->now;
	s->in_is_kept = s->input.len > 0;
	s->in = buf_span(&s->input);
	switch (ev->type) {
	case SE_CONNECTED: session_begin(s, fx, ev->number > 0); return;
	case SE_BYTES: absorb_bytes(s, ev->bytes); return;
	case SE_TLS_UP: tls_is_up(s, ev->tls); return;
	case SE_TLS_FAILED: cmd_starttls_failed(s, fx, ev->bytes); return;
	case SE_PEER_LEFT: peer_left(s, fx, ev->number == 1); return;
	case SE_TICK: s->early_bytes |= ev->number > 0; return;
	case SE_ADDRESS: session_address_told(s, ev); return;
	case SE_RECIPIENT: session_recipient_told(s, ev); return;
	case SE_RECIPIENT_LOST: session_recipient_lost(s, fx); return;
	case SE_SENDER: sender_told(s, ev->number); return;
	case SE_LOGIN_CHALLENGE: session_challenged(s, ev->bytes); return;
	case SE_LOGIN_DONE: session_login_told(s, ev->number, ev->bytes, ev->proof); return;
	case SE_WINDOW: transaction_window(s, ev->number); return;
	case SE_STORED: transaction_stored(s, ev->number, fx); return;
	case SE_HAVE: have_told(s, ev->number); return;
	case SE_SPOOL_GONE: spool_left(s, fx); return;
	case SE_SPOOL_BACK: session_answer(s, &STEP_SPOOL, 1); return;
	case SE_AUTH_GONE: auth_is_gone(s); return;
	case SE_VERDICT: verdict_told(s, ev->checked, fx); return;
	case SE_CHECK_WINDOW: verdict_window(s, ev->number); return;
	case SE_VERIFY_GONE: verdict_lost(s); return;
	case SE_VERIFY_BACK: verdict_again(s, fx); return;
	case SE_DIED_OVER: verdict_killed(s, ev->id, fx); return;
	case SE_SPILL: transaction_spill(s, fx); return;
	case SE_DRAIN: return;
	}
}

static int64_t drain_due(const struct session *s)
{
	const struct house *h = s->house;
	int64_t from = s->idle_since > h->drain_began_at ? s->idle_since : h->drain_began_at;

	if (s->step != &STEP_COMMAND || s->tx || from + h->drain_idle_ms > h->drain_deadline_at)
		return h->drain_deadline_at;
	return from + h->drain_idle_ms;
}

int64_t session_due(const struct session *s)
{
	int64_t due = s->step_due;

	if (s->step == &STEP_CLOSED)
		return INT64_MAX;
	if (s->step->peer_moves && s->progress_due < due)
		due = s->progress_due;
	if (s->house->draining && drain_due(s) < due)
		due = drain_due(s);
	return due;
}

static enum progress run_step(struct session *s, struct effects *fx)
{
	int64_t now = s->now.mono_ms;

	if (s->step == &STEP_CLOSED)
		return s->step->run(s, fx);
	if (s->dropped && s->dropped->code)
		return session_end(s, fx, s->dropped->words);
	if (s->flooded)
		return session_hang_up(s, fx, 421, "4.3.1", "You say too much before you are answered");
	if (s->house->draining && now >= drain_due(s))
		return session_drained(s, fx);
	if (now >= s->step_due)
		return s->step->late(s, fx);
	if (s->step->peer_moves && now >= s->progress_due)
		return session_late(s, fx);
	return s->step->run(s, fx);
}

/* What no step has taken is kept; an idle session keeps no memory. */
static void keep(struct session *s, struct effects *fx)
{
	size_t charge;

	if (s->in_is_kept) {
		buf_eat(&s->input, s->input.len - s->in.len);
	} else {
		buf_clear(&s->input);
		s->flooded |= buf_add(&s->input, s->in) != PR_OK;
	}
	if (s->input.len == 0)
		buf_shrink(&s->input);
	s->in = SPAN_NONE;
	charge = s->input.len > INPUT_FREE ? s->input.len : 0;
	pool_discharge(&s->house->pool, s->charged);
	s->charged = 0;
	if (pool_charge(&s->house->pool, charge))
		s->charged = charge;
	else
		session_hang_up(s, fx, 421, "4.3.1", "Short of memory, come again");
}

static void client_left(struct session *s, struct effects *fx)
{
	if (s->dropped)
		s->dropped->is_cut = true;
	session_end(s, fx, "client left");
}

bool session_go_on(struct session *s, struct effects *fx)
{
	do {
		if (!effects_have_room(fx))
			return true;
	} while (run_step(s, fx) == STEP_AGAIN);
	if (s->peer_left && s->step->peer_moves)
		client_left(s, fx);
	keep(s, fx);
	return false;
}

bool session_feed(struct session *s, const struct session_event *ev, struct effects *fx)
{
	absorb(s, ev, fx);
	return session_go_on(s, fx);
}

/* ---- what the shell looks at --------------------------------------------------------- */

bool session_wants_bytes(const struct session *s)
{
	if (s->step == &STEP_CLOSED || s->step == &STEP_PREGREET || s->peer_left)
		return false;
	return s->step->peer_moves || (s->step != &STEP_ROOM && s->input.len < INPUT_MARK);
}

bool session_wants_peek(const struct session *s)
{
	return s->step == &STEP_PREGREET && !s->tls_version;
}

enum wire_drop session_dropped(const struct session *s, const char **words)
{
	const struct dropped *d = s->dropped;

	*words = "";
	if (d->was_taken || s->n_messages > 0)
		return DROP_TAKEN;
	if (d->code)
		*words = d->words;
	else if (d->is_cut)
		*words = "It ends before its message does";
	return d->is_cut || d->code >= 500 ? DROP_BAD : DROP_LATER;
}

const struct msg_id *session_mail_id(const struct session *s)
{
	if (s->tx)
		return &s->tx->id;
	return s->dropped ? &s->dropped->id : NULL;
}

void *session_owner(const struct session *s)
{
	return s->owner;
}

const char *session_step(const struct session *s)
{
	return s->step->name;
}

struct session_envelope session_envelope(const struct session *s)
{
	const struct transaction *tx = s->tx;

	return (struct session_envelope){ tx->id, (uint64_t)tx->began_wall_ms, tx->sender, tx->envid };
}

struct session_check session_check(const struct session *s)
{
	size_t len = s->client.family == 4 ? 4 : 16;

	return (struct session_check){ s->tx->id, s->listen, span_of((const char *)s->client.address, s->client.family ? len : 0),
	    span_of_text(s->helo), s->tx->sender };
}

const struct recipient *session_recipients(const struct session *s)
{
	return s->tx->first;
}

const struct client *session_client(const struct session *s)
{
	return &s->client;
}

const struct client *session_local(const struct session *s)
{
	return &s->local;
}

struct session_login session_login(const struct session *s)
{
	const char *logins = s->listen->logins;

	return (struct session_login){ logins && strcmp(logins, "local") != 0 ? span_of_text(logins) : SPAN_NONE, span_of_text(s->login), s->proof };
}
