#include "auth/directory.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "mail/srs.h"

#define CHECK_STEPS_MAX 2000000	/* of the walk over all aliases when tables come: about a second */

struct domain {
	struct map_node node;
	struct span name;
	uint16_t deliver;
	bool users_are_asked;	/* only its server knows them */
	bool takes_unasked;	/* while that one is away */
	const char *users_file;	/* name of the users section, NULL: local users */
	struct table *users;	/* NULL while there is none */
	struct table *aliases;
	struct span subaddress, catch_all, archive;
	bool rewrites;		/* senders of what it forwards */
	uint32_t seen;		/* number of the walk that last came by */
};

struct directory {
	struct arena arena;	/* domains and their texts */
	struct map domains;
	struct domain *all;
	unsigned n_all;
	struct span admin, hostname;
	struct list tables;
	struct table *alias_state;
	struct srs_keys keys;
	uint32_t today;		/* since 1970 */
	struct address *returns;	/* what find last read of an address that takes bounces */
	/* scratch of a walk */
	struct directory_row *rows;
	size_t n_rows, rows_room;
	struct names seen;
	struct arena texts;	/* addresses of rows that are put together, and senders */
	uint32_t walk;
};

enum found_kind { FOUND_NOBODY, FOUND_USER, FOUND_DISABLED, FOUND_ALIAS, FOUND_OTHER, FOUND_FOREIGN, FOUND_ASKED, FOUND_LATER, FOUND_RETURN, FOUND_FORGED,
	FOUND_EXPIRED };

struct found {
	enum found_kind kind;
	struct domain *domain;		/* NULL where it is foreign, or a bare postmaster */
	struct table *table;		/* of the user or alias */
	uint32_t place;			/* its name there */
	struct span other;		/* admin or catch_all, that takes it; the sender whose bounces it takes (until the next find) */
};

/* ---- birth, settings, tables ---------------------------------------------------- */

struct directory *directory_new(void)
{
	struct directory *d = mem_new(sizeof(*d));

	d->returns = mem_new(sizeof(*d->returns));
	arena_init(&d->arena, 4096);
	arena_init(&d->texts, 1024);
	map_init(&d->domains);
	list_init(&d->tables);
	names_init(&d->seen);
	return d;
}

static void drop_tables(struct list *tables)
{
	LIST_EACH_SAFE(node, tables) {
		struct table *t = LIST_OWNER(node, struct table, list);

		table_free(&t);
	}
}

void directory_free(struct directory **d)
{
	drop_tables(&(*d)->tables);
	map_fini(&(*d)->domains);
	arena_fini(&(*d)->arena);
	arena_fini(&(*d)->texts);
	names_fini(&(*d)->seen);
	srs_keys_wipe(&(*d)->keys);
	mem_free((*d)->returns);
	mem_free((*d)->rows);
	mem_free(*d);
	*d = NULL;
}

/* path empty: any. Of the tables in the state folder there is one each, whatever it is called. */
static struct table *table_find(const struct list *tables, enum wire_table_kind kind, struct span name, struct span path)
{
	bool is_only = kind == TABLE_USERS || kind == TABLE_TOKENS || kind == TABLE_ALIAS_STATE;

	LIST_EACH(node, tables) {
		struct table *t = LIST_OWNER(node, struct table, list);

		if (t->kind != kind)	/* NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult): it loses track of embedded lists */
			continue;
		if (is_only || (span_eq(span_of_text(t->name), name) && (path.len == 0 || span_eq(span_of_text(t->path), path))))
			return t;
	}
	return NULL;
}

