#include "auth/owners.h"

#include <string.h>

#include "mail/srs.h"

void owners_init(struct owners *o)
{
	memset(o, 0, sizeof(*o));
	domains_init(&o->domains);
	tables_init(&o->tables);
}

void owners_fini(struct owners *o)
{
	tables_fini(&o->tables);
	domains_fini(&o->domains);
	srs_keys_wipe(&o->keys);
}

static void connect(struct owners *o)
{
	o->alias_state = tables_find(&o->tables, TABLE_ALIAS_STATE, SPAN_NONE, SPAN_NONE);
	domains_connect(&o->domains, &o->tables);
}

void owners_set(struct owners *o, const struct settings *s)
{
	domains_set(&o->domains, s);
	connect(o);
}

void owners_take_tables(struct owners *o, struct list *coming)
{
	tables_take(&o->tables, coming);
	connect(o);
}

/* ---- aliases and users ------------------------------------------------------------ */

static bool find_alias(const struct owners *o, struct span address, struct owner *out)
{
	struct table *tables[] = { o->alias_state, out->domain->aliases };

	for (unsigned i = 0; i < 2; i++) {
		uint32_t place = tables[i] ? names_find(&tables[i]->names, address) : NAMES_NONE;

		if (place == NAMES_NONE)
			continue;
		out->kind = OWNER_ALIAS;
		out->table = tables[i];
		out->place = place;
		return true;
	}
	return false;
}

static bool find_user(struct span address, struct owner *out)
{
	struct table *users = out->domain->users;
	uint32_t place = users ? names_find(&users->names, address) : NAMES_NONE;

	if (place == NAMES_NONE)
		return false;
	out->kind = table_user_is_disabled(users, place) ? OWNER_DISABLED : OWNER_USER;
	out->table = users;
	out->place = place;
	return true;
}

bool owner_is_user_too(struct owner *o, struct span name)
{
	return find_user(name, o) && o->kind == OWNER_USER;
}

static struct span put_together(struct span local, struct span domain, char room[ADDRESS_MAX])
{
	memcpy(room, local.at, local.len);
	room[local.len] = '@';
	memcpy(room + local.len + 1, domain.at, domain.len);
	return span_of(room, local.len + 1 + domain.len);
}

/* Somebody who has this address himself, with or without subaddress. local becomes that without it. */
static bool find_own(const struct owners *o, struct span address, struct span *local, struct span domain, struct owner *out)
{
	char room[ADDRESS_MAX];
	struct span base;

	if (find_alias(o, address, out) || find_user(address, out))
		return true;
	if (!domain_cut_subaddress(out->domain, *local, local))
		return false;
	base = put_together(*local, domain, room);
	return find_alias(o, base, out) || find_user(base, out);
}

/* ---- who stands in ---------------------------------------------------------------- */

static bool is_admins(struct span local)
{
	return span_eq_nocase(local, SPAN("postmaster")) || span_eq_nocase(local, SPAN("abuse"));
}

/* The machine's own programs write to root, and somebody must read it. */
static bool is_admins_unless_taken(struct span local)
{
	return is_admins(local) || span_eq_nocase(local, SPAN("root"));
}

/* Of an address in no domain of ours: the server must be reached at its own name (RFC 5321 4.5.1), and without any. */
static bool is_servers_own(const struct owners *o, struct span local, struct span domain)
{
	if (domain.len == 0)
		return span_eq_nocase(local, SPAN("postmaster"));
	return is_admins(local) && domains_is_hostname(&o->domains, domain);
}

bool owners_is_reserved(const struct owners *o, struct span address)
{
	struct span local, domain;
	const struct domain *dom;

	address_split(address, &local, &domain);
	dom = domains_find(&o->domains, domain);
	if (!dom)
		return is_servers_own(o, local, domain);
	(void)domain_cut_subaddress(dom, local, &local);
	return is_admins(local);
}

static bool is_broken(const struct table *t)
{
	return t && t->broken;
}

static bool files_are_broken(const struct owners *o, const struct domain *dom)
{
	return is_broken(dom->users) || is_broken(dom->aliases) || is_broken(o->alias_state);
}

/* Only another server knows them, or a file can't be read: that nobody is found here says nothing. */
static bool owners_are_unknown(const struct owners *o, const struct domain *dom)
{
	return dom->users_are_asked || files_are_broken(o, dom);
}

static struct span stand_in(const struct owners *o, const struct domain *dom, struct span local)
{
	if (is_admins_unless_taken(local) && o->domains.admin.len > 0)
		return o->domains.admin;
	return owners_are_unknown(o, dom) ? SPAN_NONE : dom->catch_all;
}

/* ---- all together ------------------------------------------------------------------ */

/* An address that was made here of a forwarded sender. One that only looks so is anybody's where we make none, and where another
 * server knows its addresses. dom NULL: the server's own name. */
static bool find_return(struct owners *o, struct span address, const struct domain *dom, struct owner *out)
{
	struct span keys[SRS_KEYS_MAX];
	unsigned n = srs_keys_spans(&o->keys, keys);
	struct address sender;

	switch (srs_read(address, keys, n, o->today, &sender)) {
	case SRS_NONE:
		return false;
	case SRS_GOOD:
		o->returned = sender;
		out->kind = OWNER_RETURN;
		out->other = address_span(&o->returned);
		return true;
	case SRS_EXPIRED:
		out->kind = OWNER_EXPIRED;
		return true;
	case SRS_FORGED:
		break;
	}
	if (dom && (!dom->rewrites || dom->users_are_asked))
		return false;
	out->kind = n > 0 ? OWNER_FORGED : OWNER_LATER;
	return true;
}

static void find_outside(struct owners *o, struct span address, bool with_others, struct owner *out)
{
	struct span local, domain;

	address_split(address, &local, &domain);
	if (is_servers_own(o, local, domain)) {
		if (with_others && o->domains.admin.len > 0)
			*out = (struct owner){ .kind = OWNER_OTHER, .other = o->domains.admin };
		return;
	}
	if (domains_is_hostname(&o->domains, domain) && find_return(o, address, NULL, out))
		return;
	out->kind = domain.len > 0 ? OWNER_FOREIGN : OWNER_NOBODY;
}

void owners_find(struct owners *o, struct span address, bool with_others, struct owner *out)
{
	struct span local, domain;

	*out = (struct owner){ .kind = OWNER_NOBODY };
	if (address.len > ADDRESS_MAX)
		return;
	address_split(address, &local, &domain);
	out->domain = domains_find(&o->domains, domain);
	if (!out->domain) {
		find_outside(o, address, with_others, out);
		return;
	}
	if (find_own(o, address, &local, domain, out) || find_return(o, address, out->domain, out))
		return;
	if (with_others)
		out->other = stand_in(o, out->domain, local);
	if (out->other.len > 0)
		out->kind = OWNER_OTHER;
	else if (files_are_broken(o, out->domain))
		out->kind = OWNER_LATER;
	else if (out->domain->users_are_asked)
		out->kind = OWNER_ASKED;
}
