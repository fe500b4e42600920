/* delivery: `local` puts mail into Maildirs and has no network, `relay` gives
 * it to other servers and has no files, `sign` signs it and has neither. */
#include <sys/resource.h>

#include "base/digest.h"
#include "delivery/local_io.h"
#include "delivery/relay_io.h"
#include "delivery/sign_io.h"
#include "loop/sandbox.h"

/* A batch holds a file or folder open for each of its messages, a relay a connection. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct process *process = process_new(argc, argv);

	allow_many_files();
	if (process_role(process) == ROLE_RELAY) {
		struct relay *relay = relay_new(process);

		process_confine(process, MAY_CONNECT);
		return relay_run(relay);
	}
	if (process_role(process) == ROLE_SIGN) {
		digest_load();
		process_confine(process, 0);
		return sign_run(process);
	}
	process_confine(process, MAY_FILES | MAY_THREADS);
	return local_run(process);
}
