/* AUTH (RFC 4954): a login. auth knows the mechanisms; here are the lines. */
#include "smtpd/session_private.h"

#include <string.h>

#include "base/base64.h"
#include "base/mem.h"

#define LOGIN_WAIT_MS SECONDS(90)	/* a full queue of checks, the wait of one who guesses, Dovecot's own */
#define LOGIN_GOES_ON UINT32_MAX	/* an answer: there is a challenge */

static enum progress told(struct session *s, struct effects *fx);
static enum progress told_late(struct session *s, struct effects *fx);
static enum progress response(struct session *s, struct effects *fx);

const struct step STEP_LOGIN = { "login", told, told_late, false };
const struct step STEP_RESPONSE = { "login response", response, session_late, true };

static const struct {
	const char *name;
	bool needs_tls;		/* is bound to it */
	bool needs_own;		/* users: others check passwords, no proofs */
} MECHANISMS[] = {		/* the strongest first: some clients take the first they know */
	{ "SCRAM-SHA-256-PLUS", true, true },
	{ "SCRAM-SHA-256", false, true },
	{ "PLAIN", false, false },
	{ "LOGIN", false, false },
};
#define N_MECHANISMS (sizeof(MECHANISMS) / sizeof(MECHANISMS[0]))

struct attempt {
	const char *mechanism;
	bool is_initial;
	bool is_open;		/* auth has not said its last word on it */
	struct buf said;	/* by the client or by auth, whoever spoke last; decoded */
};

static const struct reply BUSY = { 454, "4.7.0", "Logins can't be checked now, try again later" };
static const struct reply NO_BASE64 = { 501, "5.5.2", "That is not base64" };

/* ---- the attempt ---------------------------------------------------------------- */

/* Lent bytes lie in buffers of this process, which nobody reads again: a password must not stay there. */
static void wipe(struct span s)
{
	mem_wipe((void *)(uintptr_t)s.at, s.len);
}

/* All its room at once: what grows leaves copies behind. */
static void attempt_new(struct session *s, const char *mechanism)
{
	s->attempt = mem_new(sizeof(*s->attempt));
	s->attempt->mechanism = mechanism;
	buf_init(&s->attempt->said, COMMAND_AUTH_MAX);
	(void)buf_room(&s->attempt->said, COMMAND_AUTH_MAX);
}

static void unsay(struct attempt *a)
{
	mem_wipe(a->said.at, a->said.room);
	buf_clear(&a->said);
}

void session_attempt_free(struct session *s)
{
	if (!s->attempt)
		return;
	unsay(s->attempt);
	buf_fini(&s->attempt->said);
	mem_free(s->attempt);
	s->attempt = NULL;
}

void session_forget_attempt(struct session *s, struct effects *fx)
{
	if (s->attempt && s->attempt->is_open)
		effects_add(fx, FX_DROP_LOGIN);
	session_attempt_free(s);
}

struct session_attempt session_attempt(const struct session *s)
{
	return (struct session_attempt){ s->attempt->mechanism, s->attempt->is_initial, buf_span(&s->attempt->said) };
}

static bool decode(struct attempt *a, struct span text)
{
	size_t len;

	unsay(a);
	if (base64_decode(text, a->said.at, a->said.room, &len) != PR_OK)
		return false;
	buf_grew(&a->said, len);
	wipe(text);
	return true;
}

/* ---- what is offered ------------------------------------------------------------- */

static bool may_be_heard(const struct session *s)
{
	return s->tls_version || (s->listen->auth_plaintext && client_is_loopback(&s->client));
}

static bool is_offered(const struct session *s, size_t i)
{
	if (MECHANISMS[i].needs_tls && !s->tls_version)
		return false;
	return !MECHANISMS[i].needs_own || session_login(s).logins.len == 0;
}

void session_offer_logins(const struct session *s, struct buf *out)
{
	if (s->listen->auth == LISTEN_AUTH_OFF || s->login || !may_be_heard(s))
		return;
	buf_add(out, SPAN("250-AUTH"));
	for (size_t i = 0; i < N_MECHANISMS; i++) {
		if (!is_offered(s, i))
			continue;
		buf_add_char(out, ' ');
		buf_add_text(out, MECHANISMS[i].name);
	}
	buf_add(out, SPAN("\r\n"));
}

