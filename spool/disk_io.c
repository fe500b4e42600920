#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "spool/disk_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "spool/recover.h"
#include "spool/segment.h"

#define FILES_MAX     65536u	/* 4 TiB of segments */
#define RECOVER_SLICE 2000u	/* messages told in one turn: some milliseconds */
#define IOV_ONCE      1024
#define FILL_ONCE     (256u << 10)	/* bytes of zeros, which a fill repeats */
#define FILL_IOVS     4

/* ---- threads: each does one kind of work, in order -------------------------------------- */

struct task {
	struct task *next;
	void (*run)(struct task *);	/* in the thread */
	void (*done)(struct task *);	/* in the loop */
	struct disk *disk;
};

struct lane {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct task *first, **last;
	struct disk *disk;
	bool ends, runs;
};

struct job_task {
	struct task task;
	struct journal_job *job;
};

struct disk {
	struct loop *loop;
	struct journal *journal;
	int folder, lock;
	struct disk_files {
		pthread_mutex_t lock;
		int *fds;
		uint32_t n;
	} files;
	uint64_t min_free;
	uint32_t segment_size;
	struct lane writer, keeper, reader;
	struct job_task jobs[2];
	pthread_mutex_t done_lock;
	struct task *done, **done_last;
	uv_async_t wake;
	struct turn_end turn;
	struct deadline due;
	struct task recovering;
	struct recovery *recovery;
	bool recovers, closes;
	unsigned under_way;		/* tasks not yet done */
	void (*on_idle)(void *);
	void *on_idle_arg;
	bool closed;
};

static void task_finish(struct disk *d, struct task *t)
{
	bool first;

	pthread_mutex_lock(&d->done_lock);
	first = d->done == NULL;
	t->next = NULL;
	*d->done_last = t;
	d->done_last = &t->next;
	pthread_mutex_unlock(&d->done_lock);
	if (first)
		uv_async_send(&d->wake);
}

static void *lane_run(void *arg)
{
	struct lane *l = arg;

	pthread_mutex_lock(&l->lock);
	for (;;) {
		struct task *t = l->first;

		if (!t && l->ends)
			break;
		if (!t) {
			pthread_cond_wait(&l->wake, &l->lock);
			continue;
		}
		l->first = t->next;
		if (!l->first)
			l->last = &l->first;
		pthread_mutex_unlock(&l->lock);
		t->run(t);
		task_finish(l->disk, t);
		pthread_mutex_lock(&l->lock);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static void lane_begin(struct lane *l, struct disk *d)
{
	l->disk = d;
	l->last = &l->first;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->wake, NULL);
	l->runs = pthread_create(&l->thread, NULL, lane_run, l) == 0;
	BUG_ON(!l->runs);
}

static void lane_end(struct lane *l)
{
	if (!l->runs)
		return;
	pthread_mutex_lock(&l->lock);
	l->ends = true;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->wake);
}

static void lane_put(struct lane *l, struct task *t)
{
	l->disk->under_way++;
	t->disk = l->disk;
	t->next = NULL;
	pthread_mutex_lock(&l->lock);
	*l->last = t;
	l->last = &t->next;
	pthread_mutex_unlock(&l->lock);
	pthread_cond_signal(&l->wake);	/* who wakes up finds the lock free */
}

/* ---- files ---------------------------------------------------------------------------------- */

static void file_name(char name[32], uint32_t file)
{
	snprintf(name, 32, "%08x.segment", file);
}

static int file_fd(struct disk *d, uint32_t file)
{
	int fd;

	pthread_mutex_lock(&d->files.lock);
	fd = file < d->files.n ? d->files.fds[file] : -1;
	pthread_mutex_unlock(&d->files.lock);
	return fd;
}

