/* Dialogues of the client with a server, played on its core: whole, and again with the server's words byte by byte.
 *
 * A dialogue has lines of this form; what happens is on the left, what must follow from it on the right of the time.
 *
 *	> job NAME         a job of the table below is given
 *	> connected, > failed WHY, > left, > cancel, > last
 *	> secure, > insecure WHY    the TLS handshake ends
 *	> wait MS          time passes, a tick comes when it is due
 *	> body TEXT, > end TEXT     a piece of the body, the last piece; ~ stands for CRLF
 *	> slow, > taken    the connection takes nothing from now on; it has taken all
 *	S: LINE            the server says
 *	C: LINE            we said
 *	O: N FATE SCOPE CODE ENHANCED WORDS [@HOST]     an outcome
 *	R: FATE SCOPE CODE ENHANCED WORDS [@HOST]       the job is given back, and why
 *	E: connect, tls, want, close
 */
#ifndef TESTS_CLIENT_PLAY_H
#define TESTS_CLIENT_PLAY_H

#include "delivery/client.h"

struct play {
	struct client client;
	struct client_options options;
	struct job job;
	struct job_rcpt rcpts[3];
	struct buf out, log;
	int64_t now, due;
	unsigned n_sends;
	bool wants, slow, closed, cut;
};

void play_init(struct play *p, const struct client_options *options, bool cut);
void play_fini(struct play *p);
void play_event(struct play *p, struct client_event ev);
void play_pass(struct play *p, int64_t ms);
void play_happens(struct play *p, const char *line);	/* of a dialogue, without its `> ` */
void play_job(struct play *p, const char *name);	/* makes it ready, gives it not yet */
void play_says(struct play *p, struct span bytes);
/* Fails unless all happens as written; n_sends: in so many writes, 0: any number. */
void play_all(const struct client_options *options, const char *dialogue, unsigned n_sends);

#endif