static bool is_over_rate(const struct session *s)
{
	return !s->is_trusted && limits_login(s->house->tally, &s->place, s->listen, s->now.mono_ms) != LIMITS_FREE;
}

static const char *find_mechanism(const struct session *s, struct span name)
{
	for (size_t i = 0; i < N_MECHANISMS; i++)
		if (span_eq_nocase(name, span_of_text(MECHANISMS[i].name)) && is_offered(s, i))
			return MECHANISMS[i].name;
	return NULL;
}

static const struct reply *may_log_in(const struct session *s)
{
	static const struct reply NOT_OFFERED = { 502, "5.5.1", "AUTH is not offered" };
	static const struct reply NESTED = { 503, "5.5.1", "Not inside a transaction" };
	static const struct reply AGAIN = { 503, "5.5.1", "You are logged in already" };
	static const struct reply NO_EHLO = { 503, "5.5.1", "EHLO first" };
	static const struct reply IN_CLEAR = { 538, "5.7.11", "Encryption required: STARTTLS first" };

	if (s->tx)
		return &NESTED;
	if (s->login)
		return &AGAIN;
	if (!may_be_heard(s) && (s->listen->auth != LISTEN_AUTH_OFF || s->listen->tls == LISTEN_TLS_REQUIRED))
		return &IN_CLEAR;
	if (s->listen->auth == LISTEN_AUTH_OFF)
		return &NOT_OFFERED;
	return s->is_extended ? NULL : &NO_EHLO;
}

/* ---- how it ends ------------------------------------------------------------------- */

static struct event *login_event(struct session *s, struct effects *fx, enum event_code code, struct span login)
{
	struct event *ev = session_event(s, fx, code);

	event_text(ev, EF_LOGIN, login);
	event_text(ev, EF_KIND, span_of_text(s->attempt->mechanism));
	event_text(ev, EF_TLS, span_of_text(s->tls_version));
	return ev;
}

static enum progress fail(struct session *s, struct effects *fx, const struct reply *r, struct span login, const char *reason)
{
	struct event *ev = login_event(s, fx, EV_SMTP_AUTH_FAILED, login);

	event_num(ev, EF_CODE, r->code);
	event_text(ev, EF_REASON, span_of_text(reason));
	s->place.has_user = false;
	session_forget_attempt(s, fx);
	return session_refuse(s, fx, r->code, r->enhanced, r->text);
}

static const struct reply TOO_MANY = { 454, "4.7.0", "Too many failed logins, try again later" };

static enum progress succeed(struct session *s, struct effects *fx, struct span login)
{
	login_event(s, fx, EV_SMTP_AUTHENTICATED, login);
	s->login = mem_text(login);
	session_forget_attempt(s, fx);
	return session_say(s, fx, 235, "2.7.0", "You are logged in");
}

static enum progress finish(struct session *s, struct effects *fx)
{
	static const struct reply BAD = { 535, "5.7.8", "Wrong name or password" };
	static const struct reply DISABLED = { 535, "5.7.13", "This user is disabled" };
	static const struct reply MECHANISM = { 504, "5.5.4", "This mechanism is not offered" };
	struct span login = buf_span(&s->attempt->said);

	if (s->answer == LOGIN_BUSY)
		return fail(s, fx, &BUSY, login, "can't be checked now");
	if (s->answer == LOGIN_MECHANISM)
		return fail(s, fx, &MECHANISM, login, "no such mechanism there");
	/* Whether it was right must not show: who guesses at a name has used its tokens up. */
	limits_place_user(&s->place, s->house->tally, login);
	if (is_over_rate(s))
		return fail(s, fx, &TOO_MANY, login, "too many failed logins");
	if (s->answer == LOGIN_OK)
		return succeed(s, fx, login);
	limits_login_failed(s->house->tally, &s->place, s->listen, s->now.mono_ms);
	return s->answer == LOGIN_DISABLED ? fail(s, fx, &DISABLED, login, "disabled") : fail(s, fx, &BAD, login, "wrong name or password");
}

/* ---- the dialogue ------------------------------------------------------------------- */

