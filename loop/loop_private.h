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

/* expect.c: until when the loop stays awake. */
struct expectation {
	int64_t until_us;	/* 0: it does not */
	struct hunch *hunch;	/* that it comes in time */
	bool has_cores;
};

struct loop {
	uv_loop_t uv;
	uv_timer_t timer;
	uv_async_t back;	/* a chore whose thread had lost the loop is done */

	bool stopped;
	struct instant now;
	bool now_known;
	bool timer_armed;
	bool timer_came;
	int64_t timer_at;
	struct heap deadlines;

	struct expectation expectation;
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

	struct chore *chore;	/* until its done */
	bool chore_is_due;	/* not begun */
	struct relief *relief;	/* made with the first chore */
};

/* Turns, until the loop is stopped: true; or a chore took too long and another thread has the loop: false. */
bool loop_drive(struct loop *loop);

void expect_init(struct expectation *e);
/* Until there is something for the next turn, or it is late; at once where nothing is expected. */
void expect_await(struct loop *loop);

/* relief.c: two threads, of which one has the loop. */
bool relief_chore(struct loop *loop);	/* does the one that is due; false: the other has the loop now, and will call its done */
void relief_wait(struct loop *loop);	/* in loop_run's thread, until it has the loop again */
void relief_told(struct loop *loop);	/* what loop->back says */
void relief_finish(struct loop *loop);
void relief_free(struct loop *loop);

/* Something to do in the next turn, which does not sleep before. */
struct ready {
	struct list list;
	void (*fn)(struct ready *);
};
void loop_ready_soon(struct loop *loop, struct ready *r);	/* nothing when it waits already */

void channel_flush_dirty(struct list *dirty);

/* A buffer of READ_BUFFER_LEN whose pages are taken as they are used. */
char *loop_buffer(char **where);

#endif
