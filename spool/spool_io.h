/* The spool's shell: it runs until the master ends it. */
#ifndef SPOOL_SPOOL_IO_H
#define SPOOL_SPOOL_IO_H

#include "loop/process.h"

int spool_run(struct process *p);	/* the exit status */

#endif
