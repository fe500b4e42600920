/* mailq and sendmail -q: the queue in the shape that scripts have read since sendmail and Postfix. */
#ifndef CTL_MAILQ_H
#define CTL_MAILQ_H

#include "ctl/command.h"

/* Both answer a sysexits code. */
int mailq_print(const struct call *call);
/* All that waits is due now. */
int mailq_retry(const struct call *call);

#endif
