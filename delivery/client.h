/* We speak SMTP (RFC 5321) or LMTP (RFC 2033) to a server: one connection,
 * one mail after the other.
 *
 * Knows no socket and no clock: an event goes in by client_feed, then effects
 * are taken by client_next until there are no more, and performed in this
 * order. What is to be sent gathers in the caller's buffer and is asked to be
 * sent once, at the end: with PIPELINING that is MAIL, all RCPT and DATA.
 *
 *	NEW  CONNECTING  GREETING  HELLO  [STARTTLS  SHAKING  HELLO]  [LOGIN]  READY  [ENVELOPE  BODY  FINAL  READY]…  OVER
 *
 * client.c: the life of the connection, replies and verdicts; client_hello.c:
 * until a mail can be given; client_mail.c: a mail; client_words.c: what is said of it. */
#ifndef DELIVERY_CLIENT_H
#define DELIVERY_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/span.h"
#include "delivery/job.h"
#include "mail/lines.h"
#include "mail/reply.h"

/* Room for what one feed may send: 1,000 recipients with all parameters, or the largest part with every byte a dot's line. */
#define CLIENT_OUT_MAX (2u << 20)

#define CLIENT_TEXT_MAX 384	/* of the words that are ours */

enum client_event_type {
	CLIENT_CONNECTED,
	CLIENT_FAILED,		/* to connect: why */
	CLIENT_TLS_UP,
	CLIENT_TLS_FAILED,	/* to shake hands: why */
	CLIENT_BYTES,
	CLIENT_JOB,		/* only while client_is_idle */
	CLIENT_BODY,		/* the next bytes, after WANT and once for each; last: no more follow */
	CLIENT_SENT,		/* all that was sent until now was taken by the connection */
	CLIENT_TICK,		/* the time of the last ARM has come */
	CLIENT_CANCEL,		/* no more body will come */
	CLIENT_LEFT,		/* the peer closed, or the connection broke */
	CLIENT_LAST		/* this mail, if there is one, is the last */
};

struct client_event {
	enum client_event_type type;
	int64_t now_ms;		/* monotonic */
	struct span bytes;	/* BYTES, BODY: borrowed until client_next said no */
	bool last;
	struct job *job;	/* borrowed until its last OUTCOME, or RETURN */
	const char *why;
};

enum client_effect_type {
	CLIENT_CONNECT,		/* anew, where there was a connection before */
	CLIENT_START_TLS,	/* over the connection that is there */
	CLIENT_SEND,		/* all that is in the buffer, which the caller clears */
	CLIENT_WANT,		/* a piece of the body, when there is one */
	CLIENT_OUTCOME,		/* of job->rcpts[rcpt]; the caller marks it as settled */
	CLIENT_RETURN,		/* the job with its open recipients: nothing of its body was taken, so another server may have it; outcome says why */
	CLIENT_ARM,		/* TICK at this time; INT64_MAX: never */
	CLIENT_CLOSE		/* the end of the connection and of this client */
};

struct client_effect {
	enum client_effect_type type;
	int64_t at_ms;
	unsigned rcpt;
	struct job_outcome outcome;	/* its spans last until the next call */
};

enum client_tls {
	CLIENT_TLS_NONE,
	CLIENT_TLS_OPPORTUNISTIC,	/* where it is offered; when the handshake fails, anew without it */
	CLIENT_TLS_REQUIRED
};

/* RFC 5321 4.5.3.2: how long a reply may take, in ms; a byte does not extend it, a whole reply does. */
struct client_times {
	int64_t connect, greeting, tls;
	int64_t command;	/* EHLO, STARTTLS, AUTH, RSET, MAIL, RCPT */
	int64_t data;
	int64_t block;		/* until the server took a piece of the body, and until we have the next */
	int64_t final;
	int64_t idle;		/* a connection without work is kept that long */
};

/* Borrowed as long as the client lives. */
struct client_options {
	const char *host;	/* how the server is called in outcomes: "mx.example.org[192.0.2.1]:25" */
	const char *helo;	/* our own name */
	unsigned max_mails;	/* over one connection */
	bool is_lmtp;
	bool force_8bit;	/* 8-bit mail goes as it is to a server that does not offer 8BITMIME */
	enum client_tls tls;
	bool tls_first;		/* from the first byte on (RFC 8314), not by STARTTLS; tls is REQUIRED then */
	struct span user, password;	/* our login there, which is said under TLS only; no user: none is needed */
	struct client_times times;
};

enum client_command { SAY_RSET, SAY_MAIL, SAY_RCPT, SAY_DATA, SAY_NOTHING };
enum client_hello { SAY_EHLO, SAY_HELO, SAY_LHLO };
struct client_step;

/* Embedded by its owner; all of it is the client's own. */
struct client {
	const struct client_options *options;
	const struct client_step *step, *after;	/* after: what follows when all outcomes were told */
	const char *waits_for;			/* a reply, in words of failure */
	int64_t now_ms, due_ms, armed_ms;
	struct span in;		/* bytes not read yet */
	struct reply_reader reader;
	/* the server */
	enum client_hello hello;
	unsigned offers;	/* set of what it offered */
	uint64_t max_size;	/* of a message, 0: not said */
	bool has_tls, is_without_tls;	/* without: it was tried, in vain */
	bool has_login;
	unsigned login_turn;
	/* the mail at hand */
	struct job *job;	/* NULL when all its recipients are settled */
	unsigned n_open;	/* recipients not settled */
	unsigned n_mails;	/* over this connection */
	unsigned n_replies;	/* to this mail's commands */
	unsigned n_taken;	/* its recipients, by the server */
	unsigned owed;		/* replies to commands that were sent */
	enum client_command says, awaits;	/* the next ones */
	unsigned rcpt_said, rcpt_answered;	/* where in job->rcpts */
	bool is_last, must_reset, in_mail, asked_data, wants, is_hungry;
	bool is_chunked, said_chunk;	/* the body goes by BDAT */
	bool is_probe;			/* there is no body: what is said to RCPT is its outcome */
	struct dots dots;
	struct span body;
	bool has_begun;		/* some of the body was taken */
	bool body_is_there, body_is_last;
	struct job_outcome verdict;	/* for all recipients that are open */
	char text[CLIENT_TEXT_MAX];
};

void client_init(struct client *c, const struct client_options *options, int64_t now_ms);
void client_feed(struct client *c, const struct client_event *ev);
/* The next effect; false when there is none until the next event. out: empty at the first call after an event. */
bool client_next(struct client *c, struct buf *out, struct client_effect *effect);
/* It can be given a job. */
bool client_is_idle(const struct client *c);

#endif