/* Each domain finds its tables; what was found out about aliases is forgotten. */
static void connect_tables(struct directory *d)
{
	d->alias_state = table_find(&d->tables, TABLE_ALIAS_STATE, SPAN_NONE, SPAN_NONE);
	for (unsigned i = 0; i < d->n_all; i++) {
		struct domain *dom = &d->all[i];
		enum wire_table_kind kind = dom->users_file ? TABLE_USERS_FILE : TABLE_USERS;

		dom->users = dom->users_are_asked ? NULL : table_find(&d->tables, kind, span_of_text(dom->users_file), SPAN_NONE);
		dom->aliases = table_find(&d->tables, TABLE_ALIASES, dom->name, SPAN_NONE);
	}
	LIST_EACH(node, &d->tables) {
		struct table *t = LIST_OWNER(node, struct table, list);

		if (t->kind != TABLE_ALIASES && t->kind != TABLE_ALIAS_STATE)
			continue;
		for (uint32_t at = names_next(&t->names, NAMES_NONE); at != NAMES_NONE; at = names_next(&t->names, at))
			table_set_verdict(t, names_value(&t->names, at), 0);
	}
}

static struct span keep_address(struct directory *d, const char *text)
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

static void set_users(struct directory *d, struct domain *dom, const struct settings *s, const char *users)
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

static void set_domain(struct directory *d, struct domain *dom, const struct settings *s, const struct set_domain *set)
{
	dom->name = arena_span(&d->arena, span_of_text(set->title));
	dom->deliver = deliver_index(s, set->deliver);
	set_users(d, dom, s, set->users);
	dom->subaddress = arena_span(&d->arena, span_of_text(set->subaddress));
	dom->catch_all = keep_address(d, set->catch_all);
	dom->archive = keep_address(d, set->archive);
	dom->rewrites = set->srs == DOMAIN_SRS_AUTO;
	if (!map_find(&d->domains, dom->name))
		map_put(&d->domains, &dom->node, dom->name);
}

void directory_set(struct directory *d, const struct settings *s)
{
	map_fini(&d->domains);
	map_init(&d->domains);
	arena_reset(&d->arena);
	d->admin = keep_address(d, s->top.admin);
	d->hostname = arena_span(&d->arena, span_of_text(s->top.hostname));
	d->n_all = s->n_domain;
	d->all = arena_new(&d->arena, (s->n_domain + 1) * sizeof(d->all[0]));
	for (unsigned i = 0; i < s->n_domain; i++)
		set_domain(d, &d->all[i], s, &s->domain[i]);
	connect_tables(d);
}

/* ---- what an address is ----------------------------------------------------------- */

static bool find_alias(const struct directory *d, struct span address, struct found *out)
{
	struct table *tables[] = { d->alias_state, out->domain->aliases };

	for (unsigned i = 0; i < 2; i++) {
		uint32_t place = tables[i] ? names_find(&tables[i]->names, address) : NAMES_NONE;

		if (place == NAMES_NONE)
			continue;
		out->kind = FOUND_ALIAS;
		out->table = tables[i];
		out->place = place;
		return true;
	}
	return false;
}

static bool is_broken(const struct table *t)
{
	return t && t->broken;
}

static bool files_are_broken(const struct directory *d, const struct domain *dom)
{
	return is_broken(dom->users) || is_broken(dom->aliases) || is_broken(d->alias_state);
}

/* Only another server knows them, or a file can't be read: that nobody is found here says nothing. */
static bool owners_are_unknown(const struct directory *d, const struct domain *dom)
{
	return dom->users_are_asked || files_are_broken(d, dom);
}

static bool find_user(struct span address, struct found *out)
{
	struct table *users = out->domain->users;
	uint32_t place = users ? names_find(&users->names, address) : NAMES_NONE;

	if (place == NAMES_NONE)
		return false;
	out->kind = table_user_is_disabled(users, place) ? FOUND_DISABLED : FOUND_USER;
	out->table = users;
	out->place = place;
	return true;
}

/* The address without its subaddress; false where it has none. A quoted local part keeps what is in its quotes. */
static bool base_of(struct span local, struct span domain, struct span separators, char room[ADDRESS_MAX], struct span *out)
{
	size_t cut = 1;

	if (local.len == 0 || local.at[0] == '"')
		return false;
	while (cut < local.len && memchr(separators.at, local.at[cut], separators.len) == NULL)
		cut++;
	if (cut >= local.len)
		return false;
	memcpy(room, local.at, cut);
	room[cut] = '@';
	memcpy(room + cut + 1, domain.at, domain.len);
	*out = span_of(room, cut + 1 + domain.len);
	return true;
}

