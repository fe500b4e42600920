#include "ctl/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl/client.h"
#include "ctl/folder.h"
#include "ctl/say.h"

#define FILE_MAX (256u << 20)	/* a row has some 300 bytes: 800,000 users */

static int trouble(const struct state_file *f, const char *what, int status)
{
	say("%s %s/%s: %s", what, f->places.state, f->name, strerror(errno));
	return errno == EACCES || errno == EPERM ? EX_NOPERM : status;
}

/* ---- reading ------------------------------------------------------------- */

static int read_old(struct state_file *f)
{
	int fd = openat(f->folder, f->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK), status = EX_OK;
	ssize_t n = 1;

	if (fd < 0)
		return errno == ENOENT ? EX_OK : trouble(f, "can't read", EX_IOERR);
	while (status == EX_OK && n > 0) {
		char *room = buf_room(&f->old, 65536);

		if (!room) {
			say("%s/%s is too large", f->places.state, f->name);
			status = EX_DATAERR;
			break;
		}
		n = read(fd, room, 65536);
		if (n < 0)
			status = trouble(f, "can't read", EX_IOERR);
		else
			buf_grew(&f->old, (size_t)n);
	}
	(void)close(fd);
	return status;
}

static int begin(struct state_file *f, const struct call *call, const char *name, bool to_write)
{
	int status;

	*f = (struct state_file){ .name = name, .folder = -1 };
	buf_init(&f->old, FILE_MAX);
	buf_init(&f->fresh, FILE_MAX);
	status = master_places(call, &f->places);
	if (status == EX_OK)
		status = folder_open_state(f->places.state, &f->folder);
	/* The folder itself is the lock: nothing is left behind, and nobody can put a link in its place. */
	while (status == EX_OK && to_write && flock(f->folder, LOCK_EX) != 0)
		if (errno != EINTR)
			status = trouble(f, "can't lock the folder of", EX_TEMPFAIL);
	return status == EX_OK ? read_old(f) : status;
}

int state_file_read(struct state_file *f, const struct call *call, const char *name)
{
	return begin(f, call, name, false);
}

int state_file_lock_and_read(struct state_file *f, const struct call *call, const char *name)
{
	return begin(f, call, name, true);
}

void state_file_close(struct state_file *f)
{
	if (f->folder >= 0)
		(void)close(f->folder);
	if (f->old.at)
		explicit_bzero(f->old.at, f->old.len);
	buf_fini(&f->old);
	buf_fini(&f->fresh);
}

/* ---- writing ------------------------------------------------------------- */

static int write_fresh(struct state_file *f)
{
	const char *what;

	if (folder_put(f->folder, f->name, buf_span(&f->fresh), &what))
		return EX_OK;
	return trouble(f, what, EX_CANTCREAT);
}

/* Without a server there is nobody to tell, and nothing to complain about. */
static int refresh_server(const struct state_file *f)
{
	struct wire_ctl_refresh ask = { .ask = 1 };
	enum wire_verb verb = WIRE_NONE;
	union wire_msg msg;
	struct client c;
	int status;

	if (!client_open_quietly(&c, f->places.runtime))
		return EX_OK;
	status = client_tell(&c, WIRE_ctl_refresh, &ask);
	while (status == EX_OK && verb != WIRE_ctl_done)
		status = client_hear(&c, &verb, &msg);
	if (status == EX_OK) {
		if (msg.ctl_done.words.len)
			say("%.*s", SPAN_ARG(msg.ctl_done.words));
		status = msg.ctl_done.exit;
	}
	client_close(&c);
	if (status != EX_OK)
		say("it is written, but the running server does not count it yet: `postrider reload`");
	return status;
}

int state_file_replace(struct state_file *f)
{
	int status;

	if (f->fresh.overflowed) {
		say("%s/%s would become too large", f->places.state, f->name);
		return EX_CANTCREAT;
	}
	status = write_fresh(f);
	return status == EX_OK ? refresh_server(f) : status;
}
