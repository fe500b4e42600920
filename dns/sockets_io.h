/* The resolver's sockets: a connected UDP socket for each attempt, a stream
 * for each server, kept a little while for the next question. */
#ifndef DNS_SOCKETS_IO_H
#define DNS_SOCKETS_IO_H

#include "dns/resolver.h"
#include "loop/loop.h"

#define STREAM_IDLE_MS    10000	/* since the last question or word of the server */
#define STREAM_QUEUED_MAX 65536	/* bytes of questions that the server does not take */

struct sockets;

/* fed: the resolver was fed, its effects are to be performed. */
struct sockets *sockets_new(struct loop *loop, struct resolver *resolver, void (*fed)(void *owner), void *owner);
void sockets_free(struct sockets **s);
/* What RESOLVER_SEND, _SEND_STREAM, _CLOSE and _CLOSE_STREAMS ask for. */
void sockets_send(struct sockets *s, struct attempt *a);
void sockets_send_stream(struct sockets *s, struct attempt *a);
void sockets_close(struct sockets *s, void *socket);
void sockets_close_streams(struct sockets *s);

#endif
