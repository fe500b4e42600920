/* A program of ours, started afresh: its channel, its crash page and standard
 * error open, and nothing else (loop/process.h). */
#ifndef MASTER_SPAWN_H
#define MASTER_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "master/identity.h"
#include "wire/verbs.h"

struct spawn {
	const char *folder;		/* where the programs are */
	enum wire_role role;
	uint16_t instance;
	uint32_t generation;
	const struct identity *as;	/* NULL: as we are */
	const char *const *folders;	/* ends with NULL */
	int log;			/* its standard error */
	bool strict;			/* an unknown system call is death */
};

struct spawned {
	pid_t pid;
	int channel;			/* our end */
	const void *page;		/* its crash page, read only */
};

#define CRASH_PAGE_SIZE 4096

/* The caller owns what is in *out: channel, and page by spawn_forget_page. PR_IO with errno. */
enum pr_err spawn_program(const struct spawn *what, struct spawned *out) MUST_USE;
void spawn_forget_page(const void **page);
/* Memory for several programs, of a size that none of them can change; -1 with errno. */
int spawn_shared_memory(const char *name, off_t size);

/* The executable of a role: two roles may share one. */
const char *spawn_program_name(enum wire_role role);

#endif
