/* Lines: who stands before which site, one line a sender, and who of them starts next. */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "spool/schedule_private.h"

#define LEGS_AT_ONCE 128
#define FLOWS_LOOKED 16		/* senders of a site, to find one that may start */

void lines_init(struct schedule *s)
{
	for (unsigned i = 0; i < N_SITE_KINDS; i++)
		list_init(&s->ready[i]);
	list_init(&s->doubtful);
	list_init(&s->free_legs);
	list_init(&s->free_flows);
	map_init(&s->flows);
	map_init(&s->senders);
	site_init(&s->undecided);
}

void lines_fini(struct schedule *s)
{
	struct list *l;

	BUG_ON(s->n_legs > 0);
	while ((l = list_take_first(&s->free_flows)))
		mem_free(LIST_OWNER(l, struct flow, list));
	for (struct map_node *n; (n = map_next(&s->senders, NULL));) {
		map_remove(&s->senders, n);
		mem_free(MAP_OWNER(n, struct sender, node));
	}
	for (uint32_t i = 0; i < s->n_slabs; i++)
		mem_free(s->slabs[i]);
	mem_free(s->slabs);
	map_fini(&s->flows);
	map_fini(&s->senders);
}

/* ---- senders ------------------------------------------------------------------ */

static struct sender *sender_of(struct schedule *s, uint32_t key)
{
	struct map_node *node = map_find(&s->senders, span_of((const char *)&key, sizeof(key)));
	struct sender *sender;

	if (node)
		return MAP_OWNER(node, struct sender, node);
	sender = mem_new(sizeof(*sender));
	sender->key = key;
	list_init(&sender->parked);
	map_put(&s->senders, &sender->node, span_of((const char *)&sender->key, sizeof(sender->key)));
	return sender;
}

void sender_release(struct schedule *s, struct sender *sender)
{
	struct list *l;

	if (sender->n_flows || sender->n_flying)
		return;
	while ((l = list_take_first(&sender->parked)))
		list_add_last(&s->ready[SITE_SMTP], l);
	map_remove(&s->senders, &sender->node);
	mem_free(sender);
}

/* ---- flows ------------------------------------------------------------------ */

static struct flow *flow_of(struct schedule *s, struct site *site, uint32_t sender)
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
	f->site = site;
	f->sender = site->key.kind == SITE_SMTP && site != &s->undecided ? sender_of(s, sender) : NULL;
	if (f->sender) {
		f->sender->n_flows++;
		list_remove(&site->ready);	/* where it was parked for want of a sender it need not be now */
	}
	map_put(&s->flows, &f->node, span_of((const char *)&f->key, sizeof(f->key)));
	list_add_last(&site->flows, &f->list);
	return f;
}

static void flow_free(struct schedule *s, struct flow *f)
{
	list_remove(&f->list);
	map_remove(&s->flows, &f->node);
	list_add_first(&s->free_flows, &f->list);
	site_stand(s, f->site);
	if (!f->sender)
		return;
	f->sender->n_flows--;
	sender_release(s, f->sender);
}

/* ---- legs -------------------------------------------------------------------- */

static struct leg *leg_new(struct schedule *s)
{
	struct leg *slab;

	if (list_is_empty(&s->free_legs)) {
		slab = mem_new(LEGS_AT_ONCE * sizeof(*slab));
		s->slabs = mem_resize(s->slabs, (s->n_slabs + 1) * sizeof(*s->slabs));
		s->slabs[s->n_slabs++] = slab;
		for (unsigned i = 0; i < LEGS_AT_ONCE; i++)
			list_add_last(&s->free_legs, &slab[i].list);
	}
	return LIST_OWNER(list_take_first(&s->free_legs), struct leg, list);
}

static bool rcpt_stands(const struct rcpt *r, uint32_t way)
{
	return r->state == RCPT_DUE && r->way == way;
}

static bool leg_is_empty(const struct leg *leg)
{
	for (uint32_t i = 0; i < leg->mail->n_rcpts; i++)
		if (rcpt_stands(mail_rcpt(leg->mail, i), leg->way))
			return false;
	return true;
}

/* Does the way hold back one of those for whom it stands here? */
static bool leg_is_held_back(const struct leg *leg)
{
	for (uint32_t i = 0; i < leg->mail->n_rcpts; i++) {
		const struct rcpt *r = mail_rcpt(leg->mail, i);

		if (rcpt_stands(r, leg->way) && !r->released)
			return true;
	}
	return false;
}

