/* Sites, the lines that stand before them, and who may start. */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "spool/schedule_private.h"
#include "wire/verbs.h"

#define LEGS_AT_ONCE 128

/* ---- birth and death ------------------------------------------------------ */

void sites_init(struct schedule *s)
{
	heap_init(&s->blocked);
	map_init(&s->names);
	map_init(&s->flows);
	for (unsigned i = 0; i < N_SITE_KINDS; i++)
		list_init(&s->ready[i]);
	list_init(&s->free_legs);
	list_init(&s->free_flows);
	schedule_site(s, SPAN_NONE, SITE_NO_WAY, START_MAX_RCPTS);
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

void sites_fini(struct schedule *s)
{
	for (uint32_t i = 0; i < s->n_sites; i++) {
		list_free_flows(&s->sites[i]->flows);
		mem_free((char *)(uintptr_t)s->sites[i]->name.at);
		mem_free(s->sites[i]);
	}
	list_free_legs(&s->free_legs);
	list_free_flows(&s->free_flows);
	map_fini(&s->names);
	map_fini(&s->flows);
	heap_fini(&s->blocked);
	mem_free(s->sites);
}

void sites_set_rules(struct schedule *s)
{
	for (uint32_t i = 0; i < s->n_sites; i++)
		if (s->sites[i]->kind == SITE_LMTP && s->sites[i]->window > s->rules.per_site)
			s->sites[i]->window = s->rules.per_site;
}

/* ---- sites ------------------------------------------------------------------ */

struct site *site_at(const struct schedule *s, uint32_t site)
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

void leg_add(struct schedule *s, struct mail *m, uint32_t site)
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

void legs_remove(struct schedule *s, struct mail *m)
{
	while (m->legs)
		leg_remove(s, m->legs);
}

void sites_unblock(struct schedule *s, int64_t now)
{
	struct heap_node *n;

	while ((n = heap_first(&s->blocked)) && n->at <= now) {
		struct site *site = LIST_OWNER(n, struct site, blocked);

		heap_remove(&s->blocked, n);
		site_stand(s, site);
	}
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
			if (schedule_deadline(s, m) > site->troubled_at)
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
			heap_set(&s->blocked, &site->blocked, now.mono_ms + schedule_wait_after(s, site->n_troubles));
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
