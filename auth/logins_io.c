#include "auth/logins_io.h"

#include <string.h>

#include "auth/checker_io.h"
#include "auth/guess.h"
#include "auth/places_io.h"
#include "auth/proof.h"
#include "auth/remember.h"
#include "auth/sasl.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"

#define CHALLENGE_MAX 8192

struct logins {
	struct loop *loop;
	struct directory *directory;
	struct checker *checker;
	struct remember *remember;
	struct guess *guess;
	struct places places;
	unsigned char salt_key[SHA256_LEN];	/* of users who do not exist */
};

struct desk {
	struct logins *logins;
	struct channel *channel;
	struct map map;		/* of logins, by ask */
};

struct login {
	struct map_node node;
	struct desk *desk;
	uint32_t ask;
	struct sasl sasl;
	char *logins;		/* name of the section; "": our own users */
	char *client, *local;
	bool is_secured, is_known_user;
	struct sasl_bindings bindings;	/* in room */
	char room[2 * 64];
	uint64_t proof;		/* of the stored password that is checked against */
	struct check *check;
	struct source_question *question;
	/* the answer, while it waits */
	struct deadline rest;
	enum wire_login result;
	char user[SASL_USER_MAX + 1];
};

/* ---- the end of a login ---------------------------------------------------------- */

static void login_free(struct login *l)
{
	map_remove(&l->desk->map, &l->node);
	deadline_clear(l->desk->logins->loop, &l->rest);
	check_forget(&l->check);
	source_forget(&l->question);
	sasl_fini(&l->sasl);
	mem_free(l->logins);
	mem_free(l->client);
	mem_free(l->local);
	mem_free(l);
}

static void tell(struct login *l)
{
	struct wire_login_done done = { .ask = l->ask, .result = (uint8_t)l->result, .proof = l->proof, .login = span_of_text(l->user) };

	channel_put(l->desk->channel, WIRE_login_done, &done);
	login_free(l);
}

static void on_rested(struct deadline *d)
{
	tell(LIST_OWNER(d, struct login, rest));
}

/* What is known now is told now, or a while later. user: as who he is, or who he said he was. */
static void settle(struct login *l, enum wire_login result, struct span user)
{
	struct logins *all = l->desk->logins;
	int64_t now = loop_now(all->loop).mono_ms, ms = 0;
	struct span client = span_of_text(l->client), account = sasl_user(&l->sasl);

	l->result = result;
	memcpy(l->user, user.at, user.len);
	l->user[user.len] = '\0';
	if (account.len > 0 && (result == LOGIN_OK || result == LOGIN_BAD || result == LOGIN_DISABLED))
		ms = guess_delay_ms(all->guess, account, client, now);
	if (account.len > 0 && result == LOGIN_BAD)
		guess_failed(all->guess, account, client, now);
	if (result == LOGIN_OK)
		guess_succeeded(all->guess, account, client, now);
	if (ms > 0)
		deadline_set(all->loop, &l->rest, now + ms);
	else
		tell(l);
}

static void settle_as_said(struct login *l, enum wire_login result)
{
	settle(l, result, sasl_user(&l->sasl));
}

/* ---- our own users ------------------------------------------------------------------- */

static void accept(struct login *l, const struct directory_user *user)
{
	settle(l, user->is_disabled ? LOGIN_DISABLED : LOGIN_OK, user->address);
}

/* Tables may have changed while it was checked: what was right must be right still. */
static void on_checked(void *arg, bool is_right)
{
	struct login *l = arg;
	struct logins *all = l->desk->logins;
	struct directory_user user;

	l->check = NULL;
	if (!is_right || !directory_user(all->directory, sasl_user(&l->sasl), &user) || proof_of_password(user.password) != l->proof) {
		settle_as_said(l, LOGIN_BAD);
		return;
	}
	remember_note(all->remember, user.password, sasl_password(&l->sasl), loop_now(all->loop).mono_ms);
	accept(l, &user);
}

static void check_slowly(struct login *l, const char *hash)
{
	l->check = checker_ask(l->desk->logins->checker, hash, sasl_password(&l->sasl), on_checked, l);
	if (!l->check)
		settle_as_said(l, LOGIN_BUSY);
}

static void check_own(struct login *l)
{
	struct logins *all = l->desk->logins;
	struct directory_user user;
	struct password stored;

	if (!directory_user(all->directory, sasl_user(&l->sasl), &user) || password_from_text(user.password, &stored) != PR_OK) {
		check_slowly(l, NULL);
		return;
	}
	l->proof = proof_of_password(user.password);
	if (proof_of_token(all->directory, user.address, sasl_password(&l->sasl), &l->proof) ||
	    remember_has(all->remember, user.password, sasl_password(&l->sasl), loop_now(all->loop).mono_ms))
		accept(l, &user);
	else
		check_slowly(l, stored.hash);
	mem_wipe(&stored, sizeof(stored));
}

