/* What auth says of a recipient becomes rows of the message's first STATE. */
#include <string.h>

#include "base/text.h"
#include "mail/address.h"
#include "spool/expand_private.h"
#include "wire/event.h"
#include "wire/route.h"

struct target_key {
	struct map_node node;
};

/* Where the target goes: a section, or the domain of a foreign address. */
static struct span way_name(struct expansion *e, const struct wire_expand_to *to)
{
	struct span local, domain;
	char *name;

	if (to->deliver.len > 0)
		return to->deliver;
	address_split(to->mailbox, &local, &domain);
	name = arena_new(&e->arena, domain.len + 1);
	name[0] = '@';
	memcpy(name + 1, domain.at, domain.len);
	text_lower_in_place(name + 1, domain.len);
	return span_of(name, domain.len + 1);
}

/* One address, one copy, whichever of its names it came by. */
static bool is_new_target(struct expansion *e, struct span way, struct span mailbox)
{
	size_t len = way.len + 1 + mailbox.len;
	struct target_key *k;
	char *key;

	key = arena_new(&e->arena, len);
	memcpy(key, way.at, way.len);
	key[way.len] = '\0';
	memcpy(key + way.len + 1, mailbox.at, mailbox.len);
	text_lower_in_place(key + way.len + 1, mailbox.len);
	if (map_find(&e->seen, span_of(key, len)))
		return false;
	k = arena_new(&e->arena, sizeof(*k));
	map_put(&e->seen, &k->node, span_of(key, len));
	return true;
}

/* What a route holds back is held at once: it saves a write later. */
static void add_hold_by_route(struct expansion *e, uint32_t n, struct span way)
{
	const struct set_route *route = way_is_foreign(way) ? route_find(e->spool->settings, span_from(way, 1)) : NULL;

	if (!route || !route->hold)
		return;
	(void)state_add(&e->rows, &(struct state_row){ .type = STATE_ROW_HOLD, .n = n, .words = ROUTE_HOLDS });
	e->n_held++;
}

static void event_forwarded(struct question *q, struct span sender)
{
	struct spool *sp = q->expansion->spool;
	struct event ev;

	event_begin(&ev, EV_RECIPIENT_FORWARDED, spool_now(sp).wall_ms, &q->expansion->id);
	event_text(&ev, EF_ORIG_TO, q->address);
	event_text(&ev, EF_FROM, sender);
	process_event(sp->process, &ev);
}

static void add_target(struct question *q, uint8_t kind, struct span deliver, struct span mailbox, struct span address)
{
	struct expansion *e = q->expansion;
	bool same = span_eq(mailbox, q->address) && span_eq(address, q->address);

	(void)state_add(&e->rows, &(struct state_row){
		.type = STATE_ROW_TARGET, .n = e->n_targets, .origin = q->origin, .notify = q->notify, .kind = kind,
		.deliver = deliver, .mailbox = same ? SPAN_NONE : mailbox, .address = same ? SPAN_NONE : address,
	});
	e->n_targets++;
	q->n_targets++;
}

static void add_sender(struct question *q, struct span sender)
{
	struct expansion *e = q->expansion;

	(void)state_add(&e->rows, &(struct state_row){ .type = STATE_ROW_SENDER, .n = e->n_targets - 1, .sender = sender });
	if (!span_eq(sender, q->sender))
		event_forwarded(q, sender);
	q->sender = arena_span(&e->arena, sender);
}

static void add_failure(struct question *q, const char *enhanced, struct span words)
{
	struct expansion *e = q->expansion;

	add_target(q, TARGET_MEMBER, SPAN_NONE, q->address, q->address);
	(void)state_add(&e->rows, &(struct state_row){
		.type = STATE_ROW_OUTCOME, .n = e->n_targets - 1, .fate = FATE_FAILED, .code = 550,
		.enhanced = span_of_text(enhanced), .words = words, .host = SPAN_NONE,
	});
}

bool expansion_is_too_large(const struct expansion *e)
{
	return e->rows.overflowed || e->n_targets >= ENVELOPE_MAX_TARGETS + e->env.n_rcpts ||
	    e->rows.len + (e->n_targets + 1ull) * STATE_STAND_MAX > STATE_MAX_BYTES;
}

void question_take_target(struct question *q, const struct wire_expand_to *to)
{
	struct span way;

	if (to->mailbox.len == 0)
		return;
	if (expansion_is_too_large(q->expansion))
		return;		/* said at the end */
	way = way_name(q->expansion, to);
	if (!is_new_target(q->expansion, way, to->mailbox)) {
		q->n_targets++;
		return;
	}
	add_target(q, to->kind == TARGET_ARCHIVE ? TARGET_ARCHIVE : TARGET_MEMBER, way, to->mailbox, to->address.len ? to->address : to->mailbox);
	if (to->sender.len > 0)
		add_sender(q, to->sender);
	add_hold_by_route(q->expansion, q->expansion->n_targets - 1, way);
}

static void event_expanded(struct question *q)
{
	struct spool *sp = q->expansion->spool;
	struct event ev;

	event_begin(&ev, EV_RECIPIENT_EXPANDED, spool_now(sp).wall_ms, &q->expansion->id);
	event_text(&ev, EF_ORIG_TO, q->address);
	event_num(&ev, EF_COUNT, q->n_targets);
	process_event(sp->process, &ev);
}

bool question_is_for_admin(const struct question *q, const struct wire_expand_done *done)
{
	const uint32_t of_ours = MAIL_BOUNCE | MAIL_SUBMITTED;
	const struct expansion *e = q->expansion;

	return done->result == ADDRESS_UNKNOWN && (e->env.flags & of_ours) == of_ours && e->spool->settings->top.admin && !q->is_for_admin;
}

void question_take_end(struct question *q, const struct wire_expand_done *done)
{
	struct expansion *e = q->expansion;
	uint8_t result = done->result;
	struct span why = done->why;

	if (result == ADDRESS_TEMPORARY) {
		e->temporary = true;
		e->why = arena_span(&e->arena, why.len ? why : SPAN("It can't be told where this address leads"));
	} else if (result == ADDRESS_LOOP)
		add_failure(q, "5.4.6", why.len ? why : SPAN("The alias leads to itself"));
	else if (result == ADDRESS_DISABLED)
		add_failure(q, "5.2.1", why.len ? why : SPAN("The mailbox is disabled"));
	else if (result == ADDRESS_TOO_LARGE)
		add_failure(q, "5.2.4", why.len ? why : SPAN("The alias leads to too many addresses"));
	else if (result == ADDRESS_UNKNOWN || q->n_targets == 0)
		add_failure(q, "5.1.1", why.len ? why : SPAN("No such address here"));
	else if (q->n_targets > 1)
		event_expanded(q);
}

void expansion_fail(struct expansion *e, const char *enhanced, struct span why)
{
	struct span rows = e->env.rcpts;
	struct envelope_rcpt r;
	struct question q = { .expansion = e };

	buf_clear(&e->rows);
	e->n_held = 0;
	for (e->n_targets = 0; envelope_next(&rows, &r) && !e->rows.overflowed; q.origin++) {
		q.address = r.address;
		q.notify = r.notify;
		add_failure(&q, enhanced, why);
	}
}
