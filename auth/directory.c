#include "auth/directory.h"

#include "auth/owners.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"

#define CHECK_STEPS_MAX 2000000	/* of all expansions when tables come: about a second */

struct directory {
	struct owners owners;
	struct expansion expansion;
};

struct directory *directory_new(void)
{
	struct directory *d = mem_new(sizeof(*d));

	owners_init(&d->owners);
	expansion_init(&d->expansion, &d->owners);
	return d;
}

void directory_free(struct directory **d)
{
	expansion_fini(&(*d)->expansion);
	owners_fini(&(*d)->owners);
	mem_free(*d);
	*d = NULL;
}

/* ---- settings, tables, keys ----------------------------------------------------------- */

static bool holds_aliases(const struct table *t)
{
	return t->kind == TABLE_ALIASES || t->kind == TABLE_ALIAS_STATE;
}

/* Where an alias leads may have changed. */
static void forget_verdicts(struct directory *d)
{
	LIST_EACH(node, &d->owners.tables.all) {
		struct table *t = LIST_OWNER(node, struct table, list);

		if (!holds_aliases(t))
			continue;
		for (uint32_t at = names_next(&t->names, NAMES_NONE); at != NAMES_NONE; at = names_next(&t->names, at))
			table_set_verdict(t, names_value(&t->names, at), 0);
	}
}

void directory_set(struct directory *d, const struct settings *s)
{
	owners_set(&d->owners, s);
	forget_verdicts(d);
}

static void alias_problem(struct buf *problems, struct span name, const char *why)
{
	size_t before = problems->len;

	buf_printf(problems, "%.*s: %s\n", SPAN_ARG(name), why);
	if (problems->overflowed) {
		problems->len = before;
		problems->overflowed = false;
	}
}

static void keep_verdict(struct table *t, uint32_t list, enum wire_address result)
{
	table_set_verdict(t, list, (unsigned char)(result + 1));
}

/* Expands each alias once, so that the first RCPT finds its verdict, and names those that lead nowhere. */
static void check_aliases(struct directory *d, struct table *t, struct buf *problems, size_t *steps)
{
	for (uint32_t at = names_next(&t->names, NAMES_NONE); at != NAMES_NONE; at = names_next(&t->names, at)) {
		struct span name = names_text(&t->names, at);
		struct expansion_end end;

		if (*steps > CHECK_STEPS_MAX)
			return;
		end = expansion_members(&d->expansion, name, SPAN_NONE);
		*steps += end.steps + 1;
		keep_verdict(t, names_value(&t->names, at), end.result);
		if (end.result != ADDRESS_OK)
			alias_problem(problems, name, end.why);
		else if (end.missing)
			alias_problem(problems, name, "One of its targets is nobody's address");
	}
}

void directory_take_tables(struct directory *d, struct list *tables, struct buf *problems)
{
	size_t steps = 0;

	owners_take_tables(&d->owners, tables);
	forget_verdicts(d);
	LIST_EACH(node, &d->owners.tables.all) {
		struct table *t = LIST_OWNER(node, struct table, list);

		if (holds_aliases(t))
			check_aliases(d, t, problems, &steps);
	}
}

void directory_set_day(struct directory *d, int64_t wall_ms)
{
	d->owners.today = wall_ms > 0 ? (uint32_t)(wall_ms / HOURS(24)) : 0;
}

struct srs_keys *directory_srs_keys(struct directory *d)
{
	return &d->owners.keys;
}

/* ---- addresses ------------------------------------------------------------------------ */

static enum wire_address ask_alias(struct directory *d, const struct owner *owner, struct span address)
{
	uint32_t list = names_value(&owner->table->names, owner->place);
	unsigned char verdict = table_verdict(owner->table, list);
	enum wire_address result;

	if (verdict > 0)
		return verdict - 1;
	result = expansion_members(&d->expansion, address, SPAN_NONE).result;
	keep_verdict(owner->table, list, result);
	return result;
}

static enum wire_address ask_owner(struct directory *d, const struct owner *owner, struct span address)
{
	switch (owner->kind) {
	case OWNER_USER:
		return ADDRESS_OK;
	case OWNER_ALIAS:
		return ask_alias(d, owner, address);
	case OWNER_DISABLED:
		return ADDRESS_DISABLED;
	case OWNER_FOREIGN:
		return ADDRESS_FOREIGN;
	case OWNER_ASKED:
		return owners_is_reserved(&d->owners, address) ? ADDRESS_OK : ADDRESS_ASK;
	case OWNER_LATER:
		return ADDRESS_TEMPORARY;
	case OWNER_RETURN:
		return ADDRESS_BOUNCES;
	case OWNER_FORGED:
		return ADDRESS_FORGED;
	case OWNER_EXPIRED:
		return ADDRESS_EXPIRED;
	case OWNER_NOBODY:
	case OWNER_OTHER:
		break;
	}
	return ADDRESS_UNKNOWN;
}