/* Numbers for one who does not exist: each time the same, or the salt would tell. */
static void invent(const struct logins *all, struct span user, struct password_scram *out)
{
	char folded[ADDRESS_MAX];
	unsigned char drawn[SHA256_LEN];
	size_t len = address_fold(user, folded);

	digest_hmac_sha256(span_of((const char *)all->salt_key, SHA256_LEN), span_of(folded, len), drawn);
	out->iterations = PASSWORD_ITERATIONS;
	memcpy(out->salt, drawn, PASSWORD_SALT_LEN);
	random_bytes(out->stored_key, SHA256_LEN);
	random_bytes(out->server_key, SHA256_LEN);
}

static void give_numbers(struct login *l, struct buf *out)
{
	struct logins *all = l->desk->logins;
	struct directory_user user;
	struct password stored;

	l->is_known_user = directory_user(all->directory, sasl_user(&l->sasl), &user) && password_from_text(user.password, &stored) == PR_OK;
	if (l->is_known_user)
		l->proof = proof_of_password(user.password);
	else
		invent(all, sasl_user(&l->sasl), &stored.scram);
	sasl_give_numbers(&l->sasl, &stored.scram, out);
	mem_wipe(&stored, sizeof(stored));
}

static void proven(struct login *l)
{
	struct directory_user user;

	if (l->is_known_user && directory_user(l->desk->logins->directory, sasl_user(&l->sasl), &user) && proof_of_password(user.password) == l->proof)
		accept(l, &user);
	else
		settle_as_said(l, LOGIN_BAD);
}

/* ---- users of others ------------------------------------------------------------------- */

static void on_answered(void *arg, enum dovecot_said said, struct span user)
{
	struct login *l = arg;
	struct address address;

	l->question = NULL;
	if (said == DOVECOT_LATER)
		settle_as_said(l, LOGIN_BUSY);
	else if (said == DOVECOT_DISABLED)
		settle_as_said(l, LOGIN_DISABLED);
	else if (said != DOVECOT_YES)
		settle_as_said(l, LOGIN_BAD);
	else if (address_parse_mailbox(user, ALLOW_UTF8, &address) == PR_OK)
		settle(l, LOGIN_OK, address_span(&address));
	else
		settle(l, LOGIN_OK, user.len > 0 && user.len <= SASL_USER_MAX ? user : sasl_user(&l->sasl));
}

static void ask_place(struct login *l)
{
	struct source *source = places_find(&l->desk->logins->places, span_of_text(l->logins));
	struct dovecot_question q = { .user = sasl_user(&l->sasl), .password = sasl_password(&l->sasl), .client = span_of_text(l->client),
		.local = span_of_text(l->local), .is_secured = l->is_secured };

	if (source)
		l->question = source_ask(source, &q, on_answered, l);
	else
		settle_as_said(l, LOGIN_BUSY);
}

/* ---- the dialogue ------------------------------------------------------------------------ */

static void challenge(struct login *l, const struct buf *out)
{
	channel_put(l->desk->channel, WIRE_login_challenge, &(struct wire_login_challenge){ .ask = l->ask, .bytes = buf_span(out) });
}

static void step(struct login *l, struct span bytes)
{
	struct buf out;

	buf_init(&out, CHALLENGE_MAX);
	switch (sasl_step(&l->sasl, bytes, &l->bindings, &out)) {
	case SASL_NAMED:
		give_numbers(l, &out);
		challenge(l, &out);
		break;
	case SASL_CHALLENGE:
		challenge(l, &out);
		break;
	case SASL_PASSWORD:
		if (l->logins[0])
			ask_place(l);
		else
			check_own(l);
		break;
	case SASL_PROVEN:
		proven(l);
		break;
	case SASL_WRONG:
	case SASL_BROKEN:
		settle_as_said(l, LOGIN_BAD);
		break;
	}
	buf_fini(&out);
}

static void begin(struct login *l)
{
	struct buf out;

	buf_init(&out, CHALLENGE_MAX);
	sasl_begin(&l->sasl, &out);
	challenge(l, &out);
	buf_fini(&out);
}

static struct span keep(struct login *l, size_t at, struct span bytes)
{
	bytes = span_first(bytes, sizeof(l->room) / 2);
	memcpy(l->room + at, bytes.at, bytes.len);
	return span_of(l->room + at, bytes.len);
}

static struct login *login_new(struct desk *d, const struct wire_login_ask *ask, enum sasl_mechanism mechanism)
{
	struct login *l = mem_new(sizeof(*l));

	l->desk = d;
	l->ask = ask->ask;
	l->logins = mem_text(ask->logins);
	l->client = mem_text(ask->client);
	l->local = mem_text(ask->local);
	l->is_secured = ask->secured == 1;
	l->bindings.exporter = keep(l, 0, ask->exporter);
	l->bindings.end_point = keep(l, sizeof(l->room) / 2, ask->end_point);
	sasl_init(&l->sasl, mechanism);
	deadline_init(&l->rest, on_rested);
	map_put(&d->map, &l->node, span_of((const char *)&l->ask, sizeof(l->ask)));
	return l;
}

