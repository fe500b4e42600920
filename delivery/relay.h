/* The role `relay`: mail to other servers. */
#ifndef DELIVERY_RELAY_H
#define DELIVERY_RELAY_H

#include "loop/process.h"

/* Serves until the process ends; returns its exit status. */
int relay_run(struct process *process);

#endif
