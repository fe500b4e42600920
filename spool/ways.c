/* Ways: what recipients have in common, and what is known of where it leads. */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "spool/schedule_private.h"

/* An answer that is too old is used while the new one is fetched, and when that can't be had (RFC 8767). */
#define STALE_MS HOURS(1)
#define STALE_AGAIN_MS MINUTES(1)

/* ---- birth and death -------------------------------------------------------------- */

static struct way *way_new(struct schedule *s)
{
	struct list *l = list_take_first(&s->free_ways);
	struct way *w;

	if (l)
		return LIST_OWNER(l, struct way, list);
	w = mem_new(sizeof(*w));
	w->number = s->n_ways;
	s->ways = mem_resize(s->ways, (s->n_ways + 1) * sizeof(struct way *));
	s->ways[s->n_ways++] = w;
	return w;
}

static struct way *way_find(const struct schedule *s, struct span name)
{
	struct map_node *node = map_find(&s->names, name);

	return node ? MAP_OWNER(node, struct way, node) : NULL;
}

uint32_t schedule_way(struct schedule *s, struct span name)
{
	struct way *w = way_find(s, name);

	if (w)
		return w->number;
	w = way_new(s);
	*w = (struct way){ .number = w->number, .name = span_of(mem_text(name), name.len) };
	list_init(&w->waiting);
	list_init(&w->refused);
	list_init(&w->refusing);
	list_init(&w->list);
	list_init(&w->answer);
	map_put(&s->names, &w->node, w->name);
	return w->number;
}

bool schedule_way_find(const struct schedule *s, struct span name, uint32_t *way)
{
	struct way *w = way_find(s, name);

	if (w)
		*way = w->number;
	return w;
}

void ways_init(struct schedule *s)
{
	map_init(&s->names);
	heap_init(&s->troubled);
	list_init(&s->again);
	list_init(&s->refusing);
	list_init(&s->answers);
	list_init(&s->free_ways);
	BUG_ON(schedule_way(s, SPAN_NONE) != WAY_NOWHERE);
	s->ways[WAY_NOWHERE]->state = WAY_CLOSED;
}

struct way *way_at(const struct schedule *s, uint32_t way)
{
	BUG_ON(way >= s->n_ways);
	return s->ways[way];
}

static void answer_forget(struct schedule *s, struct way *w)
{
	if (list_is_empty(&w->answer))
		return;
	list_remove(&w->answer);
	s->n_answers--;
}

/* The site may be nobody's then. */
static void way_let_site_go(struct schedule *s, struct way *w)
{
	struct site *site = w->site;

	mem_free(w->hosts);
	w->hosts = NULL;
	w->site = NULL;
	if (!site)
		return;
	answer_forget(s, w);
	site->n_ways--;
	site_release(s, site);
}

static void way_fini(struct schedule *s, struct way *w)
{
	map_remove(&s->names, &w->node);
	list_remove(&w->list);
	list_remove(&w->refusing);
	heap_remove(&s->troubled, &w->troubled);
	words_drop(s->words, &w->said);
	mem_free((char *)(uintptr_t)w->name.at);
	w->name = SPAN_NONE;
}

void way_release(struct schedule *s, struct way *w)
{
	if (w->number == WAY_NOWHERE || w->n_rcpts || w->n_legs || w->is_asked || w->state == WAY_LEADS || w->state == WAY_CLOSED)
		return;
	way_fini(s, w);
	list_add_first(&s->free_ways, &w->list);
}

void ways_fini(struct schedule *s)
{
	for (uint32_t i = 0; i < s->n_ways; i++) {
		struct way *w = s->ways[i];

		if (schedule_way_is_used(s, i)) {
			way_let_site_go(s, w);
			way_fini(s, w);
		}
		mem_free(w);
	}
	mem_free(s->ways);
	map_fini(&s->names);
	heap_fini(&s->troubled);
}

void schedule_way_keep(struct schedule *s, uint32_t way) { way_at(s, way)->n_rcpts++; }

void schedule_way_drop(struct schedule *s, uint32_t way)
{
	struct way *w = way_at(s, way);

	BUG_ON(w->n_rcpts == 0);
	w->n_rcpts--;
	way_release(s, w);
}

void schedule_way_joined(struct schedule *s, uint32_t way) { way_at(s, way)->n_open++; }

void schedule_way_left(struct schedule *s, uint32_t way)
{
	BUG_ON(way_at(s, way)->n_open == 0);
	way_at(s, way)->n_open--;
}

