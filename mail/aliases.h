/* The aliases(5) file:
 *
 *	# comment
 *	name: target, target,
 *		target on a line that goes on
 *	"quoted name": user@example.net, :include:/etc/postrider/list
 *
 * A # begins a comment where a line or a word begins.
 *
 * A target is an address, a local name, or `:include:` and a path. Pipes
 * (`|command`), files (`/path`) and other `:words:` are refused with their
 * line. A list file that is included holds targets alone, with commas or a
 * line each. Nothing is looked up here. */
#ifndef MAIL_ALIASES_H
#define MAIL_ALIASES_H

#include "base/err.h"
#include "base/span.h"
#include "mail/address.h"

#define ALIASES_WORD_MAX 1024	/* bytes of a name or target */

enum alias_kind {
	ALIAS_ADDRESS,		/* local@domain */
	ALIAS_LOCAL,		/* a name without domain */
	ALIAS_INCLUDE		/* target is the path */
};

struct aliases_handlers {	/* all but on_target may be NULL */
	/* Called once for each name, before its targets. name and target: without quotes and backslashes, valid during the call. */
	void (*on_name)(void *owner, unsigned line, struct span name);
	void (*on_target)(void *owner, unsigned line, enum alias_kind kind, struct span target);
	/* That name's list has ended: the lines it stood on, with what is wrong in them. */
	void (*on_entry)(void *owner, struct span lines);
	/* The rest of that name's list is left out; the next name goes on. why: a constant sentence. */
	void (*on_problem)(void *owner, unsigned line, const char *why, struct span what);
};

void aliases_parse(struct span file, const struct aliases_handlers *on, void *owner);
/* A list file: on_name is never called. */
void aliases_parse_list(struct span file, const struct aliases_handlers *on, void *owner);

/* A name or target as an address, in quotes where it needs them; one without domain is at `domain`. PR_BAD: it is none. */
enum pr_err aliases_address(struct span word, struct span domain, struct address *out) MUST_USE;

#endif
