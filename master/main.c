/* master: `postrider serve` and `postrider config …`. It starts the other
 * programs, binds their ports, and reads what only root may read; it reads
 * nothing that came from the network. */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "master/config_cli.h"
#include "master/server_io.h"

static const char usage[] =
	"usage: master [--config FILE] serve | lend\n"
	"       master [--config FILE] config check | show | explain | value …\n";

/* The other programs lie beside this one, in the build tree as installed. */
static const char *programs_folder(void)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		return LIBEXECDIR;
	path[n] = 0;
	return dirname(path);
}

static const char *default_file(void)
{
	const char *file = getenv("POSTRIDER_CONFIG");

	return file && *file ? file : SYSCONFDIR "/postrider/postrider.conf";
}

/* -c FILE, --config FILE, --config=FILE. Returns how many words it took. */
static int take_config(int argc, char **argv, const char **file)
{
	if (argc >= 2 && (strcmp(argv[0], "-c") == 0 || strcmp(argv[0], "--config") == 0)) {
		*file = argv[1];
		return 2;
	}
	if (argc >= 1 && strncmp(argv[0], "--config=", 9) == 0) {
		*file = argv[0] + 9;
		return 1;
	}
	return 0;
}

#define LENT_FD 3	/* of `lend`: the socket of the one who borrows */

/* lend: dns and verify for one call of the command line. */
static int serve(int argc, char **argv, const char *file, bool lends)
{
	struct start start = { .programs = programs_folder() };

	if (take_config(argc, argv, &file) != argc) {
		fputs(usage, stderr);
		return EX_USAGE;
	}
	start.file = file;
	return lends ? server_lend_take(&start, LENT_FD) : server_run(&start);
}

int main(int argc, char **argv)
{
	const char *file = default_file();
	int taken = 1 + take_config(argc - 1, argv + 1, &file);

	if (taken < argc && strcmp(argv[taken], "serve") == 0)
		return serve(argc - taken - 1, argv + taken + 1, file, false);
	if (taken < argc && strcmp(argv[taken], "lend") == 0)
		return serve(argc - taken - 1, argv + taken + 1, file, true);
	if (taken < argc && strcmp(argv[taken], "config") == 0)
		return config_cli(argc - taken - 1, argv + taken + 1, file);
	fputs(usage, stderr);
	return EX_USAGE;
}
