#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "spool/disk_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "spool/disk_private_io.h"

#define RECOVER_SLICE 2000u	/* messages told in one turn: some milliseconds */

/* ---- the journal's jobs --------------------------------------------------------------------- */

static int job_do(struct disk *d, struct journal_job *job)
{
	struct disk_source src;

	switch (job->work) {
	case JOB_WRITE:
		return file_write(d, job);
	case JOB_READ:
		return file_read(d, job->file, job->at, job->into, job->len);
	case JOB_MAKE:
		return file_make(d, job->file, job->len);
	case JOB_REMOVE:
		file_remove(d, job->file);
		return 0;
	case JOB_SURVEY:
		source_of(d, &src);
		return survey_segment(&src, job->target, job->survey);
	}
	return EINVAL;
}

static void on_writing(struct chore *c)
{
	struct disk *d = LIST_OWNER(c, struct disk, writing);

	d->written->error = job_do(d, d->written);
}

static void on_written(struct chore *c)
{
	struct disk *d = LIST_OWNER(c, struct disk, writing);

	d->under_way--;
	journal_job_done(d->journal, d->written);
}

static void on_keeping(struct task *t)
{
	t->disk->kept->error = job_do(t->disk, t->disk->kept);
}

static void on_kept(struct task *t)
{
	journal_job_done(t->disk->journal, t->disk->kept);
}

static void job_start(void *shell, struct journal_job *job)
{
	struct disk *d = shell;

	if (job->writer) {
		d->written = job;
		d->under_way++;
		loop_chore(d->loop, &d->writing);
	} else {
		d->kept = job;
		lane_put(&d->keeper, &d->keeping);
	}
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

static void on_wake(uv_async_t *wake)
{
	lanes_finish(wake->data);
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
	return n < JOURNAL_FILES_MAX && strcmp(name, again) == 0;
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

static void begin(struct disk *d)
{
	uv_async_init(loop_uv(d->loop), &d->wake, on_wake);
	d->wake.data = d;
	d->writing = (struct chore){ on_writing, on_written };
	d->keeping = (struct task){ .run = on_keeping, .done = on_kept };
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
	files_close(d);
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
	loop_chore_finish(d->loop);
	lane_end(&d->keeper);
	lane_end(&d->reader);
	eraser_free(&d->eraser);
	loop_off_turn_end(&d->turn);
	deadline_clear(d->loop, &d->due);
	journal_free(&d->journal);
	files_close(d);
	uv_close((uv_handle_t *)&d->wake, on_closed);
}
