/* A check in words: the steps, for those who ask for them, and the reason of its result, for the sender. */
#ifndef VERIFY_SPF_STORY_H
#define VERIFY_SPF_STORY_H

#include "verify/iprev.h"
#include "verify/spf_walk.h"

/* Steps; nothing where nobody wants to hear them. */
void spf_story_record(struct spf_walk *w, const struct spf_visit *v, struct span text);
void spf_story_enter(struct spf_walk *w, const struct spf_visit *v, const struct spf_term *t);
/* The evaluation of v goes from its `at` to that term (NULL: the end of the record): what lies before it did not match. */
void spf_story_leave(struct spf_walk *w, struct spf_visit *v, const struct spf_term *to);
void spf_story_addresses(struct spf_walk *w, struct span name, const struct fact *f);
void spf_story_names(struct spf_walk *w, const struct iprev_names *names);

/* Sets why, and ends the tale. The result stands in out. */
void spf_story_end(struct spf_walk *w, struct spf_told *out);

#endif
