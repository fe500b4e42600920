/* postrider: the command line. The server itself is libexec/master, which it becomes for `serve` and `config`. */
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>

#include "ctl/command.h"
#include "ctl/say.h"

int main(int argc, char **argv)
{
	int status;

	(void)signal(SIGPIPE, SIG_IGN);
	status = command_run(argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		say("standard output takes no more");
		return status == EX_OK ? EX_IOERR : status;
	}
	return status;
}
