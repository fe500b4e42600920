/* drop: what sendmail(8) hands over while the server is away becomes a file in
 * state/drop. It is the only program that anybody may start with a right that
 * he has not: installed setgid postrider-drop, it may make names in that
 * folder. So it does no more: so many bytes of standard input to a new file
 * of the caller's own, whole and on the disk, or nothing. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/span.h"
#include "wire/drop.h"

#define PATIENCE_S 300			/* for standard input */
#define FREE_MIN   (128ull << 20)	/* bytes that stay free: the disk is the spool's too */

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

/* A read that waits is interrupted, and the file goes away again. */
static void watch_signals(void)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGXFSZ, SIGXCPU };
	struct sigaction sa = { .sa_handler = on_signal };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		(void)sigaction(numbers[i], &sa, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)alarm(PATIENCE_S);
}

static int fail(int status, const char *what, const char *why)
{
	dprintf(STDERR_FILENO, "postrider: %s: %s\n", what, why);
	return status;
}

/* Our right is for one folder: one that is not ours, or in which others may remove files, is none of ours. */
static int open_folder(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && (st.st_mode & S_ISVTX) && !(st.st_mode & S_IWOTH) && (getegid() == getgid() || st.st_gid == getegid()))
		return fd;
	(void)close(fd);
	errno = EPERM;
	return -1;
}

static bool has_room(int file, unsigned long long size)
{
	struct statvfs fs;

	return fstatvfs(file, &fs) == 0 && (unsigned long long)fs.f_bavail * fs.f_frsize >= size + FREE_MIN;
}

static bool write_all(int file, struct span bytes)
{
	while (bytes.len && !stopped) {
		ssize_t n = write(file, bytes.at, bytes.len);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			bytes = span_from(bytes, (size_t)n);
	}
	return bytes.len == 0;
}

/* Exactly size bytes: who was cut off in the middle of his words has not said them. */
static const char *copy(int file, unsigned long long size)
{
	char bytes[65536];

	for (;;) {
		ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

		if (stopped)
			return "interrupted";
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return strerror(errno);
		if (n == 0)
			return size == 0 ? NULL : "standard input ended too early";
		if ((unsigned long long)n > size)
			return "standard input is longer than was said";
		if (!write_all(file, span_of(bytes, (size_t)n)))
			return stopped ? "interrupted" : strerror(errno);
		size -= (unsigned long long)n;
	}
}

/* The folder can't be opened for reading, so its entry is synced with all of its file system. */
static const char *finish(int folder, int file, const char *hidden, const char *name)
{
	if (fsync(file) != 0 || renameat(folder, hidden, folder, name) != 0)
		return strerror(errno);
	if (syncfs(file) == 0)
		return NULL;
	(void)unlinkat(folder, name, 0);
	return strerror(errno);
}

static int drop(int folder, unsigned long long size)
{
	char hidden[ID_TEXT_LEN + 2] = ".", *name = hidden + 1;
	struct msg_id id = id_new(clock_now().wall_ms);
	const char *why = NULL;
	int file;

	id_to_text(&id, name);
	file = openat(folder, hidden, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0)
		return fail(EX_TEMPFAIL, "a drop file can't be made", strerror(errno));
	if (!has_room(file, size))
		why = "the disk is full";
	if (!why)
		why = copy(file, size);
	if (!why)
		why = finish(folder, file, hidden, name);
	if (!why)
		return EX_OK;
	(void)unlinkat(folder, hidden, 0);
	return fail(EX_TEMPFAIL, "the message is not taken", why);
}

/* A file of ours must not become somebody's standard error. */
static bool has_standard_files(void)
{
	return fcntl(STDIN_FILENO, F_GETFD) >= 0 && fcntl(STDOUT_FILENO, F_GETFD) >= 0 && fcntl(STDERR_FILENO, F_GETFD) >= 0;
}

int main(int argc, char **argv)
{
	unsigned long long size;
	int folder;

	if (!has_standard_files())
		return EX_USAGE;
	if (argc != 3 || !span_to_u64(span_of_text(argv[2]), DROP_SIZE_MAX, &size))
		return fail(EX_DATAERR, "drop FOLDER BYTES", "the message is too large for the drop folder");
	watch_signals();
	umask(077);
	folder = open_folder(argv[1]);
	if (folder < 0)
		return fail(EX_TEMPFAIL, argv[1], strerror(errno));
	return drop(folder, size);
}
