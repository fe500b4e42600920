#include "loop/packet_socket.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "wire/verbs.h"

#define SEND_MAX      64	/* packets a sendmmsg */
#define IOVS_A_PACKET (2 * PACKET_BORROWS + 1)
#define RESETS_MAX    4

/* ---- sending ---------------------------------------------------------------------- */

struct send_set {
	struct mmsghdr msgs[SEND_MAX];
	struct iovec iovs[SEND_MAX][IOVS_A_PACKET];
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} fds[SEND_MAX];
};

static unsigned iov_add(struct iovec *iovs, unsigned n, const char *at, size_t len)
{
	if (len == 0)
		return n;
	iovs[n] = (struct iovec){ (void *)(uintptr_t)at, len };
	return n + 1;
}

static unsigned packet_iovs(const struct packet *p, struct iovec *iovs)
{
	size_t from = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < p->n_borrowed; i++) {
		const struct packet_borrow *b = &p->borrowed[i];

		n = iov_add(iovs, n, p->at + from, b->place - from);
		n = iov_add(iovs, n, b->bytes.at, b->bytes.len);
		from = b->place;
	}
	return iov_add(iovs, n, p->at + from, p->len - from);
}

static void send_add(struct send_set *set, unsigned i, const struct packet *p)
{
	struct msghdr *m = &set->msgs[i].msg_hdr;
	struct cmsghdr *c = &set->fds[i].head;

	*m = (struct msghdr){ .msg_iov = set->iovs[i] };
	m->msg_iovlen = packet_iovs(p, set->iovs[i]);
	if (p->fd < 0)
		return;
	m->msg_control = set->fds[i].bytes;
	m->msg_controllen = sizeof set->fds[i].bytes;
	memset(set->fds[i].bytes, 0, sizeof set->fds[i].bytes);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof p->fd);
	memcpy(CMSG_DATA(c), &p->fd, sizeof p->fd);
}

int packets_send(int fd, const struct list *queue, unsigned *tried)
{
	struct send_set set;
	int sent;

	*tried = 0;
	LIST_EACH(node, queue) {
		send_add(&set, *tried, LIST_OWNER(node, struct packet, list));
		if (++*tried == SEND_MAX)
			break;
	}
	do
		sent = sendmmsg(fd, set.msgs, *tried, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent;
}

/* ---- receiving -------------------------------------------------------------------- */

static void prepare(struct packets_came *c, struct packet *const *into, unsigned n, bool takes_fds)
{
	for (unsigned i = 0; i < n; i++) {
		c->iovs[i] = (struct iovec){ into[i]->at, WIRE_PACKET_MAX };
		c->msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &c->iovs[i], .msg_iovlen = 1 };
		if (!takes_fds)
			continue;
		c->msgs[i].msg_hdr.msg_control = c->fds[i].bytes;
		c->msgs[i].msg_hdr.msg_controllen = CMSG_LEN(sizeof(int));
	}
}

/* ECONNRESET is told before what still lies in the socket, once for each error that is pending. */
int packets_receive(int fd, struct packet *const *into, unsigned n, bool takes_fds, struct packets_came *out)
{
	int came = -1;

	prepare(out, into, n, takes_fds);
	for (unsigned resets = 0; resets < RESETS_MAX; resets++) {
		do
			came = recvmmsg(fd, out->msgs, n, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
		while (came < 0 && errno == EINTR);
		if (came >= 0 || errno != ECONNRESET)
			break;
	}
	return came;
}

bool packets_came_end(const struct packets_came *c, unsigned i)
{
	return c->msgs[i].msg_len == 0 && !(c->msgs[i].msg_hdr.msg_flags & MSG_TRUNC);
}

bool packets_came_cut(const struct packets_came *c, unsigned i)
{
	return c->msgs[i].msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
}

int packets_came_take_fd(struct packets_came *c, unsigned i)
{
	struct msghdr *m = &c->msgs[i].msg_hdr;
	struct cmsghdr *head = CMSG_FIRSTHDR(m);
	int fd = -1;

	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(head), sizeof fd);
	m->msg_controllen = 0;
	return fd;
}

void packets_came_close(struct packets_came *c, unsigned from, unsigned n)
{
	int fd;

	for (; from < n; from++)
		if ((fd = packets_came_take_fd(c, from)) >= 0)
			close(fd);
}
