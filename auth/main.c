/* auth: who exists, and where mail to them goes. It gets its tables as
 * descriptors and opens nothing. */
#include "auth/auth_io.h"

int main(int argc, char **argv)
{
	struct process *process = process_new(argc, argv);

	process_confine(process, 0);
	return auth_run(process);
}
