/* What the program verify says of strangers' mail, asked for by hand. */
#ifndef CTL_PROBE_H
#define CTL_PROBE_H

#include "base/span.h"
#include "ctl/command.h"

struct probe_said {
	char result[16];	/* in the words of RFC 7208: "pass" */
	char why[1024];
};

/* Whether SPF lets that client (an address as text) send as `sender`, which is canonical. 0, or the exit code to end with. */
int probe_spf(struct call *call, const char *client, struct span sender, struct probe_said *out);

#endif
