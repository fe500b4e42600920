/* Who is next (DESIGN 6). A core: time is passed in, on the monotonic clock;
 * wall time is only stored and shown. Recipients wait for their time, then
 * stand in a line: of the site that their way leads to, one line a sender,
 * taken in turn. A site takes as many jobs at once as its window says.
 *
 *   schedule_enter          the message is known: its waiting recipients have times
 *   schedule_next_due       whose time has come (recipients go to their lines)
 *   schedule_next_question  of which way it must be told where it leads
 *   schedule_way_leads      … and its fellows: that is told
 *   schedule_pull_refused   whose way leads nowhere
 *   schedule_pull           which job may start
 *   schedule_put_off        an attempt failed for now: when again, or never
 *   schedule_job_ended      the place in the site's window is free again */
#ifndef SPOOL_SCHEDULE_H
#define SPOOL_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/span.h"
#include "spool/queue.h"
#include "spool/words.h"
#include "wire/settings.h"

enum site_kind {		/* who goes there, and how */
	SITE_LOCAL, SITE_LMTP, SITE_SMTP,
	N_SITE_KINDS
};

/* Maildir deliveries gather their syncs: the more under way, the fewer syncs a message. */
#define SITE_LOCAL_WINDOW 512
#define SITE_FIRST_WINDOW 2
#define START_MAX_RCPTS   1000	/* the ceiling of deliver.batch */

#define SCHEDULE_WAITS_MAX 32
struct schedule_rules {
	int64_t waits[SCHEDULE_WAITS_MAX];	/* between attempts; the last one repeats */
	unsigned n_waits;
	int64_t expire_ms, bounce_expire_ms;
	int64_t notice_ms;	/* negative: never */
	uint32_t per_site, max_connections;
	uint64_t seed;		/* of the jitter */
};

struct schedule;

/* words: where it keeps what was said of sites. */
struct schedule *schedule_new(const struct schedule_rules *rules, struct words *words, struct instant now);
void schedule_free(struct schedule **s);
void schedule_set_rules(struct schedule *s, const struct schedule_rules *rules);

/* ---- ways -------------------------------------------------------------------
 * A way is what recipients have in common: the name of a deliver section, or
 * `@` and a foreign domain. Where it leads is asked when somebody stands
 * before it, and the answer is kept for its time. A site is where ways lead:
 * domains that are hosted in one place are one site. */
enum way_state {
	WAY_UNDECIDED,		/* nobody asked, or the answer was forgotten */
	WAY_ASKED,
	WAY_LEADS,		/* to a site */
	WAY_TROUBLED,		/* it could not be told; asked again later */
	WAY_FAILS,		/* it leads nowhere, for good */
	WAY_CLOSED		/* its section is not in the configuration: its mail waits, and expires */
};
#define WAY_NOWHERE 0		/* the number of the one without a name; it is closed */
#define WAYS_KEPT   10000	/* answers remembered; the one that was used least recently is forgotten first */

struct site;

uint32_t schedule_way(struct schedule *s, struct span name);	/* its number; it is made when it is new */
bool schedule_way_find(const struct schedule *s, struct span name, uint32_t *way);
void schedule_way_keep(struct schedule *s, uint32_t way);	/* a recipient goes there */
void schedule_way_drop(struct schedule *s, uint32_t way);	/* … and no more; a way that nobody needs is forgotten */
void schedule_way_joined(struct schedule *s, uint32_t way);	/* one of those who keep it is not settled */
void schedule_way_left(struct schedule *s, uint32_t way);	/* … or is now, or is gone */
struct span schedule_way_name(const struct schedule *s, uint32_t way);
static inline bool way_is_foreign(struct span name) { return name.len > 0 && name.at[0] == '@'; }
enum way_state schedule_way_state(const struct schedule *s, uint32_t way);
struct saying schedule_way_said(const struct schedule *s, uint32_t way);	/* the last trouble of it or of its site, why it fails or holds */
uint32_t schedule_n_ways(const struct schedule *s);		/* numbers are below */
bool schedule_way_is_used(const struct schedule *s, uint32_t way);	/* that number stands for a way now */

/* The next one that must be decided: one of those below answers. */
bool schedule_next_question(struct schedule *s, struct instant now, uint32_t *way);

struct goal {
	uint64_t key;		/* of its site: what has the same key and kind is one site */
	enum site_kind kind;
	uint32_t batch;		/* recipients in one job */
	int64_t until;		/* the answer is good, on the monotonic clock */
	struct span pace;	/* a name of the rates, and they; empty: none */
	const struct set_rates *rates;
	void *hosts;		/* of mem_new, the owner's business; the way's from now on */
};
void schedule_way_leads(struct schedule *s, uint32_t way, const struct goal *goal, struct instant now);
void schedule_way_troubled(struct schedule *s, uint32_t way, const struct saying *why, int64_t asked_at, struct instant now);
/* Those that stand before it come out of schedule_pull_refused. */
void schedule_way_fails(struct schedule *s, uint32_t way, const struct saying *why);
void schedule_way_closes(struct schedule *s, uint32_t way);
void schedule_way_unask(struct schedule *s, uint32_t way);	/* nobody will answer: to be asked again */
void schedule_way_undecide(struct schedule *s, uint32_t way);	/* what was told counts no more */
/* Mail that was not released by hand is kept back here: it comes out of schedule_pull_refused. */
void schedule_way_holds(struct schedule *s, uint32_t way, bool holds);
/* By hand: neither the way's trouble nor its site's is waited for. */
void schedule_way_open(struct schedule *s, uint32_t way, struct instant now);
void schedule_ways_open(struct schedule *s);			/* those that are TROUBLED are asked anew: who can tell is back */
void *schedule_way_hosts(const struct schedule *s, uint32_t way);	/* NULL: forgotten, or none */

