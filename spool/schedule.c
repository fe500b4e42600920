#include "spool/schedule.h"

#include <string.h>

#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/verbs.h"

#define TICK_MS 32		/* 2^32 of them are four years of one run */
#define TICK_NEVER UINT32_MAX
#define SPREAD_MS MINUTES(1)	/* what is overdue after a restart comes back within */
#define LEGS_AT_ONCE 128

struct site {
	struct span name;
	enum site_kind kind;
	struct list ready;	/* in the ring of its kind, while it can start something */
	struct list flows;	/* lines, one a sender; the first is next */
	struct heap_node blocked;	/* until when it is left alone */
	double window;
	uint32_t number, n_flying, batch;
	uint32_t n_troubles;	/* one after the other */
	int64_t troubled_at;	/* when the attempt began that blocked it last */
	struct map_node node;
};

/* The line of one sender at one site. */
struct flow {
	struct list list;	/* in site.flows, or the next free one */
	struct list legs;
	struct site *site;
	struct map_node node;
	struct flow_key {
		uint32_t site, sender;
	} key;
};

/* A message standing in a line: all its recipients that are DUE at that site. */
struct leg {
	struct list list;
	struct leg *next;	/* of the message */
	struct mail *mail;
	struct flow *flow;
};

struct schedule {
	struct schedule_rules rules;
	struct heap waiting, blocked;
	struct list ready[N_SITE_KINDS];
	struct site **sites;
	struct map names, flows;
	struct list free_legs, free_flows;
	uint32_t n_sites, n_legs, n_held;
	int64_t epoch;		/* tick 0 */
	uint64_t random;
};

/* ---- birth and death ------------------------------------------------------ */

struct schedule *schedule_new(const struct schedule_rules *rules, struct instant now)
{
	struct schedule *s = mem_new(sizeof(*s));

	heap_init(&s->waiting);
	heap_init(&s->blocked);
	map_init(&s->names);
	map_init(&s->flows);
	for (unsigned i = 0; i < N_SITE_KINDS; i++)
		list_init(&s->ready[i]);
	list_init(&s->free_legs);
	list_init(&s->free_flows);
	s->epoch = now.mono_ms;
	s->random = rules->seed | 1;
	schedule_set_rules(s, rules);
	schedule_site(s, SPAN_NONE, SITE_NO_WAY, START_MAX_RCPTS);
	return s;
}

static void list_free_legs(struct list *head)
{
	struct list *l;

	while ((l = list_take_first(head)))
		mem_free(LIST_OWNER(l, struct leg, list));
}

static void list_free_flows(struct list *head)
{
	struct list *l;

	while ((l = list_take_first(head))) {
		struct flow *f = LIST_OWNER(l, struct flow, list);

		list_free_legs(&f->legs);
		mem_free(f);
	}
}

void schedule_free(struct schedule **s)
{
	if (!*s)
		return;
	for (uint32_t i = 0; i < (*s)->n_sites; i++) {
		list_free_flows(&(*s)->sites[i]->flows);
		mem_free((char *)(uintptr_t)(*s)->sites[i]->name.at);
		mem_free((*s)->sites[i]);
	}
	list_free_legs(&(*s)->free_legs);
	list_free_flows(&(*s)->free_flows);
	map_fini(&(*s)->names);
	map_fini(&(*s)->flows);
	heap_fini(&(*s)->waiting);
	heap_fini(&(*s)->blocked);
	mem_free((*s)->sites);
	mem_free(*s);
	*s = NULL;
}