static bool is_admins(struct span local)
{
	return span_eq_nocase(local, SPAN("postmaster")) || span_eq_nocase(local, SPAN("abuse"));
}

/* The machine's own programs write to root, and somebody must read it. */
static bool is_admins_unless_taken(struct span local)
{
	return is_admins(local) || span_eq_nocase(local, SPAN("root"));
}

static bool is_hostname(const struct directory *d, struct span domain)
{
	return d->hostname.len > 0 && span_eq_nocase(domain, d->hostname);
}

/* Of an address in no domain of ours: the server must be reached at its own name (RFC 5321 4.5.1), and without any. */
static bool is_servers_own(const struct directory *d, struct span local, struct span domain)
{
	if (domain.len == 0)
		return span_eq_nocase(local, SPAN("postmaster"));
	return is_admins(local) && is_hostname(d, domain);
}

/* Somebody who has this address himself: alias or user, with or without subaddress. local becomes that without it. */
static bool find_owner(const struct directory *d, struct span address, struct span *local, struct span domain, struct found *out)
{
	char room[ADDRESS_MAX];
	struct span base;

	if (find_alias(d, address, out) || find_user(address, out))
		return true;
	if (!base_of(*local, domain, out->domain->subaddress, room, &base))
		return false;
	*local = span_first(*local, base.len - domain.len - 1);
	return find_alias(d, base, out) || find_user(base, out);
}

/* An address that was made here of a forwarded sender. One that only looks so is anybody's where we make none, and where another
 * server knows its addresses. dom NULL: the server's own name. */
static bool find_return(const struct directory *d, struct span address, const struct domain *dom, struct found *out)
{
	struct span keys[SRS_KEYS_MAX];
	unsigned n = srs_keys_spans(&d->keys, keys);
	struct address sender;

	switch (srs_read(address, keys, n, d->today, &sender)) {
	case SRS_NONE:
		return false;
	case SRS_GOOD:
		*d->returns = sender;
		out->kind = FOUND_RETURN;
		out->other = address_span(d->returns);
		return true;
	case SRS_EXPIRED:
		out->kind = FOUND_EXPIRED;
		return true;
	case SRS_FORGED:
		break;
	}
	if (dom && (!dom->rewrites || dom->users_are_asked))
		return false;
	out->kind = n > 0 ? FOUND_FORGED : FOUND_LATER;
	return true;
}

/* with_others: admin and catch_all count. An address they stand for is not theirs again. */
static void find(const struct directory *d, struct span address, bool with_others, struct found *out)
{
	struct span local, domain;
	struct map_node *node;

	*out = (struct found){ .kind = FOUND_NOBODY };
	address_split(address, &local, &domain);
	if (address.len > ADDRESS_MAX)
		return;
	node = map_find(&d->domains, domain);
	if (!node && is_servers_own(d, local, domain)) {
		if (with_others && d->admin.len > 0)
			*out = (struct found){ .kind = FOUND_OTHER, .other = d->admin };
		return;
	}
	if (!node && is_hostname(d, domain) && find_return(d, address, NULL, out))
		return;
	if (!node) {
		out->kind = domain.len ? FOUND_FOREIGN : FOUND_NOBODY;
		return;
	}
	out->domain = MAP_OWNER(node, struct domain, node);
	if (find_owner(d, address, &local, domain, out) || find_return(d, address, out->domain, out))
		return;
	if (with_others && is_admins_unless_taken(local) && d->admin.len > 0)
		out->other = d->admin;
	else if (with_others && !owners_are_unknown(d, out->domain))
		out->other = out->domain->catch_all;
	if (out->other.len > 0)
		out->kind = FOUND_OTHER;
	else if (files_are_broken(d, out->domain))
		out->kind = FOUND_LATER;
	else if (out->domain->users_are_asked)
		out->kind = FOUND_ASKED;
}

