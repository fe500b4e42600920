#include "master/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static enum pr_err complain(struct buf *words, const char *what, const char *path)
{
	buf_printf(words, "can't %s %s: %s", what, path, strerror(errno));
	return PR_IO;
}

/* Parents are as anybody makes them: ours to walk through, root's to change. */
static bool make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		bool made;

		*slash = 0;
		made = mkdir(path, 0755) == 0;
		if (made)
			made = chmod(path, 0755) == 0;	/* whatever the umask */
		else
			made = errno == EEXIST;
		*slash = '/';
		if (!made)
			return false;
	}
	return true;
}

/* One that is there stays as its admin made it. */
static enum pr_err make_folder(const char *path, mode_t mode, const struct identity *owner, const struct identities *ids, struct buf *words)
{
	char copy[PATH_MAX];
	struct stat st;

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy)) {
		errno = ENAMETOOLONG;
		return complain(words, "make", path);
	}
	if (!make_parents(copy))
		return complain(words, "make the folders above", path);
	if (mkdir(path, mode) == 0) {
		if (chmod(path, mode) < 0 || (ids->is_root && chown(path, owner->uid, owner->gid) < 0))
			return complain(words, "give away", path);
		return PR_OK;
	}
	if (errno != EEXIST || stat(path, &st) < 0)
		return complain(words, "make", path);
	if (S_ISDIR(st.st_mode))
		return PR_OK;
	errno = ENOTDIR;
	return complain(words, "use", path);
}

struct span folders_fixed_prefix(struct span path)
{
	size_t end = span_find(path, ':');

	if (end == path.len)
		while (end > 1 && path.at[end - 1] == '/')
			end--;
	else
		while (end > 1 && path.at[end - 1] != '/')
			end--;
	while (end > 1 && path.at[end - 1] == '/')
		end--;
	return span_first(path, end);
}

enum pr_err folders_make_mail(const struct settings *s, const struct identities *ids, struct buf *words)
{
	for (unsigned i = 0; i < s->n_deliver; i++) {
		char *prefix;
		enum pr_err err;

		if (!s->deliver[i].path)
			continue;
		prefix = mem_text(folders_fixed_prefix(span_of_text(s->deliver[i].path)));
		err = make_folder(prefix, 0711, &ids->of[ROLE_LOCAL], ids, words);
		mem_free(prefix);
		if (err != PR_OK)
			return err;
	}
	return PR_OK;
}

/* As root it is root's, who can then remove what lies there without rights over other users' files, and its group is the
 * helper's. It is made so at every start. */
static enum pr_err make_drop(const struct settings *s, const struct identities *ids, struct buf *words)
{
	static const struct identity ROOT = { .uid = 0 };
	bool is_shared = ids->is_root && ids->has_drop_group;
	char path[PATH_MAX];
	enum pr_err err;
	int fd;

	snprintf(path, sizeof(path), "%s/drop", s->top.state);
	err = make_folder(path, 0700, &ROOT, ids, words);
	if (err != PR_OK)
		return err;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return complain(words, "open", path);
	if ((ids->is_root && fchown(fd, 0, is_shared ? ids->drop_group : 0) < 0) || fchmod(fd, is_shared ? 01730 : 01700) < 0)
		err = complain(words, "set the owner and mode of", path);
	close(fd);
	return err;
}

enum pr_err folders_make(const struct settings *s, const struct identities *ids, struct buf *words)
{
	char spool[PATH_MAX], keys[PATH_MAX];
	enum pr_err err;

	snprintf(spool, sizeof(spool), "%s/spool", s->top.state);
	snprintf(keys, sizeof(keys), "%s/keys", s->top.state);
	err = make_folder(s->top.state, 0711, &ids->base, ids, words);
	if (err == PR_OK)
		err = make_folder(spool, 0700, &ids->of[ROLE_SPOOL], ids, words);
	if (err == PR_OK)
		err = make_folder(keys, 0700, &ids->of[ROLE_SIGN], ids, words);
	if (err == PR_OK)
		err = make_drop(s, ids, words);
	if (err == PR_OK)
		err = make_folder(s->top.runtime, 0755, &ids->base, ids, words);
	return err == PR_OK ? folders_make_mail(s, ids, words) : err;
}

/* A record lock: the kernel tells who holds it, and lets go of it when its holder dies. */
enum pr_err folders_lock(const char *state, struct buf *words)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/lock", state);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return complain(words, "open", path);
	if (fcntl(fd, F_SETLK, &lock) == 0)
		return PR_OK;	/* fd stays open: the lock is its */
	if (errno != EAGAIN && errno != EACCES)
		return complain(words, "lock", path);
	lock.l_pid = 0;
	(void)fcntl(fd, F_GETLK, &lock);
	close(fd);
	buf_printf(words, "another server runs on %s: process %ld", state, (long)lock.l_pid);
	return PR_AGAIN;
}
