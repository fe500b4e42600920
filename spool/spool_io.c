/* The shell of the spool: channels, settings, time. */
#include "spool/spool_io.h"

#include <malloc.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/mem.h"
#include "base/random.h"
#include "spool/signatures.h"
#include "spool/spool.h"
#include "spool/storm.h"
#include "wire/event.h"

#define LOOK_MS         SECONDS(1)	/* how often free room and the wall clock are looked at */
#define STEP_MS         SECONDS(5)	/* a wall clock that is off by more was set */
#define SLICE           5000	/* messages that start, or move to other sites, in one turn */

struct shell {
	struct spool spool;
	struct turn_end turn_end;
	struct deadline wake, look, end;
	struct msg_id *aside;	/* told before `begin` */
	unsigned n_aside;
	uint32_t unstall, remap;	/* cursors */
	bool unstalled, remapped, begun, trimmed;
	int64_t ends_at;
	int64_t wall_ahead;	/* of the monotonic clock */
	uint64_t free_bytes;
};

struct instant spool_now(const struct spool *sp)
{
	return loop_now(sp->loop);
}

bool spool_takes_mail(const struct spool *sp)
{
	return sp->disk && !sp->full && !sp->low && !sp->failing && !sp->ending && journal_takes_mail(sp->journal) &&
	    queue_count(sp->books.queue) < sp->settings->spool.max_messages;
}

struct span spool_no_way(uint32_t way)
{
	return way == WAY_NOWHERE ? SPAN("it leads nowhere") : SPAN("its deliver section is not in the configuration any more");
}

/* ---- turns ------------------------------------------------------------------------------ */

/* Messages of an earlier run start when no worker may still hold them. */
static void unstall(struct shell *sh)
{
	struct spool *sp = &sh->spool;
	struct mail *m = NULL;

	if (sh->unstalled || !sp->recovered || !sh->begun || !jobs_all_told(sp->jobs))
		return;
	for (unsigned i = 0; i < SLICE && (m = queue_walk(sp->books.queue, &sh->unstall)); i++) {
		if (!(m->marks & MARK_STALLED))
			continue;
		m->marks &= (uint16_t)~MARK_STALLED;
		mail_start(sp, m);
	}
	sh->unstalled = m == NULL;
}

/* Sections came or went with the last settings: what waits for them looks again. */
static void remap(struct shell *sh)
{
	struct spool *sp = &sh->spool;
	struct mail *m = NULL;

	if (sh->remapped)
		return;
	for (unsigned i = 0; i < SLICE && (m = queue_walk(sp->books.queue, &sh->remap)); i++) {
		schedule_leave(sp->books.schedule, m);
		schedule_enter(sp->books.schedule, m);
	}
	sh->remapped = m == NULL;
}

static void wake_due(struct spool *sp)
{
	struct due due;

	while (schedule_next_due(sp->books.schedule, spool_now(sp), &due)) {
		if (due.expired)
			settle_expired(sp, due.mail);
		if (due.notice)
			settle_notice(sp, due.mail);
		schedule_enter(sp->books.schedule, due.mail);
		settle(sp, due.mail);
	}
}

static void on_turn_end(struct turn_end *te)
{
	struct shell *sh = LIST_OWNER(te, struct shell, turn_end);
	struct spool *sp = &sh->spool;
	int64_t at;
	bool more;

	if (!sp->disk)
		return;
	unstall(sh);
	remap(sh);
	wake_due(sp);
	more = routes_pump(sp->routes);
	jobs_pump(sp->jobs);
	signings_pump(sp->signings);
	more |= control_step(sp->control) || !sh->remapped || (sp->recovered && !sh->unstalled && jobs_all_told(sp->jobs));
	at = more ? spool_now(sp).mono_ms : schedule_wakes_at(sp->books.schedule);
	if (at != INT64_MAX)
		deadline_set(sp->loop, &sh->wake, at);
	else
		deadline_clear(sp->loop, &sh->wake);
}

static void on_wake(struct deadline *d)
{
	(void)d;	/* the end of the turn does it */
}

static void look_at_disk(struct shell *sh)
{
	struct statvfs vfs;
	struct spool *sp = &sh->spool;
	uint64_t least;
	bool low;

	if (statvfs(process_folders(sp->process)[0], &vfs) < 0)
		return;
	sh->free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	least = (uint64_t)sp->settings->spool.min_free;
	low = sp->settings->spool.min_free != SET_OFF && sh->free_bytes < least + (sp->low ? least / 8 : 0);
	trouble_low(&sp->trouble, low);
}

/* What recovery needed, half a gigabyte for a million messages, the C library would keep. */
static void trim_once(struct shell *sh)
{
	if (sh->trimmed || !sh->spool.recovered)
		return;
	sh->trimmed = true;
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}