/* ---- the walk ------------------------------------------------------------------------ */

enum seen { SEEN_OPEN = 1, SEEN_CLOSED = 2, SEEN_ROW = 4 };	/* a set, of an address in `seen` */

struct walk {
	struct directory *d;
	enum wire_target kind;
	enum wire_address result;	/* the first trouble that ends it */
	const char *why;
	bool missing;			/* a target that nobody has was left out */
	size_t steps;
	struct span sender;		/* of the mail; empty: null, or nobody asks */
	struct span via;		/* the domain whose alias leads on from here; empty: none that rewrites */
	struct span rewritten;		/* the sender for that domain, when it was made */
};

static void walk_address(struct walk *w, struct span address, bool with_others, unsigned depth);

static void stop(struct walk *w, enum wire_address result, const char *why)
{
	if (w->result == ADDRESS_OK) {
		w->result = result;
		w->why = why;
	}
}

static void add_row(struct walk *w, uint16_t deliver, struct span mailbox, struct span address)
{
	struct directory *d = w->d;
	bool is_new;
	uint32_t place = names_add(&d->seen, mailbox, 0, &is_new);
	uint32_t seen = names_value(&d->seen, place);

	if (seen & SEEN_ROW)
		return;
	if (d->n_rows == DIRECTORY_TARGETS_MAX) {
		stop(w, ADDRESS_TOO_LARGE, "It leads to more than 10000 addresses");
		return;
	}
	names_set_value(&d->seen, place, seen | SEEN_ROW);
	if (d->n_rows == d->rows_room) {
		d->rows_room = d->rows_room ? d->rows_room * 2 : 16;
		d->rows = mem_resize(d->rows, d->rows_room * sizeof(d->rows[0]));
	}
	d->rows[d->n_rows++] = (struct directory_row){ .deliver = deliver, .kind = (uint8_t)w->kind, .mailbox = mailbox, .address = address,
	    .sender = SPAN_NONE };
}

/* ---- forwarding ------------------------------------------------------------------------ */

static bool is_ours(const struct directory *d, struct span address)
{
	struct span local, domain;

	address_split(address, &local, &domain);
	return map_find(&d->domains, domain) || is_hostname(d, domain);
}

/* The walk goes on through an alias, catch_all or admin of that domain (NULL: of the server's name). Returns what was before. */
static struct span walk_via(struct walk *w, const struct domain *dom)
{
	struct span before = w->via;

	w->via = !dom ? w->d->hostname : dom->rewrites ? dom->name : SPAN_NONE;
	w->rewritten = SPAN_NONE;
	return before;
}

static void walk_back_from(struct walk *w, struct span before)
{
	w->via = before;
	w->rewritten = SPAN_NONE;
}

/* What can't be rewritten, because it would be too long, leaves as it came. */
static struct span sender_of(struct walk *w)
{
	struct span key = srs_keys_maker(&w->d->keys, w->d->today);
	struct address made;

	if (w->rewritten.len > 0 || w->sender.len == 0 || w->via.len == 0 || is_ours(w->d, w->sender))
		return w->rewritten;
	if (key.len == 0)
		stop(w, ADDRESS_TEMPORARY, "The keys of forwarded senders can't be read");
	else if (srs_make(w->sender, w->via, key, w->d->today, &made) == PR_OK)
		w->rewritten = arena_span(&w->d->texts, address_span(&made));
	return w->rewritten;
}

static void add_foreign(struct walk *w, struct span address)
{
	struct directory *d = w->d;
	size_t before = d->n_rows;

	add_row(w, DIRECTORY_FOREIGN, address, address);
	if (d->n_rows > before)
		d->rows[before].sender = sender_of(w);
}

/* To the sender of what we forwarded; it takes no other mail, lest it be a way through us to him. */
static void walk_return(struct walk *w, struct span sender, unsigned depth)
{
	if (w->sender.len > 0)
		stop(w, ADDRESS_UNKNOWN, "It takes bounces alone, which come from the null sender");
	else
		walk_address(w, arena_span(&w->d->texts, sender), true, depth + 1);
}

