/* The server's side of a login: PLAIN (RFC 4616), LOGIN (as everybody speaks
 * it), SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), the latter
 * bound to its TLS by tls-exporter (RFC 9266) or tls-server-end-point (RFC
 * 5929). Pure: who exists and which password is right is found out elsewhere.
 *
 * PLAIN and LOGIN end with SASL_PASSWORD, to be checked. SCRAM asks in between
 * for the numbers of its user by SASL_NAMED, which must be given for one who
 * does not exist too, and ends with SASL_PROVEN. */
#ifndef AUTH_SASL_H
#define AUTH_SASL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/password.h"
#include "base/span.h"

#define SASL_USER_MAX     254	/* bytes of a login name: an address */
#define SASL_PASSWORD_MAX 1024	/* of a password: other sources may take longer ones than ours */
#define SASL_MESSAGE_MAX  4096	/* of a message of SCRAM */
#define SASL_NONCE_LEN    18	/* random bytes of ours */

enum sasl_mechanism { SASL_PLAIN, SASL_LOGIN, SASL_SCRAM, SASL_SCRAM_PLUS, N_SASL_MECHANISMS };

enum sasl_step {
	SASL_CHALLENGE,		/* out is to be sent; the answer comes to sasl_step */
	SASL_NAMED,		/* user is known: sasl_give_numbers */
	SASL_PASSWORD,		/* user and password are known */
	SASL_PROVEN,		/* the user has proven it */
	SASL_WRONG,		/* the user has not; or somebody stands between us */
	SASL_BROKEN		/* no message of this mechanism */
};

struct sasl {
	enum sasl_mechanism mechanism;
	unsigned stage;
	char user[SASL_USER_MAX + 1], password[SASL_PASSWORD_MAX + 1];
	size_t user_len, password_len;
	/* SCRAM */
	struct password_scram numbers;
	struct buf binding;	/* what the client must repeat in c= */
	struct buf nonce;
	struct buf proven;	/* what both sign */
};

/* ASCII case does not count. */
bool sasl_find(struct span name, enum sasl_mechanism *out);
const char *sasl_name(enum sasl_mechanism m);

void sasl_init(struct sasl *s, enum sasl_mechanism m);
void sasl_fini(struct sasl *s);	/* wipes */

struct sasl_bindings {	/* of its TLS; empty without */
	struct span exporter, end_point;
};

/* Without an initial response: the first challenge. */
void sasl_begin(struct sasl *s, struct buf *out);
/* With the initial response, or the answer to a challenge. What is challenged is appended to out. */
enum sasl_step sasl_step(struct sasl *s, struct span in, const struct sasl_bindings *b, struct buf *out);
/* After SASL_NAMED; the challenge that follows. */
void sasl_give_numbers(struct sasl *s, const struct password_scram *numbers, struct buf *out);

static inline struct span sasl_user(const struct sasl *s) { return span_of(s->user, s->user_len); }
static inline struct span sasl_password(const struct sasl *s) { return span_of(s->password, s->password_len); }

#endif
