/* TLS as a server: certificates chosen by SNI, reloaded as a set, session tickets
 * with keys that all workers share. loop/tls*.c are the only files that see
 * OpenSSL's TLS. */
#ifndef LOOP_TLS_H
#define LOOP_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct tls_server;

struct tls_options {
	const char *ciphers;	/* TLS 1.2, OpenSSL's words */
	const char *groups;
	int minimum;		/* 0: 1.2, 1: 1.3 */
};

/* An empty set; NULL and why (static text) when the options are not understood. */
struct tls_server *tls_server_new(const struct tls_options *options, const char **why);
void tls_server_free(struct tls_server **t);	/* streams that use it keep what they need */
/* PEM chain with our certificate first, and its key. The first one is the default for unknown names. Names come from the
 * certificate (SAN, else CN), wildcards too. PR_BAD and why when chain and key don't parse or don't belong together.
 * label: by which the pair is found again. */
enum pr_err tls_server_add(struct tls_server *t, struct span label, struct span chain, struct span key, const char **why) MUST_USE;
/* Adds the pair that `old` has under this label once more; false where it has none (or is NULL). */
bool tls_server_keep(struct tls_server *t, const struct tls_server *old, struct span label);
/* 80 bytes a key (name 16, AES 32, HMAC 32), newest first; at most 3. */
void tls_server_ticket_keys(struct tls_server *t, struct span keys);
unsigned tls_server_count(const struct tls_server *t);

/* Does this PEM pair belong together, is it in force at wall_ms? For the master's checks before it passes it on.
 * PR_BAD: no; PR_DENIED: it is good but for its time. Both tell why. */
enum pr_err tls_pair_check(struct span chain, struct span key, int64_t wall_ms, const char **why) MUST_USE;

/* What OpenSSL reads lazily is read now, before the sandbox. */
void tls_warm_up(void);

#endif
