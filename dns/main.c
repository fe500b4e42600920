/* dns: looks names up for all others. It speaks to the resolvers that the
 * configuration or resolv.conf names, and opens nothing else. */
#include "base/digest.h"
#include "dns/dns_io.h"
#include "loop/sandbox.h"

int main(int argc, char **argv)
{
	struct process *process = process_new(argc, argv);

	digest_load();
	process_confine(process, MAY_RESOLVE);
	return dns_run(process);
}
