/* Whose an address is. One of a domain of ours is, in this order:
 *   an alias; else a user; then the same for what stands before the first
 *   subaddress character; then a sender of forwarded mail that we rewrote
 *   (mail/srs.h), who takes bounces; else postmaster, abuse or root, which
 *   go to admin; else whatever catch_all says; else nobody's. Where a file
 *   of its domain could never be read, nobody's can't be told.
 * postmaster and abuse of the server's own name, and a bare postmaster, are
 * admin's. Where an alias leads is not asked here (auth/expansion.h). Pure. */
#ifndef AUTH_OWNERS_H
#define AUTH_OWNERS_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/domains.h"
#include "auth/srs_keys.h"
#include "auth/tables.h"
#include "base/span.h"
#include "mail/address.h"

struct owners {
	struct domains domains;
	struct tables tables;
	struct table *alias_state;	/* aliases of the command line, NULL: none */
	struct srs_keys keys;
	uint32_t today;			/* since 1970 */
	struct address returned;	/* the last owner_find's, of OWNER_RETURN */
};

void owners_init(struct owners *o);
void owners_fini(struct owners *o);

void owners_set(struct owners *o, const struct settings *s);
void owners_take_tables(struct owners *o, struct list *coming);	/* as tables_take */

enum owner_kind {
	OWNER_NOBODY,
	OWNER_USER,
	OWNER_DISABLED,	/* a user */
	OWNER_ALIAS,
	OWNER_OTHER,	/* admin, or a catch_all */
	OWNER_FOREIGN,	/* no domain of ours */
	OWNER_ASKED,	/* only another server knows */
	OWNER_LATER,	/* a file that would say it can't be read */
	OWNER_RETURN,	/* a sender whose bounces it takes */
	OWNER_FORGED,	/* looks as if it took bounces, but was not made here */
	OWNER_EXPIRED,	/* took bounces, but no longer */
};

struct owner {
	enum owner_kind kind;
	struct domain *domain;	/* NULL where it is foreign, or of the server's own name */
	struct table *table;	/* of the user or alias */
	uint32_t place;		/* its name there */
	struct span other;	/* of OWNER_OTHER and OWNER_RETURN: the address, until the next call */
};

/* address is canonical, or "postmaster". Not with_others: admin and catch_all don't count, for an address that they stand for. */
void owners_find(struct owners *o, struct span address, bool with_others, struct owner *out);

/* The user with exactly this name in the owner's domain takes the place of the owner; false: there is none. */
bool owner_is_user_too(struct owner *o, struct span name);

/* postmaster and abuse, of the server itself or of a domain of ours: never refused for good (RFC 5321 4.5.1). */
bool owners_is_reserved(const struct owners *o, struct span address);

#endif
