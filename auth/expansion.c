#include "auth/expansion.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "mail/srs.h"

enum seen { SEEN_OPEN = 1, SEEN_CLOSED = 2, SEEN_ROW = 4 };	/* a set, of an address in `seen` */

struct walk {
	struct expansion *e;
	enum wire_target kind;
	struct expansion_end end;
	struct span sender;		/* of the mail */
	struct span via;		/* the domain whose alias leads on from here; empty: none that rewrites */
	struct span rewritten;		/* the sender for that domain, when it was made */
};

static void walk_address(struct walk *w, struct span address, bool with_others, unsigned depth);

void expansion_init(struct expansion *e, struct owners *owners)
{
	*e = (struct expansion){ .owners = owners };
	names_init(&e->seen);
	arena_init(&e->texts, 1024);
}

void expansion_fini(struct expansion *e)
{
	names_fini(&e->seen);
	arena_fini(&e->texts);
	mem_free(e->rows);
}

static void stop(struct walk *w, enum wire_address result, const char *why)
{
	if (w->end.result == ADDRESS_OK) {
		w->end.result = result;
		w->end.why = why;
	}
}

/* ---- rows ------------------------------------------------------------------------------ */

static void add_row(struct walk *w, uint16_t deliver, struct span mailbox, struct span address)
{
	struct expansion *e = w->e;
	bool is_new;
	uint32_t place = names_add(&e->seen, mailbox, 0, &is_new);
	uint32_t seen = names_value(&e->seen, place);

	if (seen & SEEN_ROW)
		return;
	if (e->n_rows == EXPANSION_TARGETS_MAX) {
		stop(w, ADDRESS_TOO_LARGE, "It leads to more than 10000 addresses");
		return;
	}
	names_set_value(&e->seen, place, seen | SEEN_ROW);
	if (e->n_rows == e->rows_room) {
		e->rows_room = e->rows_room ? e->rows_room * 2 : 16;
		e->rows = mem_resize(e->rows, e->rows_room * sizeof(e->rows[0]));
	}
	e->rows[e->n_rows++] = (struct expansion_row){ .deliver = deliver, .kind = (uint8_t)w->kind, .mailbox = mailbox, .address = address,
	    .sender = SPAN_NONE };
}

/* The user as user add wrote him, with the subaddress as it came. */
static struct span with_subaddress(struct arena *texts, struct span mailbox, struct span address)
{
	struct span mailbox_local, local, domain;
	char *text;

	address_split(mailbox, &mailbox_local, &domain);
	address_split(address, &local, &domain);
	if (local.len <= mailbox_local.len)
		return mailbox;
	if (memcmp(local.at, mailbox_local.at, mailbox_local.len) == 0)
		return address;
	text = arena_text(texts, address);
	memcpy(text, mailbox_local.at, mailbox_local.len);
	return span_of(text, address.len);
}

static void add_user(struct walk *w, const struct owner *owner, struct span address)
{
	struct span mailbox = names_text(&owner->table->names, owner->place);

	BUG_ON(!owner->domain);
	add_row(w, owner->domain->deliver, mailbox, with_subaddress(&w->e->texts, mailbox, address));
}

/* ---- forwarding ------------------------------------------------------------------------ */

/* The walk goes on through an alias, catch_all or admin of that domain (NULL: of the server's name). Returns what was before. */
static struct span walk_via(struct walk *w, const struct domain *dom)
{
	struct span before = w->via;

	w->via = !dom ? w->e->owners->domains.hostname : dom->rewrites ? dom->name : SPAN_NONE;
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
	const struct owners *o = w->e->owners;
	struct span key = srs_keys_maker(&o->keys, o->today);
	struct address made;

	if (w->rewritten.len > 0 || w->sender.len == 0 || w->via.len == 0 || domains_has(&o->domains, w->sender))
		return w->rewritten;
	if (key.len == 0)
		stop(w, ADDRESS_TEMPORARY, "The keys of forwarded senders can't be read");
	else if (srs_make(w->sender, w->via, key, o->today, &made) == PR_OK)
		w->rewritten = arena_span(&w->e->texts, address_span(&made));
	return w->rewritten;
}

