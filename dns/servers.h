/* The resolvers that are asked: where they are, who of them answers, whose
 * word on DNSSEC counts. */
#ifndef DNS_SERVERS_H
#define DNS_SERVERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "wire/settings.h"

#define SERVERS_MAX          8
#define SERVER_TEXT_MAX      72		/* with its NUL */
#define SERVER_PORT          53
#define SERVER_SILENT_MAX    3		/* questions in a row without an answer: it is down, and asked where no other is up */
#define SERVER_DOWN_FIRST_MS 1000	/* doubles with each further silence */
#define SERVER_DOWN_LAST_MS  10000

struct server_address {
	unsigned char family;		/* 4 or 6 */
	unsigned char bytes[16];
	uint16_t port;
	uint32_t scope;			/* of a link-local address, else 0 */
};

/* "192.0.2.1", "192.0.2.1:53", "2001:db8::1", "[2001:db8::1]:53", "fe80::1%2"; without a port: 53. */
bool server_address_from_text(struct span text, struct server_address *out);
void server_address_to_text(const struct server_address *a, char text[SERVER_TEXT_MAX]);
bool server_address_eq(const struct server_address *a, const struct server_address *b);
bool server_address_is_loopback(const struct server_address *a);

/* The addresses behind `nameserver` in resolv.conf(5), at most SERVERS_MAX; as there, loopback where there is none. Returns
 * how many. */
unsigned servers_from_resolv_conf(struct span content, struct server_address out[SERVERS_MAX]);
/* The same of `servers` in the configuration, which was checked. */
unsigned servers_from_settings(const struct set_dns *set, struct server_address out[SERVERS_MAX]);

struct server {
	struct server_address address;
	char text[SERVER_TEXT_MAX];
	bool is_trusted;		/* its AD bit counts */
	bool is_plain;			/* it does not understand EDNS */
	bool is_down;
	bool is_heard;			/* it answered once, whatever */
	bool is_missed;			/* a probe found nobody there, at the start or when it was down, and it was not heard since */
	unsigned n_silent;
	int64_t down_until, down_ms;
};

struct servers {
	struct server at[SERVERS_MAX];
	unsigned n;
};

/* trust: enum set_trust_ad. */
void servers_set(struct servers *s, const struct server_address *addresses, unsigned n, int trust);

/* The one to be asked: first who is not among `no` (a set) and is up, then who was asked least, then in their order; -1
 * when all said no. asked: how often each was. */
int servers_choose(const struct servers *s, unsigned no, const uint8_t asked[SERVERS_MAX], int64_t now);
/* How much is there to hope for when all of them were silent? */
enum servers_hope {
	SERVERS_UP,		/* one at least is not known to be down */
	SERVERS_DOUBTFUL,	/* none is up, but it is time to try one again */
	SERVERS_DOWN		/* none is up, and one was tried a moment ago */
};
enum servers_hope servers_hope(const struct servers *s, int64_t now);
/* It did not answer. True when it is down from now on. */
bool server_silent(struct server *s, int64_t now);
/* Nor did it answer the question of a probe, which no stranger chose. */
void server_missed(struct server *s);
/* It answered. True when it was down until now, or missed. */
bool server_answered(struct server *s);

#endif