static void look_at_clock(struct shell *sh)
{
	struct instant now = spool_now(&sh->spool);
	int64_t delta = now.wall_ms - now.mono_ms - sh->wall_ahead;
	struct event ev;

	if (delta < STEP_MS && delta > -STEP_MS)
		return;
	sh->wall_ahead += delta;
	schedule_clock_stepped(sh->spool.books.schedule, sh->spool.books.queue, delta, now);
	event_begin(&ev, EV_CLOCK_STEPPED, now.wall_ms, NULL);
	event_num(&ev, EF_MS, delta);
	process_event(sh->spool.process, &ev);
}

static void on_look(struct deadline *d)
{
	struct shell *sh = LIST_OWNER(d, struct shell, look);

	look_at_disk(sh);
	look_at_clock(sh);
	trim_once(sh);
	deadline_set(sh->spool.loop, &sh->look, spool_now(&sh->spool).mono_ms + LOOK_MS);
}

/* ---- channels ------------------------------------------------------------------------------ */

static void on_peer_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct spool *sp = owner;

	(void)fd;	/* descriptors come from the master alone; the channel closed it */
	if (!sp->disk)
		return;
	if (verb == WIRE_withdraw || verb == WIRE_have_ask)
		whereabouts_on_verb(sp->whereabouts, ch, verb, msg);
	else if (channel_peer(ch) == ROLE_SMTPD)
		intake_on_verb(sp->intake, ch, verb, msg);
	else if (channel_peer(ch) == ROLE_AUTH)
		expander_on_verb(sp->expander, verb, msg);
	else if (channel_peer(ch) == ROLE_DNS)
		routes_on_verb(sp->routes, verb, msg);
	else if (channel_peer(ch) == ROLE_SIGN)
		signings_on_verb(sp->signings, verb, msg);
	else if (channel_peer(ch) == ROLE_CTL)
		control_on_verb(sp->control, ch, verb, msg);
	else
		jobs_on_verb(sp->jobs, ch, verb, msg);
}

static void on_peer_gone(void *owner, struct channel *ch)
{
	struct spool *sp = owner;

	if (channel_peer(ch) == ROLE_SMTPD) {
		intake_on_gone(sp->intake, ch);
		whereabouts_on_gone(sp->whereabouts, ch);
	} else if (channel_peer(ch) == ROLE_AUTH) {
		expander_on_gone(sp->expander, ch);
	} else if (channel_peer(ch) == ROLE_DNS) {
		routes_on_gone(sp->routes, ch);
	} else if (channel_peer(ch) == ROLE_SIGN) {
		signings_on_gone(sp->signings, ch);
	} else if (channel_peer(ch) == ROLE_CTL) {
		control_on_gone(sp->control, ch);
	} else {
		jobs_on_gone(sp->jobs, ch);
	}
}

static const struct channel_handlers peer_words = { on_peer_verb, on_peer_gone, NULL, NULL };

static void on_wire(void *owner, enum wire_role peer, uint16_t instance, uint32_t generation, int fd)
{
	struct spool *sp = &((struct shell *)owner)->spool;
	struct channel *ch = channel_open_take(sp->loop, fd, ROLE_SPOOL, peer, instance, &peer_words, sp);

	if (peer == ROLE_AUTH)
		expander_wired(sp->expander, ch);
	else if (peer == ROLE_DNS)
		routes_wired(sp->routes, ch);
	else if (peer == ROLE_SIGN)
		signings_wired(sp->signings, ch, generation);
	else if (peer == ROLE_RELAY || peer == ROLE_LOCAL)
		jobs_wired(sp->jobs, ch, generation);
}

/* ---- settings --------------------------------------------------------------------------------- */

static void rules_of(const struct settings *set, struct schedule_rules *r)
{
	*r = (struct schedule_rules){ .expire_ms = set->retry.expire, .bounce_expire_ms = set->retry.bounce_expire,
	    .notice_ms = set->retry.notice, .per_site = (uint32_t)set->outbound.per_site,
	    .max_connections = (uint32_t)set->outbound.max_connections, .seed = random_u64() };
	for (unsigned i = 0; i < set->retry.after.n && i < SCHEDULE_WAITS_MAX; i++)
		r->waits[r->n_waits++] = set->retry.after.at[i];
	if (r->n_waits == 0)
		r->waits[r->n_waits++] = HOURS(4);
}

static void on_settings(void *owner, const struct settings *set)
{
	struct shell *sh = owner;
	struct spool *sp = &sh->spool;
	struct schedule_rules rules;

	sp->settings = set;
	rules_of(set, &rules);
	if (!sp->books.schedule)
		sp->books.schedule = schedule_new(&rules, sp->books.words, spool_now(sp));
	else
		schedule_set_rules(sp->books.schedule, &rules);
	expander_follow(sp->expander);
	if (routes_follow(sp->routes)) {
		sh->remapped = false;
		sh->remap = 0;
	}
	if (sp->disk)
		disk_min_free(sp->disk, set->spool.min_free == SET_OFF ? 0 : (uint64_t)set->spool.min_free);
}