/* ---- members --------------------------------------------------------------------------- */

/* The user as user add wrote him, with the subaddress as it came. */
static struct span with_subaddress(struct directory *d, struct span mailbox, struct span address)
{
	struct span mailbox_local, local, domain;
	char *text;

	address_split(mailbox, &mailbox_local, &domain);
	address_split(address, &local, &domain);
	if (local.len <= mailbox_local.len)
		return mailbox;
	if (memcmp(local.at, mailbox_local.at, mailbox_local.len) == 0)
		return address;
	text = arena_text(&d->texts, address);
	memcpy(text, mailbox_local.at, mailbox_local.len);
	return span_of(text, address.len);
}

static void add_user(struct walk *w, const struct found *found, struct span address)
{
	struct span mailbox = names_text(&found->table->names, found->place);

	BUG_ON(!found->domain);
	add_row(w, found->domain->deliver, mailbox, with_subaddress(w->d, mailbox, address));
}

static void walk_list(struct walk *w, const struct table *t, uint32_t list, unsigned depth)
{
	uint32_t at = table_targets(list);
	struct table_target target;

	if (depth > DIRECTORY_DEPTH_MAX)
		stop(w, ADDRESS_TOO_LARGE, "Its aliases are nested deeper than 10");
	while (w->result == ADDRESS_OK && table_target_next(t, &at, &target)) {
		struct table *included;

		if (target.kind != ALIAS_INCLUDE) {
			walk_address(w, target.text, true, depth);
			continue;
		}
		included = table_find(&w->d->tables, TABLE_INCLUDE, span_of_text(t->name), target.text);
		if (included && !included->broken)
			walk_list(w, included, TABLE_LIST_START, depth + 1);
		else
			stop(w, ADDRESS_TEMPORARY, "A list that it includes can't be read");
	}
}

/* It came back to itself: to a user of that name, or it is a loop. */
static void walk_back(struct walk *w, struct found *found, struct span address)
{
	struct span name = names_text(&found->table->names, found->place);

	if (find_user(name, found) && found->kind == FOUND_USER)
		add_user(w, found, address);
	else
		stop(w, ADDRESS_LOOP, "An alias leads back to itself");
}

static void walk_alias(struct walk *w, struct found *found, struct span address, unsigned depth)
{
	struct names *seen = &w->d->seen;
	bool is_new;
	uint32_t place = names_add(seen, names_text(&found->table->names, found->place), 0, &is_new);
	uint32_t before = names_value(seen, place);
	struct span via;

	if (before & SEEN_OPEN) {
		walk_back(w, found, address);
		return;
	}
	if (before & SEEN_CLOSED)
		return;
	names_set_value(seen, place, before | SEEN_OPEN);
	via = walk_via(w, found->domain);
	walk_list(w, found->table, names_value(&found->table->names, found->place), depth + 1);
	walk_back_from(w, via);
	names_set_value(seen, place, (names_value(seen, place) & ~(uint32_t)SEEN_OPEN) | SEEN_CLOSED);
}

static void walk_nobody(struct walk *w, const struct found *found, unsigned depth)
{
	if (depth > 0)
		w->missing = true;
	else if (found->kind == FOUND_DISABLED)
		stop(w, ADDRESS_DISABLED, "That user is disabled");
	else if (found->kind == FOUND_FORGED)
		stop(w, ADDRESS_UNKNOWN, "That address was not made here");
	else if (found->kind == FOUND_EXPIRED)
		stop(w, ADDRESS_UNKNOWN, "That address took bounces for three weeks, which are over");
	else
		stop(w, ADDRESS_UNKNOWN, "Nobody has that address");
}

