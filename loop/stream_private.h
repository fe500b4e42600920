/* Of a stream, for stream.c and stream_tls.c; nobody else includes it. */
#ifndef LOOP_STREAM_PRIVATE_H
#define LOOP_STREAM_PRIVATE_H

#include "loop/loop_private.h"
#include "loop/stream.h"

struct queue {
	struct buf bytes;
	size_t sent;		/* of them */
};

/* An idle one owns no buffer: queue and held are there while they hold something. */
struct stream {
	uv_poll_t poll;
	struct loop *loop;
	const struct stream_handlers *handlers;
	void *owner;
	struct tls_conn *tls;
	struct queue *queue;
	struct buf *held;	/* TLS bytes that came while the owner paused */
	struct ready ready;
	struct deadline deadline;	/* of closing */
	int fd;
	int error;		/* of stream_connect, told by ready */
	uint8_t watching;	/* UV_READABLE | UV_WRITABLE */
	bool is_connecting : 1;
	bool is_shaking : 1;	/* hands */
	bool is_paused : 1;	/* by its owner */
	bool is_full : 1;	/* past the high mark */
	bool has_ended : 1;	/* the peer's side; on_gone was called */
	bool is_broken : 1;	/* nothing can be sent any more */
	bool is_closing : 1;	/* the owner left */
	bool is_dropping : 1;	/* what still comes */
	bool is_dead : 1;
};

/* stream.c */
void stream_write(struct stream *s, struct span bytes);	/* as they are; what the socket does not take is queued */
void stream_gone(struct stream *s, bool clean);		/* tells the owner, once */

/* stream_tls.c. The owner may have left when these return. */
void stream_handshake_failed(struct stream *s, const char *why);
void stream_feed_tls(struct stream *s, struct span cipher);
void stream_feed_held(struct stream *s);
void stream_forget_held(struct stream *s);
/* What TLS said in one call: it leaves before anybody else may use the buffer. */
void stream_write_tls(struct stream *s);

#endif
