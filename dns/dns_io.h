/* Channels on one side, the resolver and its sockets on the other. */
#ifndef DNS_DNS_IO_H
#define DNS_DNS_IO_H

#include "loop/process.h"

/* Serves until the process ends; returns its exit status. */
int dns_run(struct process *process);

#endif