static void add_foreign(struct walk *w, struct span address)
{
	struct expansion *e = w->e;
	size_t before = e->n_rows;

	add_row(w, EXPANSION_FOREIGN, address, address);
	if (e->n_rows > before)
		e->rows[before].sender = sender_of(w);
}

/* To the sender of what we forwarded; it takes no other mail, lest it be a way through us to him. */
static void walk_return(struct walk *w, struct span sender, unsigned depth)
{
	if (w->sender.len > 0)
		stop(w, ADDRESS_UNKNOWN, "It takes bounces alone, which come from the null sender");
	else
		walk_address(w, arena_span(&w->e->texts, sender), true, depth + 1);
}

/* ---- aliases --------------------------------------------------------------------------- */

static void walk_list(struct walk *w, const struct table *t, uint32_t list, unsigned depth)
{
	uint32_t at = table_targets(list);
	struct table_target target;

	if (depth > EXPANSION_DEPTH_MAX)
		stop(w, ADDRESS_TOO_LARGE, "Its aliases are nested deeper than 10");
	while (w->end.result == ADDRESS_OK && table_target_next(t, &at, &target)) {
		struct table *included;

		if (target.kind != ALIAS_INCLUDE) {
			walk_address(w, target.text, true, depth);
			continue;
		}
		included = tables_find(&w->e->owners->tables, TABLE_INCLUDE, span_of_text(t->name), target.text);
		if (included && !included->broken)
			walk_list(w, included, TABLE_LIST_START, depth + 1);
		else
			stop(w, ADDRESS_TEMPORARY, "A list that it includes can't be read");
	}
}

/* It came back to itself: to a user of that name, or it is a loop. */
static void walk_back(struct walk *w, struct owner *owner, struct span address)
{
	if (owner_is_user_too(owner, names_text(&owner->table->names, owner->place)))
		add_user(w, owner, address);
	else
		stop(w, ADDRESS_LOOP, "An alias leads back to itself");
}

static void walk_alias(struct walk *w, struct owner *owner, struct span address, unsigned depth)
{
	struct names *seen = &w->e->seen;
	bool is_new;
	uint32_t place = names_add(seen, names_text(&owner->table->names, owner->place), 0, &is_new);
	uint32_t before = names_value(seen, place);
	struct span via;

	if (before & SEEN_OPEN) {
		walk_back(w, owner, address);
		return;
	}
	if (before & SEEN_CLOSED)
		return;
	names_set_value(seen, place, before | SEEN_OPEN);
	via = walk_via(w, owner->domain);
	walk_list(w, owner->table, names_value(&owner->table->names, owner->place), depth + 1);
	walk_back_from(w, via);
	names_set_value(seen, place, (names_value(seen, place) & ~(uint32_t)SEEN_OPEN) | SEEN_CLOSED);
}

/* ---- the walk -------------------------------------------------------------------------- */

static void walk_nobody(struct walk *w, enum owner_kind kind, unsigned depth)
{
	if (depth > 0)
		w->end.missing = true;
	else if (kind == OWNER_DISABLED)
		stop(w, ADDRESS_DISABLED, "That user is disabled");
	else if (kind == OWNER_FORGED)
		stop(w, ADDRESS_UNKNOWN, "That address was not made here");
	else if (kind == OWNER_EXPIRED)
		stop(w, ADDRESS_UNKNOWN, "That address took bounces for three weeks, which are over");
	else
		stop(w, ADDRESS_UNKNOWN, "Nobody has that address");
}

static void walk_other(struct walk *w, const struct owner *owner, unsigned depth)
{
	struct span via = walk_via(w, owner->domain);

	walk_address(w, owner->other, false, depth + 1);
	walk_back_from(w, via);
}