void schedule_set_rules(struct schedule *s, const struct schedule_rules *rules)
{
	BUG_ON(rules->n_waits == 0 || rules->n_waits > SCHEDULE_WAITS_MAX);
	s->rules = *rules;
	for (uint32_t i = 0; i < s->n_sites; i++)
		if (s->sites[i]->kind == SITE_LMTP && s->sites[i]->window > rules->per_site)
			s->sites[i]->window = rules->per_site;
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
static int64_t wait_after(struct schedule *s, uint32_t tries)
{
	uint32_t i = tries == 0 ? 0 : tries - 1;
	int64_t wait = s->rules.waits[i < s->rules.n_waits ? i : s->rules.n_waits - 1];

	return wait - wait / 10 + (int64_t)(random_next(s) % (uint64_t)(wait / 5 + 1));
}

static int64_t deadline_of(const struct schedule *s, const struct mail *m)
{
	return m->born_mono + (m->marks & MAIL_BOUNCE ? s->rules.bounce_expire_ms : s->rules.expire_ms);
}

void schedule_born(struct mail *m, int64_t received_wall_ms, struct instant now)
{
	int64_t age = now.wall_ms - received_wall_ms;

	m->born_mono = now.mono_ms - (age > 0 ? age : 0);
}

/* ---- sites ------------------------------------------------------------------ */

static struct site *site_at(const struct schedule *s, uint32_t site)
{
	BUG_ON(site >= s->n_sites);
	return s->sites[site];
}

static uint32_t site_window(const struct schedule *s, const struct site *site)
{
	if (site->kind == SITE_LOCAL)
		return SITE_LOCAL_WINDOW;
	return site->window > s->rules.per_site ? s->rules.per_site : (uint32_t)site->window;
}

/* In the ring of its kind exactly while it can start something. */
static void site_stand(struct schedule *s, struct site *site)
{
	bool can = site->kind != SITE_NO_WAY && !list_is_empty(&site->flows) && !heap_has(&site->blocked) &&
	    site->n_flying < site_window(s, site);

	if (can && list_is_empty(&site->ready))
		list_add_last(&s->ready[site->kind], &site->ready);
	else if (!can && !list_is_empty(&site->ready))
		list_remove(&site->ready);
}

uint32_t schedule_site(struct schedule *s, struct span name, enum site_kind kind, uint32_t batch)
{
	struct map_node *node = map_find(&s->names, name);
	struct site *site;

	if (node)
		return MAP_OWNER(node, struct site, node)->number;
	site = mem_new(sizeof(*site));
	site->name = span_of(mem_text(name), name.len);
	site->number = s->n_sites;
	site->kind = kind;
	site->batch = batch;
	site->window = SITE_FIRST_WINDOW;
	list_init(&site->ready);
	list_init(&site->flows);
	map_put(&s->names, &site->node, site->name);
	s->sites = mem_resize(s->sites, (s->n_sites + 1) * sizeof(struct site *));
	s->sites[s->n_sites] = site;
	return s->n_sites++;
}

struct span schedule_site_name(const struct schedule *s, uint32_t site) { return site_at(s, site)->name; }
enum site_kind schedule_site_kind(const struct schedule *s, uint32_t site) { return site_at(s, site)->kind; }
uint64_t schedule_sites_window(const struct schedule *s, uint32_t site) { return site_window(s, site_at(s, site)); }
uint32_t schedule_n_sites(const struct schedule *s) { return s->n_sites; }
uint32_t schedule_n_due(const struct schedule *s) { return s->n_legs; }
uint32_t schedule_n_held(const struct schedule *s) { return s->n_held; }

void schedule_site_set(struct schedule *s, uint32_t number, enum site_kind kind, uint32_t batch)
{
	struct site *site = site_at(s, number);

	list_remove(&site->ready);
	site->batch = batch;
	if (site->kind != kind)
		heap_remove(&s->blocked, &site->blocked);
	site->kind = kind;
	site_stand(s, site);
}

void schedule_site_open(struct schedule *s, uint32_t number, struct instant now)
{
	struct site *site = site_at(s, number);

	(void)now;
	heap_remove(&s->blocked, &site->blocked);
	site_stand(s, site);
}

/* ---- lines ------------------------------------------------------------------ */

static struct flow *flow_of(struct schedule *s, uint32_t site, uint32_t sender)
{
	struct flow_key key = { site, sender };
	struct map_node *node = map_find(&s->flows, span_of((const char *)&key, sizeof(key)));
	struct list *l;
	struct flow *f;

	if (node)
		return MAP_OWNER(node, struct flow, node);
	l = list_take_first(&s->free_flows);
	f = l ? LIST_OWNER(l, struct flow, list) : mem_new(sizeof(*f));
	list_init(&f->legs);
	f->key = key;
	f->site = site_at(s, site);
	map_put(&s->flows, &f->node, span_of((const char *)&f->key, sizeof(f->key)));
	list_add_last(&f->site->flows, &f->list);
	return f;
}

static struct leg *leg_new(struct schedule *s)
{
	struct list *l;

	if (list_is_empty(&s->free_legs))
		for (unsigned i = 0; i < LEGS_AT_ONCE; i++) {
			struct leg *leg = mem_new(sizeof(*leg));

			list_add_last(&s->free_legs, &leg->list);
		}
	l = list_take_first(&s->free_legs);
	return LIST_OWNER(l, struct leg, list);
}

static void leg_add(struct schedule *s, struct mail *m, uint32_t site)
{
	struct leg *leg;

	for (leg = m->legs; leg; leg = leg->next)
		if (leg->flow->key.site == site)
			return;
	leg = leg_new(s);
	leg->mail = m;
	leg->flow = flow_of(s, site, m->sender);
	leg->next = m->legs;
	m->legs = leg;
	list_add_last(&leg->flow->legs, &leg->list);
	s->n_legs++;
	site_stand(s, leg->flow->site);
}

static void leg_remove(struct schedule *s, struct leg *leg)
{
	struct leg **at = &leg->mail->legs;
	struct flow *f = leg->flow;

	while (*at != leg)
		at = &(*at)->next;
	*at = leg->next;
	list_remove(&leg->list);
	list_add_first(&s->free_legs, &leg->list);
	s->n_legs--;
	if (!list_is_empty(&f->legs))
		return;
	list_remove(&f->list);
	map_remove(&s->flows, &f->node);
	list_add_first(&s->free_flows, &f->list);
	site_stand(s, f->site);
}

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
		at = s->sites[r->site]->kind == SITE_NO_WAY ? deadline_of(s, m) : schedule_due_mono(s, r);
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
	while (m->legs)
		leg_remove(s, m->legs);
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		if (mail_rcpt(m, i)->state == RCPT_DUE)
			mail_rcpt(m, i)->state = RCPT_WAITING;
}

