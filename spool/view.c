/* Messages and recipients as the command line sees them: before and after the expansion, matched by its filter, as rows. */
#include "spool/control_private.h"

static enum wire_state state_of(const struct rcpt *r)
{
	switch (r->state) {
	case RCPT_WAITING:
		return STATE_WAITING;
	case RCPT_DUE:
		return STATE_DUE;
	case RCPT_FLYING:
		return STATE_FLYING;
	case RCPT_HELD:
		return STATE_HELD;
	case RCPT_DELIVERED:
	case RCPT_RELAYED:
	case RCPT_PASSED:
		return STATE_DELIVERED;
	default:
		return STATE_FAILED;
	}
}

static void view_original(const struct mail *m, const struct envelope_rcpt *r, struct view *v)
{
	*v = (struct view){ { m->marks & MARK_HELD ? STATE_HELD : STATE_DUE, 0, r->address, r->address, SPAN_NONE }, r->notify, 0 };
}

static void view_rcpt(const struct spool *sp, const struct rcpt *r, const struct originals *o, struct view *v)
{
	struct rcpt_names names = rcpt_names(&sp->books, r);
	struct span from = o->known && names.origin < o->env.n_rcpts ? o->at[names.origin].address : SPAN_NONE;
	struct instant now = spool_now(sp);
	int64_t next = schedule_rcpt_next(sp->books.schedule, r);

	*v = (struct view){ .facts = { state_of(r), r->tries, names.address.len ? names.address : from, from,
	    rcpt_last_said(&sp->books, r).words }, .notify = r->flags & RCPT_NOTIFY };
	if (v->facts.state == STATE_DUE && next > 0)	/* it stands before a site that is left alone for now */
		v->facts.state = STATE_WAITING;
	if (next > 0 && next != INT64_MAX)
		v->next_ms = next - now.mono_ms + now.wall_ms;
	if (schedule_way_state(sp->books.schedule, r->way) == WAY_CLOSED && r->state < RCPT_HELD)
		v->facts.reason = spool_no_way(r->way);
}

uint32_t views_count(const struct mail *m, const struct originals *o)
{
	return m->marks & MARK_UNEXPANDED ? (o->known ? o->env.n_rcpts : 0) : m->n_rcpts;
}

void view_at(const struct spool *sp, struct mail *m, const struct originals *o, uint32_t n, struct view *v)
{
	if (m->marks & MARK_UNEXPANDED)
		view_original(m, &o->at[n], v);
	else
		view_rcpt(sp, mail_rcpt(m, n), o, v);
}

bool command_means(const struct command *k, struct mail *m, const struct originals *o)
{
	const struct spool *sp = k->control->spool;
	struct instant now = spool_now(sp);
	struct filter_message facts = { m->id, m->born_mono - now.mono_ms + now.wall_ms, m->size, o->known ? o->env.sender : SPAN_NONE };
	struct view v;

	if (!filter_message_matches(&k->filter, &facts, now.wall_ms))
		return false;
	if (!filter_has_recipient_terms(&k->filter))
		return true;
	for (uint32_t i = 0; i < views_count(m, o); i++) {
		view_at(sp, m, o, i, &v);
		if (filter_recipient_matches(&k->filter, &v.facts))
			return true;
	}
	return false;
}

static void put_message(struct command *k, const struct mail *m, const struct originals *o)
{
	struct wire_queue_message row = { .ask = k->ask, .id = m->id, .flags = o->env.flags,
	    .received_ms = (uint64_t)o->env.received_ms, .size = m->size, .sender = o->env.sender, .envid = o->env.envid };

	channel_put(k->channel, WIRE_queue_message, &row);
	k->rows--;
	k->head_sent = true;
}

static void put_recipient(struct command *k, struct mail *m, const struct originals *o, uint32_t n)
{
	struct wire_queue_recipient row = { .ask = k->ask, .n = n };
	struct view v;

	view_at(k->control->spool, m, o, n, &v);
	row.state = (uint8_t)v.facts.state;
	row.notify = v.notify;
	row.tries = v.facts.tries;
	row.next_ms = (uint64_t)v.next_ms;
	row.address = v.facts.address;
	row.original = v.facts.original;
	row.reason = v.facts.reason;
	channel_put(k->channel, WIRE_queue_recipient, &row);
	k->rows--;
}

bool command_lists(struct command *k, struct mail *m, const struct originals *o)
{
	if (k->rows > 0 && !k->head_sent)
		put_message(k, m, o);
	while (k->rows > 0 && k->head_sent && k->rcpt < views_count(m, o))
		put_recipient(k, m, o, k->rcpt++);
	return k->head_sent && k->rcpt == views_count(m, o);
}
