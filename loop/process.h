/* What every child's main does, in the order of DESIGN: descriptors, what
 * libraries read lazily, sandbox, threads, first packet.
 *
 * The master starts a child as: PROGRAM ROLE INSTANCE GENERATION [--strict] [FOLDER…]
 * with descriptor 3 the channel to the master (SOCK_SEQPACKET), 4 the crash
 * page (a shared memory file of 4096 bytes), 2 standard error; 0 and 1 are
 * /dev/null. Everything else is closed. The end of the master's channel ends
 * the child. */
#ifndef LOOP_PROCESS_H
#define LOOP_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "loop/channel.h"
#include "loop/loop.h"
#include "wire/event.h"
#include "wire/settings.h"

/* What lies at the start of the crash page: zeros when no message is in hand. */
struct crash_page {
	struct msg_id id;
};

struct process;

struct process_handlers {
	/* Between two events; the process owns nothing of it: s stays valid until the next on_settings returns. */
	void (*on_settings)(void *owner, const struct settings *s);
	/* A new channel to a peer. The callee opens it (channel_open_take) or closes fd. */
	void (*on_wire)(void *owner, enum wire_role peer, uint16_t instance, uint32_t generation, int fd);
	/* Any other verb of the master (listener, certificate, table, set_aside, …). fd: -1 or owned by the callee. */
	void (*on_verb)(void *owner, enum wire_verb verb, const union wire_msg *msg, int fd);
	void (*on_begin)(void *owner);	/* all was told: serve, then process_ready */
	void (*on_drain)(void *owner, int64_t idle_ms, int64_t deadline_ms);	/* ends with process_end */
	/* The master is gone: finish what must be finished (spool: the sync under way), then process_end. NULL: end at once. */
	void (*on_orphan)(void *owner);
	/* Words of the form name=number for `postrider status`. May be NULL. */
	void (*on_status)(void *owner, struct buf *words);
};

/* Reads argv and the descriptors; exits 64 with a word when not started by the master. */
struct process *process_new(int argc, char **argv);
enum wire_role process_role(const struct process *p);
uint16_t process_instance(const struct process *p);
uint32_t process_generation(const struct process *p);
const char *const *process_folders(const struct process *p);	/* ends with NULL */
struct loop *process_loop(const struct process *p);
bool process_stops(const struct process *p);	/* from on_drain on: the whole server ends, nobody takes our place */

/* The sandbox with this set of enum sandbox_may over process_folders; exits 71 when it can't be had. */
void process_confine(struct process *p, unsigned may);
/* Runs until process_end; returns the exit status. */
int process_run(struct process *p, const struct process_handlers *h, void *owner);
void process_ready(struct process *p);
void process_end(struct process *p, int status);
struct channel *process_master(const struct process *p);

/* The crash page: which message is in hand. Before a core is fed with it; cleared (NULL) after. Costs a copy of 16 bytes. */
void process_note(struct process *p, const struct msg_id *id);

/* A peer whose channel broke the protocol is told to the master by process itself, for every channel of this loop.
 *
 * Sends to events, or drops and counts. The wire to events is process's own: on_wire is not called for it. */
void process_event(struct process *p, const struct event *ev);

/* A new pair for tests and the master: two connected SOCK_SEQPACKET descriptors, close-on-exec, non-blocking, send
 * buffers of 4 MiB where the system lets. */
enum pr_err process_pair(int fds[2]) MUST_USE;

#endif
