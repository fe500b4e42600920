/* state/drop (wire/drop.h): what sendmail(8) left there while nobody took mail
 * at runtime/submit is opened here, read by a worker for users, and removed
 * once it is in the queue. Nothing in it is looked at by the master, and
 * nothing is trusted but what the kernel says of it: whose file it is. */
#ifndef MASTER_DROPS_IO_H
#define MASTER_DROPS_IO_H

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "wire/settings.h"
#include "wire/verbs.h"

struct child;
struct drops;
struct server;

/* Done while root has all its rights; the folder is there. PR_IO and words. */
enum pr_err drops_open(const struct settings *s, struct drops **out, struct buf *words) MUST_USE;
void drops_begin(struct drops *d, struct server *server);
void drops_free(struct drops **d);

/* For these NULL is a folder that nobody looks into. A worker for users is ready: what waits may go. */
void drops_go_on(struct drops *d);
void drops_told(struct drops *d, const struct wire_drop_told *told);
/* Programs died over this message, twice. */
void drops_kills(struct drops *d, const struct msg_id *id);
/* Its channel has ended: what it had is tried again. */
void drops_left(struct drops *d, const struct child *c);

#endif
