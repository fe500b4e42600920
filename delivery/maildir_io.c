#include "delivery/maildir_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"

#define WRITE_SIZE   65536	/* bytes gathered for one write */
#define FOLDER_MODE  0700
#define FILE_MODE    0600
#define MAILDIR_TMP_NAME_MAX (MAILDIR_NAME_MAX + 20)
#define SWEEP_SLOTS  4096	/* folders whose tmp was looked through lately; more are looked through more often */
#define SWEEP_MS     HOURS(24)

/* A Maildir while a batch runs: no longer, because somebody may move it away. */
struct maildir {
	struct list list;
	const char *prefix, *folder;
	bool is_junk;
	int tmp, new, top;
	int error;		/* errno: it can't be had */
	bool is_touched;	/* new has a file that its sync must cover */
	bool was_made;		/* folders above were made: the whole file system is synced */
	dev_t device;
};

struct batch {
	struct list *drops;
	struct list dirs;	/* struct maildir */
	size_t n_last;		/* drops that end in this batch */
	bool together;		/* sync file systems, not files */
	char *scratch;		/* WRITE_SIZE */
	int64_t wall_ms;
};

void maildir_name(char out[MAILDIR_NAME_MAX], const struct msg_id *id, uint32_t n, const char *host)
{
	char text[ID_TEXT_LEN + 1];
	int len;

	id_to_text(id, text);
	len = snprintf(out, MAILDIR_NAME_MAX, "%lld.M%sR%u.", (long long)(id_wall_ms(id) / 1000), text, n);
	/* room for ,S=…,W=… */
	for (int i = 0; host[i] && len < MAILDIR_NAME_MAX - 50; i++)
		out[len++] = host[i] == '/' || host[i] == ':' || host[i] == ',' ? '_' : host[i];
	out[len] = '\0';
}

void drop_init(struct drop *d)
{
	*d = (struct drop){ .fd = -1 };
	list_init(&d->list);
}

static void fail(struct drop *d, int error, const char *stage)
{
	d->state = DROP_FAILED;
	d->error = error;
	d->stage = stage;
}

/* ---- folders -------------------------------------------------------------------- */

static int open_below(int at, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, at, path, &how, sizeof(how));
}

