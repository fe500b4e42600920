/* verify: who sent a stranger's message. It has neither files nor sockets and
 * holds no secret: what it reads was written by strangers, and it may die of it. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <sys/resource.h>

#include "base/digest.h"
#include "loop/sandbox.h"
#include "verify/dkim.h"
#include "verify/guard_io.h"
#include "verify/verify_io.h"

#define MEMORY_MAX (1u << 30)	/* bytes: far above what its ceilings allow; who gets beyond ends */

static void bound_memory(void)
{
#ifndef WITH_SANITIZERS
	struct rlimit limit = { MEMORY_MAX, MEMORY_MAX };

	(void)setrlimit(RLIMIT_DATA, &limit);
#endif
}

int main(int argc, char **argv)
{
	struct process *process = process_new(argc, argv);
	struct dkim_house *dkim;
	int status;

	digest_load();
	dkim = dkim_house_new();
	bound_memory();
	guard_start();
	process_confine(process, 0);
	status = verify_run(process, dkim);
	dkim_house_free(&dkim);
	return status;
}
