/* Of a dry run: the way of mail to one address, as the running server would
 * take it. spool says where it leads and how things stand there. */
#ifndef CTL_EXPLAIN_WAY_H
#define CTL_EXPLAIN_WAY_H

#include "base/span.h"
#include "ctl/dry_run.h"

/* deliver: the section that has the address; empty: it is foreign. 0, or the exit code to end with, which was explained. */
int explain_way(struct dry_run *d, struct span deliver, struct span address);

#endif
