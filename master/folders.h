/* The folders of the server, made on demand with the right owners, and the
 * lock by which one server at a time has them. */
#ifndef MASTER_FOLDERS_H
#define MASTER_FOLDERS_H

#include "base/buf.h"
#include "base/err.h"
#include "master/identity.h"
#include "wire/settings.h"

/* Each returns PR_OK, or adds words about what is wrong. */
enum pr_err folders_make(const struct settings *s, const struct identities *ids, struct buf *words) MUST_USE;
/* The folders of mail alone: a reload may bring new ones. */
enum pr_err folders_make_mail(const struct settings *s, const struct identities *ids, struct buf *words) MUST_USE;
/* Holds state/lock as long as we live. PR_AGAIN: another server holds it; words tell its process id. */
enum pr_err folders_lock(const char *state, struct buf *words) MUST_USE;

/* The part of a deliver path that is the same for all: before the component of the first `:`, without a slash at its end. */
struct span folders_fixed_prefix(struct span path);

#endif
