/* Our domains, as the configuration has them, each with the tables of its
 * users and aliases; the server's own name, and who is its admin. Pure. */
#ifndef AUTH_DOMAINS_H
#define AUTH_DOMAINS_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/tables.h"
#include "base/arena.h"
#include "base/map.h"
#include "base/span.h"
#include "mail/address.h"
#include "wire/settings.h"

struct domain {
	struct map_node node;
	struct span name;
	uint16_t deliver;	/* index in the settings */
	bool users_are_asked;	/* only its server knows them */
	bool takes_unasked;	/* while that one is away */
	const char *users_file;	/* name of the users section, NULL: local users */
	struct table *users;	/* NULL while there is none */
	struct table *aliases;	/* the same */
	struct span subaddress;	/* the characters that begin one */
	struct span catch_all, archive;	/* addresses; empty: none */
	bool rewrites;		/* senders of what it forwards */
	uint32_t seen;		/* of expansion.c: number of the one that last came by */
};

struct domains {
	struct arena arena;	/* all below */
	struct map by_name;
	struct domain *all;
	unsigned n;
	struct span admin;	/* empty: none */
	struct span hostname;
};

void domains_init(struct domains *d);
void domains_fini(struct domains *d);

/* Keeps a copy of what it needs. Until domains_connect no domain has tables. */
void domains_set(struct domains *d, const struct settings *s);
/* Each domain finds its tables, which must stay until the next call. */
void domains_connect(struct domains *d, const struct tables *t);

struct domain *domains_find(const struct domains *d, struct span name);	/* NULL: not ours */
bool domains_is_hostname(const struct domains *d, struct span name);
/* An address of one of them, or of the server's own name. */
bool domains_has(const struct domains *d, struct span address);

/* What stands before the subaddress; false where there is none, and *out stays. A quoted local part
 * keeps what is in its quotes. */
bool domain_cut_subaddress(const struct domain *d, struct span local, struct span *out);

#endif
