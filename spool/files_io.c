/* The files of the folder. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "spool/disk_private_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"

#define IOV_ONCE  1024
#define FILL_ONCE (256u << 10)	/* bytes of zeros, which a fill repeats */
#define FILL_IOVS 4

_Static_assert(sizeof(struct journal_vec) == sizeof(struct iovec) && offsetof(struct journal_vec, at) == offsetof(struct iovec, iov_base) &&
    offsetof(struct journal_vec, len) == offsetof(struct iovec, iov_len), "a journal_vec is an iovec");

void file_name(char name[32], uint32_t file)
{
	snprintf(name, 32, "%08x.segment", file);
}

uint32_t files_count(struct disk *d)
{
	uint32_t n;

	pthread_mutex_lock(&d->files.lock);
	n = d->files.n;
	pthread_mutex_unlock(&d->files.lock);
	return n;
}

uint64_t file_size(struct disk *d, uint32_t file)
{
	int fd = file_fd(d, file);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

int file_fd(struct disk *d, uint32_t file)
{
	int fd;

	pthread_mutex_lock(&d->files.lock);
	fd = file < d->files.n ? d->files.fds[file] : -1;
	pthread_mutex_unlock(&d->files.lock);
	return fd;
}

/* Nothing is read ahead: behind what was written last the kernel would fetch megabytes of room that holds nothing yet, while the
 * next message waits for its sync. */
void file_note(struct disk *d, uint32_t file, int fd)
{
	if (fd >= 0)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	pthread_mutex_lock(&d->files.lock);
	if (file >= d->files.n) {
		uint32_t n = file + 64;

		d->files.fds = mem_resize(d->files.fds, n * sizeof(int));
		for (uint32_t i = d->files.n; i < n; i++)
			d->files.fds[i] = -1;
		d->files.n = n;
	}
	d->files.fds[file] = fd;
	pthread_mutex_unlock(&d->files.lock);
}

static int write_iov(int fd, uint64_t at, struct iovec *iov, unsigned n)
{
	while (n) {
		ssize_t put = pwritev(fd, iov, n > IOV_ONCE ? IOV_ONCE : (int)n, (off_t)at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? errno : EIO;
		at += (uint64_t)put;
		for (; n && (size_t)put >= iov->iov_len; iov++, n--)
			put -= (ssize_t)iov->iov_len;
		if (n) {
			iov->iov_base = (char *)iov->iov_base + put;
			iov->iov_len -= (size_t)put;
		}
	}
	return 0;
}

static int write_zeros(int fd, size_t len)
{
	char *zeros = mmap(NULL, FILL_ONCE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int error = 0;

	if (zeros == MAP_FAILED)
		return ENOMEM;
	for (size_t at = 0; at < len && !error;) {
		struct iovec iov[FILL_IOVS];
		size_t end = at;
		unsigned n = 0;

		for (; n < FILL_IOVS && end < len; end += iov[n++].iov_len)
			iov[n] = (struct iovec){ zeros, len - end < FILL_ONCE ? len - end : FILL_ONCE };
		error = write_iov(fd, at, iov, n);
		at = end;
	}
	munmap(zeros, FILL_ONCE);
	return error;
}

/* Past the page cache: it would only be filled with zeros. Where that can't be had, the room stays as it is. */
static int file_fill(struct disk *d, uint32_t file, size_t len)
{
	char name[32];
	int fd, error;

	file_name(name, file);
	fd = openat(d->folder, name, O_WRONLY | O_DIRECT | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return 0;
	error = write_zeros(fd, len);
	close(fd);
	return error == EINVAL ? 0 : error;
}

int file_write(struct disk *d, struct journal_job *job)
{
	int fd = file_fd(d, job->file), error;

	if (fd < 0)
		return EBADF;
	error = job->fill ? file_fill(d, job->file, job->fill) : 0;
	if (error)
		return error;
	error = write_iov(fd, job->at, (struct iovec *)(void *)job->iov, job->n_iov);
	if (error)
		return error;
	if (job->sync)
		return fdatasync(fd) ? errno : 0;
	/* Chunks go on their way before anybody waits for them; whether it began makes no promise. */
	(void)sync_file_range(fd, (off_t)job->at, (off_t)job->len, SYNC_FILE_RANGE_WRITE);
	return 0;
}

int file_read(void *arg, uint32_t file, uint64_t at, void *into, size_t len)
{
	int fd = file_fd(arg, file);

	while (len) {
		ssize_t got = fd < 0 ? -1 : pread(fd, into, len, (off_t)at);

		if (got < 0 && fd >= 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return EIO;
		into = (char *)into + got;
		at += (uint64_t)got;
		len -= (size_t)got;
	}
	return 0;
}

int file_rewrite(void *arg, uint32_t file, uint64_t at, const void *bytes, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	int fd = file_fd(arg, file), error = fd < 0 ? EBADF : write_iov(fd, at, &iov, 1);

	return error ? error : fdatasync(fd) ? errno : 0;
}

static bool disk_is_short(const struct disk *d, uint64_t len)
{
	struct statvfs f;
	uint64_t least = __atomic_load_n(&d->min_free, __ATOMIC_RELAXED);

	return fstatvfs(d->folder, &f) == 0 && (uint64_t)f.f_bavail * f.f_frsize < len + least;
}

int file_make(struct disk *d, uint32_t file, uint64_t len)
{
	char name[32];
	int fd, error;

	if (file >= JOURNAL_FILES_MAX || disk_is_short(d, len))
		return ENOSPC;
	file_name(name, file);
	fd = openat(d->folder, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno;
	do
		error = posix_fallocate(fd, 0, (off_t)len);
	while (error == EINTR);
	if (!error && (fsync(fd) || fsync(d->folder)))
		error = errno;
	if (error) {
		close(fd);
		unlinkat(d->folder, name, 0);
		return error;
	}
	file_note(d, file, fd);
	return 0;
}

void file_remove(struct disk *d, uint32_t file)
{
	char name[32];
	int fd = file_fd(d, file);

	file_note(d, file, -1);
	if (fd >= 0)
		close(fd);
	file_name(name, file);
	unlinkat(d->folder, name, 0);
}

void source_of(struct disk *d, struct disk_source *src)
{
	*src = (struct disk_source){ file_read, file_rewrite, d };
}

void files_close(struct disk *d)
{
	for (uint32_t i = 0; i < d->files.n; i++)
		if (d->files.fds[i] >= 0)
			close(d->files.fds[i]);
	mem_free(d->files.fds);
	if (d->lock >= 0)
		close(d->lock);
	if (d->folder >= 0)
		close(d->folder);
	pthread_mutex_destroy(&d->files.lock);
	pthread_mutex_destroy(&d->done_lock);
}
