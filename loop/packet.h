/* Packets of a loop: 64 KiB each, mapped, shared by all channels, given back
 * to the system when they are not needed any more. */
#ifndef LOOP_PACKET_H
#define LOOP_PACKET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "base/span.h"
#include "loop/loop.h"
#include "wire/verbs.h"

#define PACKET_BORROWS 4	/* spans sent from where they are, in one packet */

struct packet {
	struct list list;
	struct packet_pool *pool;
	char *at;		/* WIRE_PACKET_MAX bytes */
	size_t len;		/* used of them */
	size_t borrowed_len;
	unsigned refs;
	unsigned n_borrowed;
	bool is_secret;		/* wiped when it is done with */
	int fd;			/* sent with it, or -1; owned */
	struct packet_borrow {
		size_t place;	/* it stands before this byte of `at` */
		struct span bytes;
		void (*done)(void *arg);
		void *arg;
	} borrowed[PACKET_BORROWS];
};

#define RECV_MAX 64	/* packets a recvmmsg */

struct packet_pool {
	struct loop *loop;
	struct list free;
	size_t n_free, low_free;	/* low: the fewest since the last look */
	bool is_used;			/* since the last look */
	struct deadline trim;
	struct packet *recv[RECV_MAX];	/* what the next recvmmsg fills: the first n_recv */
	unsigned n_recv;
};

void packet_pool_init(struct packet_pool *pool, struct loop *loop);
void packet_pool_fini(struct packet_pool *pool);

struct packet *packet_take(struct packet_pool *pool);	/* empty, one reference */
/* Nothing of a secret stays in it. */
void packet_forget(struct packet *p);
void packet_unref(struct packet *p);	/* the last one calls every `done`, closes fd */

/* Fills the receive set: few to begin with, more once all of them were used. */
unsigned packet_recv_prepare(struct packet_pool *pool, bool all_were_used);

#endif
