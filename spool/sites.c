/* Sites: windows that grow and shrink, trouble that is waited for, and who may have a connection. */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "spool/schedule_private.h"

#define UNPARKED 2	/* for each job that ends: a share that grew is found in a few steps */

/* ---- birth and death ------------------------------------------------------ */

void site_init(struct site *site)
{
	list_init(&site->ready);
	list_init(&site->flows);
}

static struct span key_span(const struct site_key *key)
{
	return span_of((const char *)key, sizeof(*key));
}

static struct paced *paced_for(struct schedule *s, const struct goal *goal, int64_t now)
{
	struct map_node *node;
	struct paced *p;

	if (!goal->rates || goal->rates->n == 0)
		return NULL;
	node = map_find(&s->paces, goal->pace);
	p = node ? MAP_OWNER(node, struct paced, node) : mem_new(sizeof(*p));
	if (!node) {
		p->name = span_of(mem_text(goal->pace), goal->pace.len);
		map_put(&s->paces, &p->node, p->name);
	}
	pace_set(&p->pace, goal->rates, now);
	return p;
}

struct site *site_for(struct schedule *s, const struct goal *goal, struct instant now)
{
	struct site_key key = { goal->key, paced_for(s, goal, now.mono_ms), goal->kind };
	struct map_node *node = map_find(&s->keys, key_span(&key));
	struct site *site;

	if (node)
		return MAP_OWNER(node, struct site, node);
	site = mem_new(sizeof(*site));
	site_init(site);
	site->key = key;
	site->window = SITE_FIRST_WINDOW;
	site->threshold = s->rules.per_site;
	map_put(&s->keys, &site->node, key_span(&site->key));
	return site;
}

static void site_free(struct schedule *s, struct site *site)
{
	list_remove(&site->ready);
	heap_remove(&s->blocked, &site->blocked);
	heap_remove(&s->slowed, &site->slowed);
	words_drop(s->words, &site->said);
	map_remove(&s->keys, &site->node);
	mem_free(site);
}

void site_release(struct schedule *s, struct site *site)
{
	if (site->n_ways == 0 && site->n_flying == 0)
		site_free(s, site);
}

void sites_fini(struct schedule *s)
{
	for (struct map_node *n; (n = map_next(&s->keys, NULL));)
		site_free(s, MAP_OWNER(n, struct site, node));
	for (struct map_node *n; (n = map_next(&s->paces, NULL));) {
		struct paced *p = MAP_OWNER(n, struct paced, node);

		map_remove(&s->paces, n);
		mem_free((char *)(uintptr_t)p->name.at);
		mem_free(p);
	}
	map_fini(&s->keys);
	map_fini(&s->paces);
	heap_fini(&s->blocked);
	heap_fini(&s->slowed);
}

void saying_keep(struct schedule *s, uint32_t *number, const struct saying *said)
{
	uint32_t old = *number;

	*number = words_keep(s->words, said);
	words_drop(s->words, &old);
}

/* ---- who may start ------------------------------------------------------------------ */

uint32_t site_window(const struct schedule *s, const struct site *site)
{
	if (site->key.kind == SITE_LOCAL)
		return SITE_LOCAL_WINDOW;
	return site->window > s->rules.per_site ? s->rules.per_site : (uint32_t)site->window;
}

void site_stand(struct schedule *s, struct site *site)
{
	bool can = !list_is_empty(&site->flows) && !heap_has(&site->blocked) && !heap_has(&site->slowed) &&
	    site->n_flying < site_window(s, site);

	if (site == &s->undecided)
		return;
	if (can && list_is_empty(&site->ready))
		list_add_last(&s->ready[site->key.kind], &site->ready);
	else if (!can)
		list_remove(&site->ready);
}

/* Half of the connections is kept for sites that are known to speak: a thousand dead ones can't take them all. */
static uint32_t doubt_max(const struct schedule *s)
{
	return s->rules.max_connections < 2 ? 1 : s->rules.max_connections / 2;
}

bool doubt_is_full(const struct schedule *s)
{
	return s->n_doubtful >= doubt_max(s);
}

/* While a quarter is free nobody counts; then each sender has an equal share, and none goes without. */
static bool has_share(uint32_t mine, size_t n_senders, uint32_t all, uint32_t max)
{
	return mine == 0 || n_senders == 1 || all < max - max / 4 || mine * n_senders < max;
}

/* A place before a site that hangs is free again after minutes: nobody takes the last ones who has one, not even who is alone. */
static bool has_share_of_doubt(const struct schedule *s, const struct sender *sender)
{
	uint32_t all = s->n_doubtful, max = doubt_max(s);

	if (sender->n_doubtful == 0 || all < max - max / 4)
		return true;
	return s->senders.n > 1 && all < max - max / 8 && sender->n_doubtful * s->senders.n < max;
}

