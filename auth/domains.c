#include "auth/domains.h"

#include <string.h>

void domains_init(struct domains *d)
{
	arena_init(&d->arena, 4096);
	map_init(&d->by_name);
	d->all = NULL;
	d->n = 0;
	d->admin = d->hostname = SPAN_NONE;
}

void domains_fini(struct domains *d)
{
	map_fini(&d->by_name);
	arena_fini(&d->arena);
}

/* ---- settings and tables -------------------------------------------------------- */

static struct span keep_address(struct domains *d, const char *text)
{
	struct address address;

	if (!text || address_parse_mailbox(span_of_text(text), ALLOW_UTF8, &address) != PR_OK)
		return SPAN_NONE;
	return arena_span(&d->arena, address_span(&address));
}

static uint16_t deliver_index(const struct settings *s, const char *name)
{
	for (unsigned i = 0; name && i < s->n_deliver; i++)
		if (strcmp(s->deliver[i].title, name) == 0)
			return (uint16_t)i;
	return 0;
}

static void set_users(struct domains *d, struct domain *dom, const struct settings *s, const char *users)
{
	if (!users || strcmp(users, "local") == 0)
		return;
	dom->users_file = arena_text(&d->arena, span_of_text(users));
	for (unsigned i = 0; i < s->n_users; i++) {
		if (strcmp(s->users[i].title, users) != 0)
			continue;
		dom->users_are_asked = s->users[i].ask;
		dom->takes_unasked = s->users[i].away == USERS_AWAY_ACCEPT;
	}
}

static void set_domain(struct domains *d, struct domain *dom, const struct settings *s, const struct set_domain *set)
{
	dom->name = arena_span(&d->arena, span_of_text(set->title));
	dom->deliver = deliver_index(s, set->deliver);
	set_users(d, dom, s, set->users);
	dom->subaddress = arena_span(&d->arena, span_of_text(set->subaddress));
	dom->catch_all = keep_address(d, set->catch_all);
	dom->archive = keep_address(d, set->archive);
	dom->rewrites = set->srs == DOMAIN_SRS_AUTO;
	if (!map_find(&d->by_name, dom->name))
		map_put(&d->by_name, &dom->node, dom->name);
}

void domains_set(struct domains *d, const struct settings *s)
{
	map_fini(&d->by_name);
	map_init(&d->by_name);
	arena_reset(&d->arena);
	d->admin = keep_address(d, s->top.admin);
	d->hostname = arena_span(&d->arena, span_of_text(s->top.hostname));
	d->n = s->n_domain;
	d->all = arena_new(&d->arena, (s->n_domain + 1) * sizeof(d->all[0]));
	for (unsigned i = 0; i < s->n_domain; i++)
		set_domain(d, &d->all[i], s, &s->domain[i]);
}

void domains_connect(struct domains *d, const struct tables *t)
{
	for (unsigned i = 0; i < d->n; i++) {
		struct domain *dom = &d->all[i];
		enum table_kind kind = dom->users_file ? TABLE_USERS_FILE : TABLE_USERS;

		dom->users = dom->users_are_asked ? NULL : tables_find(t, kind, span_of_text(dom->users_file), SPAN_NONE);
		dom->aliases = tables_find(t, TABLE_ALIASES, dom->name, SPAN_NONE);
	}
}

/* ---- questions ------------------------------------------------------------------- */

struct domain *domains_find(const struct domains *d, struct span name)
{
	struct map_node *node = map_find(&d->by_name, name);

	return node ? MAP_OWNER(node, struct domain, node) : NULL;
}

bool domains_is_hostname(const struct domains *d, struct span name)
{
	return d->hostname.len > 0 && span_eq_nocase(name, d->hostname);
}

bool domains_has(const struct domains *d, struct span address)
{
	struct span local, domain;

	address_split(address, &local, &domain);
	return domains_find(d, domain) || domains_is_hostname(d, domain);
}

bool domain_cut_subaddress(const struct domain *d, struct span local, struct span *out)
{
	size_t cut = 1;

	if (local.len == 0 || local.at[0] == '"')
		return false;
	while (cut < local.len && memchr(d->subaddress.at, local.at[cut], d->subaddress.len) == NULL)
		cut++;
	if (cut >= local.len)
		return false;
	*out = span_first(local, cut);
	return true;
}
