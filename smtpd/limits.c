#include "smtpd/limits.h"

#include <string.h>

enum { KIND_ADDRESS, KIND_NETWORK, KIND_LISTENER, KIND_MAIL, KIND_RECIPIENT };

const char *limits_scope_text(enum limits_scope scope)
{
	static const char *const texts[] = { "free", "address", "network", "listener" };

	return texts[scope];
}

static struct client network_of(const struct client *c)
{
	struct client n = *c;
	unsigned keep = c->family == 4 ? 3 : 7;

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
	struct client network = network_of(c);

	return (struct limits_place){
		.address = key_of(t, KIND_ADDRESS, listener, c),
		.network = key_of(t, KIND_NETWORK, listener, &network),
		.listener = tally_key(t, KIND_LISTENER, listener, "", 0),
	};
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

/* The same address has a bucket of messages and one of recipients. */
static struct tally_key apart(struct tally_key key, unsigned kind)
{
	return (struct tally_key){ key.hash * 2 + (kind == KIND_MAIL) };
}

static enum limits_scope take(struct tally *t, const struct buckets b[3], int64_t mono_ms)
{
	for (unsigned i = 0; i < 3; i++)
		for (unsigned r = 0; r < b[i].rates->n; r++)
			if (!tally_rate_has(t, b[i].key, &b[i].rates->at[r], mono_ms))
				return (enum limits_scope)(LIMITS_ADDRESS + i);
	for (unsigned i = 0; i < 3; i++)
		for (unsigned r = 0; r < b[i].rates->n; r++)
			tally_rate_take(t, b[i].key, &b[i].rates->at[r], mono_ms);
	return LIMITS_FREE;
}

enum limits_scope limits_mail(struct tally *t, const struct limits_place *p, const struct set_listen *l, int64_t mono_ms)
{
	return take(t, (const struct buckets[3]){
		{ &l->limit_mail_address, apart(p->address, KIND_MAIL) },
		{ &l->limit_mail_network, apart(p->network, KIND_MAIL) },
		{ &l->limit_mail_listener, apart(p->listener, KIND_MAIL) },
	}, mono_ms);
}

enum limits_scope limits_recipient(struct tally *t, const struct limits_place *p, const struct set_listen *l, int64_t mono_ms)
{
	return take(t, (const struct buckets[3]){
		{ &l->limit_recipients_address, apart(p->address, KIND_RECIPIENT) },
		{ &l->limit_recipients_network, apart(p->network, KIND_RECIPIENT) },
		{ &l->limit_recipients_listener, apart(p->listener, KIND_RECIPIENT) },
	}, mono_ms);
}