bool sender_may(const struct schedule *s, const struct sender *sender, const struct site *site)
{
	return has_share(sender->n_flying, s->senders.n, s->n_connections, s->rules.max_connections) &&
	    (site->is_proved || has_share_of_doubt(s, sender));
}

void flight_begin(struct schedule *s, struct site *site, struct sender *sender, struct flight *out)
{
	*out = (struct flight){ .site = site };
	site->n_flying++;
	if (!sender)
		return;
	out->sender = sender->key;
	out->is_doubtful = !site->is_proved;
	s->n_connections++;
	sender->n_flying++;
	s->n_doubtful += out->is_doubtful;
	sender->n_doubtful += out->is_doubtful;
}

/* Sites that stood before a gate look again. */
static void unpark(struct schedule *s, struct list *parked)
{
	struct list *l;

	for (unsigned i = 0; i < UNPARKED && (l = list_take_first(parked)); i++)
		list_add_first(&s->ready[SITE_SMTP], l);
}

static void flight_end(struct schedule *s, const struct flight *f)
{
	struct map_node *node = map_find(&s->senders, span_of((const char *)&f->sender, sizeof(f->sender)));
	struct sender *sender = MAP_OWNER(node, struct sender, node);

	BUG_ON(!node || sender->n_flying == 0);
	s->n_connections--;
	sender->n_flying--;
	s->n_doubtful -= f->is_doubtful;
	sender->n_doubtful -= f->is_doubtful;
	unpark(s, &sender->parked);
	unpark(s, &s->doubtful);
	sender_release(s, sender);
}

/* ---- time ------------------------------------------------------------------------------ */

void sites_set_rules(struct schedule *s)
{
	for (struct map_node *n = NULL; (n = map_next(&s->keys, n));)
		site_stand(s, MAP_OWNER(n, struct site, node));
}

void sites_unblock(struct schedule *s, int64_t now)
{
	struct heap_node *n;

	while ((n = heap_first(&s->blocked)) && n->at <= now)
		site_open(s, LIST_OWNER(n, struct site, blocked));
	while ((n = heap_first(&s->slowed)) && n->at <= now) {
		heap_remove(&s->slowed, n);
		site_stand(s, LIST_OWNER(n, struct site, slowed));
	}
}

void site_open(struct schedule *s, struct site *site)
{
	heap_remove(&s->blocked, &site->blocked);
	site_stand(s, site);
}

/* ---- what jobs tell ------------------------------------------------------------------------ */

static void site_grow(const struct schedule *s, struct site *site)
{
	site->window += site->window < site->threshold ? 1 : 1 / site->window;
	if (site->window > s->rules.per_site)
		site->window = s->rules.per_site;
}

/* Of jobs that ran side by side one speaks for all. */
static void site_shrink(struct site *site, int64_t started, int64_t now)
{
	if (started < site->shrunk_at)
		return;
	site->window = site->window / 2 < 1 ? 1 : site->window / 2;
	site->threshold = site->window;
	site->shrunk_at = now;
}

/* All that stand there and are past their deadline look again: they find it blocked, and end. */
static void site_give_up(struct schedule *s, struct site *site)
{
	LIST_EACH_SAFE(f, &site->flows) {
		LIST_EACH_SAFE(k, &LIST_OWNER(f, struct flow, list)->legs) {
			struct leg *leg = LIST_OWNER(k, struct leg, list);

			if (schedule_deadline(s, leg->mail) <= site->troubled_at)
				leg_give_up(s, leg);
		}
	}
}

/* While others are under way there, it may be that it only has enough of us: what they say counts. */
static void site_trouble(struct schedule *s, struct site *site, int64_t started, const struct saying *said, int64_t now)
{
	site_shrink(site, started, now);
	if (said)
		saying_keep(s, &site->said, said);
	if (site->n_flying > 0 || heap_has(&site->blocked) || started < site->opened_at)
		return;
	site->is_proved = false;
	site->n_troubles++;
	site->troubled_at = started;
	heap_set(&s->blocked, &site->blocked, now + schedule_site_wait(s, site->n_troubles));
	site_give_up(s, site);
}

void schedule_job_ended(struct schedule *s, const struct flight *f, int64_t started, enum site_word word, const struct saying *said,
    struct instant now)
{
	struct site *site = f->site;

	BUG_ON(site->n_flying == 0);
	site->n_flying--;
	if (site->key.kind == SITE_SMTP)
		flight_end(s, f);
	if (word == SITE_WELL || word == SITE_ALIVE) {
		site->is_proved = true;
		site->n_troubles = 0;
	}
	if (word == SITE_WELL)
		site_grow(s, site);
	else if (word == SITE_TROUBLE)
		site_trouble(s, site, started, said, now.mono_ms);
	site_stand(s, site);
	site_release(s, site);
}
