#include "spool/schedule_private.h"

#include "base/err.h"
#include "base/mem.h"
#include "wire/verbs.h"

#define TICK_MS 32		/* 2^32 of them are four years of one run */
#define TICK_NEVER UINT32_MAX
#define SITE_WAIT_MAX HOURS(1)	/* fresh mail may stand there, which has waited for nothing yet */
#define SPREAD_MS MINUTES(1)	/* what is overdue after a restart comes back within */

/* ---- birth and death ------------------------------------------------------ */

struct schedule *schedule_new(const struct schedule_rules *rules, struct words *words, struct instant now)
{
	struct schedule *s = mem_new(sizeof(*s));

	s->words = words;
	heap_init(&s->waiting);
	heap_init(&s->blocked);
	heap_init(&s->slowed);
	map_init(&s->keys);
	map_init(&s->paces);
	lines_init(s);
	ways_init(s);
	s->epoch = now.mono_ms;
	s->random = rules->seed | 1;
	schedule_set_rules(s, rules);
	return s;
}

void schedule_free(struct schedule **s)
{
	if (!*s)
		return;
	ways_fini(*s);
	sites_fini(*s);
	lines_fini(*s);
	heap_fini(&(*s)->waiting);
	mem_free(*s);
	*s = NULL;
}

void schedule_set_rules(struct schedule *s, const struct schedule_rules *rules)
{
	BUG_ON(rules->n_waits == 0 || rules->n_waits > SCHEDULE_WAITS_MAX);
	s->rules = *rules;
	sites_set_rules(s);
}

/* ---- time ------------------------------------------------------------------ */

/* xorshift64*: jitter needs to be even, not secret. */
static uint64_t random_next(struct schedule *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return s->random * 0x2545f4914f6cdd1du;
}

static uint32_t tick_of(const struct schedule *s, int64_t mono_ms)
{
	int64_t tick = mono_ms <= s->epoch ? 0 : (mono_ms - s->epoch) / TICK_MS;

	return tick >= TICK_NEVER ? TICK_NEVER - 1 : (uint32_t)tick;
}

int64_t schedule_due_mono(const struct schedule *s, const struct rcpt *r)
{
	return s->epoch + (int64_t)r->due * TICK_MS;
}

/* The wait after so many attempts, at most a tenth shorter or longer: a span of 20 %. */
int64_t schedule_wait_after(struct schedule *s, uint32_t tries)
{
	uint32_t i = tries == 0 ? 0 : tries - 1;
	int64_t wait = s->rules.waits[i < s->rules.n_waits ? i : s->rules.n_waits - 1];

	return wait - wait / 10 + (int64_t)(random_next(s) % (uint64_t)(wait / 5 + 1));
}

int64_t schedule_site_wait(struct schedule *s, uint32_t troubles)
{
	uint32_t n = troubles < s->rules.n_waits ? troubles : s->rules.n_waits;

	while (n > 1 && s->rules.waits[n - 1] > SITE_WAIT_MAX)
		n--;
	return schedule_wait_after(s, n);
}

int64_t schedule_deadline(const struct schedule *s, const struct mail *m)
{
	return m->born_mono + (m->marks & MAIL_BOUNCE ? s->rules.bounce_expire_ms : s->rules.expire_ms);
}

void schedule_born(struct mail *m, int64_t received_wall_ms, struct instant now)
{
	int64_t age = now.wall_ms - received_wall_ms;

	m->born_mono = now.mono_ms - (age > 0 ? age : 0);
}

uint32_t schedule_n_due(const struct schedule *s) { return s->n_legs; }
uint32_t schedule_n_held(const struct schedule *s) { return s->n_held; }

/* ---- waiting ----------------------------------------------------------------- */

void schedule_wait_until(struct schedule *s, struct mail *m, uint32_t n, int64_t mono_ms)
{
	struct rcpt *r = mail_rcpt(m, n);

	r->state = RCPT_WAITING;
	r->due = tick_of(s, mono_ms);
}

