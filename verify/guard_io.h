/* A ceiling on the processor's time that one step may take: whoever is in an
 * endless loop ends the process, which is made for that. Costs nothing while
 * all goes well: a timer of the process's own CPU time looks every now and
 * then whether the same step is still under way. */
#ifndef VERIFY_GUARD_IO_H
#define VERIFY_GUARD_IO_H

#include <stdint.h>

/* Before the sandbox. The process ends with status 70 when a step takes longer. */
void guard_start(void);
void guard_limit(int64_t ms);	/* of CPU time; at first 2 s */
void guard_enter(void);
void guard_leave(void);

#endif