static void leg_enter_flow(struct schedule *s, struct leg *leg, struct site *site)
{
	leg->flow = flow_of(s, site, leg->mail->sender);
	list_add_last(&leg->flow->legs, &leg->list);
	site_stand(s, site);
}

static void leg_wait(struct schedule *s, struct leg *leg, struct way *w, bool is_refused)
{
	list_add_last(is_refused ? &w->refused : &w->waiting, &leg->list);
	if (is_refused && list_is_empty(&w->refusing))
		list_add_last(&s->refusing, &w->refusing);
}

void leg_place(struct schedule *s, struct leg *leg)
{
	struct way *w = way_at(s, leg->way);

	leg->flow = NULL;
	if (way_is_past_hope(s, w, leg->mail))
		leg_give_up(s, leg);
	else if (w->state == WAY_FAILS || (w->holds && leg_is_held_back(leg)))
		leg_wait(s, leg, w, true);
	else if (w->state == WAY_LEADS)
		leg_enter_flow(s, leg, w->site);
	else if (w->state == WAY_UNDECIDED)
		leg_enter_flow(s, leg, &s->undecided);
	else
		leg_wait(s, leg, w, false);
}

void leg_lift(struct schedule *s, struct leg *leg)
{
	struct flow *f = leg->flow;

	list_remove(&leg->list);
	leg->flow = NULL;
	if (f && list_is_empty(&f->legs))
		flow_free(s, f);
}

static struct leg *leg_find(const struct mail *m, uint32_t way)
{
	struct leg *leg = m->legs;

	while (leg && leg->way != way)
		leg = leg->next;
	return leg;
}

void leg_add(struct schedule *s, struct mail *m, uint32_t way)
{
	struct leg *leg = leg_find(m, way);

	if (leg) {
		leg_lift(s, leg);	/* one more recipient: it may be held back */
	} else {
		leg = leg_new(s);
		*leg = (struct leg){ .list = leg->list, .mail = m, .way = way, .next = m->legs };
		m->legs = leg;
		s->n_legs++;
		way_at(s, way)->n_legs++;
	}
	leg_place(s, leg);
}

void leg_remove(struct schedule *s, struct leg *leg)
{
	struct way *w = way_at(s, leg->way);
	struct leg **at = &leg->mail->legs;

	while (*at != leg)
		at = &(*at)->next;
	*at = leg->next;
	leg_lift(s, leg);
	list_add_first(&s->free_legs, &leg->list);
	s->n_legs--;
	w->n_legs--;
	way_release(s, w);
}

void leg_give_up(struct schedule *s, struct leg *leg)
{
	struct mail *m = leg->mail;

	for (uint32_t i = 0; i < m->n_rcpts; i++)
		if (rcpt_stands(mail_rcpt(m, i), leg->way))
			mail_rcpt(m, i)->state = RCPT_WAITING;
	leg_remove(s, leg);
	schedule_enter(s, m);
}

void legs_remove(struct schedule *s, struct mail *m)
{
	while (m->legs)
		leg_remove(s, m->legs);
}

/* ---- starting ------------------------------------------------------------------ */

static struct flow *flow_next(struct site *site)
{
	struct flow *f = LIST_OWNER(site->flows.next, struct flow, list);

	list_remove(&f->list);		/* the next turn is another sender's */
	list_add_last(&site->flows, &f->list);
	return f;
}

struct way *undecided_next(struct schedule *s)
{
	while (!list_is_empty(&s->undecided.flows)) {
		struct leg *leg = LIST_OWNER(flow_next(&s->undecided)->legs.next, struct leg, list);
		struct way *w = way_at(s, leg->way);
		bool is_new = w->state == WAY_UNDECIDED;

		if (is_new)
			w->state = WAY_ASKED;
		leg_lift(s, leg);
		leg_place(s, leg);
		if (is_new)
			return w;
	}
	return NULL;
}

/* The number of the envelope's recipient that an alias sends elsewhere; UINT32_MAX: none does. */
static uint32_t forwarded_for(const struct schedule *s, const struct rcpt *r)
{
	return r->named ? words_find(s->words, r->origin).code : UINT32_MAX;
}

/* One transaction has one sender, and a forwarded copy names in its header for whom it came: not to others. */
static bool may_share(const struct schedule *s, const struct rcpt *a, const struct rcpt *b)
{
	return a->sender == b->sender && forwarded_for(s, a) == forwarded_for(s, b);
}