void schedule_recall(struct schedule *s, struct mail *m, uint32_t n, int64_t next_wall_ms, struct instant now)
{
	struct rcpt *r = mail_rcpt(m, n);
	int64_t ahead = next_wall_ms - now.wall_ms, longest = s->rules.waits[s->rules.n_waits - 1];

	if (ahead <= 0)
		ahead = r->tries ? (int64_t)(random_next(s) % SPREAD_MS) : 0;
	if (ahead > longest + longest / 10)	/* the clock was ahead when that was written */
		ahead = longest;
	m->marks |= MARK_RECALLED;
	schedule_wait_until(s, m, n, now.mono_ms + ahead);
}

static bool may_wait_for_notice(const struct schedule *s, const struct mail *m, const struct rcpt *r)
{
	return s->rules.notice_ms >= 0 && !(m->marks & (MAIL_BOUNCE | MARK_NULL_SENDER | MARK_BUSY)) && r->state <= RCPT_FLYING &&
	    !(r->flags & (RCPT_NOTICED | RCPT_SILENT));
}

/* The next instant at which something about r happens by itself. */
static int64_t rcpt_next(const struct schedule *s, const struct mail *m, const struct rcpt *r)
{
	int64_t at = INT64_MAX;

	if (r->state == RCPT_WAITING)
		at = way_at(s, r->way)->state == WAY_CLOSED ? schedule_deadline(s, m) : schedule_due_mono(s, r);
	if (may_wait_for_notice(s, m, r) && m->born_mono + s->rules.notice_ms < at)
		at = m->born_mono + s->rules.notice_ms;
	return at;
}

static void count_held(struct schedule *s, struct mail *m, bool is_held)
{
	s->n_held += is_held - m->is_held;
	m->is_held = is_held;
}

void schedule_enter(struct schedule *s, struct mail *m)
{
	bool held = m->marks & MARK_HELD && m->marks & MARK_UNEXPANDED;
	int64_t at = INT64_MAX, next;

	for (uint32_t i = 0; i < m->n_rcpts; i++) {
		held |= mail_rcpt(m, i)->state == RCPT_HELD;
		if ((next = rcpt_next(s, m, mail_rcpt(m, i))) < at)
			at = next;
	}
	count_held(s, m, held);
	if (at == INT64_MAX || m->marks & MARK_STALLED)
		heap_remove(&s->waiting, &m->wait);
	else
		heap_set(&s->waiting, &m->wait, at);
}

void schedule_leave(struct schedule *s, struct mail *m)
{
	count_held(s, m, false);
	heap_remove(&s->waiting, &m->wait);
	legs_remove(s, m);
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		if (mail_rcpt(m, i)->state == RCPT_DUE)
			mail_rcpt(m, i)->state = RCPT_WAITING;
}

static void rcpt_wake(struct schedule *s, struct mail *m, struct rcpt *r, int64_t now, struct due *out)
{
	struct way *way = way_at(s, r->way);
	bool is_closed = way->state == WAY_CLOSED;

	if (may_wait_for_notice(s, m, r) && m->born_mono + s->rules.notice_ms <= now)
		out->notice = true;
	if (r->state != RCPT_WAITING || (!is_closed && schedule_due_mono(s, r) > now))
		return;
	if (now >= schedule_deadline(s, m) && way_is_past_hope(s, way, m)) {
		r->state = RCPT_EXPIRED;
		out->expired = true;
	} else if (!is_closed) {
		r->state = RCPT_DUE;
		leg_add(s, m, r->way);
	}
}

bool schedule_next_due(struct schedule *s, struct instant now, struct due *out)
{
	struct heap_node *n;

	sites_unblock(s, now.mono_ms);
	while ((n = heap_first(&s->waiting)) && n->at <= now.mono_ms) {
		*out = (struct due){ .mail = LIST_OWNER(n, struct mail, wait) };
		for (uint32_t i = 0; i < out->mail->n_rcpts; i++)
			rcpt_wake(s, out->mail, mail_rcpt(out->mail, i), now.mono_ms, out);
		if (out->notice || out->expired) {
			heap_remove(&s->waiting, n);	/* until the caller has written it down */
			return true;
		}
		schedule_enter(s, out->mail);
	}
	return false;
}