static void walk_address(struct walk *w, struct span address, bool with_others, unsigned depth)
{
	struct span via;
	struct found found;

	w->steps++;
	find(w->d, address, with_others, &found);
	if (found.domain && w->kind == TARGET_MEMBER)
		found.domain->seen = w->d->walk;
	switch (found.kind) {
	case FOUND_USER:
		add_user(w, &found, address);
		break;
	case FOUND_ALIAS:
		walk_alias(w, &found, address, depth);
		break;
	case FOUND_OTHER:
		via = walk_via(w, found.domain);
		walk_address(w, found.other, false, depth + 1);
		walk_back_from(w, via);
		break;
	case FOUND_FOREIGN:
		add_foreign(w, address);
		break;
	case FOUND_RETURN:
		walk_return(w, found.other, depth);
		break;
	case FOUND_ASKED:
		BUG_ON(!found.domain);
		add_row(w, found.domain->deliver, address, address);
		break;
	case FOUND_LATER:
		stop(w, ADDRESS_TEMPORARY, "The file of its users or aliases can't be read");
		break;
	case FOUND_NOBODY:
	case FOUND_DISABLED:
	case FOUND_FORGED:
	case FOUND_EXPIRED:
		walk_nobody(w, &found, depth);
		break;
	}
}

static void walk_archives(struct directory *d, struct span sender)
{
	uint32_t walk = d->walk;

	for (unsigned i = 0; i < d->n_all; i++) {
		struct walk w = { .d = d, .kind = TARGET_ARCHIVE, .sender = sender };
		size_t before = d->n_rows;

		if (d->all[i].seen != walk || d->all[i].archive.len == 0)
			continue;
		(void)walk_via(&w, &d->all[i]);
		walk_address(&w, d->all[i].archive, true, 1);
		if (w.result != ADDRESS_OK)	/* the mail itself must not suffer from it */
			d->n_rows = before;
	}
}

static void walk_begin(struct directory *d)
{
	names_clear(&d->seen);
	arena_reset(&d->texts);
	d->n_rows = 0;
	d->walk++;
}

static void walk_members(struct walk *w, struct span address)
{
	walk_begin(w->d);
	walk_address(w, address, true, 0);
	if (w->result == ADDRESS_OK && w->d->n_rows == 0)
		stop(w, ADDRESS_UNKNOWN, "It leads to nobody");
}

static bool is_refused(enum wire_address result)
{
	return result != ADDRESS_OK && result != ADDRESS_TEMPORARY && result != ADDRESS_FOREIGN;
}

/* postmaster and abuse, of the server itself or of a domain of ours: never refused for good (RFC 5321 4.5.1). */
static bool is_reserved(const struct directory *d, struct span address)
{
	char room[ADDRESS_MAX];
	struct span local, domain, base;
	struct map_node *node;

	address_split(address, &local, &domain);
	node = map_find(&d->domains, domain);
	if (!node)
		return is_servers_own(d, local, domain);
	if (base_of(local, domain, MAP_OWNER(node, struct domain, node)->subaddress, room, &base))
		local = span_first(local, base.len - domain.len - 1);
	return is_admins(local);
}

/* An alias or a user may not take postmaster and abuse away from the world: where his leads nowhere, admin stands in; where
 * nobody does, who writes to them tries again until somebody does. */
static void walk_recipient(struct walk *w, struct span address)
{
	struct directory *d = w->d;

	walk_members(w, address);
	if (!is_refused(w->result) || !is_reserved(d, address))
		return;
	names_clear(&d->seen);
	d->n_rows = 0;
	w->result = ADDRESS_OK;
	if (d->admin.len > 0)
		walk_address(w, d->admin, false, 0);
	if (w->result != ADDRESS_TEMPORARY && (w->result != ADDRESS_OK || d->n_rows == 0)) {
		w->result = ADDRESS_TEMPORARY;
		w->why = d->admin.len > 0 ? "The admin's address leads nowhere" : "The configuration names no admin";
	}
}

/* ---- questions ------------------------------------------------------------------------ */

void directory_expand(struct directory *d, struct span address, struct span sender, struct directory_answer *out)
{
	struct walk w = { .d = d, .kind = TARGET_MEMBER, .why = "", .sender = sender };

	walk_recipient(&w, address);
	if (w.result == ADDRESS_OK)
		walk_archives(d, sender);
	*out = (struct directory_answer){ .result = w.result, .why = w.why };
	if (w.result == ADDRESS_OK) {
		out->rows = d->rows;
		out->n_rows = d->n_rows;
	}
}

