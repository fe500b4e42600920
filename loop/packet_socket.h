/* Packets over a SOCK_SEQPACKET socket, many in one system call each way; a
 * descriptor may travel with one. */
#ifndef LOOP_PACKET_SOCKET_H
#define LOOP_PACKET_SOCKET_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/list.h"
#include "loop/packet.h"

/* Sends from the front of a list of struct packet, 64 at most; *tried: how many. Returns how many left, or -1 with errno. The list stays. */
int packets_send(int fd, const struct list *queue, unsigned *tried);

/* What came, in one call. */
struct packets_came {
	struct mmsghdr msgs[RECV_MAX];
	struct iovec iovs[RECV_MAX];
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} fds[RECV_MAX];
};

/* Into the first n of these packets. Returns how many came, or -1 with errno. Without takes_fds there is no place for a descriptor, and the
 * kernel tells that it was cut. */
int packets_receive(int fd, struct packet *const *into, unsigned n, bool takes_fds, struct packets_came *out);
bool packets_came_end(const struct packets_came *c, unsigned i);	/* it is no packet, but the peer's end */
bool packets_came_cut(const struct packets_came *c, unsigned i);	/* it, or its descriptors, had no room */
int packets_came_take_fd(struct packets_came *c, unsigned i);		/* -1: none. Once. */
void packets_came_close(struct packets_came *c, unsigned from, unsigned n);	/* the descriptors of those from there to n */

#endif
