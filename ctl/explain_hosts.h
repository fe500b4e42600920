/* Of a dry run: the hosts that take a domain's mail, as the running server
 * finds them, and whether it would speak to any of them. */
#ifndef CTL_EXPLAIN_HOSTS_H
#define CTL_EXPLAIN_HOSTS_H

#include "base/span.h"
#include "ctl/dry_run.h"

/* Both: 0, or the exit code to end with, which was explained. */
int explain_hosts(struct dry_run *d, struct span domain);
/* domain is a literal: "[192.0.2.1]". */
int explain_literal(struct dry_run *d, struct span domain);

#endif
