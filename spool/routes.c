/* Where ways lead: the configuration says it, or dns does. Refusals of the
 * whole way (no such domain, a null MX, a route that holds) end here. */
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "spool/hosts.h"
#include "spool/spool.h"
#include "wire/event.h"
#include "wire/pending.h"
#include "wire/route.h"
#include "wire/settings_value.h"

#define CREDIT       256	/* questions to dns under way */
#define FOREIGN_BATCH 100	/* recipients in one transaction: every server takes so many (RFC 5321 4.5.3.1.8) */
#define TTL_MIN_MS   SECONDS(5)
#define TTL_MAX_MS   HOURS(24)
#define REFUSED_SLICE 500	/* messages whose way fails or holds, in one turn */
#define WORDS_MAX    400

struct question {
	struct list list;		/* the free ones */
	uint32_t way;
	int64_t asked_at;
	unsigned n;
	struct host hosts[HOSTS_MAX];	/* their names in text */
	struct buf text;
};

struct routes {
	struct spool *spool;
	struct channel *dns;		/* NULL: away */
	struct pending pending;
	struct list free;
	struct start start;
};

struct routes *routes_new(struct spool *sp)
{
	struct routes *r = mem_new(sizeof(*r));

	r->spool = sp;
	pending_init(&r->pending, CREDIT);
	list_init(&r->free);
	return r;
}

/* ---- by the configuration ------------------------------------------------------------ */

static enum site_kind kind_of(const struct set_deliver *d)
{
	return d->smtp ? SITE_SMTP : d->lmtp ? SITE_LMTP : SITE_LOCAL;
}

static void decide_deliver(struct spool *sp, uint32_t way, struct span name)
{
	const struct set_deliver *d = settings_deliver(sp->settings, name);
	struct goal goal = { .key = map_hash(name), .until = INT64_MAX };

	if (!d) {
		schedule_way_closes(sp->books.schedule, way);
		return;
	}
	goal.kind = kind_of(d);
	goal.batch = (uint32_t)d->batch;
	schedule_way_leads(sp->books.schedule, way, &goal, spool_now(sp));
}

static struct goal goal_by(const struct set_route *route, uint64_t key, int64_t until)
{
	struct goal goal = { .key = key, .kind = SITE_SMTP, .batch = FOREIGN_BATCH, .until = until, .pace = SPAN_NONE };

	if (route && route->rate.n > 0) {
		goal.pace = span_of_text(route->title);
		goal.rates = &route->rate;
	}
	return goal;
}

/* It needs no DNS: named by the route, or a literal. */
static void lead_to(struct spool *sp, uint32_t way, const struct set_route *route, struct host host, struct span key)
{
	struct goal goal = goal_by(route, map_hash(key), INT64_MAX);

	goal.hosts = hosts_new(&host, 1);
	schedule_way_leads(sp->books.schedule, way, &goal, spool_now(sp));
}

static bool decide_foreign(struct spool *sp, uint32_t way, struct span domain)
{
	const struct set_route *route = route_find(sp->settings, domain);
	struct span via = route ? span_of_text(route->via) : SPAN_NONE;
	struct host host = { .name = domain };
	unsigned port;

	schedule_way_holds(sp->books.schedule, way, route && route->hold);
	if (settings_socket_split(via, &host.name, &port)) {
		host.port = (uint16_t)port;
		lead_to(sp, way, route, host, via);
		return true;
	}
	if (domain.len == 0 || domain.at[0] != '[')
		return false;
	lead_to(sp, way, route, host, domain);
	return true;
}

/* False: dns must tell. */
static bool decide(struct spool *sp, uint32_t way)
{
	struct span name = schedule_way_name(sp->books.schedule, way);

	if (way_is_foreign(name))
		return decide_foreign(sp, way, span_from(name, 1));
	decide_deliver(sp, way, name);
	return true;
}