/* ---- what is known ----------------------------------------------------------------- */

struct span schedule_way_name(const struct schedule *s, uint32_t way) { return way_at(s, way)->name; }
enum way_state schedule_way_state(const struct schedule *s, uint32_t way) { return way_at(s, way)->state; }
void *schedule_way_hosts(const struct schedule *s, uint32_t way) { return way_at(s, way)->hosts; }
uint32_t schedule_n_ways(const struct schedule *s) { return s->n_ways; }

bool schedule_way_is_used(const struct schedule *s, uint32_t way)
{
	return way == WAY_NOWHERE || way_at(s, way)->name.len > 0;
}

struct saying schedule_way_said(const struct schedule *s, uint32_t way)
{
	const struct way *w = way_at(s, way);

	return words_find(s->words, w->said ? w->said : w->site ? w->site->said : 0);
}

void schedule_way_view(const struct schedule *s, uint32_t way, struct way_view *out)
{
	const struct way *w = way_at(s, way);

	*out = (struct way_view){ .state = w->state, .holds = w->holds, .until = w->until, .n_open = w->n_open };
	if (heap_has(&w->troubled))
		out->blocked_until = w->troubled.at;
	if (!w->site)
		return;
	out->window = site_window(s, w->site);
	out->n_flying = w->site->n_flying;
	out->is_paced = w->site->key.paced;
	if (heap_has(&w->site->blocked))
		out->blocked_until = w->site->blocked.at;
}

/* A way or a site that was tried after the message's deadline, in vain, was tried for it too. */
bool way_is_past_hope(const struct schedule *s, const struct way *w, const struct mail *m)
{
	int64_t deadline = schedule_deadline(s, m);

	if (w->state == WAY_CLOSED)
		return true;
	if (w->state == WAY_TROUBLED)
		return deadline <= w->troubled_at;
	return w->state == WAY_LEADS && heap_has(&w->site->blocked) && deadline <= w->site->troubled_at;
}

/* ---- questions ------------------------------------------------------------------------ */

static void way_ask_again(struct schedule *s, struct way *w)
{
	if (w->is_asked)
		return;
	w->is_asked = true;
	list_remove(&w->list);
	list_add_last(&s->again, &w->list);
}

void ways_ask_again(struct schedule *s, int64_t now)
{
	struct heap_node *n;

	while ((n = heap_first(&s->troubled)) && n->at <= now) {
		heap_remove(&s->troubled, n);
		way_ask_again(s, LIST_OWNER(n, struct way, troubled));
	}
}

void schedule_ways_open(struct schedule *s)
{
	ways_ask_again(s, INT64_MAX);
}

static void legs_lift(struct schedule *s, struct way *w, struct list *out)
{
	struct list *l;

	while ((l = list_take_first(&w->waiting)) || (l = list_take_first(&w->refused)))
		list_add_last(out, l);
	if (!w->site || w->n_legs == 0)
		return;
	LIST_EACH_SAFE(f, &w->site->flows) {
		LIST_EACH_SAFE(k, &LIST_OWNER(f, struct flow, list)->legs) {
			struct leg *leg = LIST_OWNER(k, struct leg, list);

			if (leg->way != w->number)
				continue;
			leg_lift(s, leg);
			list_add_last(out, k);
		}
	}
}

/* From now on it is so: each of its legs stands where it belongs then. */
static void way_set(struct schedule *s, struct way *w, enum way_state state, struct site *site, void *hosts)
{
	struct list legs, *l;

	list_init(&legs);
	legs_lift(s, w, &legs);
	list_remove(&w->list);
	heap_remove(&s->troubled, &w->troubled);
	w->is_asked = false;
	if (site)
		site->n_ways++;
	way_let_site_go(s, w);
	w->state = state;
	w->site = site;
	w->hosts = hosts;
	while ((l = list_take_first(&legs)))
		leg_place(s, LIST_OWNER(l, struct leg, list));
}

/* The least recently used answers are forgotten; where mail stands the site is remembered, and asked for its hosts when it is next. */
static void answers_bound(struct schedule *s)
{
	while (s->n_answers > WAYS_KEPT) {
		struct way *w = LIST_OWNER(s->answers.next, struct way, answer);

		answer_forget(s, w);
		if (w->n_legs == 0) {
			schedule_way_undecide(s, w->number);
			continue;
		}
		mem_free(w->hosts);
		w->hosts = NULL;
		w->until = INT64_MIN;
	}
}

static bool is_too_old(const struct way *w, int64_t now)
{
	return w->until < now && w->until < now - STALE_MS;
}

