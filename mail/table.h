/* A file of the server's tables, read whole: users, tokens, a list of
 * addresses, aliases, or a list that aliases include. Bytes come in pieces of any size.
 * A line that is wrong does not count and is named in problems; all others
 * count. A file that is no text at all, or is too large, is broken. */
#ifndef MAIL_TABLE_H
#define MAIL_TABLE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/list.h"
#include "mail/address.h"
#include "mail/aliases.h"
#include "mail/names.h"
#include "mail/tokens_row.h"
#include "mail/users_row.h"

#define TABLE_ALIASES_MAX  (64U << 20)	/* bytes of a file of aliases, or of a list: a million targets */
#define TABLE_TARGETS_MAX  (256U << 20)	/* bytes of what is kept beside its names */
#define TABLE_PROBLEMS_MAX 49152	/* bytes of all problems: they go to the master in one packet */

enum table_kind {
	TABLE_USERS,		/* state/users */
	TABLE_ALIASES,		/* name: the domain; path: the file */
	TABLE_INCLUDE,		/* name: the domain; path: as :include: wrote it */
	TABLE_USERS_FILE,	/* name: the users section */
	TABLE_ALIAS_STATE,	/* state/aliases, what `postrider alias add` wrote */
	TABLE_TOKENS,		/* state/tokens */
	TABLE_RELAY_LOGIN	/* path: a route's login_file */
};

struct table {
	struct list list;	/* of its owner */
	enum table_kind kind;
	char *name, *path;	/* of a section or a domain; of the file */
	bool broken;
	/* users: addresses, value is the place of the password, twice, and 1 more when disabled; lists of addresses: 0.
	 * tokens: their proofs in hex, value is the place of digest and address. aliases: the place of the targets. */
	struct names names;
	struct buf targets;	/* passwords, digests, targets: read by the functions below */
	/* while it is read */
	struct buf text;	/* aliases: all of it; users: a line's beginning */
	unsigned line;
	bool skip_line;
	struct buf *problems;
	struct address owner_address;	/* whose targets come */
	bool has_owner;
};

/* problems is used until table_finish. */
struct table *table_new(enum table_kind kind, struct span name, struct span path, struct buf *problems);
void table_free(struct table **t);
void table_feed(struct table *t, struct span bytes);
void table_finish(struct table *t);
/* Notes a problem of the whole file, which is broken by it. */
void table_break(struct table *t, const char *why);

bool table_user_is_disabled(const struct table *t, uint32_t place);
struct span table_user_password(const struct table *t, uint32_t place);	/* as base/password.h writes it; empty in a list of addresses */

struct table_token {
	struct span address, digest;
};
#define TABLE_PROOF_LEN 8	/* bytes at the front of a digest */
static inline uint64_t table_proof(const unsigned char digest[SHA256_LEN])
{
	uint64_t proof = 0;

	for (unsigned i = 0; i < TABLE_PROOF_LEN; i++)
		proof = proof << 8 | digest[i];
	return proof;
}
bool table_token_find(const struct table *t, uint64_t proof, struct table_token *out);

/* The targets of an alias: start with the value of its name (of an included list: TABLE_LIST_START). False at the end. */
#define TABLE_LIST_START 0
struct table_target {
	enum alias_kind kind;	/* ALIAS_ADDRESS: canonical; ALIAS_INCLUDE: the path */
	struct span text;
};
static inline uint32_t table_targets(uint32_t list) { return list + 1; }
bool table_target_next(const struct table *t, uint32_t *at, struct table_target *out);

/* What was found out about an alias, kept beside it: 0 at first. */
unsigned char table_verdict(const struct table *t, uint32_t list);
void table_set_verdict(struct table *t, uint32_t list, unsigned char verdict);

#endif
