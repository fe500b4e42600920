#include "dns/sockets_io.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "dns/frames.h"
#include "loop/stream.h"

#define READS_A_TURN 8	/* packets of one socket: a flood is not let in faster */

struct tcp {
	struct sockets *sockets;
	unsigned server;
	struct stream *stream;		/* NULL: there is none */
	struct frames frames;
	struct deadline idle;
	struct buf waiting;		/* questions, until it is connected */
	bool is_connected;
};

struct sockets {
	struct loop *loop;
	struct resolver *resolver;
	void (*fed)(void *owner);
	void *owner;
	struct list open;		/* struct udp */
	struct tcp streams[SERVERS_MAX];
	char packet[PACKET_MAX];
};

struct udp {
	struct list list;
	struct sockets *sockets;
	struct attempt *attempt;	/* NULL: closed */
	uv_poll_t poll;
	int fd;
};

static int64_t now_of(const struct sockets *s)
{
	return loop_now(s->loop).mono_ms;
}

static socklen_t write_address(const struct server_address *a, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (a->family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(a->port);
		memcpy(&v4->sin_addr, a->bytes, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(a->port);
	v6->sin6_scope_id = a->scope;
	memcpy(&v6->sin6_addr, a->bytes, 16);
	return sizeof(*v6);
}

static const struct server_address *address_of(const struct sockets *s, unsigned server)
{
	return &resolver_servers(s->resolver)->at[server].address;
}

/* ---- UDP ------------------------------------------------------------------------------ */

static void on_udp_closed(uv_handle_t *handle)
{
	struct udp *u = handle->data;

	close(u->fd);
	mem_free(u);
}

void sockets_close(struct sockets *s, void *socket)
{
	struct udp *u = socket;

	(void)s;
	u->attempt = NULL;
	list_remove(&u->list);
	uv_close((uv_handle_t *)&u->poll, on_udp_closed);
}

static void feed_packet(struct udp *u, ssize_t len)
{
	struct sockets *s = u->sockets;

	if (len >= 0)
		resolver_heard(s->resolver, u->attempt, span_of(s->packet, (size_t)len), now_of(s));
	else
		resolver_failed(s->resolver, u->attempt, now_of(s));
	s->fed(s->owner);
}

static void on_readable(uv_poll_t *poll, int status, int what)
{
	struct udp *u = poll->data;

	(void)status, (void)what;
	for (unsigned i = 0; i < READS_A_TURN && u->attempt; i++) {
		ssize_t len = recv(u->fd, u->sockets->packet, sizeof(u->sockets->packet), 0);

		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		feed_packet(u, len);
	}
}

/* The kernel draws the port that connect gives to a socket that has none. */
static int open_udp(const struct sockets *s, unsigned server)
{
	const struct server_address *to = address_of(s, server);
	struct sockaddr_storage address;
	socklen_t len = write_address(to, &address);
	int fd = socket(to->family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, len) == 0)
		return fd;
	close(fd);
	return -1;
}

void sockets_send(struct sockets *s, struct attempt *a)
{
	unsigned char packet[PACKET_QUESTION_MAX];
	size_t len = resolver_packet(s->resolver, a, packet);
	int fd = open_udp(s, a->server);
	struct udp *u;

	if (fd < 0 || send(fd, packet, len, 0) < 0) {
		if (fd >= 0)
			close(fd);
		resolver_failed(s->resolver, a, now_of(s));
		return;
	}
	u = mem_new(sizeof(*u));
	u->sockets = s;
	u->attempt = a;
	u->fd = fd;
	u->poll.data = u;
	list_add_last(&s->open, &u->list);
	uv_poll_init(loop_uv(s->loop), &u->poll, fd);
	uv_poll_start(&u->poll, UV_READABLE, on_readable);
	a->socket = u;
}

/* ---- streams ---------------------------------------------------------------------------- */

static void close_stream(struct tcp *t)
{
	if (!t->stream)
		return;
	stream_abort(&t->stream);
	frames_fini(&t->frames);
	buf_fini(&t->waiting);
	deadline_clear(t->sockets->loop, &t->idle);
}

static void stream_failed(struct tcp *t)
{
	struct sockets *s = t->sockets;

	close_stream(t);
	resolver_stream_failed(s->resolver, t->server, now_of(s));
	s->fed(s->owner);
}

static void keep_awake(struct tcp *t)
{
	deadline_set(t->sockets->loop, &t->idle, now_of(t->sockets) + STREAM_IDLE_MS);
}

static void on_idle(struct deadline *d)
{
	stream_failed(LIST_OWNER(d, struct tcp, idle));
}

static void on_connected(void *owner, struct stream *stream, int error)
{
	struct tcp *t = owner;

	if (error) {
		stream_failed(t);
		return;
	}
	t->is_connected = true;
	stream_resume(stream);
	stream_send(stream, buf_span(&t->waiting));
	buf_clear(&t->waiting);
}

/* What the resolver does after a packet may end this stream. */
static void on_bytes(void *owner, struct stream *stream, struct span bytes)
{
	struct tcp *t = owner;
	struct sockets *s = t->sockets;
	struct span packet;

	keep_awake(t);
	if (frames_add(&t->frames, bytes) != PR_OK) {
		stream_failed(t);
		return;
	}
	while (t->stream == stream && frames_next(&t->frames, &packet)) {
		resolver_heard_stream(s->resolver, t->server, packet, now_of(s));
		s->fed(s->owner);
	}
}

static void on_gone(void *owner, struct stream *stream, bool clean)
{
	(void)stream, (void)clean;
	stream_failed(owner);
}

static void open_stream(struct sockets *s, struct tcp *t)
{
	static const struct stream_handlers handlers = { .on_connected = on_connected, .on_bytes = on_bytes, .on_gone = on_gone };
	struct sockaddr_storage address;
	socklen_t len = write_address(address_of(s, t->server), &address);

	frames_init(&t->frames);
	buf_init(&t->waiting, STREAM_QUEUED_MAX);
	t->is_connected = false;
	t->stream = stream_connect(s->loop, (struct stream_end_point){ (const struct sockaddr *)&address, len }, (struct stream_end_point){ 0 }, &handlers, t);
}

void sockets_send_stream(struct sockets *s, struct attempt *a)
{
	struct tcp *t = &s->streams[a->server];
	unsigned char framed[FRAME_HEAD_LEN + PACKET_QUESTION_MAX];
	size_t len = resolver_packet(s->resolver, a, framed + FRAME_HEAD_LEN);
	struct span bytes = span_of((const char *)framed, FRAME_HEAD_LEN + len);

	framed[0] = (unsigned char)(len >> 8);
	framed[1] = (unsigned char)len;
	if (!t->stream)
		open_stream(s, t);
	keep_awake(t);
	if (!t->is_connected ? buf_add(&t->waiting, bytes) != PR_OK : stream_queued(t->stream) > STREAM_QUEUED_MAX)
		resolver_failed(s->resolver, a, now_of(s));
	else if (t->is_connected)
		stream_send(t->stream, bytes);
}

void sockets_close_streams(struct sockets *s)
{
	for (unsigned i = 0; i < SERVERS_MAX; i++)
		close_stream(&s->streams[i]);
}

/* ---- birth and death ---------------------------------------------------------------------- */

struct sockets *sockets_new(struct loop *loop, struct resolver *resolver, void (*fed)(void *owner), void *owner)
{
	struct sockets *s = mem_new(sizeof(*s));

	s->loop = loop;
	s->resolver = resolver;
	s->fed = fed;
	s->owner = owner;
	list_init(&s->open);
	for (unsigned i = 0; i < SERVERS_MAX; i++) {
		s->streams[i].sockets = s;
		s->streams[i].server = i;
		deadline_init(&s->streams[i].idle, on_idle);
	}
	return s;
}

void sockets_free(struct sockets **sp)
{
	struct sockets *s = *sp;

	*sp = NULL;
	sockets_close_streams(s);
	LIST_EACH_SAFE(node, &s->open)
		sockets_close(s, LIST_OWNER(node, struct udp, list));
	mem_free(s);
}
