#include "loop/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/loop_private.h"
#include "loop/packet.h"
#include "loop/packet_socket.h"
#include "wire/codec.h"

struct channel {
	uv_poll_t poll;
	struct loop *loop;
	const struct channel_handlers *handlers;
	void *owner;
	struct list dirty;	/* in loop->dirty when this turn added something */
	struct list queue;	/* packets to send */
	size_t queued;		/* bytes in them */
	struct deadline gathered;
	int64_t gather_ms;
	struct packet *current;	/* under on_verb */
	int fd;
	uint16_t instance;
	uint8_t self, peer;
	bool waits_to_write;	/* the socket is full */
	bool is_deaf;		/* the peer takes no more; what it said is still read */
	bool is_closed;
};

#define GATHER_MAX (16u << 10)			/* bytes that wait for company */

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_gathered(struct deadline *d);

/* ---- birth ---------------------------------------------------------------------- */

static void poll_again(struct channel *ch)
{
	uv_poll_start(&ch->poll, ch->waits_to_write ? UV_READABLE | UV_WRITABLE : UV_READABLE, on_poll);
}

struct channel *channel_open_take(struct loop *loop, int fd, enum wire_role self, enum wire_role peer, uint16_t instance,
    const struct channel_handlers *handlers, void *owner)
{
	struct channel *ch = mem_new(sizeof *ch);

	BUG_ON(uv_poll_init(&loop->uv, &ch->poll, fd) != 0);
	ch->poll.data = ch;
	ch->loop = loop;
	ch->handlers = handlers;
	ch->owner = owner;
	ch->fd = fd;
	ch->self = (uint8_t)self;
	ch->peer = (uint8_t)peer;
	ch->instance = instance;
	list_init(&ch->dirty);
	list_init(&ch->queue);
	deadline_init(&ch->gathered, on_gathered);
	poll_again(ch);
	return ch;
}

void channel_on_broken(struct loop *loop, void (*fn)(void *arg, enum wire_role peer, uint16_t instance, const char *why), void *arg)
{
	loop->on_broken = fn;
	loop->on_broken_arg = arg;
}

/* ---- putting -------------------------------------------------------------------- */

static size_t packet_size(const struct packet *p)
{
	return p->len + p->borrowed_len;
}

static size_t packet_room(const struct packet *p)
{
	return WIRE_PACKET_MAX - packet_size(p);
}

static void mark_dirty(struct channel *ch)
{
	if (list_is_empty(&ch->dirty) && !ch->waits_to_write)
		list_add_last(&ch->loop->dirty, &ch->dirty);
}

static void on_gathered(struct deadline *d)
{
	mark_dirty(LIST_OWNER(d, struct channel, gathered));
}

void channel_gather(struct channel *ch, int64_t ms)
{
	ch->gather_ms = ms;
}

static void send_soon(struct channel *ch)
{
	if (ch->gather_ms == 0 || ch->queued >= GATHER_MAX)
		mark_dirty(ch);
	else if (!heap_has(&ch->gathered.node))
		deadline_set(ch->loop, &ch->gathered, loop_now(ch->loop).mono_ms + ch->gather_ms);
}

static struct packet *packet_add(struct channel *ch)
{
	struct packet *p = packet_take(&ch->loop->pool);

	list_add_last(&ch->queue, &p->list);
	return p;
}

/* The one under construction; a descriptor travels alone. */
static struct packet *packet_open(struct channel *ch)
{
	struct packet *last;

	if (list_is_empty(&ch->queue))
		return packet_add(ch);
	last = LIST_OWNER(ch->queue.prev, struct packet, list);
	return last->fd >= 0 ? packet_add(ch) : last;
}

static void packet_put(struct channel *ch, struct packet *p, enum wire_verb verb, const void *msg)
{
	size_t n = wire_put(p->at + p->len, packet_room(p), verb, msg);

	if (n == 0) {
		p = packet_add(ch);
		n = wire_put(p->at, WIRE_PACKET_MAX, verb, msg);
		BUG_ON(n == 0);
	}
	p->len += n;
	p->is_secret |= wire_is_secret(verb);
	ch->queued += n;
	send_soon(ch);
}

void channel_put(struct channel *ch, enum wire_verb verb, const void *msg)
{
	if (!ch->is_deaf)
		packet_put(ch, packet_open(ch), verb, msg);
}

void channel_put_fd(struct channel *ch, enum wire_verb verb, const void *msg, int fd)
{
	struct packet *p;
	int copy;

	if (ch->is_deaf)
		return;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0) {		/* what the peer must have can't be given: it is better off new */
		shutdown(ch->fd, SHUT_RDWR);
		return;
	}
	p = packet_add(ch);
	p->fd = copy;
	packet_put(ch, p, verb, msg);
}