static struct login *login_find(const struct desk *d, uint32_t ask)
{
	struct map_node *node = map_find(&d->map, span_of((const char *)&ask, sizeof(ask)));

	return node ? MAP_OWNER(node, struct login, node) : NULL;
}

/* It is in the hands of the client, so that a step may come. */
static bool is_talking(const struct login *l)
{
	return !l->check && !l->question && !heap_has(&l->rest.node);
}

static void refuse(struct desk *d, uint32_t ask, enum wire_login result)
{
	channel_put(d->channel, WIRE_login_done, &(struct wire_login_done){ .ask = ask, .result = (uint8_t)result, .login = SPAN_NONE });
}

static void on_ask(struct desk *d, const struct wire_login_ask *ask)
{
	enum sasl_mechanism mechanism;
	struct login *l;

	if (login_find(d, ask->ask))
		return;
	if (!sasl_find(ask->mechanism, &mechanism) || (ask->logins.len > 0 && mechanism != SASL_PLAIN && mechanism != SASL_LOGIN)) {
		refuse(d, ask->ask, LOGIN_MECHANISM);
		return;
	}
	if (ask->logins.len == 0 && !directory_has_users(d->logins->directory)) {
		refuse(d, ask->ask, LOGIN_BUSY);
		return;
	}
	l = login_new(d, ask, mechanism);
	if (ask->initial)
		step(l, ask->bytes);
	else
		begin(l);
}

/* ---- what is asked of logins later ---------------------------------------------------------- */

static bool still_counts(const struct logins *l, const struct wire_sender_ask *ask)
{
	return ask->logins.len > 0 || proof_counts(l->directory, ask->login, ask->proof);	/* of others nobody tells us */
}

static void on_sender_ask(struct desk *d, const struct wire_sender_ask *ask)
{
	enum wire_sender result = SENDER_OWN;

	if (!still_counts(d->logins, ask))
		result = SENDER_GONE;
	else if (ask->address.len > 0)
		result = directory_owns(d->logins->directory, ask->login, ask->address);
	channel_put(d->channel, WIRE_sender_told, &(struct wire_sender_told){ .ask = ask->ask, .result = (uint8_t)result });
}

/* ---- desks --------------------------------------------------------------------------------- */

struct desk *desk_new(struct logins *l, struct channel *ch)
{
	struct desk *d = mem_new(sizeof(*d));

	d->logins = l;
	d->channel = ch;
	map_init(&d->map);
	return d;
}

void desk_free(struct desk **dp)
{
	struct desk *d = *dp;

	*dp = NULL;
	if (!d)
		return;
	for (struct map_node *node; (node = map_next(&d->map, NULL));)
		login_free(MAP_OWNER(node, struct login, node));
	map_fini(&d->map);
	mem_free(d);
}

void desk_verb(struct desk *d, enum wire_verb verb, const union wire_msg *msg)
{
	struct login *l;

	switch (verb) {
	case WIRE_login_ask:
		on_ask(d, &msg->login_ask);
		break;
	case WIRE_login_step:
		l = login_find(d, msg->login_step.ask);
		if (l && is_talking(l))
			step(l, msg->login_step.bytes);
		break;
	case WIRE_login_cancel:
		l = login_find(d, msg->login_cancel.ask);
		if (l)
			login_free(l);
		break;
	case WIRE_sender_ask:
		on_sender_ask(d, &msg->sender_ask);
		break;
	default:
		break;
	}
}

/* ---- settings, life -------------------------------------------------------------------------- */

void logins_set(struct logins *l, const struct settings *s)
{
	places_set(&l->places, s);
}

unsigned logins_checking(const struct logins *l)
{
	return checker_busy(l->checker);
}

struct logins *logins_new(struct loop *loop, struct directory *directory)
{
	struct logins *l = mem_new(sizeof(*l));

	l->loop = loop;
	l->directory = directory;
	l->checker = checker_new(l->loop);
	l->remember = remember_new();
	l->guess = guess_new();
	places_init(&l->places, loop);
	random_bytes(l->salt_key, sizeof(l->salt_key));
	return l;
}

void logins_salt_key(struct logins *l, struct span key)
{
	if (key.len == sizeof(l->salt_key))
		memcpy(l->salt_key, key.at, key.len);
}

void logins_free(struct logins **lp)
{
	struct logins *l = *lp;

	*lp = NULL;
	places_fini(&l->places);
	checker_free(&l->checker);
	remember_free(&l->remember);
	guess_free(&l->guess);
	mem_wipe(l->salt_key, sizeof(l->salt_key));
	mem_free(l);
}
