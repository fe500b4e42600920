/* Setting aside the bytes of a record that is not what was written. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "spool/disk_private_io.h"

#define ASIDE_STEP (1u << 20)

struct aside {
	struct task task;
	struct journal_damage damage;
};

static void aside_name(char name[DISK_ASIDE_NAME], const struct journal_damage *d)
{
	snprintf(name, DISK_ASIDE_NAME, "%08x-%08x.damaged", d->place.segment, d->place.at);
}

/* What can't be read is left out: the file keeps the offsets. */
static void copy_out(struct disk *d, const struct journal_damage *damage, int to)
{
	uint64_t from = (uint64_t)damage->place.at * SEGMENT_UNIT;
	char *bytes = mem_new(ASIDE_STEP);

	for (uint64_t at = 0; at < damage->len; at += ASIDE_STEP) {
		size_t len = damage->len - at < ASIDE_STEP ? damage->len - at : ASIDE_STEP;

		if (file_read(d, damage->file, from + at, bytes, len))
			continue;
		if (pwrite(to, bytes, len, (off_t)at) != (ssize_t)len)
			break;
	}
	mem_free(bytes);
}

static void aside_run(struct task *t)
{
	struct aside *a = (struct aside *)t;
	char name[DISK_ASIDE_NAME];
	int to;

	aside_name(name, &a->damage);
	/* Found once more before it was written, it is kept as it was first. */
	to = openat(t->disk->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0)
		return;
	copy_out(t->disk, &a->damage, to);
	(void)fsync(to);
	close(to);
}

static void aside_done(struct task *t)
{
	mem_free(t);
}

static bool is_there(struct disk *d, const char *name)
{
	int fd = openat(d->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

bool disk_set_aside(struct disk *d, const struct journal_damage *damage, char name[DISK_ASIDE_NAME])
{
	struct aside *a;

	if (damage->place.segment == 0) {
		file_name(name, damage->file);
		return true;
	}
	aside_name(name, damage);
	if (is_there(d, name))
		return false;
	a = mem_new(sizeof(*a));
	a->damage = *damage;
	a->task.run = aside_run;
	a->task.done = aside_done;
	lane_put(&d->keeper, &a->task);
	return true;
}