void channel_put_borrowed(struct channel *ch, enum wire_verb verb, const void *msg, struct span bytes, void (*done)(void *arg), void *arg)
{
	struct packet *p;
	size_t n = 0;

	if (ch->is_deaf) {
		if (done)
			done(arg);
		return;
	}
	p = packet_open(ch);
	if (p->n_borrowed < PACKET_BORROWS)
		n = wire_put_head(p->at + p->len, packet_room(p), verb, msg, bytes.len);
	if (n == 0) {
		p = packet_add(ch);
		n = wire_put_head(p->at, WIRE_PACKET_MAX, verb, msg, bytes.len);
		BUG_ON(n == 0);
	}
	p->len += n;
	p->borrowed[p->n_borrowed++] = (struct packet_borrow){ p->len, bytes, done, arg };
	p->borrowed_len += bytes.len;
	ch->queued += n + bytes.len;
	send_soon(ch);
}

/* ---- sending -------------------------------------------------------------------- */

/* A `done` may put more, or flush: what was sent is out of the queue before the first is called. */
static void queue_drop(struct channel *ch, unsigned n)
{
	struct list gone, *node;

	list_init(&gone);
	for (; n > 0; n--) {
		node = list_take_first(&ch->queue);
		ch->queued -= packet_size(LIST_OWNER(node, struct packet, list));
		list_add_last(&gone, node);
	}
	while ((node = list_take_first(&gone)))
		packet_unref(LIST_OWNER(node, struct packet, list));
}

static void queue_drop_all(struct channel *ch)
{
	unsigned n = 0;

	LIST_EACH(node, &ch->queue)
		n++;
	queue_drop(ch, n);
}

/* The socket is full, or the kernel short of memory or of descriptors in flight. */
static bool may_send_later(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == ENOMEM || error == ETOOMANYREFS;
}

static void wait_to_write(struct channel *ch)
{
	ch->waits_to_write = true;
	poll_again(ch);
}

static void channel_send(struct channel *ch)
{
	unsigned wanted;
	int sent;

	while (!list_is_empty(&ch->queue)) {
		sent = packets_send(ch->fd, &ch->queue, &wanted);
		if (sent < 0 && !may_send_later(errno)) {
			ch->is_deaf = true;	/* its end is told by reading, after what it said */
			queue_drop_all(ch);
			return;
		}
		if (sent > 0)
			queue_drop(ch, (unsigned)sent);
		if (ch->is_closed)
			return;
		if (sent < (int)wanted) {
			wait_to_write(ch);
			return;
		}
	}
}

void channel_flush(struct channel *ch)
{
	list_remove(&ch->dirty);
	deadline_clear(ch->loop, &ch->gathered);
	if (!ch->waits_to_write && !ch->is_deaf)
		channel_send(ch);
}

void channel_flush_dirty(struct list *dirty)
{
	struct list *node;

	while ((node = list_take_first(dirty)))
		channel_flush(LIST_OWNER(node, struct channel, dirty));
}

/* ---- the end -------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
	mem_free(handle->data);
}

static void channel_end(struct channel *ch)
{
	if (ch->is_closed)
		return;
	ch->is_closed = ch->is_deaf = true;
	list_remove(&ch->dirty);
	deadline_clear(ch->loop, &ch->gathered);
	uv_close((uv_handle_t *)&ch->poll, on_closed);
	close(ch->fd);
	queue_drop_all(ch);
}

void channel_close(struct channel **where)
{
	struct channel *ch = *where;

	*where = NULL;
	if (!ch)
		return;
	channel_flush(ch);
	channel_end(ch);
}

static void channel_gone(struct channel *ch)
{
	ch->is_deaf = true;
	ch->handlers->on_gone(ch->owner, ch);
	channel_end(ch);
}

static void channel_broken(struct channel *ch, const char *why)
{
	struct loop *loop = ch->loop;

	ch->is_deaf = true;
	if (loop->on_broken)
		loop->on_broken(loop->on_broken_arg, ch->peer, ch->instance, why);
	if (!ch->is_closed && ch->handlers->on_broken)
		ch->handlers->on_broken(ch->owner, ch, why);
	if (!ch->is_closed)
		channel_gone(ch);
}

/* ---- receiving ------------------------------------------------------------------ */

enum fd_rule { FD_NEVER, FD_MAY, FD_MUST };

