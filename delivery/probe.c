#include "delivery/probe.h"

#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"
#include "mail/address.h"

#define ENHANCED_MAX 11
#define WORDS_MAX    400

struct probe {
	struct map_node node;
	struct list list;	/* of those that are being asked, taken or refused */
	struct list askers;
	enum wire_address verdict;	/* the last one; ADDRESS_TEMPORARY: there was none */
	int64_t verdict_at, asked_at;
	bool is_asked;
	uint32_t number;	/* while it is asked */
	unsigned deliver;
	struct span address;	/* of the key */
	char enhanced[ENHANCED_MAX + 1];
	char *words;		/* of a refusal, else NULL */
	char key[];
};

struct asker {
	struct list list;
	void *who;		/* NULL: it left */
	uint32_t ask;
};

/* ---- birth and death --------------------------------------------------------------- */

void probes_init(struct probes *p, const struct probes_handlers *on, void *owner, unsigned n_deliver)
{
	*p = (struct probes){ .on = on, .owner = owner, .sites = mem_new((n_deliver + 1) * sizeof(*p->sites)) };
	map_init(&p->by_key);
	pending_init(&p->asked, PROBE_ALL_MAX);
	list_init(&p->asking);
	list_init(&p->taken);
	list_init(&p->refused);
}

static struct probe *probe_new(struct probes *p, struct span key, unsigned deliver, size_t address_len)
{
	struct probe *probe = mem_new(sizeof(*probe) + key.len);

	memcpy(probe->key, key.at, key.len);
	probe->address = span_of(probe->key + key.len - address_len, address_len);
	probe->deliver = deliver;
	probe->verdict = ADDRESS_TEMPORARY;
	list_init(&probe->list);
	list_init(&probe->askers);
	map_put(&p->by_key, &probe->node, span_of(probe->key, key.len));
	return probe;
}

static void probe_free(struct probes *p, struct probe *probe)
{
	list_remove(&probe->list);
	for (struct list *node = list_take_first(&probe->askers); node; node = list_take_first(&probe->askers))
		mem_free(LIST_OWNER(node, struct asker, list));
	map_remove(&p->by_key, &probe->node);
	mem_free(probe->words);
	mem_free(probe);
}

static void free_all(struct probes *p, struct list *all)
{
	LIST_EACH_SAFE(node, all)
		probe_free(p, LIST_OWNER(node, struct probe, list));
}

void probes_fini(struct probes *p)
{
	free_all(p, &p->asking);
	free_all(p, &p->taken);
	free_all(p, &p->refused);
	map_fini(&p->by_key);
	pending_fini(&p->asked);
	mem_free(p->sites);
}

/* ---- what is remembered -------------------------------------------------------------- */

/* With a verdict it lies in one of both lists, but not while it is being asked. */
static void leave_list(struct probes *p, struct probe *probe)
{
	list_remove(&probe->list);
	p->n_taken -= probe->verdict == ADDRESS_OK;
	p->n_refused -= probe->verdict == ADDRESS_UNKNOWN;
}

static void drop_oldest(struct probes *p, struct list *all)
{
	struct probe *oldest = LIST_OWNER(all->prev, struct probe, list);

	leave_list(p, oldest);
	probe_free(p, oldest);
}

static void enter_list(struct probes *p, struct probe *probe)
{
	if (probe->verdict == ADDRESS_OK) {
		list_add_first(&p->taken, &probe->list);
		if (++p->n_taken > PROBE_TAKEN_MAX)
			drop_oldest(p, &p->taken);
	} else {
		list_add_first(&p->refused, &probe->list);
		if (++p->n_refused > PROBE_REFUSED_MAX)
			drop_oldest(p, &p->refused);
	}
}

static bool is_fresh(const struct probe *probe, int64_t now_ms)
{
	int64_t age = now_ms - probe->verdict_at;

	return probe->verdict == ADDRESS_OK ? age < PROBE_TAKEN_MS : probe->verdict == ADDRESS_UNKNOWN && age < PROBE_REFUSED_MS;
}

static struct probe_answer answer_of(const struct probe *probe)
{
	return (struct probe_answer){ .result = probe->verdict, .enhanced = span_of_text(probe->enhanced), .words = span_of_text(probe->words) };
}

/* While the server can't be asked: what it took once it takes. */
static struct probe_answer answer_unasked(const struct probe *probe)
{
	enum wire_address result = probe && probe->verdict == ADDRESS_OK ? ADDRESS_OK : ADDRESS_TEMPORARY;

	return (struct probe_answer){ .result = result, .enhanced = SPAN_NONE, .words = SPAN_NONE };
}

/* ---- questions ------------------------------------------------------------------------- */

static void join(struct probe *probe, void *who, uint32_t ask)
{
	struct asker *a = mem_new(sizeof(*a));

	a->who = who;
	a->ask = ask;
	list_add_last(&probe->askers, &a->list);
}

static void tell_all(struct probes *p, struct probe *probe, const struct probe_answer *answer)
{
	for (struct list *node = list_take_first(&probe->askers); node; node = list_take_first(&probe->askers)) {
		struct asker *a = LIST_OWNER(node, struct asker, list);

		if (a->who)
			p->on->tell(p->owner, a->who, a->ask, answer);
		mem_free(a);
	}
}