bool way_touch(struct schedule *s, struct way *w, int64_t now)
{
	if (w->state != WAY_LEADS)
		return false;
	if (is_too_old(w, now)) {
		schedule_way_undecide(s, w->number);
		return false;
	}
	if (list_is_empty(&w->answer))
		s->n_answers++;
	list_remove(&w->answer);
	list_add_last(&s->answers, &w->answer);
	if (w->until <= now)
		way_ask_again(s, w);
	return true;
}

bool schedule_next_question(struct schedule *s, struct instant now, uint32_t *way)
{
	struct list *l;
	struct way *w;

	ways_ask_again(s, now.mono_ms);
	l = list_take_first(&s->again);
	if (l)
		w = LIST_OWNER(l, struct way, list);
	else if (s->n_connections < s->rules.max_connections)	/* else nothing would start */
		w = undecided_next(s);
	else
		w = NULL;
	if (!w)
		return false;
	w->is_asked = true;
	if (w->state != WAY_LEADS)
		w->state = WAY_ASKED;
	*way = w->number;
	return true;
}

/* ---- answers ---------------------------------------------------------------------------- */

void schedule_way_leads(struct schedule *s, uint32_t way, const struct goal *goal, struct instant now)
{
	struct way *w = way_at(s, way);
	struct site *site = site_for(s, goal, now);

	w->until = goal->until;
	w->batch = goal->batch;
	w->n_troubles = 0;
	words_drop(s->words, &w->said);
	if (w->state == WAY_LEADS && w->site == site) {
		w->is_asked = false;
		list_remove(&w->list);
		heap_remove(&s->troubled, &w->troubled);
		mem_free(w->hosts);
		w->hosts = goal->hosts;
	} else {
		way_set(s, w, WAY_LEADS, site, goal->hosts);
	}
	(void)way_touch(s, w, now.mono_ms);
	answers_bound(s);
	way_release(s, w);
}

void schedule_way_troubled(struct schedule *s, uint32_t way, const struct saying *why, int64_t asked_at, struct instant now)
{
	struct way *w = way_at(s, way);

	if (w->state == WAY_LEADS && !is_too_old(w, now.mono_ms)) {
		w->is_asked = false;
		heap_set(&s->troubled, &w->troubled, now.mono_ms + STALE_AGAIN_MS);
		return;
	}
	saying_keep(s, &w->said, why);
	if (asked_at < w->opened_at) {
		schedule_way_undecide(s, way);
		return;
	}
	w->troubled_at = asked_at;
	way_set(s, w, WAY_TROUBLED, NULL, NULL);
	heap_set(&s->troubled, &w->troubled, now.mono_ms + schedule_site_wait(s, ++w->n_troubles));
	way_release(s, w);
}

void schedule_way_fails(struct schedule *s, uint32_t way, const struct saying *why)
{
	struct way *w = way_at(s, way);

	saying_keep(s, &w->said, why);
	way_set(s, w, WAY_FAILS, NULL, NULL);
	way_release(s, w);
}

void schedule_way_closes(struct schedule *s, uint32_t way)
{
	way_set(s, way_at(s, way), WAY_CLOSED, NULL, NULL);
	way_release(s, way_at(s, way));
}

void schedule_way_undecide(struct schedule *s, uint32_t way)
{
	way_set(s, way_at(s, way), WAY_UNDECIDED, NULL, NULL);
	way_release(s, way_at(s, way));
}

void schedule_way_unask(struct schedule *s, uint32_t way)
{
	struct way *w = way_at(s, way);

	if (w->state == WAY_ASKED)
		schedule_way_undecide(s, way);
	else
		w->is_asked = false;
}

void schedule_way_holds(struct schedule *s, uint32_t way, bool holds)
{
	struct way *w = way_at(s, way);
	struct list legs, *l;

	if (w->holds == holds)
		return;
	list_init(&legs);
	legs_lift(s, w, &legs);
	w->holds = holds;
	while ((l = list_take_first(&legs)))
		leg_place(s, LIST_OWNER(l, struct leg, list));
}

void schedule_way_open(struct schedule *s, uint32_t way, struct instant now)
{
	struct way *w = way_at(s, way);

	w->n_troubles = 0;
	w->opened_at = now.mono_ms;
	if (w->site)
		w->site->opened_at = now.mono_ms;
	if (w->state == WAY_FAILS || w->state == WAY_TROUBLED)
		schedule_way_undecide(s, way);
	else if (w->site)
		site_open(s, w->site);
}
