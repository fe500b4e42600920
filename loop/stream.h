/* Bytes over TCP or a unix socket, with or without TLS.
 *
 * An idle stream owns no buffer: bytes are read into the loop's one buffer and
 * given to on_bytes, which must take them or keep a copy. Writing tries at
 * once; what the socket does not take is queued, and past the high mark
 * reading stops until it is under the low mark. TLS runs over a BIO of our own
 * on the stream's buffers. */
#ifndef LOOP_STREAM_H
#define LOOP_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/span.h"
#include "loop/loop.h"

struct stream;
struct tls_server;	/* loop/tls.h */
struct tls_client;	/* loop/tls_client.h */

struct stream_handlers {
	void (*on_connected)(void *owner, struct stream *s, int error);	/* 0 or an errno; only after stream_connect */
	void (*on_bytes)(void *owner, struct stream *s, struct span bytes);
	/* After stream_start_tls: established, or failed (then on_gone follows). why is a short text when it failed. */
	void (*on_tls)(void *owner, struct stream *s, bool ok, const char *why);
	void (*on_drained)(void *owner, struct stream *s);	/* the queue is empty again after it was not; may be NULL */
	/* The peer closed or the connection broke. The owner calls stream_close. clean: an orderly end. */
	void (*on_gone)(void *owner, struct stream *s, bool clean);
};

/* Takes a connected, non-blocking fd. Reading begins at stream_resume. */
struct stream *stream_open_take(struct loop *loop, int fd, const struct stream_handlers *handlers, void *owner);
struct stream_end_point {
	const struct sockaddr *at;	/* NULL: any */
	socklen_t len;
};
/* Connects, from the source. Never NULL; failures come through on_connected. */
struct stream *stream_connect(struct loop *loop, struct stream_end_point to, struct stream_end_point source, const struct stream_handlers *handlers,
    void *owner);

void stream_send(struct stream *s, struct span bytes);	/* in one write where the socket takes it; nothing during a handshake */
void stream_pause(struct stream *s);	/* no on_bytes until stream_resume */
void stream_resume(struct stream *s);
size_t stream_queued(const struct stream *s);

/* What follows is TLS, and reading is on. What was queued before leaves in the clear first. Bytes already read belong to
 * the caller; nothing of them is carried over. Handshakes of a turn are bounded, others wait for the next. */
void stream_start_tls(struct stream *s, struct tls_server *tls);
/* The same where the first bytes of TLS were read already, behind a balancer's header. */
void stream_start_tls_with(struct stream *s, struct tls_server *tls, struct span first);
/* The same, as its client. host: a name or an address, for SNI; is_verified: it must prove that it is that one, or on_tls fails. */
void stream_start_tls_client(struct stream *s, struct tls_client *tls, const char *host, bool is_verified);

struct stream_tls {
	const char *version;	/* "TLSv1.3" */
	const char *cipher;	/* "TLS_AES_256_GCM_SHA384" */
	unsigned bits;
	const char *sni;	/* NULL without */
	bool resumed;
	bool verified;		/* the peer proved its name */
};
/* False when the stream is in the clear. Texts last as long as the stream. */
bool stream_tls_facts(const struct stream *s, struct stream_tls *out);

struct stream_binding {	/* channel bindings; a length of 0 where there is none */
	char exporter[32], end_point[64];
	size_t exporter_len;	/* tls-exporter (RFC 9266), of TLS 1.3 */
	size_t end_point_len;	/* tls-server-end-point (RFC 5929): of our certificate */
};
/* False when the stream is in the clear. */
bool stream_tls_binding(const struct stream *s, struct stream_binding *out);

/* Sends what is queued (TLS: close_notify too), for at most 10 s, then closes; no more callbacks. Where the peer's bytes
 * lie unread, they are read and dropped first: a reset would take our last words from it. */
void stream_close(struct stream **s);
void stream_abort(struct stream **s);	/* at once */

/* Reads of early bytes without taking them: how many bytes lie in the socket (0, or -1 when the peer left). */
int stream_peek(const struct stream *s);

#endif
