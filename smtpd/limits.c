#include "smtpd/limits.h"

#include <string.h>

#include "base/text.h"

enum { KIND_ADDRESS, KIND_NETWORK, KIND_LISTENER, KIND_USER, KIND_HOST };

enum what { MAIL, RECIPIENT, LOGIN, DEATH, N_WHATS };

#define LOGIN_MAX 254	/* bytes of a login's name that count */

const char *limits_scope_text(enum limits_scope scope)
{
	static const char *const texts[] = { "free", "address", "network", "listener", "user" };

	return texts[scope];
}

/* Its first bytes. */
static struct client network_of(const struct client *c, unsigned keep)
{
	struct client n = *c;

	memset(n.address + keep, 0, sizeof(n.address) - keep);
	return n;
}

/* The family and the address, without the port. */
static struct tally_key key_of(const struct tally *t, unsigned kind, unsigned listener, const struct client *c)
{
	unsigned char name[17];

	name[0] = c->family;
	memcpy(name + 1, c->address, sizeof(c->address));
	return tally_key(t, kind, listener, name, sizeof(name));
}

struct limits_place limits_place(const struct tally *t, unsigned listener, const struct client *c)
{
	struct client host = network_of(c, c->family == 6 ? 8 : 16), network = network_of(c, c->family == 4 ? 3 : 7);

	return (struct limits_place){
		.address = key_of(t, KIND_ADDRESS, listener, c),
		.host = key_of(t, KIND_HOST, listener, &host),
		.network = key_of(t, KIND_NETWORK, listener, &network),
		.listener = tally_key(t, KIND_LISTENER, listener, "", 0),
	};
}

void limits_place_user(struct limits_place *p, const struct tally *t, struct span login)
{
	char name[LOGIN_MAX];

	login = span_first(login, sizeof(name));
	memcpy(name, login.at, login.len);
	text_lower_in_place(name, login.len);
	p->user = tally_key(t, KIND_USER, 0, name, login.len);
	p->has_user = login.len > 0;
}

static bool reached(const struct tally *t, struct tally_key key, int64_t limit)
{
	return limit != SET_OFF && tally_count(t, key) >= (uint64_t)limit;
}

enum limits_scope limits_connect(struct tally *t, const struct limits_place *p, const struct set_listen *l, bool exempt)
{
	if (reached(t, p->listener, l->limit_connections_listener))
		return LIMITS_LISTENER;
	if (!exempt && reached(t, p->network, l->limit_connections_network))
		return LIMITS_NETWORK;
	if (!exempt && reached(t, p->address, l->limit_connections_address))
		return LIMITS_ADDRESS;
	tally_add(t, p->listener, 1);
	tally_add(t, p->network, 1);
	tally_add(t, p->address, 1);
	return LIMITS_FREE;
}

void limits_disconnect(struct tally *t, const struct limits_place *p)
{
	tally_add(t, p->listener, -1);
	tally_add(t, p->network, -1);
	tally_add(t, p->address, -1);
}

struct buckets {
	const struct set_rates *rates;
	struct tally_key key;
};

#define N_BUCKETS 4

/* The same address has a bucket of each kind. */
static struct tally_key apart(struct tally_key key, enum what what)
{
	return (struct tally_key){ key.hash * N_WHATS + what };
}

static bool counts_for_host(enum what what)
{
	return what == LOGIN || what == DEATH;
}

static void buckets(struct buckets b[N_BUCKETS], const struct limits_place *p, const struct set_rates *const rates[N_BUCKETS], enum what what)
{
	static const struct set_rates none;

	b[0] = (struct buckets){ rates[0], apart(counts_for_host(what) ? p->host : p->address, what) };
	b[1] = (struct buckets){ rates[1], apart(p->network, what) };
	b[2] = (struct buckets){ rates[2], apart(p->listener, what) };
	b[3] = (struct buckets){ p->has_user ? rates[3] : &none, apart(p->user, what) };
}

static enum limits_scope empty_one(const struct tally *t, const struct buckets b[N_BUCKETS], int64_t mono_ms)
{
	for (unsigned i = 0; i < N_BUCKETS; i++)
		for (unsigned r = 0; r < b[i].rates->n; r++)
			if (!tally_rate_has(t, b[i].key, &b[i].rates->at[r], mono_ms))
				return (enum limits_scope)(LIMITS_ADDRESS + i);
	return LIMITS_FREE;
}

static void take(struct tally *t, const struct buckets b[N_BUCKETS], int64_t mono_ms)
{
	for (unsigned i = 0; i < N_BUCKETS; i++)
		for (unsigned r = 0; r < b[i].rates->n; r++)
			tally_rate_take(t, b[i].key, &b[i].rates->at[r], mono_ms);
}

static enum limits_scope take_if_all(struct tally *t, const struct buckets b[N_BUCKETS], int64_t mono_ms)
{
	enum limits_scope scope = empty_one(t, b, mono_ms);

	if (scope == LIMITS_FREE)
		take(t, b, mono_ms);
	return scope;
}

enum limits_scope limits_mail(struct tally *t, const struct limits_place *p, const struct set_listen *l, int64_t mono_ms)
{
	struct buckets b[N_BUCKETS];

	buckets(b, p, (const struct set_rates *[]){ &l->limit_mail_address, &l->limit_mail_network, &l->limit_mail_listener, &l->limit_mail_user }, MAIL);
	return take_if_all(t, b, mono_ms);
}

enum limits_scope limits_recipient(struct tally *t, const struct limits_place *p, const struct set_listen *l, int64_t mono_ms)
{
	struct buckets b[N_BUCKETS];

	buckets(b, p, (const struct set_rates *[]){ &l->limit_recipients_address, &l->limit_recipients_network, &l->limit_recipients_listener,
	    &l->limit_recipients_user }, RECIPIENT);
	return take_if_all(t, b, mono_ms);
}

static void login_buckets(struct buckets b[N_BUCKETS], const struct limits_place *p, const struct set_listen *l)
{
	buckets(b, p, (const struct set_rates *[]){ &l->limit_logins_address, &l->limit_logins_network, &l->limit_logins_listener, &l->limit_logins_user },
	    LOGIN);
}

enum limits_scope limits_login(const struct tally *t, const struct limits_place *p, const struct set_listen *l, int64_t mono_ms)
{
	struct buckets b[N_BUCKETS];

	login_buckets(b, p, l);
	return empty_one(t, b, mono_ms);
}

void limits_login_failed(struct tally *t, const struct limits_place *p, const struct set_listen *l, int64_t mono_ms)
{
	struct buckets b[N_BUCKETS];

	login_buckets(b, p, l);
	take(t, b, mono_ms);
}

static void death_buckets(struct buckets b[N_BUCKETS], const struct limits_place *p, const struct set_listen *l)
{
	static const struct set_rates none;

	buckets(b, p, (const struct set_rates *[]){ &l->limit_deaths_address, &l->limit_deaths_network, &none, &none }, DEATH);
}

enum limits_scope limits_check(const struct tally *t, const struct limits_place *p, const struct set_listen *l, int64_t mono_ms)
{
	struct buckets b[N_BUCKETS];

	death_buckets(b, p, l);
	return empty_one(t, b, mono_ms);
}

void limits_check_died(struct tally *t, const struct limits_place *p, const struct set_listen *l, int64_t mono_ms)
{
	struct buckets b[N_BUCKETS];

	death_buckets(b, p, l);
	take(t, b, mono_ms);
}