int64_t schedule_wakes_at(const struct schedule *s)
{
	const struct heap *const heaps[] = { &s->waiting, &s->blocked, &s->slowed, &s->troubled };
	int64_t at = INT64_MAX;

	for (unsigned i = 0; i < sizeof(heaps) / sizeof(*heaps); i++) {
		const struct heap_node *first = heap_first(heaps[i]);

		if (first && first->at < at)
			at = first->at;
	}
	return at;
}

/* ---- ends ------------------------------------------------------------------------ */

static void rcpt_landed(struct mail *m, struct rcpt *r)
{
	BUG_ON(r->state != RCPT_FLYING || m->n_flying == 0);
	m->n_flying--;
}

bool schedule_put_off(struct schedule *s, struct mail *m, uint32_t n, int64_t started, struct instant now)
{
	struct rcpt *r = mail_rcpt(m, n);
	int64_t deadline = schedule_deadline(s, m), at;

	rcpt_landed(m, r);
	if (r->tries < UINT16_MAX)
		r->tries++;
	if (started >= deadline) {
		r->state = RCPT_EXPIRED;
		return false;
	}
	at = now.mono_ms + schedule_wait_after(s, r->tries);
	if (at > deadline && now.mono_ms < deadline)	/* the last attempt comes when its time is over, not hours later */
		at = deadline + TICK_MS;	/* a due time is rounded down */
	schedule_wait_until(s, m, n, at);
	return true;
}

void schedule_again(struct schedule *s, struct mail *m, uint32_t n, struct instant now)
{
	rcpt_landed(m, mail_rcpt(m, n));
	schedule_wait_until(s, m, n, now.mono_ms);
}

static bool way_is_open(const struct way *w)
{
	if (w->state == WAY_LEADS)
		return !heap_has(&w->site->blocked);
	return w->state == WAY_UNDECIDED || w->state == WAY_ASKED || w->state == WAY_FAILS;
}

bool schedule_is_near(const struct schedule *s, const struct mail *m)
{
	for (const struct leg *leg = m->legs; leg; leg = leg->next)
		if (way_is_open(way_at(s, leg->way)))
			return true;
	return false;
}

int64_t schedule_rcpt_next(const struct schedule *s, const struct rcpt *r)
{
	struct way_view v;

	if (r->state == RCPT_DUE) {
		schedule_way_view(s, r->way, &v);
		return v.blocked_until;
	}
	return r->state == RCPT_WAITING && schedule_way_state(s, r->way) != WAY_CLOSED ? schedule_due_mono(s, r) : INT64_MAX;
}

bool schedule_is_over(const struct schedule *s, const struct mail *m, struct instant now)
{
	return now.mono_ms >= schedule_deadline(s, m);
}

/* ---- the wall clock ------------------------------------------------------------------ */

void schedule_clock_stepped(struct schedule *s, struct queue *q, int64_t delta, struct instant now)
{
	int64_t longest = s->rules.waits[s->rules.n_waits - 1];
	uint32_t cursor = 0;
	struct mail *m;

	while ((m = queue_walk(q, &cursor))) {
		if (!(m->marks & MARK_RECALLED))
			continue;
		m->born_mono = m->born_mono - delta < now.mono_ms ? m->born_mono - delta : now.mono_ms;
		for (uint32_t i = 0; i < m->n_rcpts; i++) {
			struct rcpt *r = mail_rcpt(m, i);
			int64_t at = schedule_due_mono(s, r) - delta;

			if (r->state == RCPT_WAITING)
				schedule_wait_until(s, m, i, at > now.mono_ms + longest ? now.mono_ms + longest : at);
		}
		if (heap_has(&m->wait))
			schedule_enter(s, m);
	}
}
