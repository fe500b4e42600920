/* Of a walk, for the rooms that answer the evaluator: spf_rewrite.c and spf_find.c. */
#ifndef VERIFY_SPF_WALK_PRIVATE_H
#define VERIFY_SPF_WALK_PRIVATE_H

#include "base/err.h"
#include "verify/spf_walk.h"

/* Notes why it ends. The first reason counts: what comes behind it is only how the evaluator unwinds. False, always. */
bool spf_walk_stop(struct spf_walk *w, enum spf_stop stop, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A term is evaluated now: those before it did not match. False: it stopped. */
bool spf_walk_reach(struct spf_walk *w, struct spf_visit *v, const struct spf_term *t);

/* RFC 8616 4: a local part that is not ASCII is no part of a name, and nothing matches it. */
bool spf_walk_can_match(const struct spf_walk *w, const struct spf_term *t);
/* Macros in words, by the record of that domain; until the next call. */
struct span spf_walk_expand(struct spf_walk *w, struct span macros, struct span current);
/* The name that a term speaks of; empty: none that is in the DNS. Lives as long as the walk. False: it stopped. */
bool spf_walk_target(struct spf_walk *w, const struct spf_visit *v, const struct spf_term *t, struct span *out);

/* A or AAAA, as the client is. */
enum wire_record spf_walk_addresses(const struct spf_walk *w);
/* What the DNS says of a name that is one; NULL: it stopped. */
const struct fact *spf_walk_ask(struct spf_walk *w, enum wire_record type, struct span name);

#endif
