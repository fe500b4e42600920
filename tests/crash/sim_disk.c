#include "tests/crash/sim_disk.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define PIECE 512u

uint64_t sim_draw(void *disk)
{
	struct sim_disk *d = disk;
	uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);	/* splitmix64 */

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t sim_below(struct sim_disk *d, uint64_t n)
{
	return sim_draw(d) % n;
}

void sim_start(void *disk, struct journal_job *job)
{
	struct sim_disk *d = disk;

	BUG_ON(d->lane[job->writer]);
	d->lane[job->writer] = job;
}

static void note_unsynced(struct sim_file *f, uint64_t at, uint32_t len)
{
	if (f->n == f->room) {
		f->room = f->room ? f->room * 2 : 64;
		f->unsynced = mem_resize(f->unsynced, f->room * sizeof(*f->unsynced));
	}
	f->unsynced[f->n++] = (struct sim_piece){ at, len };
}

static void keep_piece(struct sim_file *f, const struct sim_piece *p)
{
	memcpy(f->kept + p->at, f->seen + p->at, p->len);
}

/* chance: of 100, for each piece to be written. */
static void write_pieces(struct sim_disk *d, struct sim_file *f, uint64_t at, const char *bytes, size_t len, unsigned chance)
{
	while (len) {
		uint32_t n = (uint32_t)(PIECE - at % PIECE < len ? PIECE - at % PIECE : len);

		if (chance >= 100 || sim_below(d, 100) < chance) {
			memcpy(f->seen + at, bytes, n);
			note_unsynced(f, at, n);
		}
		at += n;
		bytes += n;
		len -= n;
	}
}

static void write_all(struct sim_disk *d, const struct journal_job *job, unsigned chance)
{
	struct sim_file *f = &d->files[job->file];
	uint64_t at = job->at;

	for (unsigned i = 0; i < job->n_iov; i++) {
		BUG_ON(at + job->iov[i].len > f->size);
		write_pieces(d, f, at, job->iov[i].at, job->iov[i].len, chance);
		at += job->iov[i].len;
	}
	BUG_ON(at - job->at != job->len);
}

static void sync_file(struct sim_file *f)
{
	for (unsigned i = 0; i < f->n; i++)
		keep_piece(f, &f->unsynced[i]);
	f->n = 0;
}

/* As Linux does it: the pages count as written from here on, whether they are or not. */
static void sync_failed(struct sim_disk *d, struct sim_file *f)
{
	for (unsigned i = 0; i < f->n; i++)
		if (sim_below(d, 2))
			keep_piece(f, &f->unsynced[i]);
	f->n = 0;
}

static bool fails(struct sim_disk *d)
{
	return d->fail_one_in && sim_below(d, d->fail_one_in) == 0;
}

static int do_write(struct sim_disk *d, struct journal_job *job)
{
	struct sim_file *f = &d->files[job->file];

	BUG_ON(!f->exists);
	if (fails(d)) {
		write_all(d, job, (unsigned)sim_below(d, 100));
		return sim_below(d, 2) ? EIO : ENOSPC;
	}
	write_all(d, job, 100);
	if (!job->sync)
		return 0;
	if (fails(d)) {
		sync_failed(d, f);
		return EIO;
	}
	sync_file(f);
	return 0;
}

static int do_make(struct sim_disk *d, const struct journal_job *job)
{
	struct sim_file *f = &d->files[job->file];
	unsigned n = 0;

	for (unsigned i = 0; i < SIM_FILES; i++)
		n += d->files[i].exists;
	if (job->file >= SIM_FILES || n >= d->room_files || fails(d))
		return ENOSPC;
	f->exists = true;
	f->size = (uint32_t)job->len;
	f->seen = mem_new(f->size);
	f->kept = mem_new(f->size);
	return 0;
}

static void remove_file(struct sim_file *f)
{
	mem_free(f->seen);
	mem_free(f->kept);
	mem_free(f->unsynced);
	memset(f, 0, sizeof(*f));
}

static int sim_read(void *arg, uint32_t file, uint64_t at, void *into, size_t len)
{
	struct sim_disk *d = arg;
	struct sim_file *f = &d->files[file];

	if (file >= SIM_FILES || !f->exists || f->unreadable || at + len > f->size)
		return EIO;
	if (f->bad && at < f->bad + SEGMENT_PAGE && f->bad < at + len)
		return EIO;
	memcpy(into, f->seen + at, len);
	return 0;
}

static int kept_read(void *arg, uint32_t file, uint64_t at, void *into, size_t len)
{
	struct sim_disk *d = arg;
	struct sim_file *f = &d->files[file];

	if (file >= SIM_FILES || !f->exists || at + len > f->size)
		return EIO;
	memcpy(into, f->kept + at, len);
	return 0;
}

void sim_kept_source(struct sim_disk *d, struct disk_source *src)
{
	*src = (struct disk_source){ kept_read, NULL, d };
}

static int sim_rewrite(void *arg, uint32_t file, uint64_t at, const void *bytes, size_t len)
{
	struct sim_disk *d = arg;
	struct sim_file *f = &d->files[file];

	write_pieces(d, f, at, bytes, len, 100);
	sync_file(f);
	return 0;
}

void sim_source(struct sim_disk *d, struct disk_source *src)
{
	*src = (struct disk_source){ sim_read, sim_rewrite, d };
}

bool sim_finish(struct sim_disk *d, struct journal_job *job)
{
	struct disk_source src;

	d->lane[job->writer] = NULL;
	switch (job->work) {
	case JOB_WRITE:
		job->error = do_write(d, job);
		d->writes++;
		return true;
	case JOB_READ:
		job->error = sim_read(d, job->file, job->at, job->into, job->len);
		return false;
	case JOB_MAKE:
		job->error = do_make(d, job);
		return false;
	case JOB_REMOVE:
		remove_file(&d->files[job->file]);
		return false;
	case JOB_SURVEY:
		sim_source(d, &src);
		job->error = survey_segment(&src, job->target, job->survey);
		return false;
	}
	return false;
}

void sim_kill(struct sim_disk *d)
{
	for (unsigned i = 0; i < 2; i++) {
		struct journal_job *job = d->lane[i];

		d->lane[i] = NULL;
		if (job && job->work == JOB_WRITE)
			write_all(d, job, (unsigned)sim_below(d, 4) * 33 + 1);
	}
}

void sim_cut(struct sim_disk *d)
{
	unsigned mode = (unsigned)sim_below(d, 4);	/* none, all, half, most */
	static const unsigned chance[] = { 0, 100, 50, 85 };

	sim_kill(d);
	for (unsigned i = 0; i < SIM_FILES; i++) {
		struct sim_file *f = &d->files[i];

		for (unsigned p = 0; p < f->n; p++)
			if (sim_below(d, 100) < chance[mode])
				keep_piece(f, &f->unsynced[p]);
		f->n = 0;
		if (f->exists)
			memcpy(f->seen, f->kept, f->size);
	}
}

void sim_free(struct sim_disk *d)
{
	for (unsigned i = 0; i < SIM_FILES; i++)
		remove_file(&d->files[i]);
}
