/* One pass over the records of a check: what libspf2 (spf.c) is given to evaluate, and the answers it gets.
 *
 * A record is read by our own strict parser and written anew: ip4, ip6 and all are decided here, for the client is known;
 * of what needs the DNS the evaluator sees the mechanism and a number in place of the name ("a:7.t/24"). So nothing that a
 * stranger wrote reaches it, every lookup comes back here with that number, and here the limits are counted, macros
 * expanded, and the way through the records is remembered, so that one can say why. */
#ifndef VERIFY_SPF_WALK_H
#define VERIFY_SPF_WALK_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "verify/spf.h"
#include "verify/spf_macro.h"
#include "verify/spf_record.h"

#define SPF_SPOTS_MAX 512

enum spf_stop {
	SPF_GOES_ON,
	SPF_MISSING,		/* a fact */
	SPF_NONE,		/* the domain has no record */
	SPF_TEMPERROR,
	SPF_PERMERROR
};

/* A record under evaluation. */
struct spf_visit {
	struct spf_visit *outer;	/* whose include led here; NULL: none */
	struct spf_visit *before;	/* what redirected here; NULL: none */
	struct spf_visit *inner;	/* where the include at `at` led */
	struct span domain;
	struct spf_record record;
	unsigned depth;
	const struct spf_term *at;	/* the term that is evaluated; NULL: before the first */
	const struct spf_term *last;	/* the one that matches this client whatever the DNS says; NULL: none */
	bool has_ended;			/* `last` was reached, or the end */
	unsigned n_told;		/* terms that the tale has */
};

/* What a number stands for. */
struct spf_spot {
	enum { SPOT_TERM, SPOT_END, SPOT_HOST } kind;
	struct spf_visit *visit;
	const struct spf_term *term;	/* of SPOT_TERM */
	struct span name;		/* of SPOT_HOST */
};

struct spf_walk {
	struct facts *facts;
	const struct spf_ask *ask;
	struct arena arena;
	struct buf expanded;		/* a name, or an explanation */
	struct buf *tale;
	struct buf note;		/* what the term under evaluation found, for the tale */
	char client[CLIENT_TEXT_MAX];
	struct spf_words words;
	enum spf_stop stop;
	char why[700];			/* of a stop */
	unsigned n_lookups, n_voids, n_foreseen;
	struct spf_visit *top;		/* the record whose result is the result */
	unsigned n_spots;
	struct spf_spot spots[SPF_SPOTS_MAX];
};

/* What is checked: the sender, or HELO. Spans must stay as long as the walk. */
struct spf_identity {
	struct span local, domain;
};

void spf_walk_init(struct spf_walk *w, struct facts *f, const struct spf_ask *ask, struct spf_identity identity, struct buf *tale);
void spf_walk_fini(struct spf_walk *w);

/* The record of the identity, rewritten, with a NUL; NULL: it stopped. */
const char *spf_walk_begin(struct spf_walk *w);
/* That of an include or redirect. */
const char *spf_walk_enter(struct spf_walk *w, const char *number);

/* The evaluator has come to that result: in words. False: it stopped. */
bool spf_walk_end(struct spf_walk *w, enum auth_result result, struct spf_told *out);

#endif
