/* How a message of sendmail(8) gets to the server: over runtime/submit, or,
 * where nobody takes it there, by way of state/drop. */
#ifndef CTL_SUBMIT_H
#define CTL_SUBMIT_H

#include <stddef.h>

#include "base/span.h"
#include "mail/reply.h"

enum submitted {
	SUBMITTED,		/* the server has it, on its disk */
	SUBMIT_REFUSED,		/* it never will: reply says why */
	SUBMIT_UNANSWERED	/* the server is not there, or does not take it now */
};

/* A connection to runtime/submit; -1 without a server. */
int submit_connect(const char *runtime);
/* begin: commands with n_replies answers, pipelined; all or none of the recipients get it. body: the last command with its
 * bytes; empty: only asks. reply: the last one heard. */
enum submitted submit_to_server(const char *runtime, struct span begin, size_t n_replies, struct span body, struct reply_reader *reply);
/* 0 once it is on the disk, else an exit code, which was explained. */
int submit_to_drop(const char *state, struct span begin, struct span body);

#endif
