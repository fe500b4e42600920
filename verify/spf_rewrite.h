/* A record as the evaluator sees it: what this client decides is decided, every name is a number (spf_walk.h says why), and
 * what the record will ask of the DNS is asked at once. */
#ifndef VERIFY_SPF_REWRITE_H
#define VERIFY_SPF_REWRITE_H

#include "base/buf.h"
#include "verify/spf_walk.h"

/* Appends the record of v, which was read, up to the term that matches this client anyway, and sets v->last to that. */
void spf_rewrite(struct spf_walk *w, struct spf_visit *v, struct buf *out);
/* Its term was written as a question that is answered by any address, or none. */
bool spf_rewrite_is_yes_or_no(const struct spf_walk *w, const struct spf_term *t);

/* A number that stands for the end of v, until it is filled otherwise. */
struct spf_spot *spf_spot_new(struct spf_walk *w, struct spf_visit *v);
unsigned spf_spot_number(const struct spf_walk *w, const struct spf_spot *spot);
/* number: as the evaluator says it, "7.t". */
const struct spf_spot *spf_spot_of(const struct spf_walk *w, const char *number);

/* Names that v, rewritten, will want, and the addresses of exchanges. */
void spf_foresee(struct spf_walk *w, const struct spf_visit *v);
void spf_foresee_hosts(struct spf_walk *w, const struct fact *mx);

#endif