/* Makes each folder of path that is not there. Links stop it as they stop open_below. Returns the last one. */
static int make_below(struct maildir *m, int at, const char *path)
{
	char room[4096];
	size_t len = strlen(path);
	int fd = -1;

	if (len >= sizeof(room)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(room, path, len + 1);
	for (char *end = room; *end;) {
		end += strcspn(end, "/");
		char kept = *end;

		*end = '\0';
		if (mkdirat(at, room, FOLDER_MODE) == 0)
			m->was_made = true;
		else if (errno != EEXIST)
			return -1;
		*end = kept;
		if (kept)
			end++;
	}
	fd = open_below(at, path, O_RDONLY | O_DIRECTORY);
	return fd;
}

static int open_or_make(struct maildir *m, int at, const char *path)
{
	int fd = open_below(at, path, O_RDONLY | O_DIRECTORY);

	if (fd < 0 && errno == ENOENT)
		fd = make_below(m, at, path);
	return fd;
}

/* Maildir++: what lies in a Maildir and holds a file of this name is a folder of it. */
static void mark_subfolder(int top)
{
	int fd = openat(top, "maildirfolder", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);

	if (fd >= 0)
		(void)close(fd);
}

static bool open_parts(struct maildir *m)
{
	struct stat st;
	int cur;

	m->tmp = open_or_make(m, m->top, "tmp");
	if (m->tmp < 0)
		return false;
	m->new = open_or_make(m, m->top, "new");
	if (m->new < 0)
		return false;
	if (m->was_made) {
		cur = open_or_make(m, m->top, "cur");
		if (cur < 0)
			return false;
		(void)close(cur);
		if (m->is_junk)
			mark_subfolder(m->top);
	}
	if (fstat(m->new, &st) != 0)
		return false;
	m->device = st.st_dev;
	return true;
}

static bool open_top(struct maildir *m)
{
	int prefix = open(m->prefix, O_RDONLY | O_DIRECTORY | O_CLOEXEC), above;

	if (prefix < 0)
		return false;
	m->top = m->folder[0] ? open_or_make(m, prefix, m->folder) : prefix;
	if (m->folder[0])
		(void)close(prefix);
	if (m->top < 0 || !m->is_junk)
		return m->top >= 0;
	above = m->top;
	m->top = open_or_make(m, above, ".Junk");
	(void)close(above);
	return m->top >= 0;
}

static void close_dir(struct maildir *m)
{
	int *fds[] = { &m->tmp, &m->new, &m->top };

	for (unsigned i = 0; i < 3; i++) {
		if (*fds[i] >= 0)
			(void)close(*fds[i]);
		*fds[i] = -1;
	}
}

/* Removes what crashes left in tmp long ago. */
static void sweep(const struct maildir *m, int64_t wall_ms)
{
	int fd = open_below(m->tmp, ".", O_RDONLY | O_DIRECTORY);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct stat st;

	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (fstatat(m->tmp, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		    st.st_mtime < wall_ms / 1000 - MAILDIR_TMP_AGE_S)
			(void)unlinkat(m->tmp, entry->d_name, 0);
	(void)closedir(dir);
}

/* Now and then, not at each delivery. Two threads may both do it: that harms nothing. */
static void sweep_when_due(const struct maildir *m, int64_t wall_ms)
{
	static struct {
		_Atomic uint64_t folder;
		_Atomic int64_t at;
	} done[SWEEP_SLOTS];
	uint64_t folder = map_hash(span_of_text(m->folder)) ^ map_hash(span_of_text(m->prefix)) ^ m->is_junk;
	unsigned slot = (unsigned)(folder % SWEEP_SLOTS);

	if (done[slot].folder == folder && wall_ms - done[slot].at < SWEEP_MS)
		return;
	done[slot].folder = folder;
	done[slot].at = wall_ms;
	sweep(m, wall_ms);
}

static struct maildir *dir_of(struct batch *b, const struct drop *d)
{
	struct maildir *m;

	LIST_EACH(node, &b->dirs) {
		m = LIST_OWNER(node, struct maildir, list);
		if (m->is_junk == d->is_junk && strcmp(m->folder, d->folder) == 0 && strcmp(m->prefix, d->prefix) == 0)
			return m;
	}
	m = mem_new(sizeof(*m));
	*m = (struct maildir){ .prefix = d->prefix, .folder = d->folder, .is_junk = d->is_junk, .tmp = -1, .new = -1, .top = -1 };
	list_add_first(&b->dirs, &m->list);
	if (!open_top(m) || !open_parts(m))
		m->error = errno;
	else
		sweep_when_due(m, b->wall_ms);
	return m;
}

/* ---- one file ---------------------------------------------------------------------- */

static bool write_all(struct drop *d, const char *at, size_t len)
{
	d->size += len;
	while (len > 0) {
		ssize_t n = write(d->fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fail(d, n == 0 ? ENOSPC : errno, "write");
			return false;
		}
		at += n;
		len -= (size_t)n;
	}
	return true;
}

struct gather {
	struct drop *drop;
	char *at;
	size_t len;
};

static bool gather(struct gather *g, const char *at, size_t len)
{
	while (len > 0) {
		size_t n = len < WRITE_SIZE - g->len ? len : WRITE_SIZE - g->len;

		memcpy(g->at + g->len, at, n);
		g->len += n;
		at += n;
		len -= n;
		if (g->len < WRITE_SIZE)
			break;
		if (!write_all(g->drop, g->at, g->len))
			return false;
		g->len = 0;
	}
	return true;
}

/* CRLF becomes LF, as Maildirs have it; a CR that stands alone stays. */
static bool gather_lines(struct gather *g, struct span s)
{
	g->drop->virtual_size += s.len;
	while (s.len > 0) {
		size_t run = span_find(s, '\r');

		if (g->drop->last_was_cr && s.at[0] != '\n' && !gather(g, "\r", 1))
			return false;
		g->drop->last_was_cr = run < s.len;
		if (!gather(g, s.at, run))
			return false;
		s = span_from(s, run + 1);
	}
	return true;
}

static bool write_parts(struct batch *b, struct drop *d, bool with_head)
{
	struct gather g = { .drop = d, .at = b->scratch };

	if (with_head && !gather_lines(&g, d->head))
		return false;
	for (size_t i = 0; i < d->n_parts; i++)
		if (!gather_lines(&g, d->parts[i]))
			return false;
	if (d->is_last && d->last_was_cr && !gather(&g, "\r", 1))
		return false;
	return write_all(d, g.at, g.len);
}

static bool is_there(const struct maildir *m, const char *sub, const char *name)
{
	int fd = open_below(m->top, sub, O_RDONLY | O_DIRECTORY);
	size_t len = (size_t)(strchr(strchr(name, '.') + 1, '.') + 1 - name);	/* without host and sizes */
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	bool found = false;

	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	while (!found && (entry = readdir(dir)) != NULL)
		found = strncmp(entry->d_name, name, len) == 0;
	(void)closedir(dir);
	return found;
}

static const char *tmp_name(const struct drop *d, char out[MAILDIR_TMP_NAME_MAX])
{
	(void)snprintf(out, MAILDIR_TMP_NAME_MAX, "%s.%016llx", d->name, (unsigned long long)d->serial);
	return out;
}

static void start(struct drop *d)
{
	char name[MAILDIR_TMP_NAME_MAX];

	d->dir->is_touched |= d->is_in_doubt;
	if (d->is_in_doubt && (is_there(d->dir, "new", d->name) || is_there(d->dir, "cur", d->name))) {
		d->state = DROP_DONE;
		return;
	}
	d->fd = openat(d->dir->tmp, tmp_name(d, name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (d->fd < 0)
		fail(d, errno, "create a file");
	else
		d->state = DROP_OPEN;
}

static void close_file(struct drop *d)
{
	if (d->fd >= 0 && close(d->fd) != 0 && d->state != DROP_FAILED)
		fail(d, errno, "write");
	d->fd = -1;
}

static void take(struct batch *b, struct drop *d)
{
	bool is_fresh = d->state == DROP_FRESH;

	d->dir = dir_of(b, d);
	if (d->dir->error && d->state != DROP_FAILED && d->state != DROP_DONE)
		fail(d, d->dir->error, "open the Maildir");
	else if (is_fresh && !d->is_refused)
		start(d);
	if (d->state != DROP_OPEN || d->is_refused)
		return;
	if (!write_parts(b, d, is_fresh) || !d->is_last)
		return;
	d->state = DROP_WRITTEN;
	if (b->together)	/* many may be open at once; a failed write is told by the sync of the file system too */
		close_file(d);
}

/* ---- the batch ------------------------------------------------------------------------ */

#define EACH_DROP(d, b) LIST_EACH(node, (b)->drops) for (struct drop *d = LIST_OWNER(node, struct drop, list); d; d = NULL)

static void fail_device(struct batch *b, dev_t device, int error)
{
	EACH_DROP(d, b)
		if (d->state == DROP_WRITTEN && d->dir->device == device)
			fail(d, error, "sync");
}

/* The first folder on its file system that pick says yes to. */
static bool is_first_of_device(const struct batch *b, const struct maildir *m, bool (*pick)(const struct maildir *))
{
	LIST_EACH(node, &b->dirs) {
		const struct maildir *other = LIST_OWNER(node, struct maildir, list);

		if (pick(other) && other->device == m->device)
			return other == m;
	}
	return false;
}

static bool is_open(const struct maildir *m)
{
	return m->error == 0;
}

static bool is_changed(const struct maildir *m)
{
	return m->error == 0 && m->is_touched;
}

static void sync_together(struct batch *b)
{
	LIST_EACH(node, &b->dirs) {
		struct maildir *m = LIST_OWNER(node, struct maildir, list);

		if (is_first_of_device(b, m, is_open) && syncfs(m->tmp) != 0)
			fail_device(b, m->device, errno);
	}
}

static void sync_each(struct batch *b)
{
	EACH_DROP(d, b) {
		if (d->state != DROP_WRITTEN)
			continue;
		if (fsync(d->fd) != 0)
			fail(d, errno, "sync");
		close_file(d);
	}
}

/* 0 or an errno; EEXIST: something has that name. A file system that renames without flags only (NFS, an older ZFS) has links. */
static int move_no_replace(const struct maildir *m, const char *from, const char *to)
{
	if (renameat2(m->tmp, from, m->new, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return errno;
	if (linkat(m->tmp, from, m->new, to, 0) != 0)
		return errno;
	(void)unlinkat(m->tmp, from, 0);
	return 0;
}

/* Into new, with its sizes in the name. Where that name is taken, this very delivery was made before. */
static void move(struct drop *d)
{
	char to[MAILDIR_NAME_MAX + 64], from[MAILDIR_TMP_NAME_MAX];
	int error;

	(void)snprintf(to, sizeof(to), "%s,S=%llu,W=%llu", d->name, (unsigned long long)d->size, (unsigned long long)d->virtual_size);
	d->dir->is_touched = true;
	error = move_no_replace(d->dir, tmp_name(d, from), to);
	if (error == EEXIST)
		(void)unlinkat(d->dir->tmp, from, 0);
	else if (error)
		fail(d, error, "move it to new");
}

static void fail_dirs(struct batch *b, const struct maildir *m, bool whole_device, int error)
{
	EACH_DROP(d, b)
		if ((d->state == DROP_WRITTEN || d->state == DROP_DONE) && d->dir && (d->dir == m || (whole_device && d->dir->device == m->device)))
			fail(d, error, "sync its folder");
}

/* One sync of the file system where folders are many, or where folders above them were made, which must be on the disk too. */
static void sync_dirs(struct batch *b)
{
	bool together = false;
	size_t n = 0;

	LIST_EACH(node, &b->dirs) {
		struct maildir *m = LIST_OWNER(node, struct maildir, list);

		n += is_changed(m);
		together |= is_changed(m) && m->was_made;
	}
	together |= n >= MAILDIR_TOGETHER_MIN;
	LIST_EACH(node, &b->dirs) {
		struct maildir *m = LIST_OWNER(node, struct maildir, list);

		if (!is_changed(m) || (together && !is_first_of_device(b, m, is_changed)))
			continue;
		if ((together ? syncfs(m->new) : fsync(m->new)) != 0)
			fail_dirs(b, m, together, errno);
	}
}

static void settle(struct drop *d)
{
	char name[MAILDIR_TMP_NAME_MAX];

	if (d->state == DROP_WRITTEN && !d->is_refused)
		d->state = DROP_DONE;
	if (d->state == DROP_FAILED || d->is_refused) {
		close_file(d);
		if (d->dir && d->dir->tmp >= 0)
			(void)unlinkat(d->dir->tmp, tmp_name(d, name), 0);
	}
	d->dir = NULL;
}

void maildir_batch(struct list *drops, int64_t wall_ms)
{
	struct batch b = { .drops = drops, .wall_ms = wall_ms, .scratch = mem_new(WRITE_SIZE) };

	list_init(&b.dirs);
	EACH_DROP(d, &b)
		b.n_last += d->is_last;
	b.together = b.n_last >= MAILDIR_TOGETHER_MIN;
	EACH_DROP(d, &b)
		take(&b, d);
	if (b.together)
		sync_together(&b);
	else
		sync_each(&b);
	EACH_DROP(d, &b)
		if (d->state == DROP_WRITTEN)
			move(d);
	sync_dirs(&b);
	EACH_DROP(d, &b)
		settle(d);
	LIST_EACH_SAFE(node, &b.dirs) {
		struct maildir *m = LIST_OWNER(node, struct maildir, list);

		close_dir(m);
		list_remove(node);
		mem_free(m);
	}
	mem_free(b.scratch);
}
