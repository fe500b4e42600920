/* What the files of the client share. */
#ifndef DELIVERY_CLIENT_PRIVATE_H
#define DELIVERY_CLIENT_PRIVATE_H

#include "delivery/client.h"

enum progress { STEP_AGAIN, STEP_WAIT, STEP_EFFECT };

struct client_step {
	const char *awaits;	/* for words of failure: what was waited for; NULL: the client's waits_for */
	enum progress (*run)(struct client *c, struct buf *out, struct client_effect *effect);
};

extern const struct client_step
	AT_NEW, AT_CONNECT, AT_CONNECTING, AT_SETTLE, AT_RETURN, AT_QUIT, AT_CLOSE,	/* client.c */
	AT_GREETING, AT_HELLO, AT_STARTTLS, AT_SHAKE, AT_SHAKING, AT_LOGIN,			/* client_hello.c */
	AT_READY, AT_ENVELOPE, AT_LEFTOVER, AT_BODY, AT_FINAL;				/* client_mail.c */

enum offer {
	OFFERS_PIPELINING = 1, OFFERS_SIZE = 2, OFFERS_8BITMIME = 4, OFFERS_SMTPUTF8 = 8, OFFERS_DSN = 16, OFFERS_CHUNKING = 32,
	OFFERS_STARTTLS = 64, OFFERS_PLAIN = 128, OFFERS_LOGIN = 256
};

void step_to(struct client *c, const struct client_step *step, int64_t within_ms);	/* INT64_MAX: as long as it takes */
enum progress wait_or_again(const struct client *c, const struct client_step *was);

/* ---- replies */

/* True when a reply is there that its step must judge. Otherwise more bytes are awaited, or the step has changed. */
bool take_reply(struct client *c);
bool is_good(const struct client *c);		/* 2xx */
bool is_refusal(const struct client *c);	/* 4xx, 5xx */
/* What the server just said, as an outcome; its words on one line. */
struct job_outcome outcome_of_reply(struct client *c, enum wire_scope scope);
/* The same for what the server calls permanent and we try again: its enhanced code does not say otherwise. */
struct job_outcome deferral_of_reply(struct client *c, enum wire_scope scope);

/* ---- verdicts */

/* All that are open get the verdict, or the job is given back with it; then the step `after` follows. */
void settle_then(struct client *c, const struct client_step *after);
/* One is told. The caller settles it before the next call; with the last one the job is no more ours. */
enum progress tell(struct client *c, struct client_effect *effect, unsigned rcpt, const struct job_outcome *outcome);
unsigned rcpt_open(const struct job *job, unsigned n);	/* the first from n on that is open; n_rcpts without */
/* The server speaks for all mail that may come, not for this one: it is put off. */
void site_refuses(struct client *c, const struct client_step *after);
/* It can't do what we need, whatever the mail: "HOST what". */
void site_is_unfit(struct client *c, const char *enhanced, const char *what);
/* The connection is of no more use, by no reply of the server. */
void give_up(struct client *c, const char *enhanced, const char *what);
void protocol_broken(struct client *c);
/* Anew without it, or, where it must be, no further. */
void tls_failed(struct client *c, const char *why);

/* ---- client_words.c: what is said of a mail */

void say_mail(const struct client *c, struct buf *out);
void say_rcpt(const struct client *c, struct buf *out, const struct job_rcpt *rcpt);
/* As far as we know the server can't take this message: then the verdict says why, with its name. */
bool mail_is_unfit(struct client *c);
/* The first that is open and whose address is not all ASCII; n_rcpts without. */
unsigned rcpt_utf8(const struct job *job);
/* The verdict on one of those where SMTPUTF8 is not offered. */
void address_is_unfit(struct client *c);

#endif
