#include "loop/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/loop_private.h"
#include "loop/stream_private.h"
#include "loop/tls_private.h"

#define QUEUE_HIGH    (256u << 10)	/* past it the peer is not read until it takes what it asked for */
#define QUEUE_LOW     (64u << 10)
#define QUEUE_MAX     (64u << 20)	/* more than any owner's window; beyond, the stream is broken */
#define CLOSE_WITHIN  SECONDS(10)

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_ready(struct ready *r);

/* ---- watching ------------------------------------------------------------------- */

static bool wants_to_read(const struct stream *s)
{
	if (s->is_closing)
		return s->is_dropping;
	return !s->is_connecting && !s->is_paused && (!s->is_full || s->is_broken) && !s->has_ended && !s->held;
}

static bool wants_to_write(const struct stream *s)
{
	return s->is_connecting || (s->queue && !s->is_broken);
}

static void watch(struct stream *s, unsigned events)
{
	if (s->is_dead || s->fd < 0 || events == s->watching)
		return;
	s->watching = (uint8_t)events;
	if (events)
		uv_poll_start(&s->poll, (int)events, on_poll);
	else
		uv_poll_stop(&s->poll);
}

/* Watching for bytes that nobody wants now costs nothing until they come: a dialogue in which each side waits for the
 * other changes it never. */
static void watch_more(struct stream *s)
{
	unsigned reading = wants_to_read(s) ? UV_READABLE : s->watching & UV_READABLE;

	watch(s, reading | (wants_to_write(s) ? UV_WRITABLE : 0));
}

static void watch_exactly(struct stream *s)
{
	watch(s, (wants_to_read(s) ? UV_READABLE : 0) | (wants_to_write(s) ? UV_WRITABLE : 0));
}

/* ---- the end -------------------------------------------------------------------- */

static void queue_drop(struct stream *s)
{
	if (s->queue)
		buf_fini(&s->queue->bytes);
	mem_free(s->queue);
	s->queue = NULL;
}

static void on_closed(uv_handle_t *handle)
{
	mem_free(handle->data);
}

/* One that never had a socket has nothing to wait for but its callers. */
static void on_ready_free(struct ready *r)
{
	mem_free(LIST_OWNER(r, struct stream, ready));
}

static void stream_end(struct stream *s)
{
	if (s->is_dead)
		return;
	s->is_dead = s->is_closing = true;
	deadline_clear(s->loop, &s->deadline);
	list_remove(&s->ready.list);
	queue_drop(s);
	stream_forget_held(s);
	tls_conn_free(&s->tls);
	if (s->fd < 0) {
		s->ready.fn = on_ready_free;
		loop_ready_soon(s->loop, &s->ready);
		return;
	}
	uv_close((uv_handle_t *)&s->poll, on_closed);
	close(s->fd);
}

void stream_gone(struct stream *s, bool clean)
{
	if (s->is_closing || s->has_ended)
		return;
	s->has_ended = true;
	stream_forget_held(s);
	s->handlers->on_gone(s->owner, s, clean);
}

/* ---- writing -------------------------------------------------------------------- */

