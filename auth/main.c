/* auth: who exists, where mail to them goes, and whether a password is right.
 * It gets its tables as descriptors and opens nothing; it connects to unix
 * sockets, for Dovecot's logins. */
#include "auth/auth_io.h"
#include "auth/checker_io.h"
#include "auth/source_io.h"
#include "base/digest.h"
#include "loop/sandbox.h"

int main(int argc, char **argv)
{
	struct process *process = process_new(argc, argv);

	digest_load();
	checker_set_threads();
	source_warm_up(process_loop(process));
	process_confine(process, MAY_THREADS | MAY_CONNECT_UNIX);
	return auth_run(process);
}