/* ---- the master's words ------------------------------------------------------------------------- */

static void on_set_aside(struct shell *sh, const struct wire_set_aside *m)
{
	struct spool *sp = &sh->spool;
	struct mail *mail;

	if (!sp->disk) {
		sh->aside = mem_resize(sh->aside, (sh->n_aside + 1) * sizeof(struct msg_id));
		sh->aside[sh->n_aside++] = m->id;
		return;
	}
	mail = queue_find(sp->books.queue, &m->id);
	if (mail)
		mail_set_aside(sp, mail, SPAN("a program died over it twice"));
}

static void on_master_verb(void *owner, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	(void)fd;
	if (verb == WIRE_set_aside)
		on_set_aside(owner, &msg->set_aside);
}

static void on_begin(void *owner)
{
	struct shell *sh = owner;
	struct spool *sp = &sh->spool;
	struct disk_options o = { .folder = process_folders(sp->process)[0], .skip = sh->aside, .n_skip = sh->n_aside,
	    .min_free = sp->settings->spool.min_free == SET_OFF ? 0 : (uint64_t)sp->settings->spool.min_free };
	const char *why = "";
	struct instant now = spool_now(sp);

	sp->disk = disk_open(sp->loop, &o, &spool_as_owner, sp, &why);
	if (!sp->disk) {
		spool_event(sp, EV_STORE_LOST, NULL, why);
		process_end(sp->process, 74);
		return;
	}
	sp->journal = disk_journal(sp->disk);
	sh->wall_ahead = now.wall_ms - now.mono_ms;
	sh->begun = true;
	loop_on_turn_end(sp->loop, &sh->turn_end);
	on_look(&sh->look);
	process_ready(sp->process);
}

static void on_idle(void *arg)
{
	process_end(((struct shell *)arg)->spool.process, 0);
}

static void end_when_idle(struct shell *sh)
{
	sh->spool.ending = true;
	if (sh->spool.disk)
		disk_when_idle(sh->spool.disk, on_idle, sh);
	else
		process_end(sh->spool.process, 0);
}

static void on_end(struct deadline *d)
{
	struct shell *sh = LIST_OWNER(d, struct shell, end);
	int64_t now = spool_now(&sh->spool).mono_ms;

	if (jobs_count(sh->spool.jobs) == 0 || now >= sh->ends_at)
		end_when_idle(sh);
	else
		deadline_set(sh->spool.loop, &sh->end, now + 20);
}

/* What is under way comes to its end; nothing new begins. */
static void on_drain(void *owner, int64_t idle_ms, int64_t deadline_ms)
{
	struct shell *sh = owner;

	(void)idle_ms;
	sh->spool.ending = true;
	sh->ends_at = spool_now(&sh->spool).mono_ms + deadline_ms;
	on_end(&sh->end);
}

static void on_orphan(void *owner)
{
	end_when_idle(owner);
}

static void on_status(void *owner, struct buf *words)
{
	struct shell *sh = owner;
	struct spool *sp = &sh->spool;
	struct journal_stats st = { .messages = 0 };

	if (sp->journal)
		journal_stats(sp->journal, &st);
	(void)buf_printf(words, "queued=%u due=%u flying=%u held=%u expanding=%u batch=%u syncs=%llu free=%llu memory=%zu",
	    queue_count(sp->books.queue), schedule_n_due(sp->books.schedule), jobs_count(sp->jobs),
	    schedule_n_held(sp->books.schedule), expander_count(sp->expander),
	    st.largest_batch, (unsigned long long)st.syncs, (unsigned long long)sh->free_bytes,
	    queue_memory(sp->books.queue) + intake_memory(sp->intake));
}

int spool_run(struct process *p)
{
	static const struct process_handlers handlers = {
		on_settings, on_wire, on_master_verb, on_begin, on_drain, on_orphan, on_status,
	};
	struct shell *sh = mem_new(sizeof(*sh));
	struct spool *sp = &sh->spool;

	sp->process = p;
	sp->loop = process_loop(p);
	sp->books.queue = queue_new();
	sp->books.words = words_new();
	notes_init(sp);
	trouble_init(&sp->trouble, sp);
	buf_init(&sp->whole, STATE_MAX_BYTES);
	sp->intake = intake_new(sp);
	sp->whereabouts = whereabouts_new(sp);
	sp->expander = expander_new(sp);
	sp->routes = routes_new(sp);
	sp->storm = storm_new();
	list_init(&sp->tellings);
	sp->jobs = jobs_new(sp);
	sp->signings = signings_new(sp);
	sp->signatures = signatures_new();
	sp->control = control_new(sp);
	list_init(&sh->turn_end.list);
	sh->turn_end.fn = on_turn_end;
	deadline_init(&sh->wake, on_wake);
	deadline_init(&sh->look, on_look);
	deadline_init(&sh->end, on_end);
	return process_run(p, &handlers, sh);
}
