/* The server: what the master holds while it runs, and how its parts meet.
 * server_io.c begins and ends it, child_io.c speaks with programs, reload_io.c
 * takes in what changed, answer_io.c is for the command line. */
#ifndef MASTER_SERVER_IO_H
#define MASTER_SERVER_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "loop/channel.h"
#include "loop/loop.h"
#include "master/bind.h"
#include "master/certificates.h"
#include "master/control_io.h"
#include "master/deaths.h"
#include "master/drops_io.h"
#include "master/identity.h"
#include "master/report.h"
#include "master/spawn.h"
#include "master/supervise.h"
#include "master/watch_io.h"

#define RESOLV_CONF      "/etc/resolv.conf"
#define TICKET_KEY_LEN   80
#define TICKET_KEYS      2
#define TICKET_ROTATE_MS HOURS(12)
#define COMPLAINTS_MAX   ((size_t)256 << 10)	/* bytes of what is told about a configuration or its files */

enum server_signal { ON_CHILD, ON_TERM, ON_INT, ON_HUP, N_SIGNALS };

struct server {
	struct loop *loop;
	const char *file;		/* the configuration's */
	const char *programs;		/* the folder of the programs */
	int lent;			/* the socket of the one who borrows, until he is spoken with; -1: this is a server */
	bool strict;
	int tally;			/* memory in which smtpd workers count together; -1: there is none */
	int log;			/* standard error of children; never blocks where that can be had */
	struct identities ids;
	struct settings *settings, *old_settings;
	uint32_t generation;		/* of settings */
	struct bindings bound;
	struct supervise core;
	struct deadline core_due;
	struct report report;
	struct deaths deaths;
	struct watch *watch;
	struct control *control;
	struct drops *drops;
	struct certificates *certificates;	/* only while programs are told: NULL between events */
	unsigned char ticket_keys[TICKET_KEY_LEN * TICKET_KEYS];
	unsigned n_ticket_keys;
	struct deadline ticket_due, srs_due, watchdog_due, unspawned_due, answers_due;
	struct list reloads, joined, refreshes, statuses;	/* questions of the command line under way */
	uint32_t tables_serial, tables_loaded, status_serial;	/* of the tables: told, and read by auth */
	struct buf table_problems;	/* of those told last */
	int64_t started_wall_ms;
	uv_signal_t signals[N_SIGNALS];
};

/* A unit of the core as a process. */
struct child {
	struct server *server;
	struct unit *unit;
	struct channel *channel;	/* NULL once it ended */
	pid_t pid;			/* -1: could not be started */
	const void *page;
	struct buf words;		/* of its last answer about its status */
	uint32_t status_serial;		/* which question that answers */
};

/* ---- server_io.c ---- */
struct start {
	const char *file, *programs;
};
/* Runs until it is stopped; a sysexits code. What keeps it from starting was said on standard error. */
int server_run(const struct start *start);
/* For one call of the command line, where no server runs: dns and verify, which it meets over fd as it would over the control
 * socket. Ends with it. Without a configuration there the defaults count. */
int server_lend_take(const struct start *start, int fd);
/* Does what the core wants done, after each event that it was fed. */
void server_perform(struct server *s);
/* Drains and ends; a second time: at once. */
void server_stop(struct server *s);
struct child *child_of(const struct unit *u);

#define EACH_CHILD(node, server) LIST_EACH(node, &(server)->core.units)
static inline struct unit *unit_at(struct list *node) { return LIST_OWNER(node, struct unit, list); }

/* ---- child_io.c ---- */
void child_spawn(struct server *s, struct unit *u);
void child_wire(struct server *s, struct unit *a, struct unit *b);
void child_tell_settings(struct child *c, const struct settings *settings);
void child_tell_tables(struct child *c);
void child_tell_srs_keys(struct child *c);	/* they come with the tables, too */
void child_tell_resolv_conf(struct child *c);
void child_tell_tickets(struct child *c);
void child_tell_keys(struct child *c);
void child_tell_signers(struct child *c);
void child_tell_begin(struct child *c);
void child_forget(struct unit *u);
/* Collects those that ended; the core learns of each. */
void children_reap(struct server *s);

/* ---- reload_io.c ---- */
void server_reload(struct server *s);	/* now, or joined with what goes on */
void server_reload_now(struct server *s);
void server_rewatch(struct server *s);
void server_rotate_tickets(struct server *s);
void server_rotate_srs_keys(struct server *s);
/* Those of the files, read once for all who are told in one event. */
struct certificates *server_certificates(struct server *s);
struct plan server_plan(const struct settings *s);
/* Whose listener is it? */
enum unit_group server_group(const struct set_listen *l);

/* ---- answer_io.c ---- */
void answers_init(struct server *s);
void answer_asked(void *arg, struct control_ask *ask);
/* Reloads that were joined begin now. */
void answers_begin_joined(struct server *s);
void answer_reloads(struct server *s, int exit, struct span words);
/* The new generation serves: reloads are answered when auth has read its tables, too. */
void answers_reloaded(struct server *s);
void answer_tables(struct server *s, uint32_t serial, struct span problems);
void answer_status_told(struct child *c, uint32_t serial, struct span words);

#endif