/* dns must tell: its answer was the configuration's, or had rates that may be others now. */
static bool is_outdated(const struct spool *sp, uint32_t way)
{
	const struct set_route *route = route_find(sp->settings, span_from(schedule_way_name(sp->books.schedule, way), 1));
	struct way_view v;

	schedule_way_view(sp->books.schedule, way, &v);
	return v.state == WAY_LEADS && (v.until == INT64_MAX || v.is_paced || (route && route->rate.n > 0));
}

bool routes_follow(struct routes *r)
{
	struct schedule *s = r->spool->books.schedule;
	bool changed = false;

	for (uint32_t way = WAY_NOWHERE + 1; way < schedule_n_ways(s); way++) {
		enum way_state was;

		if (!schedule_way_is_used(s, way) || schedule_way_state(s, way) == WAY_UNDECIDED)
			continue;
		was = schedule_way_state(s, way);
		schedule_way_keep(s, way);	/* it is looked at once more */
		if (!decide(r->spool, way) && is_outdated(r->spool, way))
			schedule_way_undecide(s, way);
		changed |= (was == WAY_CLOSED) != (schedule_way_state(s, way) == WAY_CLOSED);
		schedule_way_drop(s, way);
	}
	return changed;
}

/* ---- for the command line --------------------------------------------------------------- */

static void tell_deliver(const struct spool *sp, struct span name, struct wire_way_told *out)
{
	static const uint8_t leads[] = { [SITE_LOCAL] = LEADS_LOCAL, [SITE_LMTP] = LEADS_LMTP, [SITE_SMTP] = LEADS_SMTP };
	const struct set_deliver *d = settings_deliver(sp->settings, name);

	out->leads = d ? leads[kind_of(d)] : LEADS_NOWHERE;
	if (d)
		out->to = span_of_text(d->smtp ? d->smtp : d->lmtp);
}

static void tell_foreign(const struct spool *sp, struct span domain, struct wire_way_told *out)
{
	const struct set_route *route = route_find(sp->settings, domain);

	out->leads = LEADS_DNS;
	if (route) {
		out->route = span_of_text(route->title);
		out->holds = route->hold;
		out->to = span_of_text(route->via);
	}
	if (out->to.len == 0 && domain.len > 0 && domain.at[0] == '[')
		out->to = domain;
	if (out->to.len > 0)
		out->leads = LEADS_SMTP;
}

static void tell_standing(const struct spool *sp, uint32_t way, struct wire_way_told *out)
{
	struct instant now = spool_now(sp);
	struct way_view v;

	schedule_way_view(sp->books.schedule, way, &v);
	out->window = v.window;
	out->flying = v.n_flying;
	out->open = v.n_open;
	out->said = schedule_way_said(sp->books.schedule, way).words;
	if (v.state == WAY_FAILS)
		out->standing = STANDING_FAILS;
	else if (v.blocked_until)
		out->standing = STANDING_BLOCKED;
	else if (v.state == WAY_LEADS)
		out->standing = STANDING_OPEN;
	if (v.blocked_until)
		out->next_ms = (uint64_t)(v.blocked_until - now.mono_ms + now.wall_ms);
}

void routes_explain(struct routes *r, struct channel *ctl, const struct wire_way_ask *m)
{
	const struct spool *sp = r->spool;
	struct wire_way_told told = { .ask = m->ask, .standing = STANDING_UNKNOWN };
	uint32_t way;

	told.route = told.to = told.said = SPAN_NONE;
	if (way_is_foreign(m->name))
		tell_foreign(sp, span_from(m->name, 1), &told);
	else
		tell_deliver(sp, m->name, &told);
	if (schedule_way_find(sp->books.schedule, m->name, &way))
		tell_standing(sp, way, &told);
	channel_put(ctl, WIRE_way_told, &told);
}

/* ---- by dns ------------------------------------------------------------------------------- */

