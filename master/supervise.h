/* What runs: a core that knows no process, file or clock. Events go in, what
 * is to be done comes out (supervise_take), and is done before the next event.
 *
 * spool, auth, dns and events run once and get new settings by a verb. smtpd, verify,
 * relay, local and sign are replaced by generation: the new ones serve before the old are
 * told to drain, and there is at most one old generation. What dies is started
 * again after a wait that doubles. */
#ifndef MASTER_SUPERVISE_H
#define MASTER_SUPERVISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"
#include "wire/verbs.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS  SECONDS(10)
#define BACKOFF_RESET_MS SECONDS(60)	/* who lived this long begins anew */
/* Of a program that should have ended by itself. */
#define KILL_GRACE_MS    SECONDS(2)
#define STOP_DEADLINE_MS SECONDS(20)	/* for sessions, and then for deliveries under way */
#define STOP_LAST_MS     SECONDS(5)

enum unit_state {
	UNIT_WAITING,		/* for its time to be started */
	UNIT_STARTING,		/* runs, was not told to begin */
	UNIT_BEGUN,
	UNIT_READY,
	UNIT_DRAINING
};

/* smtpd alone has two: strangers and users never meet in one process. */
enum unit_group { GROUP_MX, GROUP_SUBMISSION };

struct unit {
	struct list list;
	enum wire_role role;
	enum unit_group group;
	uint16_t instance;	/* one row of numbers for both groups */
	uint32_t generation;
	enum unit_state state;
	int64_t due_at;		/* WAITING: to be started; alive: to be killed, or INT64_MAX */
	int64_t since;		/* started at */
	int64_t backoff_ms;
	uint32_t restarts;
	bool is_unwired;	/* started, and not wired to the others yet */
	bool is_condemned;	/* killed by us: its death needs no event */
	int64_t drain_by;	/* not 0: drained as soon as it serves, killed when it does not until then */
	void *child;		/* the shell's */
};

struct plan {
	unsigned mx, submission, relay, verify;	/* how many; of all others one */
};

struct drain_times {
	int64_t idle_ms, deadline_ms;
	bool stops;		/* the server ends: nobody takes the place of what drains */
};

enum effect_kind {
	DO_SPAWN,		/* start unit: tell settings, certificates, listeners, tables; supervise_died when it can't be */
	DO_WIRE,		/* a new pair of channel ends for unit and other */
	DO_BEGIN,
	DO_SETTINGS,		/* tell unit the new settings; auth: its tables too */
	DO_DRAIN,		/* times */
	DO_KILL,
	DO_FORGET,		/* unit is gone for good: unit_free */
	DO_TELL_READY,		/* all serve for the first time */
	DO_TELL_SERVES,		/* the new generation serves; the old one drains */
	DO_RELOAD,		/* there is no old generation any more, and a reload waits: load, then supervise_reload */
	DO_END			/* all stopped */
};

struct effect {
	enum effect_kind kind;
	struct unit *unit, *other;
	struct drain_times times;
};

struct supervise {
	struct list units;	/* older generations first */
	uint32_t generation;
	bool is_ready;		/* all served once */
	bool is_reloading;	/* the new generation does not serve yet */
	bool reload_waits;
	bool is_stopping, is_hurried;
	unsigned stop_stage;	/* of stop_stages, 0: none yet */
	struct drain_times old_times;
	struct effect *effects;
	size_t n_effects, effects_room, effects_taken;
};

void supervise_init(struct supervise *s);
void supervise_fini(struct supervise *s);
/* Takes the next thing to be done; false when there is none. */
bool supervise_take(struct supervise *s, struct effect *out);
/* When supervise_tick is needed; INT64_MAX: never. */
int64_t supervise_due(const struct supervise *s);
void unit_free(struct unit *u);

void supervise_start(struct supervise *s, const struct plan *plan, uint32_t generation, int64_t now);
/* The few that answer questions without a server: dns and one verify. */
void supervise_lend(struct supervise *s, uint32_t generation, int64_t now);
void supervise_ready(struct supervise *s, struct unit *u, int64_t now);
void supervise_died(struct supervise *s, struct unit *u, int64_t now);
/* It closed its channel: it ends, or is ended. */
void supervise_left(struct supervise *s, struct unit *u, int64_t now);
void supervise_tick(struct supervise *s, int64_t now);

/* May a reload be done now? If not it is joined with what waits, and DO_RELOAD comes. */
bool supervise_may_reload(struct supervise *s);
/* Only when it may. times: of the old generation, once the new one serves. */
void supervise_reload(struct supervise *s, const struct plan *plan, uint32_t generation, struct drain_times times, int64_t now);

/* It broke the protocol: it is killed, and started again as if it had died. */
void supervise_condemn(struct supervise *s, struct unit *u);
/* Drain smtpd, then delivery and spool, then auth and dns, then events. The second time: kill all that are left. */
void supervise_stop(struct supervise *s, int64_t now);

/* Does it run and may be talked to? */
static inline bool unit_is_alive(const struct unit *u) { return u->state != UNIT_WAITING; }
bool supervise_role_is_ready(const struct supervise *s, enum wire_role role);

#endif