static enum wire_address ask_alias(struct directory *d, const struct found *found, struct span address)
{
	uint32_t list = names_value(&found->table->names, found->place);
	unsigned char verdict = table_verdict(found->table, list);
	struct walk w = { .d = d, .kind = TARGET_MEMBER };

	if (verdict > 0)
		return verdict - 1;
	walk_members(&w, address);
	table_set_verdict(found->table, list, (unsigned char)(w.result + 1));
	return w.result;
}

static enum wire_address ask_found(struct directory *d, const struct found *found, struct span address)
{
	switch (found->kind) {
	case FOUND_USER:
		return ADDRESS_OK;
	case FOUND_ALIAS:
		return ask_alias(d, found, address);
	case FOUND_DISABLED:
		return ADDRESS_DISABLED;
	case FOUND_FOREIGN:
		return ADDRESS_FOREIGN;
	case FOUND_ASKED:
		return is_reserved(d, address) ? ADDRESS_OK : ADDRESS_ASK;
	case FOUND_LATER:
		return ADDRESS_TEMPORARY;
	case FOUND_RETURN:
		return ADDRESS_BOUNCES;
	case FOUND_FORGED:
		return ADDRESS_FORGED;
	case FOUND_EXPIRED:
		return ADDRESS_EXPIRED;
	case FOUND_NOBODY:
	case FOUND_OTHER:
		break;
	}
	return ADDRESS_UNKNOWN;
}

/* admin, or a catch_all: these may live elsewhere. */
static enum wire_address ask_other(struct directory *d, struct span other)
{
	struct found found;

	find(d, other, false, &found);
	return found.kind == FOUND_FOREIGN || found.kind == FOUND_ASKED ? ADDRESS_OK : ask_found(d, &found, other);
}

enum wire_address directory_ask(struct directory *d, struct span address)
{
	enum wire_address result;
	struct found found;

	find(d, address, true, &found);
	result = found.kind == FOUND_OTHER ? ask_other(d, found.other) : ask_found(d, &found, address);
	if (!is_refused(result) || !is_reserved(d, address))
		return result;
	result = d->admin.len > 0 ? ask_other(d, d->admin) : ADDRESS_UNKNOWN;
	return is_refused(result) ? ADDRESS_TEMPORARY : result;
}

struct directory_server directory_server(const struct directory *d, struct span address)
{
	struct span local, domain;
	struct map_node *node;
	const struct domain *dom;

	address_split(address, &local, &domain);
	node = map_find(&d->domains, domain);
	BUG_ON(!node);
	dom = MAP_OWNER(node, struct domain, node);
	return (struct directory_server){ dom->deliver, dom->takes_unasked ? ADDRESS_OK : ADDRESS_TEMPORARY };
}

/* ---- keys ------------------------------------------------------------------------------- */

void directory_set_day(struct directory *d, int64_t wall_ms)
{
	d->today = wall_ms > 0 ? (uint32_t)(wall_ms / HOURS(24)) : 0;
}

struct srs_keys *directory_srs_keys(struct directory *d)
{
	return &d->keys;
}

/* ---- logins --------------------------------------------------------------------------- */

bool directory_user(const struct directory *d, struct span address, struct directory_user *out)
{
	const struct table *users = table_find(&d->tables, TABLE_USERS, SPAN_NONE, SPAN_NONE);
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
	const struct table *users = table_find(&d->tables, TABLE_USERS, SPAN_NONE, SPAN_NONE);

	return !users || !users->broken;
}

bool directory_token(const struct directory *d, uint64_t proof, struct table_token *out)
{
	const struct table *tokens = table_find(&d->tables, TABLE_TOKENS, SPAN_NONE, SPAN_NONE);

	return tokens && table_token_find(tokens, proof, out);
}

enum wire_sender directory_owns(struct directory *d, struct span login, struct span address)
{
	struct walk w = { .d = d, .kind = TARGET_MEMBER };