/* Those of the recipients that stand there, at most so many; true when that leaves some for another job. */
static bool leg_take(const struct schedule *s, struct leg *leg, uint32_t batch, bool only_held_back, struct start *out)
{
	bool leaves = way_is_foreign(way_at(s, leg->way)->name), more = false;

	*out = (struct start){ .mail = leg->mail, .way = leg->way };
	for (uint32_t i = 0; i < leg->mail->n_rcpts; i++) {
		struct rcpt *r = mail_rcpt(leg->mail, i);

		if (!rcpt_stands(r, leg->way) || (only_held_back && r->released))
			continue;
		if (out->n == batch || out->n == START_MAX_RCPTS)
			return true;
		if (leaves && out->n > 0 && !may_share(s, mail_rcpt(leg->mail, out->rcpts[0]), r)) {
			more = true;
			continue;
		}
		r->state = RCPT_FLYING;
		leg->mail->n_flying++;
		out->rcpts[out->n++] = i;
	}
	return more;
}

/* The first of them; true when it may start now. Where it may not, the site stands aside until that changes. */
static struct flow *flow_that_may(struct schedule *s, struct site *site, bool no_doubt)
{
	struct sender *sender = NULL;

	if (!site->is_proved && (no_doubt || doubt_is_full(s))) {
		list_remove(&site->ready);
		list_add_last(&s->doubtful, &site->ready);
		return NULL;
	}
	for (unsigned i = 0; i < FLOWS_LOOKED; i++) {
		struct flow *f = flow_next(site);

		if (sender_may(s, f->sender, site))
			return f;
		sender = f->sender;
	}
	list_remove(&site->ready);
	list_add_last(&sender->parked, &site->ready);
	return NULL;
}

static bool site_is_slowed(struct schedule *s, struct site *site, int64_t now)
{
	struct paced *p = site->key.paced;

	if (!p || pace_take(&p->pace, now))
		return false;
	heap_set(&s->slowed, &site->slowed, pace_ready_at(&p->pace, now));
	site_stand(s, site);
	return true;
}

/* Takes the next job out of the line; false when that way does not lead here any more. */
static bool flow_start(struct schedule *s, struct site *site, struct flow *f, int64_t now, struct start *out)
{
	struct leg *leg = LIST_OWNER(f->legs.next, struct leg, list);
	struct way *w = way_at(s, leg->way);
	struct sender *sender = f->sender;
	bool more;

	if (!way_touch(s, w, now))
		return false;
	more = leg_take(s, leg, w->batch, false, out);
	out->kind = (enum site_kind)site->key.kind;
	out->spread = (uint32_t)(site->key.key ^ site->key.key >> 32);
	if (out->n > 0)
		flight_begin(s, site, sender, &out->flight);
	if (more) {
		list_remove(&leg->list);
		list_add_last(&f->legs, &leg->list);
	} else {
		leg_remove(s, leg);
	}
	list_remove(&site->ready);	/* the next turn is another site's */
	site_stand(s, site);
	return out->n > 0;
}

static struct site *site_next(struct schedule *s, unsigned kinds)
{
	if (s->n_connections >= s->rules.max_connections)
		kinds &= ~(1u << SITE_SMTP);
	for (unsigned kind = 0; kind < N_SITE_KINDS; kind++)
		if (kinds & 1u << kind && !list_is_empty(&s->ready[kind]))
			return LIST_OWNER(s->ready[kind].next, struct site, ready);
	return NULL;
}

bool schedule_pull(struct schedule *s, unsigned kinds, struct instant now, struct start *out)
{
	struct site *site;
	struct flow *f;

	while ((site = site_next(s, kinds))) {
		f = site->key.kind == SITE_SMTP ? flow_that_may(s, site, kinds & START_NO_DOUBT) : flow_next(site);
		if (!f || site_is_slowed(s, site, now.mono_ms))
			continue;
		if (flow_start(s, site, f, now.mono_ms, out))
			return true;
	}
	return false;
}

bool schedule_pull_refused(struct schedule *s, struct start *out)
{
	while (!list_is_empty(&s->refusing)) {
		struct way *w = LIST_OWNER(s->refusing.next, struct way, refusing);
		struct leg *leg = LIST_OWNER(w->refused.next, struct leg, list);

		if (list_is_empty(&w->refused)) {
			list_remove(&w->refusing);
			if (w->state == WAY_FAILS)	/* who comes later asks anew */
				schedule_way_undecide(s, w->number);
			continue;
		}
		(void)leg_take(s, leg, START_MAX_RCPTS, w->state != WAY_FAILS, out);
		out->holds = w->state != WAY_FAILS;
		leg_lift(s, leg);
		if (leg_is_empty(leg))
			leg_remove(s, leg);
		else
			leg_place(s, leg);
		if (out->n > 0)
			return true;
	}
	return false;
}