static struct question *question_new(struct routes *r, uint32_t way)
{
	struct list *l = list_take_first(&r->free);
	struct question *q = l ? LIST_OWNER(l, struct question, list) : mem_new(sizeof(*q));

	if (!l)
		buf_init(&q->text, HOSTS_MAX * 256);
	list_init(&q->list);
	buf_clear(&q->text);
	q->way = way;
	schedule_way_keep(r->spool->books.schedule, way);	/* its number stands for nothing else until it is answered */
	q->n = 0;
	q->asked_at = spool_now(r->spool).mono_ms;
	return q;
}

void route_postponed(struct spool *sp, uint32_t way)
{
	struct span name = schedule_way_name(sp->books.schedule, way);
	struct instant now = spool_now(sp);
	struct way_view v;
	struct event ev;

	schedule_way_view(sp->books.schedule, way, &v);
	event_begin(&ev, EV_SITE_POSTPONED, now.wall_ms, NULL);
	event_text(&ev, EF_DOMAIN, way_is_foreign(name) ? span_from(name, 1) : name);
	event_text(&ev, EF_REASON, schedule_way_said(sp->books.schedule, way).words);
	event_num(&ev, EF_COUNT, v.n_open);
	event_num(&ev, EF_NEXT, v.blocked_until - now.mono_ms + now.wall_ms);
	process_event(sp->process, &ev);
}

static void question_free(struct routes *r, struct question *q)
{
	schedule_way_drop(r->spool->books.schedule, q->way);
	list_add_first(&r->free, &q->list);
}

static void trouble(struct routes *r, uint32_t way, int64_t asked_at, struct span why)
{
	struct spool *sp = r->spool;
	struct span name = schedule_way_name(sp->books.schedule, way);
	struct buf words;

	buf_init(&words, WORDS_TEXT_MAX);
	(void)buf_printf(&words, "It can't be told now which servers take mail for %.*s: ", SPAN_ARG(span_from(name, 1)));
	(void)buf_add(&words, span_first(why, WORDS_MAX / 2));
	schedule_way_troubled(sp->books.schedule, way, &(struct saying){ 0, SPAN("4.4.3"), buf_span(&words), SPAN_NONE }, asked_at, spool_now(sp));
	buf_fini(&words);
	if (schedule_way_state(sp->books.schedule, way) == WAY_TROUBLED)
		route_postponed(sp, way);
}

static void ask(struct routes *r, uint32_t way)
{
	struct span name = schedule_way_name(r->spool->books.schedule, way);
	struct wire_site_ask msg;

	if (!r->dns) {
		trouble(r, way, spool_now(r->spool).mono_ms, SPAN("the resolver is away"));
		return;
	}
	msg = (struct wire_site_ask){ .ask = pending_open(&r->pending, question_new(r, way)), .domain = span_from(name, 1) };
	channel_put(r->dns, WIRE_site_ask, &msg);
}

static void on_site_host(struct routes *r, const struct wire_site_host *m)
{
	struct question *q = pending_find(&r->pending, m->ask);

	if (!q || q->n == HOSTS_MAX || m->name.len == 0 || m->name.len > 255)
		return;
	q->hosts[q->n++] = (struct host){ .preference = m->preference, .name = span_of((const char *)q->text.len, m->name.len) };
	(void)buf_add(&q->text, m->name);	/* it may move: names are places in it until all are there */
}

static void found(struct routes *r, struct question *q, const struct wire_site_done *m)
{
	struct spool *sp = r->spool;
	struct span domain = span_from(schedule_way_name(sp->books.schedule, q->way), 1);
	int64_t ttl = SECONDS(m->ttl), now = spool_now(sp).mono_ms;
	struct goal goal;

	ttl = ttl < TTL_MIN_MS ? TTL_MIN_MS : ttl > TTL_MAX_MS ? TTL_MAX_MS : ttl;
	goal = goal_by(route_find(sp->settings, domain), m->key, now + ttl);
	for (unsigned i = 0; i < q->n; i++)
		q->hosts[i].name.at = q->text.at + (size_t)q->hosts[i].name.at;
	goal.hosts = hosts_new(q->hosts, q->n);
	schedule_way_leads(sp->books.schedule, q->way, &goal, spool_now(sp));
}

