/* The program spool without a system: its channels, its disk and its clock are
 * here, and a test says what they do. One world at a time. */
#ifndef TESTS_SPOOL_WORLD_H
#define TESTS_SPOOL_WORLD_H

#include "base/buf.h"
#include "base/clock.h"
#include "loop/process.h"
#include "spool/journal.h"
#include "wire/settings.h"
#include "wire/verbs.h"

struct kept;

/* What a test may look at and set. */
struct world {
	struct instant now;
	struct settings *settings;
	enum pr_err write_error, read_error;	/* what the disk says to all that is asked of it */
	enum pr_err annex_error;	/* … to who reads an annex */
	bool is_still;		/* it says nothing */
	unsigned n_messages, n_states, n_annexes, n_ends, n_erased, n_events[N_EVENTS];
};
extern struct world world;

/* A program with an empty spool, deliver sections "maildir" and "imap", and no peers. */
void world_new(void);
void world_free(void);
/* The program ends as by SIGKILL and starts anew over what is on the disk. Its peers must be wired again. */
void world_restart(bool recovers);
void world_recover(void);	/* what is on the disk is found now */
void world_set_aside(const struct msg_id *id);
void world_full(bool full);	/* the journal says it */
void world_failing(int error);	/* the same; 0: not any more */
void world_settings(void);	/* told again, after a change */
void world_deliver(const char *name, const char *path, const char *lmtp);	/* a section more */
void world_no_deliver(void);	/* none any more */

/* The state that the program would give a message that is moved now; valid until the next call. */
struct span world_state_of(const struct msg_id *id);
void world_move_annex(const struct msg_id *id);	/* compaction did it */
struct channel *world_wire(enum wire_role peer, uint16_t instance, uint32_t generation);
void world_gone(struct channel *ch);
/* The peer says it; then all comes to rest. */
void world_say(struct channel *ch, enum wire_verb verb, const void *msg);
/* The first of these verbs that was said to the peer is taken; false when there is none. */
bool world_hear(struct channel *ch, enum wire_verb verb, union wire_msg *msg);
bool world_sees(struct channel *ch, enum wire_verb verb, union wire_msg *msg);	/* the same, and it stays */
void world_turn(void);		/* until all is at rest */
void world_pass(int64_t ms);	/* time passes, deadlines come */

/* A number that it tells of itself, as `name` in status. */
unsigned long long world_status(const char *name);

/* Answers all questions to auth by the names: here…, list:N, temporary, loop, unknown; all else is foreign. fwd-XY is
 * an alias to to-XY@foreign.test, under the sender srs-X@local.test. */
void world_auth(struct channel *auth);

#endif
