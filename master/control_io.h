/* The socket of the command line: runtime/control. Who may use it is told by
 * the kernel (SO_PEERCRED): root, the server's user, the group postrider, but
 * none of the server's own programs, which may run as that user. What
 * a client does wrong costs its connection and nothing else. */
#ifndef MASTER_CONTROL_IO_H
#define MASTER_CONTROL_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "loop/loop.h"
#include "master/identity.h"
#include "wire/verbs.h"

#define CONTROL_CLIENTS_MAX 64
#define CONTROL_ASKS_MAX    16	/* of one client, not answered yet */

struct control;
struct control_client;

/* A question under way: whoever got it answers it once with control_done, or finds it gone (on_ask_gone). */
struct control_ask {
	struct list list;	/* for who keeps it */
	struct list of_client;
	struct control_client *client;
	enum wire_verb verb;
	uint32_t ask;
	enum wire_role role;	/* of ctl_meet */
	uint32_t serial;	/* for who keeps it */
	int64_t expires_at;	/* the same */
};

typedef void control_asked(void *arg, struct control_ask *ask);
/* Is that one of our own programs? None has anything to ask here: one that does is captured. */
typedef bool control_is_own(void *arg, pid_t pid);

/* Binds; done while root has all its rights. PR_IO and words. */
enum pr_err control_bind(const char *runtime, const struct identities *ids, int *fd, struct buf *words) MUST_USE;
struct control *control_new_take(struct loop *loop, int fd, const struct identities *ids, control_asked *asked, control_is_own *is_own, void *arg);
/* For one client, whose end this is; left is called when it is gone. */
struct control *control_lent_take(struct loop *loop, int fd, control_asked *asked, void (*left)(void *arg), void *arg);
void control_free(struct control **c);

void control_row(const struct control_ask *ask, const struct wire_ctl_row *row);
/* Why its answer takes longer than anybody would wait in silence. */
void control_note(const struct control_ask *ask, struct span words);
/* Answers and forgets the question. fd: -1, or a descriptor that is sent as a copy and closed here. */
void control_done(struct control_ask *ask, int exit, struct span words, int fd);
/* Number of the client: what its introductions are called by. */
uint16_t control_instance(const struct control_ask *ask);

#endif
