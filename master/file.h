/* Small files, read whole. */
#ifndef MASTER_FILE_H
#define MASTER_FILE_H

#include <dirent.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* Reads a regular file into the empty buffer, within its ceiling, in memory that is taken once. PR_IO with errno;
 * EFBIG: longer than the ceiling. */
enum pr_err file_read(const char *path, struct buf *out) MUST_USE;
enum pr_err file_read_fd(int fd, struct buf *out) MUST_USE;
bool file_exists(const char *path);
/* What scandir gave; n as it returned it. */
void file_names_free(struct dirent **names, int n);

/* A descriptor of a regular file for reading, or -1 with errno. Never blocks on what is no file. */
int file_open(const char *path);
/* The same for a path that leads to nothing outside of the folder. */
int file_open_beneath(const char *folder, const char *path);

#endif
