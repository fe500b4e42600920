/* spool: owns the mail until it is delivered. */
#include <malloc.h>
#include <time.h>

#include "loop/process.h"
#include "loop/sandbox.h"
#include "spool/spool_io.h"

int main(int argc, char **argv)
{
	struct process *p = process_new(argc, argv);

	tzset();
#ifdef __GLIBC__
	(void)mallopt(M_ARENA_MAX, 1);	/* what a thread frees goes back to the system: spool/spool_io.c */
#endif
	process_confine(p, MAY_FILES | MAY_THREADS);
	return spool_run(p);
}
