#include "master/drops_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "master/server_io.h"
#include "wire/drop.h"

#define FLIGHTS_MAX 16			/* files at workers at once */
#define LOOK_MS     MINUTES(1)		/* between looks that nothing asks for */
#define AGAIN_MS    SECONDS(2)		/* after a worker died, or could not take one now */
#define SYNC_MS     50			/* a power cut later than this brings no removed file back */
#define STALE_MS    HOURS(24)		/* what is not whole by then never will be */
#define ASIDE       "aside"

struct flight {
	uint32_t ask;			/* 0: free */
	const struct child *child;	/* NULL: it was taken and could not be removed: never again while we run */
	char name[ID_TEXT_LEN + 1];
};

struct drops {
	struct server *server;
	int folder, aside, notify;
	DIR *listing;			/* where the look under way stands; NULL: none is */
	bool look_again;
	uv_poll_t poll;
	struct deadline look_due, sync_due;
	int64_t paused_until;
	uint32_t last_ask;
	struct flight flights[FLIGHTS_MAX];
};

/* ---- birth --------------------------------------------------------------------------- */

static enum pr_err complain(struct drops **d, const char *path, struct buf *words)
{
	buf_printf(words, "can't use the folder %s: %s", path, strerror(errno));
	drops_free(d);
	return PR_IO;
}

enum pr_err drops_open(const struct settings *s, struct drops **out, struct buf *words)
{
	struct drops *d = *out = mem_new(sizeof(*d));
	char path[PATH_MAX];

	d->aside = d->notify = -1;
	snprintf(path, sizeof(path), "%s/drop", s->top.state);
	d->folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->folder < 0)
		return complain(out, path, words);
	if (mkdirat(d->folder, ASIDE, 0700) < 0 && errno != EEXIST)
		return complain(out, path, words);
	d->aside = openat(d->folder, ASIDE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->aside < 0)
		return complain(out, path, words);
	if (geteuid() == 0 && fchown(d->aside, 0, 0) < 0)
		return complain(out, path, words);
	d->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (d->notify >= 0)
		(void)inotify_add_watch(d->notify, path, IN_MOVED_TO | IN_ONLYDIR);
	return PR_OK;
}

static void look(struct drops *d);

static void on_moved(uv_poll_t *poll, int status, int what)
{
	struct drops *d = poll->data;
	char events[4096] __attribute__((aligned(8)));

	(void)status, (void)what;
	while (read(d->notify, events, sizeof(events)) > 0)
		;
	look(d);
}

static void on_look_due(struct deadline *due)
{
	look(LIST_OWNER(due, struct drops, look_due));
}

static void on_sync_due(struct deadline *due)
{
	(void)fsync(LIST_OWNER(due, struct drops, sync_due)->folder);
}

void drops_begin(struct drops *d, struct server *server)
{
	d->server = server;
	deadline_init(&d->look_due, on_look_due);
	deadline_init(&d->sync_due, on_sync_due);
	deadline_set(server->loop, &d->look_due, loop_now(server->loop).mono_ms);
	if (d->notify < 0)
		return;		/* then a look a minute must do */
	uv_poll_init(loop_uv(server->loop), &d->poll, d->notify);
	d->poll.data = d;
	uv_poll_start(&d->poll, UV_READABLE, on_moved);
}

/* ---- a file ----------------------------------------------------------------------------- */

static void report(struct drops *d, enum event_code code, const char *name, const char *why)
{
	struct event ev;

	event_begin(&ev, code, loop_now(d->server->loop).wall_ms, NULL);
	event_text(&ev, EF_FILE, span_of_text(name));
	event_text(&ev, EF_REASON, span_of_text(why));
	report_event(&d->server->report, &ev);
}

static void set_aside(struct drops *d, const char *name, const char *why)
{
	if (renameat(d->folder, name, d->aside, name) == 0)
		report(d, EV_DROP_SET_ASIDE, name, why);
	else
		report(d, EV_DROP_SET_ASIDE, name, strerror(errno));
}

static const char *why_not_to_take(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "it is no regular file";
	if (st->st_nlink != 1)
		return "it has another name somewhere";
	return st->st_size > (off_t)DROP_SIZE_MAX ? "it is too large" : NULL;
}

