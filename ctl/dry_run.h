/* A dry run of what would become of mail to an address: each step is told, as a
 * line or an object, with its result and its reason. */
#ifndef CTL_DRY_RUN_H
#define CTL_DRY_RUN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "ctl/command.h"
#include "ctl/configured.h"

struct dry_run {
	struct call *call;
	struct arena arena;		/* what is kept until its end */
	struct span about;		/* the address that the lines are about */
	int status;			/* the first that was worse than EX_OK */
	struct configured configured;	/* by dry_run_configured */
	bool has_configured;
};

/* about must stay as long as the run. */
void dry_run_init(struct dry_run *d, struct call *call, struct span about);
void dry_run_fini(struct dry_run *d);

void dry_run_tell(const struct dry_run *d, const char *step, const char *result, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* What was told ends the command with that status, unless something before did. */
void dry_run_worse(struct dry_run *d, int status);

/* What the configuration says, read when it is first asked for. 0, or the exit code to end with. */
int dry_run_configured(struct dry_run *d, const struct configured **out);

#endif