/* How much the socket took; what breaks there is told by reading, after what the peer said. */
static size_t socket_write(struct stream *s, struct span bytes)
{
	ssize_t n;

	do
		n = send(s->fd, bytes.at, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return (size_t)n;
	if (errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM)
		s->is_broken = true;
	return 0;
}

static void queue_add(struct stream *s, struct span bytes)
{
	if (!s->queue) {
		s->queue = mem_new(sizeof *s->queue);
		buf_init(&s->queue->bytes, QUEUE_MAX);
	}
	if (buf_add(&s->queue->bytes, bytes) != PR_OK) {
		s->is_broken = true;
		loop_ready_soon(s->loop, &s->ready);
	}
	s->is_full = stream_queued(s) > QUEUE_HIGH;
	watch_more(s);
}

void stream_write(struct stream *s, struct span bytes)
{
	if (s->is_broken || bytes.len == 0)
		return;
	if (!s->queue && !s->is_connecting)
		bytes = span_from(bytes, socket_write(s, bytes));
	if (bytes.len > 0 && !s->is_broken)
		queue_add(s, bytes);
}

void stream_send(struct stream *s, struct span bytes)
{
	if (!s->tls) {
		stream_write(s, bytes);
		return;
	}
	if (s->is_shaking)
		return;		/* there is no way to say it */
	if (tls_conn_write(s->tls, bytes) == TLS_FAILED)
		s->is_broken = true;
	stream_write_tls(s);
}

static void close_softly(struct stream *s);

static void queue_sent(struct stream *s)
{
	queue_drop(s);
	s->is_full = false;
	if (s->is_closing)
		close_softly(s);
	else if (s->handlers->on_drained)
		s->handlers->on_drained(s->owner, s);
}

static void queue_write(struct stream *s)
{
	struct queue *q = s->queue;

	q->sent += socket_write(s, span_from(buf_span(&q->bytes), q->sent));
	if (s->is_broken && s->is_closing)
		stream_end(s);
	else if (q->sent == q->bytes.len)
		queue_sent(s);
	else if (q->bytes.len - q->sent < QUEUE_LOW)
		s->is_full = false;
}

size_t stream_queued(const struct stream *s)
{
	return s->queue ? s->queue->bytes.len - s->queue->sent : 0;
}

/* ---- reading --------------------------------------------------------------------- */

static void stream_read(struct stream *s)
{
	char *at = loop_buffer(&s->loop->cipher_bytes);
	ssize_t n;

	if (s->is_shaking && s->loop->handshakes_left == 0)
		return;		/* it stays readable: its turn comes */
	s->loop->handshakes_left -= s->is_shaking;
	n = recv(s->fd, at, READ_BUFFER_LEN, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 && s->is_shaking)
		stream_handshake_failed(s, "the peer left");
	else if (n <= 0)
		stream_gone(s, n == 0 && !s->tls);
	else if (s->tls)
		stream_feed_tls(s, span_of(at, (size_t)n));
	else
		s->handlers->on_bytes(s->owner, s, span_of(at, (size_t)n));
}

/* The peer is still talking to somebody who left; its end, or the deadline, is ours. */
static void drop_bytes(struct stream *s)
{
	ssize_t n = recv(s->fd, loop_buffer(&s->loop->cipher_bytes), READ_BUFFER_LEN, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		stream_end(s);
}

static void connect_done(struct stream *s)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	s->is_connecting = false;
	s->is_broken = error != 0;
	s->has_ended = error != 0;
	s->handlers->on_connected(s->owner, s, error);
	if (!s->is_closing && s->queue && !s->is_broken)
		queue_write(s);
}

/* libuv stops its watching where an error is pending on the socket. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct stream *s = poll->data;

	if (status < 0) {
		s->watching = 0;
		events = UV_READABLE | UV_WRITABLE;
	}
	if (s->is_connecting)
		connect_done(s);
	else if (events & UV_WRITABLE && s->queue && !s->is_broken)
		queue_write(s);
	if (!s->is_dead && events & UV_READABLE && wants_to_read(s)) {
		if (s->is_dropping)
			drop_bytes(s);
		else
			stream_read(s);
		watch_more(s);
	} else {
		watch_exactly(s);
	}
}

static void on_ready(struct ready *r)
{
	struct stream *s = LIST_OWNER(r, struct stream, ready);
	int error = s->error;

	s->error = 0;
	if (s->is_dead)
		return;
	if (error) {
		s->is_connecting = false;
		s->is_broken = s->has_ended = true;
		s->handlers->on_connected(s->owner, s, error);
	} else if (s->is_broken) {
		stream_gone(s, false);
	} else if (s->held && !s->is_paused) {
		stream_feed_held(s);
		watch_more(s);
	}
}

void stream_pause(struct stream *s)
{
	s->is_paused = true;
}

void stream_resume(struct stream *s)
{
	s->is_paused = false;
	if (s->held)
		loop_ready_soon(s->loop, &s->ready);
	else
		watch_more(s);
}

int stream_peek(const struct stream *s)
{
	char bytes[512];
	ssize_t n = recv(s->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);

	if (n > 0)
		return (int)n;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

/* ---- birth ----------------------------------------------------------------------- */

static void on_close_deadline(struct deadline *d)
{
	stream_end(LIST_OWNER(d, struct stream, deadline));
}

static struct stream *stream_new(struct loop *loop, int fd, const struct stream_handlers *handlers, void *owner)
{
	struct stream *s = mem_new(sizeof *s);

	BUG_ON(fd >= 0 && uv_poll_init(&loop->uv, &s->poll, fd) != 0);
	s->poll.data = s;
	s->loop = loop;
	s->fd = fd;
	s->handlers = handlers;
	s->owner = owner;
	s->is_paused = true;
	list_init(&s->ready.list);
	s->ready.fn = on_ready;
	deadline_init(&s->deadline, on_close_deadline);
	return s;
}

struct stream *stream_open_take(struct loop *loop, int fd, const struct stream_handlers *handlers, void *owner)
{
	BUG_ON(fd < 0);
	return stream_new(loop, fd, handlers, owner);
}

static int connect_begin(int fd, struct stream_end_point to, struct stream_end_point source)
{
	const int on = 1;

	if (to.at->sa_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (source.at && bind(fd, source.at, source.len) != 0)
		return errno;
	return connect(fd, to.at, to.len) == 0 || errno == EINPROGRESS ? 0 : errno;
}

struct stream *stream_connect(struct loop *loop, struct stream_end_point to, struct stream_end_point source, const struct stream_handlers *handlers,
    void *owner)
{
	int fd = socket(to.at->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = errno;
	struct stream *s = stream_new(loop, fd, handlers, owner);

	s->is_connecting = true;
	s->error = fd < 0 ? error : connect_begin(fd, to, source);
	if (s->error)
		loop_ready_soon(loop, &s->ready);
	else
		watch_more(s);
	return s;
}

/* ---- closing ---------------------------------------------------------------------- */

/* close() with bytes unread makes a reset, which may overtake our last reply: then the peer's are dropped first. They are not
 * read yet: who closes this one may do it in the midst of what another one read. */
static void close_softly(struct stream *s)
{
	if (s->has_ended || s->is_broken || stream_peek(s) <= 0) {
		stream_end(s);
		return;
	}
	shutdown(s->fd, SHUT_WR);
	s->is_dropping = true;
	watch_exactly(s);
}

void stream_close(struct stream **where)
{
	struct stream *s = *where;

	*where = NULL;
	if (!s || s->is_closing)
		return;
	if (s->tls && !s->is_shaking && !s->is_broken) {
		tls_conn_say_end(s->tls);
		stream_write_tls(s);
	}
	s->is_closing = true;
	if (s->is_connecting || s->is_broken)
		stream_end(s);
	else if (!s->queue)
		close_softly(s);
	if (s->is_dead)
		return;
	deadline_set(s->loop, &s->deadline, loop_now(s->loop).mono_ms + CLOSE_WITHIN);
	watch_exactly(s);
}

void stream_abort(struct stream **where)
{
	struct stream *s = *where;

	*where = NULL;
	if (s)
		stream_end(s);
}
