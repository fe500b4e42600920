/* The role `relay`: mail to other servers. */
#ifndef DELIVERY_RELAY_IO_H
#define DELIVERY_RELAY_IO_H

#include "loop/process.h"

struct relay;

/* Reads what can't be read in the sandbox. */
struct relay *relay_new(struct process *process);
/* Serves until the process ends; returns its exit status. Takes r. */
int relay_run(struct relay *r);

#endif
