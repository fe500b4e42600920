/* Messages on their way into Maildirs, many at a time.
 *
 * A file is written in tmp, synced, moved into new without ever taking the
 * place of another, and the folder is synced: only then is it delivered. In a
 * batch all files are synced together, and all folders. Its name is made of
 * the message's id and the recipient's number, so that a delivery that a crash
 * cut off is found and not made again.
 *
 * No link is followed below the prefix. These calls block: they run in a
 * thread of the pool, and touch nothing but what they are given. */
#ifndef DELIVERY_MAILDIR_IO_H
#define DELIVERY_MAILDIR_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "base/list.h"
#include "base/span.h"

#define MAILDIR_TOGETHER_MIN 4		/* files of a batch from which on one sync of the file system costs less than one each */
#define MAILDIR_TMP_AGE_S    129600	/* 36 h: what lies in tmp for longer was left by a crash */
#define MAILDIR_NAME_MAX     160	/* bytes of a name, with its sizes */

/* `SECONDS.MIDRn.HOST`, cut to fit. The same for the same message and recipient, whatever HOST is, up to the last dot before it. */
void maildir_name(char out[MAILDIR_NAME_MAX], const struct msg_id *id, uint32_t n, const char *host);

enum drop_state { DROP_FRESH, DROP_OPEN, DROP_WRITTEN, DROP_DONE, DROP_FAILED };

/* One message for one mailbox. */
struct drop {
	struct list list;	/* of a batch */
	const char *prefix;	/* a folder that is there */
	const char *folder;	/* below it, "" for itself; made when it is not there */
	bool is_junk;		/* into its .Junk */
	bool is_in_doubt;	/* it may be there already */
	bool is_last;		/* these are the last bytes */
	bool is_refused;	/* do not finish it: forget what was written */
	char name[MAILDIR_NAME_MAX];
	uint64_t serial;	/* of this attempt: while it is written its file is its own, whoever else delivers the same */
	struct span head;	/* fields to put in front, lines ending in CRLF */
	const struct span *parts;	/* the next bytes; lines end in CRLF here and in LF in the file */
	size_t n_parts;
	/* what came of it */
	enum drop_state state;	/* DROP_DONE: delivered */
	int error;		/* errno, with DROP_FAILED */
	const char *stage;	/* what could not be done, a static text */
	/* its own */
	int fd;
	bool last_was_cr;
	uint64_t size, virtual_size;	/* bytes of the file, and with CRLF */
	struct maildir *dir;	/* while a batch runs */
};

void drop_init(struct drop *d);

/* Does for each of a batch (a list of struct drop) what its bytes allow: writes them; finishes those that are last or refused. */
void maildir_batch(struct list *drops, int64_t wall_ms);

#endif