static enum fd_rule fd_rule(enum wire_verb verb)
{
	switch (verb) {
	case WIRE_wire:
	case WIRE_listener:
	case WIRE_drop_file:
	case WIRE_table:
	case WIRE_tally:
		return FD_MUST;
	case WIRE_ctl_done:
	case WIRE_verify_ended:
		return FD_MAY;
	default:
		return FD_NEVER;
	}
}

/* Gives each verb of a packet to the owner; *fd is -1 once it has been given. NULL, or why it is broken. */
static const char *packet_verbs(struct channel *ch, struct span rest, int *fd)
{
	union wire_msg msg;
	enum wire_verb verb;
	enum fd_rule rule;
	enum pr_err err;
	bool had_fd = *fd >= 0;
	int given;

	while ((err = wire_get(&rest, &verb, &msg)) == PR_OK) {
		if (!wire_permitted(verb, ch->peer, ch->self))
			return "a verb that it may not say";
		rule = fd_rule(verb);
		if (had_fd ? rule == FD_NEVER || rest.len != 0 || *fd < 0 : rule == FD_MUST)
			return "a descriptor where none belongs, or none where one does";
		given = *fd;
		*fd = -1;
		ch->current->is_secret |= wire_is_secret(verb);
		ch->handlers->on_verb(ch->owner, ch, verb, &msg, given);
		if (ch->is_closed)
			return NULL;
	}
	return err == PR_NONE ? NULL : "a packet that breaks its grammar";
}

static void recv_packet(struct channel *ch, struct packet *p, struct packets_came *came, unsigned i)
{
	int fd = packets_came_take_fd(came, i);
	const char *why;

	p->len = came->msgs[i].msg_len;
	ch->current = p;
	if (packets_came_cut(came, i))
		why = "a packet too long, or with descriptors";
	else
		why = packet_verbs(ch, span_of(p->at, p->len), &fd);
	ch->current = NULL;
	if (fd >= 0)
		close(fd);
	if (why && !ch->is_closed)
		channel_broken(ch, why);
}

/* What was kept stays with who kept it; its place takes another. */
static void recv_slot_renew(struct packet_pool *pool, unsigned i)
{
	struct packet *p = pool->recv[i];

	if (p->refs == 1) {
		packet_forget(p);
		return;
	}
	pool->recv[i] = packet_take(pool);
	packet_unref(p);
}

/* Whether the peer goes on: false at its end, which is a packet of no bytes. */
static bool recv_packets(struct channel *ch, struct packets_came *came, unsigned n)
{
	struct packet_pool *pool = &ch->loop->pool;

	for (unsigned i = 0; i < n; i++) {
		if (packets_came_end(came, i))
			return false;
		recv_packet(ch, pool->recv[i], came, i);
		recv_slot_renew(pool, i);
		if (ch->is_closed) {
			packets_came_close(came, i + 1, n);
			return true;
		}
	}
	return true;
}

static void channel_read(struct channel *ch)
{
	struct packet_pool *pool = &ch->loop->pool;
	struct packets_came came;
	unsigned room = packet_recv_prepare(pool, false);
	bool goes_on;
	int n;

	n = packets_receive(ch->fd, pool->recv, room, ch->peer == ROLE_MASTER, &came);	/* only the master passes descriptors */
	if (n < 0 && (errno == EAGAIN || errno == ENOMEM || errno == ENOBUFS))
		return;
	goes_on = n > 0 && recv_packets(ch, &came, (unsigned)n);
	if (ch->is_closed)
		return;
	if (n == (int)room)
		packet_recv_prepare(pool, true);
	if (n > 0 && ch->handlers->on_batch_end)
		ch->handlers->on_batch_end(ch->owner, ch);
	if (!ch->is_closed && !goes_on)
		channel_gone(ch);
}

/* An error pending on the socket stops libuv's watching; it is not the end. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct channel *ch = poll->data;

	if (status < 0 || events & UV_READABLE)
		channel_read(ch);
	if (ch->is_closed)
		return;
	if (status < 0 || events & UV_WRITABLE) {
		ch->waits_to_write = false;
		channel_send(ch);
		if (!ch->is_closed && !ch->waits_to_write)
			poll_again(ch);
	}
}

/* ---- questions about it --------------------------------------------------------- */

struct packet *packet_keep(struct channel *ch)
{
	BUG_ON(!ch->current);
	ch->current->refs++;
	return ch->current;
}

size_t channel_queued(const struct channel *ch)
{
	return ch->queued;
}

enum wire_role channel_peer(const struct channel *ch)
{
	return ch->peer;
}

uint16_t channel_instance(const struct channel *ch)
{
	return ch->instance;
}

void *channel_owner(const struct channel *ch)
{
	return ch->owner;
}
