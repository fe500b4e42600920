#include "master/watch_io.h"

#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "base/span.h"

#define FOLDER_EVENTS (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | \
    IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD)

/* What a file is: another value, another file. Zeros when it is not there. */
struct sign {
	uint64_t device, inode, size;
	int64_t seconds, nanoseconds;
};

struct watched {
	char *path;
	unsigned kind;
	struct sign sign;
};

struct watch {
	struct loop *loop;
	uv_poll_t poll;
	int fd;
	struct deadline settle;
	void (*changed)(void *arg, unsigned kind);
	void *arg;
	struct watched *files;
	unsigned n, room;
};

static struct sign sign_of(const char *path)
{
	struct sign sign = { 0 };
	struct stat st;

	if (stat(path, &st) < 0)
		return sign;
	sign.device = st.st_dev;
	sign.inode = st.st_ino;
	sign.size = (uint64_t)st.st_size;
	sign.seconds = st.st_mtim.tv_sec;
	sign.nanoseconds = st.st_mtim.tv_nsec;
	return sign;
}

static void on_settled(struct deadline *d)
{
	struct watch *w = LIST_OWNER(d, struct watch, settle);
	unsigned kinds = 0;

	for (unsigned i = 0; i < w->n; i++) {
		struct sign now = sign_of(w->files[i].path);

		if (memcmp(&now, &w->files[i].sign, sizeof(now)) == 0)
			continue;
		w->files[i].sign = now;
		kinds |= 1u << w->files[i].kind;
	}
	for (unsigned kind = 0; kind < 32; kind++)
		if (kinds & (1u << kind))
			w->changed(w->arg, kind);
}

/* What happened is read only to be thrown away: the files themselves tell. */
static void on_readable(uv_poll_t *poll, int status, int what)
{
	struct watch *w = poll->data;
	char events[4096] __attribute__((aligned(8)));

	(void)status, (void)what;
	while (read(w->fd, events, sizeof(events)) > 0)
		;
	deadline_set(w->loop, &w->settle, loop_now(w->loop).mono_ms + WATCH_SETTLE_MS);
}

static void open_inotify(struct watch *w)
{
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0)
		return;		/* without it a reload is needed to see changes */
	uv_poll_init(loop_uv(w->loop), &w->poll, w->fd);
	w->poll.data = w;
	uv_poll_start(&w->poll, UV_READABLE, on_readable);
}

struct watch *watch_new(struct loop *loop, void (*changed)(void *arg, unsigned kind), void *arg)
{
	struct watch *w = mem_new(sizeof(*w));

	w->loop = loop;
	w->changed = changed;
	w->arg = arg;
	deadline_init(&w->settle, on_settled);
	open_inotify(w);
	return w;
}

void watch_begin(struct watch *w)
{
	for (unsigned i = 0; i < w->n; i++)
		mem_free(w->files[i].path);
	w->n = 0;
}

/* Watches of folders that no file needs any more only wake us: there are few. */
static void watch_folder_of(struct watch *w, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder;

	if (w->fd < 0 || !slash)
		return;
	folder = mem_text(span_of(path, slash == path ? 1 : (size_t)(slash - path)));
	(void)inotify_add_watch(w->fd, folder, FOLDER_EVENTS);
	mem_free(folder);
}

void watch_file(struct watch *w, unsigned kind, const char *path)
{
	if (w->n == WATCH_FILES_MAX)
		return;
	if (w->n == w->room) {
		w->room = w->room ? w->room * 2 : 16;
		w->files = mem_resize(w->files, w->room * sizeof(*w->files));
	}
	w->files[w->n++] = (struct watched){ .path = mem_text(span_of_text(path)), .kind = kind };
	watch_folder_of(w, path);
}

void watch_end(struct watch *w)
{
	for (unsigned i = 0; i < w->n; i++)
		w->files[i].sign = sign_of(w->files[i].path);
}

static void on_closed(uv_handle_t *handle)
{
	struct watch *w = handle->data;

	close(w->fd);
	mem_free(w);
}

void watch_free(struct watch **wp)
{
	struct watch *w = *wp;

	*wp = NULL;
	if (!w)
		return;
	deadline_clear(w->loop, &w->settle);
	watch_begin(w);
	mem_free(w->files);
	if (w->fd >= 0)
		uv_close((uv_handle_t *)&w->poll, on_closed);
	else
		mem_free(w);
}