	if (address_same(login, address))
		return SENDER_OWN;
	walk_members(&w, address);
	if (w.result == ADDRESS_TEMPORARY)
		return SENDER_TEMPORARY;
	for (size_t i = 0; w.result == ADDRESS_OK && i < d->n_rows; i++)
		if (d->rows[i].deliver != DIRECTORY_FOREIGN && address_same(d->rows[i].mailbox, login))
			return SENDER_OWN;
	return SENDER_FOREIGN;
}

/* ---- new tables ------------------------------------------------------------------------ */

static void alias_problem(struct buf *problems, struct span name, const char *why)
{
	size_t before = problems->len;

	buf_printf(problems, "%.*s: %s\n", SPAN_ARG(name), why);
	if (problems->overflowed) {
		problems->len = before;
		problems->overflowed = false;
	}
}

/* Walks each alias once, so that the first RCPT finds its verdict, and names those that lead nowhere. */
static void check_aliases(struct directory *d, struct table *t, struct buf *problems, size_t *steps)
{
	for (uint32_t at = names_next(&t->names, NAMES_NONE); at != NAMES_NONE; at = names_next(&t->names, at)) {
		struct span name = names_text(&t->names, at);
		struct walk w = { .d = d, .kind = TARGET_MEMBER };

		if (*steps > CHECK_STEPS_MAX)
			return;
		walk_members(&w, name);
		*steps += w.steps + 1;
		table_set_verdict(t, names_value(&t->names, at), (unsigned char)(w.result + 1));
		if (w.result != ADDRESS_OK)
			alias_problem(problems, name, w.why);
		else if (w.missing)
			alias_problem(problems, name, "One of its targets is nobody's address");
	}
}

/* A file that can't be read names no lists: those of the old one stay with it. */
static void keep_includes(struct directory *d, const struct table *aliases, struct list *fresh)
{
	LIST_EACH_SAFE(node, &d->tables) {
		struct table *t = LIST_OWNER(node, struct table, list);

		/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): it loses track of embedded lists */
		if (t->kind != TABLE_INCLUDE || strcmp(t->name, aliases->name) != 0)
			continue;
		list_remove(&t->list);
		list_add_last(fresh, &t->list);
	}
}

void directory_take_tables(struct directory *d, struct list *tables, struct buf *problems)
{
	struct list fresh;
	size_t steps = 0;

	list_init(&fresh);
	for (struct list *node = list_take_first(tables); node; node = list_take_first(tables)) {
		struct table *t = LIST_OWNER(node, struct table, list);
		struct table *old = t->broken ? table_find(&d->tables, t->kind, span_of_text(t->name), span_of_text(t->path)) : NULL;

		if (old) {
			table_free(&t);
			list_remove(&old->list);
			t = old;
			if (t->kind == TABLE_ALIASES)
				keep_includes(d, t, &fresh);
		}
		list_add_last(&fresh, &t->list);
	}
	drop_tables(&d->tables);
	for (struct list *node = list_take_first(&fresh); node; node = list_take_first(&fresh))
		list_add_last(&d->tables, node);
	connect_tables(d);
	LIST_EACH(node, &d->tables) {
		struct table *t = LIST_OWNER(node, struct table, list);

		if (t->kind == TABLE_ALIASES || t->kind == TABLE_ALIAS_STATE)
			check_aliases(d, t, problems, &steps);
	}
}

static size_t count(const struct directory *d, enum wire_table_kind one, enum wire_table_kind other)
{
	size_t n = 0;

	LIST_EACH(node, &d->tables) {
		const struct table *t = LIST_OWNER(node, struct table, list);

		if (t->kind == one || t->kind == other)
			n += t->names.n;
	}
	return n;
}

size_t directory_n_users(const struct directory *d)
{
	return count(d, TABLE_USERS, TABLE_USERS_FILE);
}

size_t directory_n_aliases(const struct directory *d)
{
	return count(d, TABLE_ALIASES, TABLE_ALIAS_STATE);
}