/* For the command line. */
struct way_view {
	enum way_state state;
	bool holds, is_paced;
	uint32_t window, n_flying;	/* of its site */
	uint32_t n_open;		/* recipients who go there and are not settled */
	int64_t blocked_until;		/* monotonic; 0: it is open */
	int64_t until;			/* the answer is good */
};
void schedule_way_view(const struct schedule *s, uint32_t way, struct way_view *out);

/* Gives the message its age: so much of its life has passed. */
void schedule_born(struct mail *m, int64_t received_wall_ms, struct instant now);
/* Recipient n waits until then (at once when that is past). */
void schedule_wait_until(struct schedule *s, struct mail *m, uint32_t n, int64_t mono_ms);
/* As stored in an earlier run, by wall time; what is overdue after at least one attempt is spread. */
void schedule_recall(struct schedule *s, struct mail *m, uint32_t n, int64_t next_wall_ms, struct instant now);
/* After any change of its recipients from outside: takes it up, or moves it, or lets it go when nothing waits. */
void schedule_enter(struct schedule *s, struct mail *m);
/* Takes it out of everything; its recipients that were due wait again. */
void schedule_leave(struct schedule *s, struct mail *m);

struct due {
	struct mail *mail;
	bool notice;		/* its sender should hear that it takes longer: the caller marks NOTICED */
	bool expired;		/* some are RCPT_EXPIRED now: the caller makes them FAILED */
};
bool schedule_next_due(struct schedule *s, struct instant now, struct due *out);
/* When schedule_next_due has something again, on the monotonic clock; INT64_MAX: never. */
int64_t schedule_wakes_at(const struct schedule *s);

/* What a job takes up until schedule_job_ended. */
struct flight {
	struct site *site;
	uint32_t sender;
	bool is_doubtful;	/* nobody knows whether that site speaks */
};

struct start {
	struct mail *mail;
	struct flight flight;	/* none of schedule_pull_refused */
	uint32_t way;
	enum site_kind kind;
	uint32_t spread;	/* of the site: equal for all its jobs */
	bool holds;		/* of schedule_pull_refused */
	uint32_t n;
	uint32_t rcpts[START_MAX_RCPTS];
};
/* The next job of a site whose kind is in the set `kinds` (1 << enum site_kind, or START_NO_DOUBT: none at an SMTP site of which
 * nobody knows whether it speaks); its recipients are FLYING now. */
#define START_NO_DOUBT (1u << 31)
bool schedule_pull(struct schedule *s, unsigned kinds, struct instant now, struct start *out);
/* Recipients whose way FAILS, or holds them back; they are FLYING, and the caller settles or holds them. */
bool schedule_pull_refused(struct schedule *s, struct start *out);

/* Recipient n (FLYING) was put off by an attempt that began at started. False: it is RCPT_EXPIRED, and the caller makes
 * it FAILED. After the last recipient of a job: schedule_enter. */
bool schedule_put_off(struct schedule *s, struct mail *m, uint32_t n, int64_t started, struct instant now);
/* As put off, but due at once: the attempt has no end that is known. */
void schedule_again(struct schedule *s, struct mail *m, uint32_t n, struct instant now);
enum site_word {
	SITE_UNKNOWN,
	SITE_ALIVE,		/* it spoke, though it did not take the message */
	SITE_WELL,
	SITE_TROUBLE		/* a deferral that speaks of the whole site */
};
/* said: of a TROUBLE, else NULL. */
void schedule_job_ended(struct schedule *s, const struct flight *f, int64_t started, enum site_word word, const struct saying *said,
    struct instant now);

/* The wall clock was set by delta ms: times that were made from stored wall times move. */
void schedule_clock_stepped(struct schedule *s, struct queue *q, int64_t delta, struct instant now);

/* Does it stand in the line of a site that is open? Then an attempt is not far. */
bool schedule_is_near(const struct schedule *s, const struct mail *m);
bool schedule_is_over(const struct schedule *s, const struct mail *m, struct instant now);	/* is its deadline past? */
int64_t schedule_deadline(const struct schedule *s, const struct mail *m);

/* For the command line: when the next attempt comes, on the monotonic clock; 0: as soon as there is a place; INT64_MAX: never. */
int64_t schedule_rcpt_next(const struct schedule *s, const struct rcpt *r);
int64_t schedule_due_mono(const struct schedule *s, const struct rcpt *r);
uint32_t schedule_n_due(const struct schedule *s);	/* messages in lines */
uint32_t schedule_n_held(const struct schedule *s);	/* messages of which something is held */

#endif