static enum progress ask(struct session *s, struct effects *fx, enum effect_type type)
{
	effects_add(fx, type);
	return session_step_to(s, &STEP_LOGIN, LOGIN_WAIT_MS);
}

static enum progress begin(struct session *s, struct span initial, struct effects *fx)
{
	bool is_empty = span_eq(initial, SPAN("="));

	s->attempt->is_initial = initial.len > 0;
	if (!decode(s->attempt, is_empty ? SPAN_NONE : initial)) {
		session_forget_attempt(s, fx);
		return session_reply(s, fx, &NO_BASE64);
	}
	s->attempt->is_open = true;
	return ask(s, fx, FX_LOGIN);
}

enum progress cmd_auth(struct session *s, struct span args, struct effects *fx)
{
	struct span name = span_cut(&args, ' '), initial = span_trim(args);
	const struct reply *wrong = may_log_in(s);
	const char *mechanism = find_mechanism(s, name);

	if (wrong)
		return session_reply(s, fx, wrong);
	if (name.len == 0 || span_find(initial, ' ') < initial.len)
		return session_refuse(s, fx, 501, "5.5.4", "AUTH takes a mechanism, and perhaps an initial response");
	if (!mechanism)
		return session_refuse(s, fx, 504, "5.5.4", "This mechanism is not offered");
	if (is_over_rate(s))
		return session_refuse(s, fx, TOO_MANY.code, TOO_MANY.enhanced, TOO_MANY.text);
	if (!s->house->auth_is_up)
		return session_reply(s, fx, &BUSY);
	attempt_new(s, mechanism);
	return begin(s, initial, fx);
}

static enum progress challenge(struct session *s, struct effects *fx)
{
	buf_add(&fx->out, SPAN("334 "));
	base64_add(&fx->out, buf_span(&s->attempt->said));
	buf_add(&fx->out, SPAN("\r\n"));
	return session_step_to(s, &STEP_RESPONSE, s->listen->timeout_command);
}

static enum progress told(struct session *s, struct effects *fx)
{
	if (!s->is_answered)
		return STEP_WAIT;
	return s->answer == LOGIN_GOES_ON ? challenge(s, fx) : finish(s, fx);
}

static enum progress told_late(struct session *s, struct effects *fx)
{
	return fail(s, fx, &BUSY, SPAN_NONE, "can't be checked now");
}

static enum progress response(struct session *s, struct effects *fx)
{
	struct span line;

	switch (session_line(s, COMMAND_AUTH_MAX, &line)) {
	case LINE_MORE:
		return STEP_WAIT;
	case LINE_TOO_LONG:
		session_forget_attempt(s, fx);
		return session_skip_line(s, true);
	case LINE_WHOLE:
		break;
	}
	session_take(s, line.len + 2);
	if (!s->attempt->is_open)
		return fail(s, fx, &BUSY, SPAN_NONE, "can't be checked now");
	if (!span_eq(line, SPAN("*")) && decode(s->attempt, line))
		return ask(s, fx, FX_LOGIN_STEP);
	session_forget_attempt(s, fx);
	if (span_eq(line, SPAN("*")))
		return session_refuse(s, fx, 501, "5.7.0", "Login cancelled");
	return session_reply(s, fx, &NO_BASE64);
}

/* ---- what auth says ------------------------------------------------------------------- */

static void hear(struct session *s, uint32_t answer, struct span bytes)
{
	if (s->step != &STEP_LOGIN || !s->attempt)
		return;		/* it came too late */
	unsay(s->attempt);
	(void)buf_add(&s->attempt->said, bytes);
	s->is_answered = true;
	s->answer = answer;
}

void session_challenged(struct session *s, struct span bytes)
{
	hear(s, LOGIN_GOES_ON, bytes);
}

void session_login_told(struct session *s, uint32_t result, struct span login, uint64_t proof)
{
	if (s->attempt)
		s->attempt->is_open = false;
	s->proof = proof;
	hear(s, result, login);
}

/* A client that was challenged still answers; then it is told. */
void session_login_lost(struct session *s)
{
	if (s->attempt)
		s->attempt->is_open = false;
	hear(s, LOGIN_BUSY, SPAN_NONE);
}
