/* Certificates and keys: read, checked, passed to smtpd, wiped. Nothing of
 * them stays here but which files they were. */
#ifndef MASTER_CERTIFICATES_H
#define MASTER_CERTIFICATES_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "loop/channel.h"
#include "wire/settings.h"

#define CERTIFICATES_NONE "%s holds no certificate: it needs a folder for each name, with fullchain.pem and privkey.pem"
#define CERTIFICATE_FILE_MAX (256u << 10)	/* a chain of some thirty certificates */

struct certificates;

/* Reads and checks all that s names; never NULL. A line in problems for each that does not check: it is left out where a
 * worker starts (is_start), else the one before it is kept. Where a worker starts one that is only too old or too new is
 * better than none. */
struct certificates *certificates_read(const struct settings *s, bool is_start, int64_t wall_ms, struct buf *problems);
/* Lets go; wiped when nothing of it is on its way to anybody any more. */
void certificates_free(struct certificates **c);
unsigned certificates_count(const struct certificates *c);	/* that are used */
bool certificates_are_whole(const struct certificates *c);	/* every one is used */
/* `certificate`, or `certificate_kept`, for each, then `certificates_done`. */
void certificates_tell(struct certificates *c, struct channel *ch);

/* The files, for watching: path is valid during the call. */
void certificates_files(const struct settings *s, void (*fn)(void *arg, const char *path), void *arg);

#endif
