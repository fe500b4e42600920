/* postrider: the command line. The server itself is libexec/master, which it becomes for `serve` and `config`;
 * under the names sendmail, mailq and newaliases it is what programs of forty years expect. */
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>

#include "ctl/command.h"
#include "ctl/face.h"
#include "ctl/say.h"
#include "ctl/sendmail.h"

int main(int argc, char **argv)
{
	int status;

	(void)signal(SIGPIPE, SIG_IGN);
	status = face_is_named(argv[0]) ? sendmail_run(argc, argv) : command_run(argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		say("standard output takes no more");
		return status == EX_OK ? EX_IOERR : status;
	}
	return status;
}
