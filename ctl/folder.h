/* A folder of the server's, into which the command line writes: atomically, for
 * the folder's owner, and following no link that lies there: it belongs to the
 * server's user, who may be captured. */
#ifndef CTL_FOLDER_H
#define CTL_FOLDER_H

#include <stdbool.h>

#include "base/span.h"

/* The state of the server. 0, or the exit code to end with, which was explained. */
int folder_open_state(const char *state, int *folder);
/* The folder below, made (0700) where it is not there, with the owner of the one above. -1 with errno. */
int folder_open_below(int folder, const char *name, bool make);
/* A file (0600) with these bytes in place of what has that name, synced. False with errno, and *what it could not do. */
bool folder_put(int folder, const char *name, struct span bytes, const char **what);

#endif
