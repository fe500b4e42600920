/* Listening sockets, shared with the other workers: who is woken takes a few
 * connections and leaves the rest to them. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "smtpd/smtpd_private.h"

#define ACCEPTS_A_TURN 8
#define FULL_WAIT_MS   1000	/* without a descriptor to spare: look again then, or when a session ends */

struct listener {
	struct list list;
	struct smtpd *d;
	unsigned index;
	int fd;
	uv_poll_t poll;
};

static void accept_some(struct listener *l);

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
	(void)events;
	if (status == 0)
		accept_some(poll->data);
}

static void watch(struct smtpd *d, bool on)
{
	d->is_accepting = on;
	LIST_EACH(n, &d->listeners) {
		struct listener *l = LIST_OWNER(n, struct listener, list);

		if (on)
			uv_poll_start(&l->poll, UV_READABLE, on_acceptable);
		else
			uv_poll_stop(&l->poll);
	}
}

static void pause_accepting(struct smtpd *d)
{
	watch(d, false);
	deadline_set(d->loop, &d->accept_again, loop_now(d->loop).mono_ms + FULL_WAIT_MS);
}

static void accept_some(struct listener *l)
{
	struct smtpd *d = l->d;

	for (unsigned i = 0; i < ACCEPTS_A_TURN && d->is_accepting; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd;

		if (d->n_conns >= SESSIONS_MAX) {
			pause_accepting(d);
			return;
		}
		fd = accept4(l->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			session_io_open_take(d, l->index, fd, &from);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(d);
		else if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

void listener_io_add_take(struct smtpd *d, unsigned index, int fd)
{
	struct listener *l;
	int on = 1;

	if (index >= d->settings->n_listen || d->house.draining) {
		close(fd);
		return;
	}
	/* Replies are whole when they are written; accepted sockets inherit this. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	l = mem_new(sizeof(*l));
	l->d = d;
	l->index = index;
	l->fd = fd;
	BUG_ON(uv_poll_init(loop_uv(d->loop), &l->poll, fd) < 0);
	l->poll.data = l;
	list_add_last(&d->listeners, &l->list);
	if (d->is_accepting)
		uv_poll_start(&l->poll, UV_READABLE, on_acceptable);
}

static void on_accept_again(struct deadline *deadline)
{
	struct smtpd *d = LIST_OWNER(deadline, struct smtpd, accept_again);

	watch(d, true);
}

void listener_io_begin(struct smtpd *d)
{
	deadline_init(&d->accept_again, on_accept_again);
	watch(d, true);
}

void listener_io_room(struct smtpd *d)
{
	if (d->is_accepting || d->house.draining || !heap_has(&d->accept_again.node))
		return;
	deadline_clear(d->loop, &d->accept_again);
	watch(d, true);
}

static void on_closed(uv_handle_t *handle)
{
	struct listener *l = handle->data;

	close(l->fd);
	mem_free(l);
}

void listener_io_end(struct smtpd *d)
{
	watch(d, false);
	deadline_clear(d->loop, &d->accept_again);
	for (struct list *n; (n = list_take_first(&d->listeners));)
		uv_close((uv_handle_t *)&LIST_OWNER(n, struct listener, list)->poll, on_closed);
}
