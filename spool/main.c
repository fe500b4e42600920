/* spool: owns the mail until it is delivered. */
#include <time.h>

#include "loop/process.h"
#include "loop/sandbox.h"
#include "spool/spool_io.h"

int main(int argc, char **argv)
{
	struct process *p = process_new(argc, argv);

	tzset();
	process_confine(p, MAY_FILES | MAY_THREADS);
	return spool_run(p);
}