static void fails(struct routes *r, uint32_t way, uint32_t code, const char *enhanced, const char *words)
{
	struct schedule *s = r->spool->books.schedule;
	struct span domain = span_from(schedule_way_name(s, way), 1);
	struct buf text;

	buf_init(&text, WORDS_TEXT_MAX);
	(void)buf_printf(&text, "The domain %.*s %s", SPAN_ARG(domain), words);
	schedule_way_fails(s, way, &(struct saying){ code, span_of_text(enhanced), buf_span(&text), SPAN_NONE });
	buf_fini(&text);
}

static void answered(struct routes *r, struct question *q, const struct wire_site_done *m)
{
	if (decide(r->spool, q->way))	/* the configuration changed meanwhile */
		return;
	if (m->result == SITE_FOUND && q->n > 0)
		found(r, q, m);
	else if (m->result == SITE_NULL_MX)
		fails(r, q->way, 556, "5.1.10", "takes no mail: it says so itself in DNS (null MX)");
	else if (m->result == SITE_NO_NAME)
		fails(r, q->way, 550, "5.1.2", "does not exist");
	else if (m->result == SITE_NO_HOST)
		fails(r, q->way, 550, "5.4.4", "has no mail server: DNS names neither an MX nor an address");
	else
		trouble(r, q->way, q->asked_at, m->why);
}

static void on_site_done(struct routes *r, const struct wire_site_done *m)
{
	struct question *q = pending_close(&r->pending, m->ask);

	if (!q)
		return;
	answered(r, q, m);
	question_free(r, q);
}

void routes_on_verb(struct routes *r, enum wire_verb verb, const union wire_msg *msg)
{
	if (verb == WIRE_site_host)
		on_site_host(r, &msg->site_host);
	else if (verb == WIRE_site_done)
		on_site_done(r, &msg->site_done);
}

static void question_drop(void *arg, uint32_t ask, void *owner)
{
	struct routes *r = arg;
	struct question *q = owner;

	(void)pending_close(&r->pending, ask);
	schedule_way_unask(r->spool->books.schedule, q->way);
	question_free(r, q);
}

void routes_on_gone(struct routes *r, struct channel *dns)
{
	if (!dns || r->dns != dns)
		return;
	r->dns = NULL;
	pending_each(&r->pending, question_drop, r);
}

/* The end of the one before, if it is not seen yet, tells nothing any more: what it was asked is asked again. */
void routes_wired(struct routes *r, struct channel *dns)
{
	routes_on_gone(r, r->dns);
	r->dns = dns;
	if (r->spool->books.schedule)
		schedule_ways_open(r->spool->books.schedule);
}

/* ---- refusals --------------------------------------------------------------------------------- */

/* Recipients that fail with their way; the envelope is read for their addresses. They are FLYING meanwhile. */
struct refusal {
	struct spool *spool;
	struct msg_id id;
	uint32_t said, n;	/* said: in the books */
	uint32_t rcpts[];
};

static struct envelope_rcpt *originals_of(const struct envelope *env)
{
	struct envelope_rcpt *all = mem_new((env->n_rcpts + 1) * sizeof(*all));
	struct span rows = env->rcpts;

	for (uint32_t i = 0; i < env->n_rcpts && envelope_next(&rows, &all[i]); i++)
		;
	return all;
}

static struct state_row fail_one(struct spool *sp, struct mail *m, uint32_t n, const struct saying *why)
{
	schedule_again(sp->books.schedule, m, n, spool_now(sp));
	if (mail_rcpt(m, n)->tries < UINT16_MAX)
		mail_rcpt(m, n)->tries++;
	rcpt_settle(&sp->books, m, n, FATE_FAILED, why);
	return rcpt_outcome_row(&sp->books, m, n, spool_now(sp));
}

