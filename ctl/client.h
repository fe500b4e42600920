/* A conversation with the running server over its control socket: one thing
 * at a time, each answer awaited. */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <stdbool.h>

#include "base/err.h"
#include "ctl/command.h"
#include "ctl/master.h"
#include "wire/codec.h"
#include "wire/verbs.h"

struct client {
	int fd;
	enum wire_role peer;
	char *packet;
	struct span rest;	/* of the packet: verbs not heard yet */
	int came;		/* a descriptor that came with it, -1 without */
	int patience_ms;	/* for an answer; -1: it was told that it takes longer */
	int lender;		/* of a borrowed program: it lives as long as this is open; -1 without */
};

/* To the master. 0, or the exit code to end with, which was explained: 69 when no server runs. A server that runs is found
 * whatever became of the configuration meanwhile. */
int client_open(struct client *c, const struct call *call);
/* To the one at this place, quietly: for those who only tell a server that may run. False when none does. */
bool client_open_quietly(struct client *c, const char *runtime);
/* To one that answers questions, dns or verify: of the running server, or, where none runs, one that is started for this call
 * and ends with it. */
int client_borrow(struct client *c, const struct call *call, enum wire_role role);
/* To another program, by the master's introduction; `c` becomes the channel to it. */
int client_meet(struct client *c, enum wire_role role);
void client_close(struct client *c);

/* 0, or 74 when the server went away. */
int client_tell(struct client *c, enum wire_verb verb, const void *msg);
/* The next verb; spans last until the next call. 0, or 74, or 75 when the server says nothing for too long. */
int client_hear(struct client *c, enum wire_verb *verb, union wire_msg *msg);
/* Waits, however long, until the other side is gone. */
void client_await_end(struct client *c);

#endif
