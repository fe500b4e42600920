/* Who is next (DESIGN 6). A core: time is passed in, on the monotonic clock;
 * wall time is only stored and shown. Recipients wait for their time, then
 * stand in the line of their site, one line a sender, taken in turn; a site
 * takes as many jobs at once as its window says.
 *
 *   schedule_enter        the message is known: its waiting recipients have times
 *   schedule_next_due     whose time has come (recipients go to their lines)
 *   schedule_pull         which job may start
 *   schedule_put_off      an attempt failed for now: when again, or never
 *   schedule_job_ended    the place in the site's window is free again */
#ifndef SPOOL_SCHEDULE_H
#define SPOOL_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/span.h"
#include "spool/queue.h"

enum site_kind {
	SITE_LOCAL,		/* a deliver section with a path */
	SITE_LMTP,
	SITE_NO_WAY,		/* no way out yet: not tried, expires */
	N_SITE_KINDS
};
#define SITE_FOREIGN 0		/* the number of the one NO_WAY site that is always there */

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
	uint32_t per_site;
	uint64_t seed;		/* of the jitter */
};

struct schedule;

struct schedule *schedule_new(const struct schedule_rules *rules, struct instant now);
void schedule_free(struct schedule **s);
void schedule_set_rules(struct schedule *s, const struct schedule_rules *rules);

/* The site of that name; it is made at the first time. batch: recipients in one job. */
uint32_t schedule_site(struct schedule *s, struct span name, enum site_kind kind, uint32_t batch);
/* The same site goes another way from now on. */
void schedule_site_set(struct schedule *s, uint32_t site, enum site_kind kind, uint32_t batch);
struct span schedule_site_name(const struct schedule *s, uint32_t site);
enum site_kind schedule_site_kind(const struct schedule *s, uint32_t site);
/* Its next attempts need not wait. */
void schedule_site_open(struct schedule *s, uint32_t site, struct instant now);
uint32_t schedule_n_sites(const struct schedule *s);

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

struct start {
	struct mail *mail;
	uint32_t site;
	uint32_t n;
	uint32_t rcpts[START_MAX_RCPTS];
};
/* The next job of a site whose kind is in the set `kinds` (1 << enum site_kind); its recipients are FLYING now. */
bool schedule_pull(struct schedule *s, unsigned kinds, struct instant now, struct start *out);

/* Recipient n (FLYING) was put off by an attempt that began at started. False: it is RCPT_EXPIRED, and the caller makes
 * it FAILED. After the last recipient of a job: schedule_enter. */
bool schedule_put_off(struct schedule *s, struct mail *m, uint32_t n, int64_t started, struct instant now);
/* As put off, but due at once: the attempt has no end that is known. */
void schedule_again(struct schedule *s, struct mail *m, uint32_t n, struct instant now);
enum site_word { SITE_WELL, SITE_UNKNOWN, SITE_TROUBLE };	/* TROUBLE: a deferral that speaks of the whole site */
void schedule_job_ended(struct schedule *s, uint32_t site, int64_t started, enum site_word word, struct instant now);

/* The wall clock was set by delta ms: times that were made from stored wall times move. */
void schedule_clock_stepped(struct schedule *s, struct queue *q, int64_t delta, struct instant now);

/* Does it stand in the line of a site that is open? Then an attempt is not far. */
bool schedule_is_near(const struct schedule *s, const struct mail *m);
bool schedule_is_over(const struct schedule *s, const struct mail *m, struct instant now);	/* is its deadline past? */
int64_t schedule_deadline(const struct schedule *s, const struct mail *m);

/* For the command line. */
int64_t schedule_due_mono(const struct schedule *s, const struct rcpt *r);
uint64_t schedule_sites_window(const struct schedule *s, uint32_t site);
uint32_t schedule_n_due(const struct schedule *s);	/* messages in lines */
uint32_t schedule_n_held(const struct schedule *s);	/* messages of which something is held */

#endif