static void file_note(struct disk *d, uint32_t file, int fd)
{
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

static int file_write(struct disk *d, struct journal_job *job)
{
	int fd = file_fd(d, job->file), error;

	if (fd < 0)
		return EBADF;
	error = job->fill ? file_fill(d, job->file, job->fill) : 0;
	if (error)
		return error;
	error = write_iov(fd, job->at, job->iov, job->n_iov);
	if (error)
		return error;
	if (job->sync)
		return fdatasync(fd) ? errno : 0;
	/* Chunks go on their way before anybody waits for them; whether it began makes no promise. */
	(void)sync_file_range(fd, (off_t)job->at, (off_t)job->len, SYNC_FILE_RANGE_WRITE);
	return 0;
}

static int file_read(void *arg, uint32_t file, uint64_t at, void *into, size_t len)
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

static int file_rewrite(void *arg, uint32_t file, uint64_t at, const void *bytes, size_t len)
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

static int file_make(struct disk *d, uint32_t file, uint64_t len)
{
	char name[32];
	int fd, error;

	if (file >= FILES_MAX || disk_is_short(d, len))
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

static void file_remove(struct disk *d, uint32_t file)
{
	char name[32];
	int fd = file_fd(d, file);

	file_note(d, file, -1);
	if (fd >= 0)
		close(fd);
	file_name(name, file);
	unlinkat(d->folder, name, 0);
}

static void source_of(struct disk *d, struct disk_source *src)
{
	*src = (struct disk_source){ file_read, file_rewrite, d };
}

/* ---- the journal's jobs --------------------------------------------------------------------- */

static void job_run(struct task *t)
{
	struct journal_job *job = ((struct job_task *)t)->job;
	struct disk *d = t->disk;
	struct disk_source src;

	switch (job->work) {
	case JOB_WRITE:
		job->error = file_write(d, job);
		break;
	case JOB_READ:
		job->error = file_read(d, job->file, job->at, job->into, job->len);
		break;
	case JOB_MAKE:
		job->error = file_make(d, job->file, job->len);
		break;
	case JOB_REMOVE:
		file_remove(d, job->file);
		break;
	case JOB_SURVEY:
		source_of(d, &src);
		job->error = survey_segment(&src, job->target, job->survey);
		break;
	}
}

static void job_done(struct task *t)
{
	journal_job_done(t->disk->journal, ((struct job_task *)t)->job);
}

static void job_start(void *shell, struct journal_job *job)
{
	struct disk *d = shell;
	struct job_task *t = &d->jobs[job->writer];

	t->job = job;
	t->task.run = job_run;
	t->task.done = job_done;
	lane_put(job->writer ? &d->writer : &d->keeper, &t->task);
}

/* ---- turns ------------------------------------------------------------------------------------ */

static void take_turn(struct disk *d)
{
	struct instant now = loop_now(d->loop);
	int64_t due;

	if (d->recovers && !journal_recover(d->journal, RECOVER_SLICE))
		d->recovers = false;
	journal_turn(d->journal, now.mono_ms);
	due = d->recovers ? now.mono_ms : journal_due(d->journal);
	if (due < 0)
		deadline_clear(d->loop, &d->due);
	else
		deadline_set(d->loop, &d->due, due);
	if (d->on_idle && !d->under_way && !d->recovers && !journal_is_waiting(d->journal)) {
		void (*on_idle)(void *) = d->on_idle;

		d->on_idle = NULL;
		on_idle(d->on_idle_arg);
	}
}

static void on_turn_end(struct turn_end *te)
{
	take_turn((struct disk *)(void *)((char *)te - offsetof(struct disk, turn)));
}

/* The turn's end does the rest. */
static void on_due(struct deadline *due)
{
	(void)due;
}

static void finish_tasks(struct disk *d)
{
	struct task *t;

	pthread_mutex_lock(&d->done_lock);
	t = d->done;
	d->done = NULL;
	d->done_last = &d->done;
	pthread_mutex_unlock(&d->done_lock);
	while (t) {
		struct task *next = t->next;

		d->under_way--;
		t->done(t);
		t = next;
	}
}

static void on_wake(uv_async_t *wake)
{
	finish_tasks(wake->data);
}

/* ---- opening ------------------------------------------------------------------------------------- */

static void recovery_in_thread(struct task *t)
{
	struct disk_source src;

	source_of(t->disk, &src);
	recovery_run(t->disk->recovery, &src);
}

static void recovery_was_read(struct task *t)
{
	t->disk->recovers = true;
}

static bool file_number(const char *name, uint32_t *file)
{
	char again[32];
	uint32_t n = 0;

	for (unsigned i = 0; i < 8; i++) {
		char c = name[i];

		if (c >= '0' && c <= '9')
			n = n << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (uint32_t)(c - 'a' + 10);
		else
			return false;
	}
	file_name(again, n);
	*file = n;
	return n < FILES_MAX && strcmp(name, again) == 0;
}

static enum pr_err open_file(struct disk *d, const char *name, uint32_t file, uint32_t *version)
{
	char probe[SEGMENT_PROBE];
	int fd = openat(d->folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	ssize_t got;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		if (fd >= 0)
			close(fd);
		return PR_IO;
	}
	got = pread(fd, probe, sizeof(probe), 0);
	/* Its making was interrupted: it holds nothing. */
	if (st.st_size < (off_t)SEGMENT_PROBE) {
		close(fd);
		unlinkat(d->folder, name, 0);
		return PR_OK;
	}
	file_note(d, file, fd);
	if (got == (ssize_t)sizeof(probe) && segment_is_free(span_of(probe, sizeof(probe))) && file_rewrite(d, file, 0, probe, sizeof(probe)))
		return PR_IO;
	return journal_file(d->journal, file, span_of(probe, got < 0 ? 0 : (size_t)got), version);
}

static const char *open_files(struct disk *d)
{
	static char why[96];
	int fd = openat(d->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const char *trouble = NULL;
	uint32_t file, version = 0;

	if (!dir)
		return "its folder can't be read";
	for (struct dirent *e; !trouble && (e = readdir(dir));) {
		enum pr_err err;

		if (strlen(e->d_name) != 16 || !file_number(e->d_name, &file))
			continue;
		err = open_file(d, e->d_name, file, &version);
		if (err == PR_DENIED) {
			snprintf(why, sizeof(why), "it was written in format %u by a newer release; this one reads up to %u", version, SEGMENT_VERSION);
			trouble = why;
		} else if (err) {
			trouble = "one of its segments can't be opened";
		}
	}
	closedir(dir);
	return trouble;
}

static const char *open_folder(struct disk *d, const char *path)
{
	d->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->folder < 0)
		return "its folder can't be opened";
	d->lock = openat(d->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->lock < 0)
		return "its lock can't be made";
	return flock(d->lock, LOCK_EX | LOCK_NB) ? "another process has it" : NULL;
}

static void close_files(struct disk *d)
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

static void begin(struct disk *d)
{
	uv_async_init(loop_uv(d->loop), &d->wake, on_wake);
	d->wake.data = d;
	lane_begin(&d->writer, d);
	lane_begin(&d->keeper, d);
	lane_begin(&d->reader, d);
	d->turn.fn = on_turn_end;
	loop_on_turn_end(d->loop, &d->turn);
	deadline_init(&d->due, on_due);
	d->recovery = journal_recovery(d->journal);
	d->recovering.run = recovery_in_thread;
	d->recovering.done = recovery_was_read;
	lane_put(&d->reader, &d->recovering);
	deadline_set(d->loop, &d->due, loop_now(d->loop).mono_ms);
}

struct disk *disk_open(struct loop *loop, const struct disk_options *o, const struct journal_owner *owner, void *arg, const char **why)
{
	struct journal_options options = { .segment_size = o->segment_size, .skip = o->skip, .n_skip = o->n_skip };
	struct disk *d = mem_new(sizeof(*d));
	struct journal_disk shell = { job_start, d };

	d->loop = loop;
	d->folder = d->lock = -1;
	d->min_free = o->min_free;
	d->done_last = &d->done;
	pthread_mutex_init(&d->files.lock, NULL);
	pthread_mutex_init(&d->done_lock, NULL);
	d->journal = journal_new(&options, &shell, owner, arg);
	*why = open_folder(d, o->folder);
	if (!*why)
		*why = open_files(d);
	if (!*why) {
		begin(d);
		return d;
	}
	journal_free(&d->journal);
	close_files(d);
	mem_free(d);
	return NULL;
}

struct journal *disk_journal(struct disk *d)
{
	return d->journal;
}

void disk_min_free(struct disk *d, uint64_t bytes)
{
	__atomic_store_n(&d->min_free, bytes, __ATOMIC_RELAXED);
}

void disk_when_idle(struct disk *d, void (*done)(void *arg), void *arg)
{
	d->on_idle = done;
	d->on_idle_arg = arg;
	deadline_set(d->loop, &d->due, loop_now(d->loop).mono_ms);
}

static void on_closed(uv_handle_t *h)
{
	mem_free(h->data);
}

void disk_close(struct disk **dp)
{
	struct disk *d = *dp;

	if (!d)
		return;
	*dp = NULL;
	lane_end(&d->writer);
	lane_end(&d->keeper);
	lane_end(&d->reader);
	loop_off_turn_end(&d->turn);
	deadline_clear(d->loop, &d->due);
	journal_free(&d->journal);
	close_files(d);
	uv_close((uv_handle_t *)&d->wake, on_closed);
}

/* ---- reading ----------------------------------------------------------------------------------------- */

enum reading { READ_HEAD, READ_META, READ_CONTENT, READ_PIECE };

struct disk_reader {
	struct task task;
	struct disk *disk;
	const struct disk_reader_handlers *handlers;
	void *owner;
	struct msg_id id;
	struct place place;
	struct record head;
	struct message_view view;
	enum reading what;
	uint32_t pinned[2];		/* of the MESSAGE; of the piece in hand */
	uint32_t file;
	uint64_t mark;
	char *meta, *bytes;		/* meta: the MESSAGE's, as long as the reader lives; bytes: of the piece in hand */
	char *into;
	uint64_t at;
	size_t len;
	unsigned next_piece;
	bool content_given, under_way, closed;
	unsigned busy;			/* calls inside which it may be closed, not freed */
	int error;
};

static void reader_go_on(struct disk_reader *r);

static void reader_unpin(struct disk_reader *r, unsigned which)
{
	if (r->pinned[which])
		journal_unpin(r->disk->journal, r->pinned[which]);
	r->pinned[which] = 0;
}

static void reader_free(struct disk_reader *r)
{
	reader_unpin(r, 0);
	reader_unpin(r, 1);
	mem_free(r->meta);
	mem_free(r->bytes);
	mem_free(r);
}

/* False when it is gone. */
static bool reader_leave(struct disk_reader *r)
{
	bool closed = r->closed;

	if (--r->busy == 0 && closed && !r->under_way)
		reader_free(r);
	return !closed;
}

static void reader_run(struct task *t)
{
	struct disk_reader *r = (struct disk_reader *)t;

	r->error = file_read(t->disk, r->file, r->at, r->into, r->len);
}

static void reader_was_read(struct task *t)
{
	struct disk_reader *r = (struct disk_reader *)t;

	r->under_way = false;
	r->busy++;
	if (!r->closed)
		reader_go_on(r);
	(void)reader_leave(r);
}

/* What is in the page cache is here at once; else the thread fetches it. */
static void reader_fetch(struct disk_reader *r, enum reading what, char *into, uint64_t at, size_t len)
{
	struct iovec iov = { into, len };

	r->what = what;
	r->into = into;
	r->at = at;
	r->len = len;
	r->error = 0;
	if (len == 0 || preadv2(file_fd(r->disk, r->file), &iov, 1, (off_t)at, RWF_NOWAIT) == (ssize_t)len) {
		reader_go_on(r);
		return;
	}
	r->under_way = true;
	r->task.run = reader_run;
	r->task.done = reader_was_read;
	lane_put(&r->disk->reader, &r->task);
}

static void tell_envelope(struct disk_reader *r, enum pr_err err)
{
	r->handlers->on_envelope(r->owner, r, err, err ? SPAN_NONE : r->view.envelope, err ? 0 : r->view.size);
}

static void tell_damage(struct disk_reader *r, struct place place, uint64_t len)
{
	struct journal_damage d = { .has_id = true, .id = r->id, .place = place, .file = r->file, .len = (uint32_t)len };

	journal_tell_damage(r->disk->journal, &d);
}

static enum pr_err head_is_right(struct disk_reader *r, struct place place, enum record_type type)
{
	const char *head = type == RECORD_MESSAGE ? r->meta : r->bytes;

	if (r->error)
		return PR_IO;
	if (record_get(head, r->mark, place, &r->head) != PR_OK || r->head.type != type || !id_eq(&r->head.id, &r->id))
		return PR_BAD;
	return r->head.about > r->head.len && type == RECORD_MESSAGE ? PR_BAD : PR_OK;
}

static void take_head(struct disk_reader *r)
{
	enum pr_err err = head_is_right(r, r->place, RECORD_MESSAGE);

	if (!err && r->head.len > SEGMENT_SIZE)
		err = PR_BAD;
	if (err == PR_BAD)
		tell_damage(r, r->place, SEGMENT_UNIT);
	if (err) {
		tell_envelope(r, err);
		return;
	}
	r->meta = mem_resize(r->meta, SEGMENT_UNIT + (size_t)r->head.about);
	reader_fetch(r, READ_META, r->meta + SEGMENT_UNIT, r->at + SEGMENT_UNIT, r->head.about);
}

static void take_meta(struct disk_reader *r)
{
	const char *meta = r->meta + SEGMENT_UNIT;
	enum pr_err err = r->error ? PR_IO : PR_OK;

	if (!err && (!record_sum_is(&r->head, meta) || message_view(span_of(meta, r->head.about), &r->view) != PR_OK ||
	    r->view.content_len != r->head.len - r->head.about))
		err = PR_BAD;
	if (err == PR_BAD)
		tell_damage(r, r->place, record_size(r->head.len));
	tell_envelope(r, err);
}

static void tell_piece(struct disk_reader *r, enum pr_err err, struct span bytes)
{
	r->handlers->on_piece(r->owner, r, err, bytes);
}

static void take_content(struct disk_reader *r)
{
	enum pr_err err = r->error ? PR_IO : content_sum_is(&r->view, r->bytes) ? PR_OK : PR_BAD;

	if (err == PR_BAD)
		tell_damage(r, r->place, record_size(r->head.len));
	tell_piece(r, err, err ? SPAN_NONE : span_of(r->bytes, r->view.content_len));
}

static void take_piece(struct disk_reader *r)
{
	struct journal_piece p = message_piece(&r->view, r->next_piece - 1);
	enum pr_err err = head_is_right(r, p.place, RECORD_CHUNK);

	if (!err && (r->head.len != p.len || !record_sum_is(&r->head, r->bytes + SEGMENT_UNIT)))
		err = PR_BAD;
	if (err == PR_BAD)
		tell_damage(r, p.place, record_size(p.len));
	tell_piece(r, err, err ? SPAN_NONE : span_of(r->bytes + SEGMENT_UNIT, p.len));
}

static void reader_go_on(struct disk_reader *r)
{
	switch (r->what) {
	case READ_HEAD:
		take_head(r);
		break;
	case READ_META:
		take_meta(r);
		break;
	case READ_CONTENT:
		take_content(r);
		break;
	case READ_PIECE:
		take_piece(r);
		break;
	}
}

struct disk_reader *disk_read(struct disk *d, const struct msg_id *id, struct place place, const struct disk_reader_handlers *h, void *owner)
{
	struct disk_reader *r = mem_new(sizeof(*r));

	r->disk = d;
	r->handlers = h;
	r->owner = owner;
	r->id = *id;
	r->place = place;
	r->busy = 1;
	if (!journal_pin(d->journal, place.segment, &r->file, &r->mark)) {
		tell_envelope(r, PR_NONE);
		return reader_leave(r) ? r : NULL;
	}
	r->pinned[0] = place.segment;
	r->meta = mem_new(SEGMENT_UNIT);
	reader_fetch(r, READ_HEAD, r->meta, (uint64_t)place.at * SEGMENT_UNIT, SEGMENT_UNIT);
	return reader_leave(r) ? r : NULL;
}

static void next_piece(struct disk_reader *r)
{
	struct journal_piece p = message_piece(&r->view, r->next_piece++);

	reader_unpin(r, 1);
	if (p.len > SEGMENT_SIZE || !journal_pin(r->disk->journal, p.place.segment, &r->file, &r->mark)) {
		tell_damage(r, p.place, record_size(p.len));
		tell_piece(r, PR_BAD, SPAN_NONE);
		return;
	}
	r->pinned[1] = p.place.segment;
	mem_free(r->bytes);
	r->bytes = mem_new(SEGMENT_UNIT + (size_t)p.len);
	reader_fetch(r, READ_PIECE, r->bytes, (uint64_t)p.place.at * SEGMENT_UNIT, SEGMENT_UNIT + (size_t)p.len);
}

static void give_next(struct disk_reader *r)
{
	if (!r->content_given && r->view.content_len) {
		r->content_given = true;
		r->bytes = mem_new(r->view.content_len);
		reader_fetch(r, READ_CONTENT, r->bytes, (uint64_t)r->place.at * SEGMENT_UNIT + SEGMENT_UNIT + r->head.about, r->view.content_len);
		return;
	}
	if (r->next_piece < r->view.n_pieces)
		next_piece(r);
	else
		tell_piece(r, PR_OK, SPAN_NONE);
}

void disk_reader_next(struct disk_reader *r)
{
	r->busy++;
	give_next(r);
	(void)reader_leave(r);
}

void disk_reader_close(struct disk_reader **rp)
{
	struct disk_reader *r = *rp;

	if (!r)
		return;
	*rp = NULL;
	r->closed = true;
	if (!r->under_way && !r->busy)
		reader_free(r);
}

/* ---- erasing -------------------------------------------------------------------------------------------- */

struct erasure {
	struct task task;
	struct msg_id id;
	struct place place;
	struct erasure_part {
		uint32_t segment, file;
		uint64_t at, mark;
		size_t len;
	} *parts;
	unsigned n;
	char *meta;
	int error;
	void (*done)(void *arg, enum pr_err err);
	void *arg;
	struct disk_reader *reader;
};

static int overwrite(struct disk *d, const struct erasure_part *p)
{
	char *zeros = mem_new(p->len);
	int error = file_rewrite(d, p->file, p->at, zeros, p->len);

	mem_free(zeros);
	return error;
}

static void erase_run(struct task *t)
{
	struct erasure *e = (struct erasure *)t;

	for (unsigned i = 0; i < e->n && !e->error; i++)
		e->error = overwrite(t->disk, &e->parts[i]);
}

static void erase_end(struct erasure *e, struct disk *d, enum pr_err err)
{
	for (unsigned i = 0; i < e->n; i++)
		journal_unpin(d->journal, e->parts[i].segment);
	e->done(e->arg, err);
	mem_free(e->parts);
	mem_free(e);
}

static void erase_done(struct task *t)
{
	struct erasure *e = (struct erasure *)t;

	erase_end(e, t->disk, e->error ? PR_IO : PR_OK);
}

static void erase_part(struct erasure *e, struct disk *d, struct place place, size_t len)
{
	struct erasure_part *p = &e->parts[e->n];

	/* The head stays: it says whose the bytes were, and that they are not whole concerns nobody any more. */
	*p = (struct erasure_part){ .segment = place.segment, .at = ((uint64_t)place.at + 1) * SEGMENT_UNIT, .len = len };
	if (len && journal_pin(d->journal, place.segment, &p->file, &p->mark))
		e->n++;
}

static void erase_found(void *owner, struct disk_reader *r, enum pr_err err, struct span envelope, uint64_t size)
{
	struct erasure *e = owner;
	struct disk *d = r->disk;

	(void)envelope;
	(void)size;
	if (err) {
		erase_end(e, d, err == PR_NONE ? PR_OK : err);
	} else {
		e->parts = mem_new((r->view.n_pieces + 1) * sizeof(*e->parts));
		erase_part(e, d, r->place, r->head.len);
		for (unsigned i = 0; i < r->view.n_pieces; i++)
			erase_part(e, d, message_piece(&r->view, i).place, message_piece(&r->view, i).len);
		e->task.run = erase_run;
		e->task.done = erase_done;
		lane_put(&d->keeper, &e->task);
	}
	disk_reader_close(&r);
}

void disk_erase(struct disk *d, const struct msg_id *id, struct place place, void (*done)(void *arg, enum pr_err err), void *arg)
{
	static const struct disk_reader_handlers handlers = { erase_found, NULL };
	struct erasure *e = mem_new(sizeof(*e));

	e->done = done;
	e->arg = arg;
	(void)disk_read(d, id, place, &handlers, e);
}
