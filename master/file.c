#include "master/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

static int only_regular(int fd)
{
	struct stat st;
	int error;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	error = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	close(fd);
	errno = error;
	return -1;
}

int file_open(const char *path)
{
	return only_regular(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

/* An absolute path is meant from the root, but must lie below the folder all the same. */
static const char *relative_to(const char *folder, const char *path)
{
	size_t len = strlen(folder);

	if (path[0] != '/')
		return path;
	if (strncmp(path, folder, len) != 0 || path[len] != '/')
		return NULL;
	while (path[len] == '/')
		len++;
	return path + len;
}

int file_open_beneath(const char *folder, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	const char *below = relative_to(folder, path);
	int fd, dir;

	if (!below) {
		errno = EXDEV;
		return -1;
	}
	dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, dir, below, &how, sizeof(how));
	close(dir);
	return only_regular(fd);
}

bool file_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

enum pr_err file_read_fd(int fd, struct buf *out)
{
	struct stat st;
	size_t want;
	ssize_t n;
	char *room;

	if (fstat(fd, &st) < 0)
		return PR_IO;
	want = st.st_size > 0 ? (size_t)st.st_size : 0;
	room = want < out->ceiling ? buf_room(out, want + 1) : NULL;
	if (!room) {
		errno = EFBIG;
		return PR_IO;
	}
	for (size_t have = 0; have <= want; have += (size_t)n) {
		n = pread(fd, room + have, want + 1 - have, (off_t)have);
		if (n < 0)
			return PR_IO;
		if (n == 0) {
			buf_grew(out, have);
			return PR_OK;
		}
	}
	errno = EAGAIN;		/* it grows while we read: its writer is not done */
	return PR_IO;
}

enum pr_err file_read(const char *path, struct buf *out)
{
	int fd = file_open(path), error;
	enum pr_err err;

	if (fd < 0)
		return PR_IO;
	err = file_read_fd(fd, out);
	error = errno;
	close(fd);
	errno = error;
	return err;
}

void file_names_free(struct dirent **names, int n)
{
	for (int i = 0; i < n; i++)
		mem_free(names[i]);
	if (n >= 0)
		mem_free(names);
}
