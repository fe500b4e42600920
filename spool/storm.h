/* Limits against storms of bounces: what a worm or a forged sender sets off
 * must not drown anybody. One bucket a sender, a bounded number of them. */
#ifndef SPOOL_STORM_H
#define SPOOL_STORM_H

#include "spool/pace.h"

#define STORM_SENDERS 1024	/* of so many it is known at a time; others have a full bucket */

struct storm;

struct storm *storm_new(void);
void storm_free(struct storm **st);
/* May one more be written to that sender? Takes its token. */
bool storm_may(struct storm *st, uint32_t sender, const struct set_rates *rates, int64_t mono_ms);

#endif
