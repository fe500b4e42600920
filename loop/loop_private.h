/* What the files of this folder share of the loop. */
#ifndef LOOP_LOOP_PRIVATE_H
#define LOOP_LOOP_PRIVATE_H

#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"
#include "loop/channel.h"
#include "loop/loop.h"
#include "loop/packet.h"

#define READ_BUFFER_LEN 65536	/* one read takes what a pipelining client can have in flight */

struct loop {
	uv_loop_t uv;
	uv_prepare_t prepare;	/* the end of a turn */
	uv_idle_t idle;		/* runs while `ready` holds something, so that the turn does not sleep */
	uv_timer_t timer;

	struct instant now;
	bool now_known;
	bool timer_armed;
	int64_t timer_at;
	struct heap deadlines;

	struct list turn_ends;
	struct list dirty;	/* channels with packets of this turn */
	struct list ready;

	struct packet_pool pool;
	void (*on_broken)(void *arg, enum wire_role peer, uint16_t instance, const char *why);
	void *on_broken_arg;

	char *cipher_bytes;	/* what a socket said, READ_BUFFER_LEN; made at first use */
	char *plain_bytes;	/* what TLS made of it */
	struct buf tls_out;	/* what TLS wants to say in this call */
	unsigned handshakes_left;	/* of this turn */
};

/* Something to do in the next turn, without a word from the kernel. */
struct ready {
	struct list list;
	void (*fn)(struct ready *);
};
void loop_ready_soon(struct loop *loop, struct ready *r);	/* nothing when it waits already */

void channel_flush_dirty(struct list *dirty);

/* A buffer of READ_BUFFER_LEN whose pages are taken as they are used. */
char *loop_buffer(char **where);

#endif
