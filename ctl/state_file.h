/* A file of the state folder that the command line writes: read, changed in
 * memory, put in the old one's place. Two writers wait for each other, a crash
 * leaves the old file or the new one, and no link that lies in the folder is
 * followed: it belongs to the server's user, who may be captured. */
#ifndef CTL_STATE_FILE_H
#define CTL_STATE_FILE_H

#include "base/buf.h"
#include "base/span.h"
#include "ctl/command.h"
#include "ctl/master.h"

struct state_file {
	struct places places;
	const char *name;	/* "users" */
	int folder;
	struct buf old, fresh;	/* what was read; what will be written */
};

/* Both answer 0, or the exit code to end with, which was explained. For writing the lock is held until the end. */
int state_file_read(struct state_file *f, const struct call *call, const char *name);
int state_file_lock_and_read(struct state_file *f, const struct call *call, const char *name);
/* Writes `fresh`, and has a running server count it: it returns when it does. */
int state_file_replace(struct state_file *f);
void state_file_close(struct state_file *f);

#endif
