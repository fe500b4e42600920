/* A table from a descriptor: read to its end in pieces, so that a file of any
 * size costs no more memory than what is kept of it. */
#ifndef AUTH_TABLE_IO_H
#define AUTH_TABLE_IO_H

#include "mail/table.h"

/* Takes fd. Never NULL; broken when it can't be read. Owned by the caller. */
struct table *table_io_read_take(int fd, enum table_kind kind, struct span name, struct span path, struct buf *problems);
/* Takes fd. Reads at most room bytes; how many there were. */
size_t table_io_read_few_take(int fd, char *at, size_t room);

#endif
