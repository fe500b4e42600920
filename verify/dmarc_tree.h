/* The DMARC records of a domain and of the domains above it, and which of these is its organisational domain: the tree walk of
 * RFC 9989 4.10. At most eight questions, whose names are known at once. */
#ifndef VERIFY_DMARC_TREE_H
#define VERIFY_DMARC_TREE_H

#include <stdbool.h>

#include "base/span.h"
#include "mail/dmarc_record.h"
#include "verify/facts.h"

#define DMARC_TREE_MAX 8

enum dmarc_node_state {
	DMARC_NODE_EMPTY,	/* no record, or several, which are as none */
	DMARC_NODE_RECORD,
	DMARC_NODE_UNSURE,	/* the DNS can't tell it now */
	DMARC_NODE_UNASKED	/* no question was left */
};

struct dmarc_node {
	struct span name;	/* without _dmarc, the end of the domain that was asked for */
	enum dmarc_node_state state;
	unsigned n_records;
	struct span text;	/* of the record; it and what record points to live as long as facts */
	struct dmarc_record record;
};

struct dmarc_tree {
	struct span domain, organisational;
	unsigned n;		/* nodes that were looked at, from the domain itself upwards */
	struct dmarc_node node[DMARC_TREE_MAX];
	bool is_unsure;		/* a node is */
	bool is_exhausted;	/* a node was not asked for */
};

/* domain: canonical (idn_name), and lives as long as the tree. */
void dmarc_tree_foresee(struct facts *f, struct span domain);
/* False: facts are missing. */
bool dmarc_tree_walk(struct facts *f, struct span domain, struct dmarc_tree *out);

/* Where the policy for the domain stands: at the domain itself, at its organisational domain, or at the public suffix above that
 * (4.10.1); NULL: nowhere. */
const struct dmarc_node *dmarc_tree_policy(const struct dmarc_tree *t);

#endif