static void fail_all(struct refusal *f, struct mail *m, const struct envelope *env)
{
	struct spool *sp = f->spool;
	struct envelope_rcpt *originals = originals_of(env);
	struct saying why = words_find(sp->books.words, f->said);
	struct note *note = note_new(sp, &m->id);

	for (uint32_t i = 0; i < f->n; i++) {
		struct rcpt_names names = rcpt_names(&sp->books, mail_rcpt(m, f->rcpts[i]));
		struct state_row row = fail_one(sp, m, f->rcpts[i], &why);

		spool_event_failed(sp, m, &row, names.address.len ? names.address : names.origin < env->n_rcpts ? originals[names.origin].address : SPAN_NONE);
		(void)state_add(&note->bytes, &row);
	}
	mem_free(originals);
	schedule_enter(sp->books.schedule, m);
	note_state(note, m, false);
}

static void on_envelope(void *owner, struct disk_reader *r, enum pr_err err, struct span bytes, uint64_t size)
{
	struct refusal *f = owner;
	struct spool *sp = f->spool;
	struct mail *m = queue_find(sp->books.queue, &f->id);
	struct envelope env = { .n_rcpts = 0 };

	(void)size;
	BUG_ON(!m);	/* nobody removes what flies */
	process_note(sp->process, &f->id);
	if (err != PR_OK || envelope_decode(bytes, &env) != PR_OK)
		env = (struct envelope){ .n_rcpts = 0 };	/* it fails without its address */
	process_note(sp->process, NULL);
	fail_all(f, m, &env);
	disk_reader_close(&r);
	words_drop(sp->books.words, &f->said);
	mem_free(f);
	settle(sp, m);
}

static void fail(struct spool *sp, const struct start *start)
{
	static const struct disk_reader_handlers handlers = { on_envelope, NULL, NULL };
	struct saying why = schedule_way_said(sp->books.schedule, start->way);
	struct refusal *f = mem_new(sizeof(*f) + start->n * sizeof(uint32_t));
	struct disk_reader *r;

	f->spool = sp;
	f->id = start->mail->id;
	f->said = words_keep(sp->books.words, &why);
	f->n = start->n;
	memcpy(f->rcpts, start->rcpts, start->n * sizeof(uint32_t));
	r = disk_read(sp->disk, &f->id, start->mail->place, &handlers, f);
	(void)r;	/* on_envelope closes it */
}

static void hold(struct spool *sp, const struct start *start)
{
	struct mail *m = start->mail;
	struct note *note = note_new(sp, &m->id);

	for (uint32_t i = 0; i < start->n; i++) {
		schedule_again(sp->books.schedule, m, start->rcpts[i], spool_now(sp));
		(void)state_add(&note->bytes, &(struct state_row){ .type = STATE_ROW_HOLD, .n = start->rcpts[i], .words = ROUTE_HOLDS });
	}
	BUG_ON(state_apply(&sp->books, m, buf_span(&note->bytes), false, spool_now(sp)) != PR_OK);
	spool_event(sp, EV_QUEUE_HELD, &m->id, ROUTE_HOLDS.at);
	schedule_enter(sp->books.schedule, m);
	note_state(note, m, false);
	settle(sp, m);
}

bool routes_pump(struct routes *r)
{
	struct spool *sp = r->spool;
	uint32_t way;

	while ((!r->dns || pending_used(&r->pending) < CREDIT) && schedule_next_question(sp->books.schedule, spool_now(sp), &way))
		if (!decide(sp, way))
			ask(r, way);
	for (unsigned i = 0; i < REFUSED_SLICE; i++) {
		if (!schedule_pull_refused(sp->books.schedule, &r->start))
			return false;
		if (r->start.holds)
			hold(sp, &r->start);
		else
			fail(sp, &r->start);
	}
	return true;
}