/* -1: it is gone, or was set aside. */
static int open_file(struct drops *d, const char *name, uid_t *owner)
{
	int fd = openat(d->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	const char *why = NULL;
	struct stat st = { 0 };

	if (fd < 0 && errno == ENOENT)
		return -1;
	if (fd < 0 || fstat(fd, &st) < 0)
		why = errno == ELOOP ? "it is a link" : strerror(errno);
	else
		why = why_not_to_take(&st);
	if (!why) {
		*owner = st.st_uid;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	set_aside(d, name, why);
	return -1;
}

static bool is_flying(const struct drops *d, const char *name)
{
	for (unsigned i = 0; i < FLIGHTS_MAX; i++)
		if (d->flights[i].ask && strcmp(d->flights[i].name, name) == 0)
			return true;
	return false;
}

static struct flight *flight_of(struct drops *d, uint32_t ask)
{
	for (unsigned i = 0; i < FLIGHTS_MAX; i++)
		if (d->flights[i].ask == ask)
			return &d->flights[i];
	return NULL;
}

static unsigned flights_of(const struct drops *d, const struct child *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FLIGHTS_MAX; i++)
		n += d->flights[i].ask && d->flights[i].child == c;
	return n;
}

/* The worker for users with the fewest; NULL: none serves now. */
static struct child *choose_worker(const struct drops *d)
{
	struct child *best = NULL;

	EACH_CHILD(node, d->server) {
		struct unit *u = unit_at(node);
		struct child *c = child_of(u);

		if (u->role != ROLE_SMTPD || u->group != GROUP_SUBMISSION || u->state != UNIT_READY || !c || !c->channel)
			continue;
		if (!best || flights_of(d, c) < flights_of(d, best))
			best = c;
	}
	return best;
}

static void hand_over(struct drops *d, struct flight *f, struct child *c, const char *name)
{
	struct wire_drop_file told = { .ask = 0 };
	uid_t owner;
	int fd;

	if (!id_from_text(span_of_text(name), &told.id)) {
		set_aside(d, name, "its name is none that we give");
		return;
	}
	fd = open_file(d, name, &owner);
	if (fd < 0)
		return;
	told.uid = owner;
	while (told.ask == 0)
		told.ask = ++d->last_ask;
	*f = (struct flight){ .ask = told.ask, .child = c };
	memcpy(f->name, name, sizeof(f->name));
	channel_put_fd(c->channel, WIRE_drop_file, &told, fd);
	close(fd);
}

/* ---- looking ------------------------------------------------------------------------------ */

/* Whoever was interrupted takes his file away himself; whoever was killed can't. */
static void remove_stale(struct drops *d, const char *name)
{
	int64_t now = loop_now(d->server->loop).wall_ms;
	struct stat st;

	if (fstatat(d->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && now - (int64_t)st.st_mtime * 1000 > STALE_MS)
		(void)unlinkat(d->folder, name, 0);
}

static bool open_listing(struct drops *d)
{
	int fd = openat(d->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	d->look_again = false;
	d->listing = fd < 0 ? NULL : fdopendir(fd);
	if (fd >= 0 && !d->listing)
		close(fd);
	return d->listing != NULL;
}

static void close_listing(struct drops *d)
{
	if (d->listing)
		closedir(d->listing);
	d->listing = NULL;
}

/* The next whole file that is not on its way; NULL when all were looked at, those that came meanwhile too. */
static const char *next_name(struct drops *d)
{
	const struct dirent *entry;

	for (;;) {
		if (!d->listing && !(d->look_again && open_listing(d)))
			return NULL;
		entry = readdir(d->listing);
		if (!entry)
			close_listing(d);
		else if (entry->d_name[0] == '.')
			remove_stale(d, entry->d_name);
		else if (strcmp(entry->d_name, ASIDE) != 0 && !is_flying(d, entry->d_name))
			return entry->d_name;
	}
}

void drops_go_on(struct drops *d)
{
	struct server *s;
	struct flight *f;
	struct child *c;
	const char *name;

	if (!d)
		return;
	s = d->server;
	if (s->core.is_stopping || loop_now(s->loop).mono_ms < d->paused_until)
		return;
	while ((f = flight_of(d, 0)) && (c = choose_worker(d)) && (name = next_name(d)))
		hand_over(d, f, c, name);
}

static void look(struct drops *d)
{
	int64_t now = loop_now(d->server->loop).mono_ms;

	deadline_set(d->server->loop, &d->look_due, now < d->paused_until ? d->paused_until : now + LOOK_MS);
	d->look_again = true;
	drops_go_on(d);
}

/* ---- what becomes of it -------------------------------------------------------------------- */

static void pause_a_little(struct drops *d)
{
	d->paused_until = loop_now(d->server->loop).mono_ms + AGAIN_MS;
	deadline_set(d->server->loop, &d->look_due, d->paused_until);
}

/* A file that stays must not be sent again. */
static void taken(struct drops *d, struct flight *f)
{
	if (unlinkat(d->folder, f->name, 0) == 0 || errno == ENOENT) {
		f->ask = 0;
		if (!heap_has(&d->sync_due.node))
			deadline_set(d->server->loop, &d->sync_due, loop_now(d->server->loop).mono_ms + SYNC_MS);
		return;
	}
	f->child = NULL;
	report(d, EV_DROP_STUCK, f->name, strerror(errno));
}

void drops_told(struct drops *d, const struct wire_drop_told *told)
{
	struct flight *f = told->ask ? flight_of(d, told->ask) : NULL;
	char why[256];

	if (!f || !f->child)
		return;
	if (told->result == DROP_TAKEN) {
		taken(d, f);
		drops_go_on(d);
		return;
	}
	if (told->result == DROP_BAD) {
		snprintf(why, sizeof(why), "%.*s", SPAN_ARG(span_first(told->words, sizeof(why) - 1)));
		set_aside(d, f->name, why);
	} else {
		pause_a_little(d);
	}
	f->ask = 0;
	drops_go_on(d);
}

void drops_kills(struct drops *d, const struct msg_id *id)
{
	char name[ID_TEXT_LEN + 1];

	id_to_text(id, name);
	if (d && faccessat(d->folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		set_aside(d, name, "two workers died over it");
}

void drops_left(struct drops *d, const struct child *c)
{
	for (unsigned i = 0; d && i < FLIGHTS_MAX; i++) {
		if (!d->flights[i].ask || d->flights[i].child != c)
			continue;
		d->flights[i].ask = 0;
		pause_a_little(d);
	}
}

/* ---- death ------------------------------------------------------------------------------------ */

static void release(struct drops *d)
{
	close_listing(d);
	if (d->notify >= 0)
		close(d->notify);
	if (d->aside >= 0)
		close(d->aside);
	if (d->folder >= 0)
		close(d->folder);
	mem_free(d);
}

static void on_closed(uv_handle_t *handle)
{
	release(handle->data);
}

void drops_free(struct drops **dp)
{
	struct drops *d = *dp;

	*dp = NULL;
	if (!d)
		return;
	if (d->server) {
		deadline_clear(d->server->loop, &d->look_due);
		deadline_clear(d->server->loop, &d->sync_due);
	}
	if (d->server && d->notify >= 0)
		uv_close((uv_handle_t *)&d->poll, on_closed);
	else
		release(d);
}
