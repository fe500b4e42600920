/* A channel to another process: packets of verbs over a SOCK_SEQPACKET pair.
 *
 * Nothing waits: channel_put only adds to the packet under construction; at
 * the end of the turn all packets of a channel leave in one sendmmsg. What
 * the socket does not take stays queued. A readable channel is read with one
 * recvmmsg of up to 64 packets. A verb from the wrong peer or not consumed to
 * its end closes the channel and calls on_broken: the peer must be taken for
 * captured. The peer's death is the end of file, after all it said was read. */
#ifndef LOOP_CHANNEL_H
#define LOOP_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"
#include "loop/loop.h"
#include "wire/verbs.h"

struct channel;
struct packet;

struct channel_handlers {
	/* msg and its spans last as long as the call (but see packet_keep).
	 * fd is -1, or a descriptor that the callee owns now. */
	void (*on_verb)(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd);
	/* The peer is gone; the channel is dead and is freed after the call. */
	void (*on_gone)(void *owner, struct channel *ch);
	/* The peer broke the protocol; on_gone follows. May be NULL. */
	void (*on_broken)(void *owner, struct channel *ch, const char *why);
	/* After all verbs of one recvmmsg were given; may be NULL. */
	void (*on_batch_end)(void *owner, struct channel *ch);
};

/* Takes fd. self and peer are checked against verbs.def on every verb. */
struct channel *channel_open_take(struct loop *loop, int fd, enum wire_role self, enum wire_role peer, uint16_t instance,
    const struct channel_handlers *handlers, void *owner);
/* Sends what can be sent at once, drops the rest, calls nobody back. */
void channel_close(struct channel **ch);

/* msg is the verb's struct; its spans are copied. BUG_ON a verb larger than a packet.
 * Large spans (parts of bodies) are copied once, into the packet. */
void channel_put(struct channel *ch, enum wire_verb verb, const void *msg);
/* In a packet of its own, with a descriptor that is sent as a copy (the caller keeps fd). Where no descriptor is
 * left for the copy, both ends see the end of the channel. */
void channel_put_fd(struct channel *ch, enum wire_verb verb, const void *msg, int fd);
/* A part without a copy: the bytes are sent from where they are, `done(arg)` is called when they may go. The fields of
 * msg but the last span are encoded as usual; `bytes` stands for that last span. */
void channel_put_borrowed(struct channel *ch, enum wire_verb verb, const void *msg, struct span bytes, void (*done)(void *arg), void *arg);
void channel_flush(struct channel *ch);		/* now, not at the end of the turn */
/* From now on what is put leaves in ms at the latest, gathered: for words that nobody waits for. */
void channel_gather(struct channel *ch, int64_t ms);
size_t channel_queued(const struct channel *ch);	/* bytes not yet taken by the socket */

enum wire_role channel_peer(const struct channel *ch);
uint16_t channel_instance(const struct channel *ch);
void *channel_owner(const struct channel *ch);

/* Inside on_verb: keeps the memory of the current packet, so that spans of
 * msg stay valid until packet_release. Spool writes bodies from it. */
struct packet *packet_keep(struct channel *ch);
void packet_release(struct packet **p);

/* Told of each channel of the loop whose peer broke the protocol, before its own on_broken. One a loop. */
void channel_on_broken(struct loop *loop, void (*fn)(void *arg, enum wire_role peer, uint16_t instance, const char *why), void *arg);

#endif
