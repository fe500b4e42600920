/* The resolver: a core that knows no socket and no clock. Questions, packets
 * and time go in; what is to be done comes out (resolver_take), and is done
 * before the next event.
 *
 * Equal questions are one; the cache is asked first. A question is sent by UDP
 * from a socket of its own, so from an unguessable port, with an unguessable
 * id; when no answer comes it is sent again, to another server where there is
 * one, and any of the answers counts. An answer that does not fit comes by a
 * stream. Whatever happens, who asked is answered within the time that the
 * rules give; and where no server answered of late, at once, but for one short
 * try every few seconds: mail must not stand in line for a DNS that is down. */
#ifndef DNS_RESOLVER_H
#define DNS_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/span.h"
#include "dns/answer.h"
#include "dns/packet.h"
#include "dns/servers.h"

/* Strangers choose the names that checks of their mail ask for, and such that get no answer: however many checks there are, in
 * however many processes, they have a lane of their own and stand in nobody else's way. */
enum resolver_lane { LANE_DELIVERY, LANE_CHECKS, N_LANES };
/* Of each lane. */
#define RESOLVER_FLYING_MAX  256	/* questions under way at once; others stand in line. Each may have TRIES_MAX sockets */
#define RESOLVER_QUERIES_MAX 5000	/* under way or in line, some 1.2 KiB each; more are answered at once: temporary */
#define RESOLVER_WAITERS_MAX 8192
#define RESOLVER_TRIES_MAX   8		/* of one question */
#define RESOLVER_STRANGE_MAX 16		/* packets that are no answer, on one socket: somebody guesses, so it is closed */
#define RESOLVER_FAILED_TTL  5		/* seconds that a failure counts (RFC 9520) */

struct resolver;
struct query;

struct resolver_rules {
	int64_t timeout_ms;
	size_t cache_size;
	int trust_ad;		/* enum set_trust_ad */
};

/* One who asks; belongs to the asker. Not in use when it is in no list. */
struct waiter {
	struct list list;
	enum resolver_lane lane;
};

/* A question on its way to a server. `socket` belongs to the shell. */
struct attempt {
	struct query *query;
	unsigned server;
	uint16_t id;
	bool is_open, is_stream;
	unsigned n_strange;
	void *socket;
};

enum resolver_effect_kind {
	RESOLVER_SEND,		/* attempt: its packet from a new socket to its server */
	RESOLVER_SEND_STREAM,	/* attempt: its packet over a stream to its server */
	RESOLVER_CLOSE,		/* socket, which an attempt had */
	RESOLVER_CLOSE_STREAMS,	/* all: the servers are others now */
	RESOLVER_ANSWER,	/* waiter, answer: the effect owns a reference of it */
	RESOLVER_TELL_DOWN,	/* server does not answer */
	RESOLVER_TELL_BACK
};

struct resolver_effect {
	enum resolver_effect_kind kind;
	struct attempt *attempt;
	unsigned server;
	void *socket;
	struct waiter *waiter;
	struct answer *answer;
};

struct resolver *resolver_new(void);
void resolver_free(struct resolver **r);	/* who waits is forgotten */
/* n: at least 1. Questions under way begin anew with other servers, or another trust; the cache is then empty,
 * and true is returned. */
bool resolver_set(struct resolver *r, const struct resolver_rules *rules, const struct server_address *servers, unsigned n, int64_t now);
const struct servers *resolver_servers(const struct resolver *r);

/* Takes the next thing to be done; false when there is none. */
bool resolver_take(struct resolver *r, struct resolver_effect *out);
/* What an attempt sends; returns its length. */
size_t resolver_packet(const struct resolver *r, const struct attempt *a, unsigned char out[PACKET_QUESTION_MAX]);
/* When resolver_tick is needed; INT64_MAX: never. */
int64_t resolver_due(const struct resolver *r);

void resolver_ask(struct resolver *r, const struct question *q, struct waiter *w, int64_t now);
/* Asks that server alone, past the cache. Never answered when the servers change meanwhile. */
void resolver_probe(struct resolver *r, const struct question *q, unsigned server, struct waiter *w, int64_t now);
/* It waits no more; what it asked for may still be answered, for the cache. */
void resolver_cancel(struct resolver *r, struct waiter *w);
/* The same; and where nobody else waits the question makes room for others. All effects were taken before. */
void resolver_withdraw(struct resolver *r, struct waiter *w, int64_t now);
/* A packet came to an attempt's socket; or over a server's stream. */
void resolver_heard(struct resolver *r, struct attempt *a, struct span packet, int64_t now);
void resolver_heard_stream(struct resolver *r, unsigned server, struct span packet, int64_t now);
/* There is no socket, or nobody at its other end; the stream ended, or carries what is no answer. */
void resolver_failed(struct resolver *r, struct attempt *a, int64_t now);
void resolver_stream_failed(struct resolver *r, unsigned server, int64_t now);
void resolver_tick(struct resolver *r, int64_t now);

struct resolver_counts {
	uint64_t asked, cached, sent, streamed, failed;
	size_t flying, in_line, cache_answers, cache_bytes;
};
void resolver_count(const struct resolver *r, struct resolver_counts *out);

#endif
