/* libexec/master: what `serve` and `config` become, and who knows what the configuration says. */
#ifndef CTL_MASTER_H
#define CTL_MASTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "ctl/command.h"
#include "ctl/configured.h"

/* Another program's path: beside this one in a build tree, else where it was installed. Lasts until the next call. */
const char *master_program(const char *name);

/* Becomes it, with these words behind --config FILE; returns only when it can't, with 70. argv ends with NULL. */
int master_become(const struct call *call, const char *const *argv);

/* What it prints with these words. Returns its exit status; what it complains about has been shown. */
int master_ask(const struct call *call, const char *const *argv, struct buf *out);

/* Where things are, by the configuration. */
struct places {
	char state[4096], runtime[4096];
	char origin[256];	/* the domain of names without one */
};
/* 0, or the exit code to end with. */
int master_places(const struct call *call, struct places *out);
/* Where a running server is found, even when the configuration has errors: *is_good tells. 0, or the exit code to end with. */
int master_runtime(const struct call *call, char *out, size_t room, bool *is_good);
/* The domains whose mail comes here, with blanks between; the caller ends *out. 0, or the exit code to end with. */
int master_domains(const struct call *call, struct buf *out);
/* All that it says, added to *out. 0, or the exit code to end with. */
int master_configured(const struct call *call, struct configured *out);

#endif
