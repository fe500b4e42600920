/* The files auth answers from: opened here, given as descriptors, read there. */
#ifndef MASTER_TABLES_H
#define MASTER_TABLES_H

#include <stdint.h>

#include "base/buf.h"
#include "loop/channel.h"
#include "wire/settings.h"

#define TABLES_FILE_MAX     (64u << 20)	/* of an aliases file that is searched for includes */
#define TABLES_INCLUDES_MAX 1000	/* of one domain */

/* `table` for each file that is there, then `tables_done`. problems: a line for each that should be and is not, and for a
 * login that everybody may read. */
void tables_tell(const struct settings *s, uint32_t serial, struct channel *ch, struct buf *problems);

/* A line for each line of them that does not count, and why; for each file that should be there and can't be read; for
 * each login file that holds no login, holds more than is read, or may be read by everybody. */
void tables_check(const struct settings *s, struct buf *problems);

/* The files, for watching, also those that are not there; path is valid during the call. */
void tables_files(const struct settings *s, void (*fn)(void *arg, const char *path), void *arg);

#endif
