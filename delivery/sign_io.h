/* The role `sign`: DKIM signatures for spool. It holds the keys, and has neither
 * files nor network; the records of keys it asks dns for. */
#ifndef DELIVERY_SIGN_IO_H
#define DELIVERY_SIGN_IO_H

#include "loop/process.h"

/* Serves until the process ends; returns its exit status. */
int sign_run(struct process *process);

#endif
