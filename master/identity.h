/* As whom programs run: as root, each as its own user where that exists, else
 * as `user` of the configuration; without root, all as who started us. */
#ifndef MASTER_IDENTITY_H
#define MASTER_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "wire/verbs.h"

#define IDENTITY_GROUPS_MAX 64

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[IDENTITY_GROUPS_MAX];
	int n_groups;
};

struct identities {
	bool is_root;
	struct identity base;		/* `user`, or who we are */
	struct identity of[N_ROLES];
	gid_t control_group;		/* who may use the control socket beside root and the base user */
	bool has_control_group;
	gid_t drop_group;		/* postrider-drop, whose helper makes files in state/drop */
	bool has_drop_group;
};

/* PR_NONE and words (with the command that helps) when we are root, and the user does not exist or is root too. */
enum pr_err identities_find(struct identities *ids, const char *user, struct buf *words) MUST_USE;

/* In a fresh child: becomes it, for good. False when it can't. */
bool identity_become(const struct identity *id);

/* root keeps the capabilities of DESIGN 1 and no others, for itself and whatever it starts. PR_DENIED with errno. */
enum pr_err privileges_keep_few(void) MUST_USE;

/* No program gives us or our children new rights, and no process of the same user reads our memory. */
void privileges_close_door(void);

#endif
