/* A file of the drop folder in the place of a client: it is read as its session goes on, and nobody hears the replies. */
#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "smtpd/smtpd_private.h"

#define READ_BYTES 65536

struct dropped_file {
	struct smtpd *d;
	struct conn *conn;
	struct deadline due;
	uint32_t ask;
	int fd;
	bool has_failed;
};

static void tell(struct smtpd *d, uint32_t ask, enum wire_drop result, const char *words)
{
	channel_put(process_master(d->process), WIRE_drop_told, &(struct wire_drop_told){ .ask = ask, .result = (uint8_t)result, .words = span_of_text(words) });
}

/* The file lies on a disk of ours: to read it does not wait. */
static void on_due(struct deadline *due)
{
	struct dropped_file *f = LIST_OWNER(due, struct dropped_file, due);
	static char bytes[READ_BYTES];
	ssize_t n = read(f->fd, bytes, sizeof(bytes));

	f->has_failed = n < 0;
	if (n > 0)
		conn_bytes(f->conn, span_of(bytes, (size_t)n));
	else
		conn_answer(f->conn, SE_PEER_LEFT, n == 0);
}

struct dropped_file *dropped_open_take(struct smtpd *d, int fd, uint32_t ask, struct conn *c)
{
	struct dropped_file *f = mem_new(sizeof(*f));

	f->d = d;
	f->conn = c;
	f->ask = ask;
	f->fd = fd;
	deadline_init(&f->due, on_due);
	return f;
}

void dropped_want(struct dropped_file *f, bool wanted)
{
	if (!wanted)
		deadline_clear(f->d->loop, &f->due);
	else if (!heap_has(&f->due.node))
		deadline_set(f->d->loop, &f->due, loop_now(f->d->loop).mono_ms);
}

void dropped_close(struct dropped_file **fp, const struct session *s)
{
	struct dropped_file *f = *fp;
	const char *words;
	enum wire_drop result = session_dropped(s, &words);

	*fp = NULL;
	deadline_clear(f->d->loop, &f->due);
	tell(f->d, f->ask, f->has_failed && result != DROP_TAKEN ? DROP_LATER : result, words);
	close(f->fd);
	mem_free(f);
}

void dropped_refuse(struct smtpd *d, uint32_t ask)
{
	tell(d, ask, DROP_LATER, "");
}
