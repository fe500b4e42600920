/* The shell of verify: checks for smtpd and the command line, questions to dns. */
#ifndef VERIFY_VERIFY_IO_H
#define VERIFY_VERIFY_IO_H

#include "loop/process.h"
#include "verify/check.h"

/* Serves until the process ends; returns its exit status. */
int verify_run(struct process *process, struct dkim_house *dkim);

#endif