static void begin(struct probes *p, struct probe *probe, int64_t now_ms)
{
	probe->number = pending_open(&p->asked, probe);
	probe->is_asked = true;
	probe->asked_at = now_ms;
	p->sites[probe->deliver].n_asked++;
	list_add_last(&p->asking, &probe->list);
	p->on->begin(p->owner, probe->number, probe->deliver, probe->address);
}

static bool may_ask(const struct probes *p, unsigned deliver, int64_t now_ms)
{
	const struct probe_site *site = &p->sites[deliver];

	return now_ms >= site->rests_until && site->n_asked < PROBE_SITE_MAX && pending_used(&p->asked) < PROBE_ALL_MAX;
}

static struct probe *probe_get(struct probes *p, unsigned deliver, struct span address)
{
	char key[ADDRESS_MAX + 16];
	size_t len = (size_t)snprintf(key, sizeof(key), "%u ", deliver);
	struct map_node *found;

	BUG_ON(address.len > ADDRESS_MAX);
	memcpy(key + len, address.at, address.len);
	len += address.len;
	found = map_find(&p->by_key, span_of(key, len));
	return found ? MAP_OWNER(found, struct probe, node) : probe_new(p, span_of(key, len), deliver, address.len);
}

/* Of one that is not asked for: kept as the one used last, or not at all. */
static void put_back(struct probes *p, struct probe *probe)
{
	if (probe->verdict == ADDRESS_TEMPORARY)
		probe_free(p, probe);
	else
		enter_list(p, probe);
}

void probes_ask(struct probes *p, int64_t now_ms, void *asker, uint32_t ask, unsigned deliver, struct span address)
{
	struct probe *probe = probe_get(p, deliver, address);
	bool fresh = is_fresh(probe, now_ms);
	struct probe_answer answer;

	join(probe, asker, ask);
	if (probe->is_asked)
		return;
	leave_list(p, probe);
	if (!fresh && may_ask(p, deliver, now_ms)) {
		begin(p, probe, now_ms);
		return;
	}
	answer = fresh ? answer_of(probe) : answer_unasked(probe);
	tell_all(p, probe, &answer);
	put_back(p, probe);
}

/* ---- answers ----------------------------------------------------------------------------- */

static void note_refusal(struct probe *probe, const struct job_outcome *said)
{
	probe->verdict = ADDRESS_UNKNOWN;
	(void)snprintf(probe->enhanced, sizeof(probe->enhanced), "%.*s", SPAN_ARG(span_first(said->enhanced, ENHANCED_MAX)));
	probe->words = mem_text(span_first(said->words, WORDS_MAX));
}

/* What speaks of this recipient is a verdict; all else is trouble, with the site or with us. */
static bool note_verdict(struct probe *probe, const struct job_outcome *said, int64_t now_ms)
{
	bool is_refused = said->fate == FATE_FAILED && said->scope == SCOPE_RECIPIENT;

	if (said->fate == FATE_DEFERRED || (said->fate == FATE_FAILED && !is_refused))
		return false;
	mem_free(probe->words);
	probe->words = NULL;
	probe->enhanced[0] = '\0';
	probe->verdict_at = now_ms;
	probe->verdict = ADDRESS_OK;
	if (is_refused)
		note_refusal(probe, said);
	return true;
}

struct span probes_address(const struct probes *p, uint32_t number)
{
	const struct probe *probe = pending_find(&p->asked, number);

	return probe ? probe->address : SPAN_NONE;
}

void probes_hear(struct probes *p, int64_t now_ms, uint32_t number, const struct job_outcome *outcome)
{
	struct probe *probe = pending_close(&p->asked, number);
	struct probe_answer answer;

	if (!probe)
		return;
	list_remove(&probe->list);
	probe->is_asked = false;
	p->sites[probe->deliver].n_asked--;
	if (note_verdict(probe, outcome, now_ms)) {
		answer = answer_of(probe);
	} else {
		answer = answer_unasked(probe);
		if (outcome->scope == SCOPE_SITE)
			p->sites[probe->deliver].rests_until = now_ms + PROBE_REST_MS;
	}
	tell_all(p, probe, &answer);
	put_back(p, probe);
}

void probes_forget(struct probes *p, const void *asker)
{
	LIST_EACH(node, &p->asking) {
		struct probe *probe = LIST_OWNER(node, struct probe, list);

		LIST_EACH(a, &probe->askers)
			if (LIST_OWNER(a, struct asker, list)->who == asker)
				LIST_OWNER(a, struct asker, list)->who = NULL;
	}
}

/* ---- time ---------------------------------------------------------------------------------- */

static struct probe *oldest(const struct probes *p)
{
	return list_is_empty(&p->asking) ? NULL : LIST_OWNER(p->asking.next, struct probe, list);
}

int64_t probes_due(const struct probes *p)
{
	const struct probe *probe = oldest(p);

	return probe ? probe->asked_at + PROBE_MAX_MS : INT64_MAX;
}

void probes_tick(struct probes *p, int64_t now_ms)
{
	while (probes_due(p) <= now_ms) {
		struct probe *probe = oldest(p);

		p->sites[probe->deliver].rests_until = now_ms + PROBE_REST_MS;
		p->on->cancel(p->owner, probe->number);
		BUG_ON(oldest(p) == probe);
	}
}