/* admin, or a catch_all: these may live elsewhere. */
static enum wire_address ask_other(struct directory *d, struct span other)
{
	struct owner owner;

	owners_find(&d->owners, other, false, &owner);
	return owner.kind == OWNER_FOREIGN || owner.kind == OWNER_ASKED ? ADDRESS_OK : ask_owner(d, &owner, other);
}

enum wire_address directory_ask(struct directory *d, struct span address)
{
	struct span admin = d->owners.domains.admin;
	enum wire_address result;
	struct owner owner;

	owners_find(&d->owners, address, true, &owner);
	result = owner.kind == OWNER_OTHER ? ask_other(d, owner.other) : ask_owner(d, &owner, address);
	if (!expansion_is_refused(result) || !owners_is_reserved(&d->owners, address))
		return result;
	result = admin.len > 0 ? ask_other(d, admin) : ADDRESS_UNKNOWN;
	return expansion_is_refused(result) ? ADDRESS_TEMPORARY : result;
}

struct directory_server directory_server(const struct directory *d, struct span address)
{
	struct span local, domain;
	const struct domain *dom;

	address_split(address, &local, &domain);
	dom = domains_find(&d->owners.domains, domain);
	BUG_ON(!dom);
	return (struct directory_server){ dom->deliver, dom->takes_unasked ? ADDRESS_OK : ADDRESS_TEMPORARY };
}

void directory_expand(struct directory *d, struct span address, struct span sender, struct directory_answer *out)
{
	struct expansion_end end = expansion_recipient(&d->expansion, address, sender);

	*out = (struct directory_answer){ .result = end.result, .why = end.why };
	if (end.result == ADDRESS_OK) {
		out->rows = d->expansion.rows;
		out->n_rows = d->expansion.n_rows;
	}
}

enum wire_sender directory_owns(struct directory *d, struct span login, struct span address)
{
	const struct expansion *e = &d->expansion;
	enum wire_address result;

	if (address_same(login, address))
		return SENDER_OWN;
	result = expansion_members(&d->expansion, address, SPAN_NONE).result;
	if (result == ADDRESS_TEMPORARY)
		return SENDER_TEMPORARY;
	for (size_t i = 0; result == ADDRESS_OK && i < e->n_rows; i++)
		if (e->rows[i].deliver != EXPANSION_FOREIGN && address_same(e->rows[i].mailbox, login))
			return SENDER_OWN;
	return SENDER_FOREIGN;
}

/* ---- users and tokens ------------------------------------------------------------------ */

static const struct table *only_table(const struct directory *d, enum table_kind kind)
{
	return tables_find(&d->owners.tables, kind, SPAN_NONE, SPAN_NONE);
}

bool directory_user(const struct directory *d, struct span address, struct directory_user *out)
{
	const struct table *users = only_table(d, TABLE_USERS);
	uint32_t place = users && address.len <= ADDRESS_MAX ? names_find(&users->names, address) : NAMES_NONE;

	if (place == NAMES_NONE)
		return false;
	*out = (struct directory_user){
		.address = names_text(&users->names, place),
		.password = table_user_password(users, place),
		.is_disabled = table_user_is_disabled(users, place),
	};
	return true;
}

bool directory_has_users(const struct directory *d)
{
	const struct table *users = only_table(d, TABLE_USERS);

	return !users || !users->broken;
}

bool directory_token(const struct directory *d, uint64_t proof, struct table_token *out)
{
	const struct table *tokens = only_table(d, TABLE_TOKENS);

	return tokens && table_token_find(tokens, proof, out);
}

size_t directory_n_users(const struct directory *d)
{
	return tables_count(&d->owners.tables, TABLE_USERS) + tables_count(&d->owners.tables, TABLE_USERS_FILE);
}

size_t directory_n_aliases(const struct directory *d)
{
	return tables_count(&d->owners.tables, TABLE_ALIASES) + tables_count(&d->owners.tables, TABLE_ALIAS_STATE);
}
