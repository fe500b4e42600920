/* Files that change while the server runs: certificates, users, aliases,
 * lists. Their folders are watched, for files are replaced by renaming; what
 * counts is whether a file is another one, or has another size or time. */
#ifndef MASTER_WATCH_IO_H
#define MASTER_WATCH_IO_H

#include <stdint.h>

#include "loop/loop.h"

/* Time to let a writer finish: a certificate and its key are two files. */
#define WATCH_SETTLE_MS 200
#define WATCH_FILES_MAX 4096

struct watch;

/* changed is called with the kind that watch_file was given, once for all files of that kind. */
struct watch *watch_new(struct loop *loop, void (*changed)(void *arg, unsigned kind), void *arg);
void watch_free(struct watch **w);

/* watch_begin forgets all files, watch_file adds one of a kind below 32, watch_end looks at what they are now. */
void watch_begin(struct watch *w);
void watch_file(struct watch *w, unsigned kind, const char *path);
void watch_end(struct watch *w);

#endif
