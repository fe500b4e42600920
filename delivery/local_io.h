/* Jobs of spool on one side, files in Maildirs on the other. */
#ifndef DELIVERY_LOCAL_IO_H
#define DELIVERY_LOCAL_IO_H

#include "loop/process.h"

/* Serves until the process ends; returns its exit status. */
int local_run(struct process *process);

#endif