/* A site that was tried after the message's deadline, in vain, was tried for it too. */
static bool is_past_hope(const struct schedule *s, const struct mail *m, const struct site *site)
{
	if (site->kind == SITE_NO_WAY)
		return true;
	return heap_has(&site->blocked) && site->troubled_at >= deadline_of(s, m);
}

static void rcpt_wake(struct schedule *s, struct mail *m, struct rcpt *r, int64_t now, struct due *out)
{
	struct site *site = site_at(s, r->site);

	if (may_wait_for_notice(s, m, r) && m->born_mono + s->rules.notice_ms <= now)
		out->notice = true;
	if (r->state != RCPT_WAITING || (site->kind != SITE_NO_WAY && schedule_due_mono(s, r) > now))
		return;
	if (now >= deadline_of(s, m) && is_past_hope(s, m, site)) {
		r->state = RCPT_EXPIRED;
		out->expired = true;
	} else if (site->kind != SITE_NO_WAY) {
		r->state = RCPT_DUE;
		leg_add(s, m, r->site);
	}
}

static void sites_unblock(struct schedule *s, int64_t now)
{
	struct heap_node *n;

	while ((n = heap_first(&s->blocked)) && n->at <= now) {
		struct site *site = LIST_OWNER(n, struct site, blocked);

		heap_remove(&s->blocked, n);
		site_stand(s, site);
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
	const struct heap_node *a = heap_first(&s->waiting), *b = heap_first(&s->blocked);
	int64_t at = a ? a->at : INT64_MAX;

	return b && b->at < at ? b->at : at;
}

/* ---- starting ------------------------------------------------------------------ */

static struct site *site_next(struct schedule *s, unsigned kinds)
{
	for (unsigned kind = 0; kind < N_SITE_KINDS; kind++) {
		if (!(kinds & 1u << kind) || list_is_empty(&s->ready[kind]))
			continue;
		return LIST_OWNER(s->ready[kind].next, struct site, ready);
	}
	return NULL;
}

/* Takes the recipients of one job; true when that leaves some for another. */
static bool leg_take(struct mail *m, uint32_t site, uint32_t batch, struct start *out)
{
	out->n = 0;
	for (uint32_t i = 0; i < m->n_rcpts; i++) {
		struct rcpt *r = mail_rcpt(m, i);

		if (r->state != RCPT_DUE || r->site != site)
			continue;
		if (out->n == batch || out->n == START_MAX_RCPTS)
			return true;
		r->state = RCPT_FLYING;
		out->rcpts[out->n++] = i;
	}
	return false;
}

static uint32_t site_number(struct flow *f)
{
	return f->key.site;
}

bool schedule_pull(struct schedule *s, unsigned kinds, struct instant now, struct start *out)
{
	struct site *site;

	(void)now;
	while ((site = site_next(s, kinds))) {
		struct flow *f = LIST_OWNER(site->flows.next, struct flow, list);
		struct leg *leg = LIST_OWNER(f->legs.next, struct leg, list);
		bool more;

		*out = (struct start){ .mail = leg->mail, .site = site_number(f) };
		more = leg_take(leg->mail, out->site, site->batch, out);
		site->n_flying += out->n > 0;
		out->mail->n_flying += out->n;
		list_remove(&f->list);		/* the next turn is another sender's, and another site's */
		list_add_last(&site->flows, &f->list);
		list_remove(&site->ready);
		if (more) {
			list_remove(&leg->list);
			list_add_last(&f->legs, &leg->list);
		} else {
			leg_remove(s, leg);
		}
		site_stand(s, site);
		if (out->n > 0)
			return true;
	}
	return false;
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
	int64_t deadline = deadline_of(s, m), at;

	rcpt_landed(m, r);
	if (r->tries < UINT16_MAX)
		r->tries++;
	if (started >= deadline) {
		r->state = RCPT_EXPIRED;
		return false;
	}
	at = now.mono_ms + wait_after(s, r->tries);
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

/* All that stand in its lines and are past their deadline look again: they find it blocked, and end. */
static void site_give_up(struct schedule *s, struct site *site)
{
	LIST_EACH_SAFE(l, &site->flows) {
		struct flow *f = LIST_OWNER(l, struct flow, list);

		for (struct list *k = f->legs.next, *next; k != &f->legs; k = next) {
			struct leg *leg = LIST_OWNER(k, struct leg, list);
			struct mail *m = leg->mail;
			bool last = k->next == &f->legs;

			next = k->next;
			if (deadline_of(s, m) > site->troubled_at)
				continue;
			for (uint32_t i = 0; i < m->n_rcpts; i++)
				if (mail_rcpt(m, i)->state == RCPT_DUE && mail_rcpt(m, i)->site == site->number)
					mail_rcpt(m, i)->state = RCPT_WAITING;
			leg_remove(s, leg);
			schedule_enter(s, m);
			if (last)	/* its line may be gone with it */
				break;
		}
	}
}

void schedule_job_ended(struct schedule *s, uint32_t number, int64_t started, enum site_word word, struct instant now)
{
	struct site *site = site_at(s, number);

	BUG_ON(site->n_flying == 0);
	site->n_flying--;
	if (word == SITE_WELL) {
		site->n_troubles = 0;
		site->window += 1 / site->window;
		if (site->window > s->rules.per_site)
			site->window = s->rules.per_site;
	} else if (word == SITE_TROUBLE && started >= site->troubled_at) {
		/* Of jobs that ran side by side the first one speaks for all. */
		if (!heap_has(&site->blocked)) {
			site->n_troubles++;
			site->window = site->window / 2 < 1 ? 1 : site->window / 2;
			heap_set(&s->blocked, &site->blocked, now.mono_ms + wait_after(s, site->n_troubles));
		}
		site->troubled_at = started;
		site_give_up(s, site);
	}
	site_stand(s, site);
}

bool schedule_is_near(const struct schedule *s, const struct mail *m)
{
	(void)s;
	for (const struct leg *leg = m->legs; leg; leg = leg->next)
		if (!heap_has(&leg->flow->site->blocked))
			return true;
	return false;
}

bool schedule_is_over(const struct schedule *s, const struct mail *m, struct instant now)
{
	return now.mono_ms >= deadline_of(s, m);
}

int64_t schedule_deadline(const struct schedule *s, const struct mail *m)
{
	return deadline_of(s, m);
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
