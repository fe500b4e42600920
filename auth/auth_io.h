/* Channels on one side, the directory on the other. */
#ifndef AUTH_AUTH_IO_H
#define AUTH_AUTH_IO_H

#include "loop/process.h"

/* Serves until the process ends; returns its exit status. */
int auth_run(struct process *process);

#endif