static void walk_owner(struct walk *w, struct owner *owner, struct span address, unsigned depth)
{
	switch (owner->kind) {
	case OWNER_USER:
		add_user(w, owner, address);
		break;
	case OWNER_ALIAS:
		walk_alias(w, owner, address, depth);
		break;
	case OWNER_OTHER:
		walk_other(w, owner, depth);
		break;
	case OWNER_FOREIGN:
		add_foreign(w, address);
		break;
	case OWNER_RETURN:
		walk_return(w, owner->other, depth);
		break;
	case OWNER_ASKED:
		BUG_ON(!owner->domain);
		add_row(w, owner->domain->deliver, address, address);
		break;
	case OWNER_LATER:
		stop(w, ADDRESS_TEMPORARY, "The file of its users or aliases can't be read");
		break;
	case OWNER_NOBODY:
	case OWNER_DISABLED:
	case OWNER_FORGED:
	case OWNER_EXPIRED:
		walk_nobody(w, owner->kind, depth);
		break;
	}
}

static void walk_address(struct walk *w, struct span address, bool with_others, unsigned depth)
{
	struct owner owner;

	w->end.steps++;
	owners_find(w->e->owners, address, with_others, &owner);
	if (owner.domain && w->kind == TARGET_MEMBER)
		owner.domain->seen = w->e->number;
	walk_owner(w, &owner, address, depth);
}

/* ---- questions ------------------------------------------------------------------------- */

static void walk_members(struct walk *w, struct span address)
{
	struct expansion *e = w->e;

	names_clear(&e->seen);
	arena_reset(&e->texts);
	e->n_rows = 0;
	e->number++;
	walk_address(w, address, true, 0);
	if (w->end.result == ADDRESS_OK && e->n_rows == 0)
		stop(w, ADDRESS_UNKNOWN, "It leads to nobody");
}

struct expansion_end expansion_members(struct expansion *e, struct span address, struct span sender)
{
	struct walk w = { .e = e, .kind = TARGET_MEMBER, .end = { .why = "" }, .sender = sender };

	walk_members(&w, address);
	return w.end;
}

bool expansion_is_refused(enum wire_address result)
{
	return result != ADDRESS_OK && result != ADDRESS_TEMPORARY && result != ADDRESS_FOREIGN;
}

static void walk_admin(struct walk *w)
{
	struct expansion *e = w->e;
	struct span admin = e->owners->domains.admin;

	names_clear(&e->seen);
	e->n_rows = 0;
	w->end.result = ADDRESS_OK;
	w->end.why = "";
	if (admin.len > 0)
		walk_address(w, admin, false, 0);
	if (w->end.result != ADDRESS_TEMPORARY && (w->end.result != ADDRESS_OK || e->n_rows == 0)) {
		w->end.result = ADDRESS_TEMPORARY;
		w->end.why = admin.len > 0 ? "The admin's address leads nowhere" : "The configuration names no admin";
	}
}

static void walk_archives(struct expansion *e, struct span sender)
{
	const struct domains *domains = &e->owners->domains;

	for (unsigned i = 0; i < domains->n; i++) {
		const struct domain *dom = &domains->all[i];
		struct walk w = { .e = e, .kind = TARGET_ARCHIVE, .sender = sender };
		size_t before = e->n_rows;

		if (dom->seen != e->number || dom->archive.len == 0)
			continue;
		(void)walk_via(&w, dom);
		walk_address(&w, dom->archive, true, 1);
		if (w.end.result != ADDRESS_OK)	/* the mail itself must not suffer from it */
			e->n_rows = before;
	}
}

struct expansion_end expansion_recipient(struct expansion *e, struct span address, struct span sender)
{
	struct walk w = { .e = e, .kind = TARGET_MEMBER, .end = { .why = "" }, .sender = sender };

	walk_members(&w, address);
	if (expansion_is_refused(w.end.result) && owners_is_reserved(e->owners, address))
		walk_admin(&w);
	if (w.end.result == ADDRESS_OK)
		walk_archives(e, sender);
	return w.end;
}
