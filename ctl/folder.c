#include "ctl/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl/say.h"

static bool write_all(int fd, struct span bytes)
{
	while (bytes.len) {
		ssize_t n = write(fd, bytes.at, bytes.len);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			bytes = span_from(bytes, (size_t)n);
	}
	return true;
}

/* As root: to the folder's owner, who must be able to read it. */
static bool give_to_owner(int folder, int fd)
{
	struct stat st;

	if (geteuid() != 0)
		return true;
	return fstat(folder, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) == 0;
}

int folder_open_state(const char *state, int *folder)
{
	*folder = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*folder >= 0)
		return EX_OK;
	if (errno == EACCES) {
		say("you may not read %s: be root, or the server's user", state);
		return EX_NOPERM;
	}
	say("there is no folder %s: %s; `postrider serve` makes it, or: install -d -m 711 -o postrider -g postrider %s", state, strerror(errno), state);
	return EX_CANTCREAT;
}

int folder_open_below(int folder, const char *name, bool make)
{
	bool is_new = make && mkdirat(folder, name, 0700) == 0;
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), error;

	if (fd < 0 || !is_new || (give_to_owner(folder, fd) && fsync(folder) == 0))
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

static bool write_new(int folder, const char *name, struct span bytes, const char **what)
{
	int fd, error = 0;

	*what = "can't write";
	(void)unlinkat(folder, name, 0);
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	if (!write_all(fd, bytes) || !give_to_owner(folder, fd) || fsync(fd) != 0)
		error = errno;
	if (close(fd) != 0 && !error)
		error = errno;
	errno = error;
	return error == 0;
}

bool folder_put(int folder, const char *name, struct span bytes, const char **what)
{
	char fresh[512];
	bool done = false;
	int error;

	if (snprintf(fresh, sizeof(fresh), "%s.new", name) >= (int)sizeof(fresh)) {
		errno = ENAMETOOLONG;
		*what = "can't write";
		return false;
	}
	if (write_new(folder, fresh, bytes, what)) {
		*what = "can't put in place";
		done = renameat(folder, fresh, folder, name) == 0 && fsync(folder) == 0;
	}
	error = errno;
	if (!done)
		(void)unlinkat(folder, fresh, 0);
	errno = error;
	return done;
}
