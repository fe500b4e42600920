/* One conversation with a client, as a core: events in, effects out. Knows no
 * socket, no file and no clock.
 *
 * The shell feeds one event, does the effects, calls session_go_on while it is
 * told that there is more, and then looks at session_due and
 * session_wants_bytes. An idle session holds this struct and the client's
 * name, no buffer. */
#ifndef SMTPD_SESSION_H
#define SMTPD_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/list.h"
#include "base/span.h"
#include "smtpd/client.h"
#include "smtpd/effects.h"
#include "smtpd/known.h"
#include "smtpd/limits.h"
#include "smtpd/pool.h"
#include "smtpd/signers.h"
#include "wire/settings.h"
#include "wire/verbs.h"

struct session;
struct transaction;

/* What all sessions of a process share; the shell keeps it true. */
struct house {
	const struct settings *settings;
	struct tally *tally;
	struct pool pool;
	struct known known;
	struct signers signers;
	struct list gathering;	/* transactions whose body is still here: who goes on as a part when memory is short */
	bool spool_is_up, auth_is_up, relay_is_up, verify_is_up, has_tls;
	bool draining, stopping;	/* stopping: nobody takes our place */
	uint64_t n_messages;	/* accepted */
	int64_t drain_idle_ms, drain_began_at, drain_deadline_at;	/* monotonic */
};

void house_init(struct house *h, const struct settings *settings, struct tally *tally);
void house_fini(struct house *h);
/* The session with the largest body that has not begun to leave; NULL when there is none. */
struct session *house_largest(const struct house *h);

enum session_event_type {
	SE_CONNECTED,		/* number: bytes that lie in the socket already (early talk) */
	SE_BYTES,		/* bytes, borrowed until the last session_go_on */
	SE_TLS_UP,		/* tls */
	SE_TLS_FAILED,		/* bytes: why */
	SE_PEER_LEFT,		/* number: 1 when in good order: what it said is still worked on */
	SE_TICK,		/* session_due has come; number: bytes that lie in the socket, while it waits before the greeting */
	SE_ADDRESS,		/* number: enum wire_address; with ADDRESS_ASK otherwise, and bytes: the deliver section */
	SE_RECIPIENT,		/* number: enum wire_address; bytes: why not, enhanced: its code */
	SE_RECIPIENT_LOST,	/* who was asked is gone: another one may be asked */
	SE_SENDER,		/* number: enum wire_sender */
	SE_LOGIN_CHALLENGE,	/* bytes */
	SE_LOGIN_DONE,		/* number: enum wire_login; bytes: the login, proof */
	SE_WINDOW,		/* number: that many more bytes may be sent to spool */
	SE_STORED,		/* number: enum wire_stored */
	SE_SPOOL_GONE,
	SE_SPOOL_BACK,
	SE_AUTH_GONE,
	SE_HAVE,		/* number: 1 when spool has it */
	SE_VERDICT,		/* checked */
	SE_CHECK_WINDOW,	/* number: that many more bytes may be sent to verify */
	SE_VERIFY_GONE,		/* the one that was asked */
	SE_VERIFY_BACK,		/* there is a new one */
	SE_DIED_OVER,		/* id: the message that a verify died over */
	SE_SPILL,		/* memory is short: the body goes on as a part */
	SE_DRAIN		/* the house drains from now on */
};

struct session_tls {
	const char *version, *cipher;	/* copied */
	unsigned bits;
};

struct session_event {
	enum session_event_type type;
	struct instant now;
	struct span bytes;
	uint32_t number;
	uint32_t otherwise;
	uint64_t proof;
	struct span enhanced;
	const struct session_tls *tls;
	const struct wire_check_done *checked;
	const struct msg_id *id;
};

struct session *session_new(struct house *h, unsigned listener, const struct client *client, const struct client *local, void *owner);
/* Before SE_CONNECTED: its bytes come from a file of state/drop, whose message has this id. What is in the queue already is
 * not taken again; recipients are not asked for, for nobody hears the answer: who can't have it makes a bounce. The first
 * refusal ends it. */
void session_is_dropped(struct session *s, const struct msg_id *id);
/* Once it is over; words last as long as the session. */
enum wire_drop session_dropped(const struct session *s, const char **words);
void *session_owner(const struct session *s);
void session_free(struct session **s);

/* True when it stopped because the effects are full: do them, then session_go_on. */
bool session_feed(struct session *s, const struct session_event *ev, struct effects *fx) MUST_USE;
bool session_go_on(struct session *s, struct effects *fx) MUST_USE;

int64_t session_due(const struct session *s);	/* monotonic ms of the next SE_TICK; INT64_MAX: none */
bool session_wants_bytes(const struct session *s);
bool session_wants_peek(const struct session *s);	/* it waits before the greeting */
const struct msg_id *session_mail_id(const struct session *s);	/* NULL between transactions; of a file always its own */
const char *session_step(const struct session *s);

/* Performing FX_BEGIN: what the transaction says. */
struct session_envelope {
	struct msg_id id;
	uint64_t received_ms;
	struct span sender, envid;
};
struct session_envelope session_envelope(const struct session *s);
struct recipient {
	struct recipient *next;
	struct span address, orcpt;
	uint8_t notify;
};
/* Performing FX_CHECK: what verify is asked. */
struct session_check {
	struct msg_id id;
	const struct set_listen *listen;
	struct span client, helo, sender;	/* client: 4 or 16 bytes */
};
struct session_check session_check(const struct session *s);
const struct recipient *session_recipients(const struct session *s);
const struct client *session_client(const struct session *s);
const struct client *session_local(const struct session *s);

/* Performing FX_ASK_SENDER: who logged in, and by what; empty where nobody has. */
struct session_login {
	struct span logins;	/* name of the logins section, empty: our own users */
	struct span login;
	uint64_t proof;
};
struct session_login session_login(const struct session *s);

/* Performing FX_LOGIN and FX_LOGIN_STEP: what the client said, decoded. */
struct session_attempt {
	const char *mechanism;
	bool is_initial;	/* an initial response was there, which may be empty */
	struct span bytes;
};
struct session_attempt session_attempt(const struct session *s);

#endif
