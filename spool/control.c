/* What the command line asks about the queue. A command walks through the
 * books in slices, so that a million messages delay nobody, and sends rows as
 * its asker grants them. */
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "spool/spool.h"
#include "wire/event.h"
#include "wire/filter.h"

#define SLICE        2000	/* messages looked at in a turn */
#define COMMANDS_MAX 64		/* at once; more are refused */
#define NAMES_MAX    10		/* of messages that a part of an id may mean, told to choose from */

struct command {
	struct list list;
	struct control *control;
	struct channel *channel;
	uint32_t ask, rows, count;
	uint8_t action;
	char *text, *argument;
	struct filter filter;
	uint32_t cursor, rcpt;		/* the next message; the next recipient of `id` */
	struct msg_id id;		/* in hand; zeros: none */
	struct msg_id meant[NAMES_MAX];	/* by a part of an id */
	uint32_t n_meant;
	struct disk_reader *reader;
	struct span piece;
	bool chosen;			/* it is known which one message is meant */
	bool asked, reading, head_sent, ended;	/* asked, reading: the disk owes an answer */
};

struct control {
	struct spool *spool;
	struct list commands;
	unsigned n;
};

struct control *control_new(struct spool *sp)
{
	struct control *c = mem_new(sizeof(*c));

	c->spool = sp;
	list_init(&c->commands);
	return c;
}

static void command_free(struct command *k)
{
	disk_reader_close(&k->reader);
	list_remove(&k->list);
	k->control->n--;
	mem_free(k->text);
	mem_free(k->argument);
	mem_free(k);
}

void control_free(struct control **c)
{
	if (!*c)
		return;
	while (!list_is_empty(&(*c)->commands))
		command_free(LIST_OWNER((*c)->commands.next, struct command, list));
	mem_free(*c);
	*c = NULL;
}

static void put_done(struct channel *ch, uint32_t ask, uint32_t count, uint8_t code, struct span words)
{
	struct wire_queue_done done = { .ask = ask, .count = count, .exit = code, .words = words };

	channel_put(ch, WIRE_queue_done, &done);
}

static bool only_reads(uint8_t action)
{
	return action <= QUEUE_CAT;
}

static void event_admin(struct command *k)
{
	static const char *const names[] = { "list", "show", "cat", "retry", "hold", "release", "bounce", "delete", "erase" };
	struct spool *sp = k->control->spool;
	struct event ev;

	event_begin(&ev, EV_ADMIN_ACTION, spool_now(sp).wall_ms, NULL);
	event_text(&ev, EF_ACTION, span_of_text(names[k->action]));
	event_text(&ev, EF_FILTER, span_of_text(k->text));
	event_num(&ev, EF_COUNT, k->count);
	process_event(sp->process, &ev);
}

static void command_end(struct command *k)
{
	bool none = k->count == 0 && (k->action == QUEUE_SHOW || k->action == QUEUE_CAT);

	if (!only_reads(k->action))
		event_admin(k);
	put_done(k->channel, k->ask, k->count, none ? EX_NOUSER : EX_OK, none ? SPAN("no such message") : SPAN_NONE);
	k->ended = true;
}

/* ---- matching ------------------------------------------------------------------------- */

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
		return STATE_DELIVERED;
	default:
		return STATE_FAILED;
	}
}

/* One recipient as the command line sees it, before and after the expansion. */
struct view {
	struct filter_recipient facts;
	uint8_t notify;
	int64_t next_ms;
};

struct originals {
	struct envelope env;
	struct envelope_rcpt *at;
	bool known;		/* the envelope was read */
};

static void view_original(const struct mail *m, const struct envelope_rcpt *r, struct view *v)
{
	*v = (struct view){ { m->marks & MARK_HELD ? STATE_HELD : STATE_DUE, 0, r->address, r->address, SPAN_NONE }, r->notify, 0 };
}

static void view_rcpt(const struct spool *sp, const struct rcpt *r, const struct originals *o, struct view *v)
{
	struct rcpt_names names = rcpt_names(&sp->books, r);
	struct span from = o->known && names.origin < o->env.n_rcpts ? o->at[names.origin].address : SPAN_NONE;
	struct instant now = spool_now(sp);

	*v = (struct view){ .facts = { state_of(r), r->tries, names.address.len ? names.address : from, from,
	    words_find(sp->books.words, r->words).words }, .notify = r->flags & RCPT_NOTIFY };
	if (r->state == RCPT_WAITING && schedule_site_kind(sp->books.schedule, r->site) != SITE_NO_WAY)
		v->next_ms = schedule_due_mono(sp->books.schedule, r) - now.mono_ms + now.wall_ms;
	if (schedule_site_kind(sp->books.schedule, r->site) == SITE_NO_WAY && r->state < RCPT_HELD)
		v->facts.reason = spool_no_way(sp, r->site);
}

static uint32_t n_views(const struct mail *m, const struct originals *o)
{
	return m->marks & MARK_UNEXPANDED ? (o->known ? o->env.n_rcpts : 0) : m->n_rcpts;
}

static void view_at(const struct spool *sp, struct mail *m, const struct originals *o, uint32_t n, struct view *v)
{
	if (m->marks & MARK_UNEXPANDED)
		view_original(m, &o->at[n], v);
	else
		view_rcpt(sp, mail_rcpt(m, n), o, v);
}

static bool is_meant(const struct command *k, struct mail *m, const struct originals *o)
{
	const struct spool *sp = k->control->spool;
	struct instant now = spool_now(sp);
	struct filter_message facts = { m->id, m->born_mono - now.mono_ms + now.wall_ms, m->size, o->known ? o->env.sender : SPAN_NONE };
	struct view v;

	if (!filter_message_matches(&k->filter, &facts, now.wall_ms))
		return false;
	if (!filter_has_recipient_terms(&k->filter))
		return true;
	for (uint32_t i = 0; i < n_views(m, o); i++) {
		view_at(sp, m, o, i, &v);
		if (filter_recipient_matches(&k->filter, &v.facts))
			return true;
	}
	return false;
}

static bool needs_disk(const struct command *k)
{
	return only_reads(k->action) || k->action == QUEUE_BOUNCE || filter_needs(&k->filter, FILTER_FROM) || filter_needs(&k->filter, FILTER_TO);
}

/* ---- rows ----------------------------------------------------------------------------------- */

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

/* True when all its rows were sent. */
static bool list_message(struct command *k, struct mail *m, const struct originals *o)
{
	if (k->rows > 0 && !k->head_sent)
		put_message(k, m, o);
	while (k->rows > 0 && k->head_sent && k->rcpt < n_views(m, o))
		put_recipient(k, m, o, k->rcpt++);
	return k->head_sent && k->rcpt == n_views(m, o);
}

/* ---- acts -------------------------------------------------------------------------------------- */

static void event_about(struct spool *sp, enum event_code code, const struct msg_id *id)
{
	struct event ev;

	event_begin(&ev, code, spool_now(sp).wall_ms, id);
	event_text(&ev, EF_REASON, SPAN("by hand"));
	process_event(sp->process, &ev);
}

static void act_delete(struct command *k, struct mail *m)
{
	struct spool *sp = k->control->spool;

	event_about(sp, EV_QUEUE_DELETED, &m->id);
	if (k->action == QUEUE_ERASE)
		m->marks |= MARK_ERASE;
	if (m->n_flying > 0 || m->marks & MARK_BUSY) {
		m->marks |= MARK_DOOMED;
		jobs_cancel(sp->jobs, m);
		return;
	}
	mail_finish(sp, m, NULL);
}

static void bounce_one(struct command *k, struct mail *m, uint32_t n, struct buf *rows)
{
	struct spool *sp = k->control->spool;
	struct state_row row;

	rcpt_settle(&sp->books, m, n, FATE_FAILED, &(struct saying){ 0, SPAN("5.7.0"),
	    k->argument[0] ? span_of_text(k->argument) : SPAN("The administrator gave it back"), SPAN_NONE });
	row = rcpt_outcome_row(&sp->books, m, n, spool_now(sp));
	(void)state_add(rows, &row);
}

static bool would_change(const struct command *k, const struct rcpt *r)
{
	if (rcpt_is_settled(r) || r->state == RCPT_FLYING)
		return false;
	return k->action == QUEUE_BOUNCE || (r->state == RCPT_HELD) == (k->action == QUEUE_RELEASE);
}

static uint8_t row_type_of(uint8_t action)
{
	return action == QUEUE_HOLD ? STATE_ROW_HOLD : action == QUEUE_RELEASE ? STATE_ROW_RELEASE : STATE_ROW_RETRY;
}

static void act_on_rcpt(struct command *k, struct mail *m, uint32_t n, struct buf *rows)
{
	struct spool *sp = k->control->spool;

	if (k->action == QUEUE_BOUNCE) {
		bounce_one(k, m, n, rows);
		return;
	}
	if (k->action == QUEUE_RETRY)
		schedule_site_open(sp->books.schedule, mail_rcpt(m, n)->site, spool_now(sp));
	(void)state_add(rows, &(struct state_row){ .type = row_type_of(k->action), .n = n,
	    .words = k->action == QUEUE_HOLD ? (k->argument[0] ? span_of_text(k->argument) : SPAN("held by hand")) : SPAN_NONE });
}

/* Of a message that was never expanded each recipient of the envelope fails, under the address that its sender knows. */
static void bounce_unexpanded(struct command *k, struct mail *m, const struct originals *o, struct buf *rows)
{
	struct spool *sp = k->control->spool;

	if (m->marks & MARK_BUSY)
		return;
	m->marks &= (uint16_t)~MARK_HELD;
	for (uint32_t i = 0; i < o->env.n_rcpts; i++)
		(void)state_add(rows, &(struct state_row){ .type = STATE_ROW_TARGET, .n = i, .origin = i, .notify = o->at[i].notify });
	BUG_ON(state_apply(&sp->books, m, buf_span(rows), false, spool_now(sp)) != PR_OK);
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		bounce_one(k, m, i, rows);
}

static void rows_for(struct command *k, struct mail *m, const struct originals *o, struct buf *rows)
{
	struct spool *sp = k->control->spool;
	struct view v;

	if (m->marks & MARK_UNEXPANDED) {
		if (k->action == QUEUE_BOUNCE)
			bounce_unexpanded(k, m, o, rows);
		else if (k->action == QUEUE_RETRY ? !(m->marks & MARK_HELD) : !(m->marks & MARK_HELD) == (k->action == QUEUE_HOLD))
			(void)state_add(rows, &(struct state_row){ .type = row_type_of(k->action), .n = STATE_ALL });
		return;
	}
	for (uint32_t i = 0; i < m->n_rcpts; i++) {
		view_at(sp, m, o, i, &v);
		if (would_change(k, mail_rcpt(m, i)) && filter_recipient_matches(&k->filter, &v.facts))
			act_on_rcpt(k, m, i, rows);
	}
}

/* Retry, hold, release and bounce are about recipients: those that the filter means. False: there was nothing to change. */
static bool act_change(struct command *k, struct mail *m, const struct originals *o)
{
	struct spool *sp = k->control->spool;
	struct note *n = note_new(sp, &m->id);

	schedule_leave(sp->books.schedule, m);
	rows_for(k, m, o, &n->bytes);
	if (n->bytes.len == 0) {
		note_drop(n);
		schedule_enter(sp->books.schedule, m);
		return false;
	}
	if (k->action == QUEUE_HOLD || k->action == QUEUE_RELEASE)
		event_about(sp, k->action == QUEUE_HOLD ? EV_QUEUE_HELD : EV_QUEUE_RELEASED, &m->id);
	if (k->action != QUEUE_BOUNCE)
		BUG_ON(state_apply(&sp->books, m, buf_span(&n->bytes), false, spool_now(sp)) != PR_OK);
	note_state(n, m, true);
	mail_start(sp, m);
	return true;
}

/* ---- a message in hand -------------------------------------------------------------------------- */

static void message_leave(struct command *k)
{
	disk_reader_close(&k->reader);
	k->id = (struct msg_id){ { 0 } };
	k->rcpt = 0;
	k->head_sent = false;
	k->reading = false;
}

static void visit(struct command *k, struct mail *m, const struct originals *o)
{
	bool begun = k->head_sent;

	if (!begun && !is_meant(k, m, o)) {
		message_leave(k);
		return;
	}
	k->count += !begun;
	if (k->action == QUEUE_CAT) {
		k->head_sent = k->reading = true;
		disk_reader_next(k->reader);
		return;
	}
	if (only_reads(k->action)) {
		if (k->rows == 0) {
			k->count -= !begun;	/* it is met again with its first row */
			return;
		}
		if (!list_message(k, m, o)) {
			disk_reader_close(&k->reader);
			return;
		}
	} else if (k->action == QUEUE_DELETE || k->action == QUEUE_ERASE) {
		act_delete(k, m);
	} else {
		k->count -= !act_change(k, m, o);
	}
	message_leave(k);
}

static void on_envelope(void *owner, struct disk_reader *r, enum pr_err err, struct span bytes, uint64_t size)
{
	struct command *k = owner;
	struct mail *m = queue_find(k->control->spool->books.queue, &k->id);
	struct originals o = { .known = false };
	struct span rows;
	uint32_t n = 0;

	(void)size;
	k->asked = false;
	k->reader = r;
	if (!m || err != PR_OK || envelope_decode(bytes, &o.env) != PR_OK) {
		message_leave(k);
		return;
	}
	o.known = true;
	o.at = mem_new(o.env.n_rcpts * sizeof(*o.at));
	for (rows = o.env.rcpts; n < o.env.n_rcpts && envelope_next(&rows, &o.at[n]); n++)
		;
	visit(k, m, &o);
	mem_free(o.at);
	if (k->action != QUEUE_CAT)
		disk_reader_close(&k->reader);
}

/* Of a message that is shown whole. */
static void send_piece(struct command *k)
{
	while (k->piece.len > 0 && k->rows > 0) {
		struct wire_queue_part part = { .ask = k->ask, .bytes = span_first(k->piece, WIRE_PART_MAX) };

		channel_put(k->channel, WIRE_queue_part, &part);
		k->piece = span_from(k->piece, part.bytes.len);
		k->rows--;
	}
	if (k->piece.len == 0 && !k->reading) {
		k->reading = true;
		disk_reader_next(k->reader);
	}
}

static void on_piece(void *owner, struct disk_reader *r, enum pr_err err, struct span bytes)
{
	struct command *k = owner;

	(void)r;
	k->reading = false;
	if (err != PR_OK || bytes.len == 0) {
		message_leave(k);
		if (err == PR_OK)
			command_end(k);
		else
			put_done(k->channel, k->ask, 0, EX_IOERR, SPAN("it can't be read from the disk"));
		k->ended = true;
		return;
	}
	k->piece = bytes;
	send_piece(k);
}

static void take_up(struct command *k, struct mail *m)
{
	static const struct disk_reader_handlers handlers = { on_envelope, on_piece };
	struct originals none = { .known = false };
	struct disk_reader *r;

	k->id = m->id;
	if (!needs_disk(k)) {
		visit(k, m, &none);
		return;
	}
	k->asked = true;
	r = disk_read(k->control->spool->disk, &k->id, m->place, &handlers, k);
	if (k->asked)
		k->reader = r;
}

/* ---- slices ----------------------------------------------------------------------------------------- */

static bool is_waiting(const struct command *k)
{
	return k->asked || k->reading || k->ended || (only_reads(k->action) && k->rows == 0);
}

static struct mail *next_mail(struct command *k)
{
	struct queue *q = k->control->spool->books.queue;
	struct msg_id id;

	if (!id_is_zero(&k->id))
		return queue_find(q, &k->id);
	if (k->chosen) {
		if (k->cursor++ > 0)
			return NULL;
		return queue_find(q, &k->meant[0]);
	}
	if (filter_is_one_id(&k->filter, &id)) {
		if (k->cursor++ > 0)
			return NULL;
		return queue_find(q, &id);
	}
	return queue_walk(q, &k->cursor);
}

/* ---- which one ---------------------------------------------------------------------------------------- */

/* What is shown whole is one message: a part of an id must not stand for two. */
static bool must_choose(const struct command *k)
{
	struct msg_id id;

	return (k->action == QUEUE_SHOW || k->action == QUEUE_CAT) && !k->chosen && !filter_is_one_id(&k->filter, &id);
}

static void tell_names(struct command *k)
{
	char id[ID_TEXT_LEN + 1];
	struct buf words;

	buf_init(&words, 1024);
	(void)buf_printf(&words, "this stands for %u messages:", k->n_meant);
	for (uint32_t i = 0; i < k->n_meant && i < NAMES_MAX; i++) {
		id_to_text(&k->meant[i], id);
		(void)buf_printf(&words, " %s", id);
	}
	if (k->n_meant > NAMES_MAX)
		(void)buf_add_text(&words, " and more");
	put_done(k->channel, k->ask, 0, EX_DATAERR, buf_span(&words));
	buf_fini(&words);
	k->ended = true;
}

static void choose(struct command *k)
{
	struct spool *sp = k->control->spool;
	struct instant now = spool_now(sp);
	struct mail *m = NULL;

	for (unsigned i = 0; i < SLICE && (m = queue_walk(sp->books.queue, &k->cursor)); i++) {
		struct filter_message facts = { m->id, m->born_mono - now.mono_ms + now.wall_ms, m->size, SPAN_NONE };

		if (!filter_message_matches(&k->filter, &facts, now.wall_ms))
			continue;
		if (k->n_meant < NAMES_MAX)
			k->meant[k->n_meant] = m->id;
		k->n_meant++;
	}
	if (m)
		return;
	k->chosen = true;
	k->cursor = 0;
	if (k->n_meant > 1)
		tell_names(k);
}

/* True when it could go on at once. */
static bool command_step(struct command *k)
{
	struct mail *m;

	if (must_choose(k)) {
		choose(k);
		return !k->ended;
	}
	for (unsigned i = 0; i < SLICE && !is_waiting(k); i++) {
		bool in_hand = !id_is_zero(&k->id);

		if (in_hand && k->action == QUEUE_CAT) {
			send_piece(k);
			continue;
		}
		m = next_mail(k);
		if (m)
			take_up(k, m);
		else if (in_hand)
			message_leave(k);	/* it went meanwhile */
		else
			command_end(k);
	}
	return !is_waiting(k);
}

bool control_step(struct control *c)
{
	bool more = false;

	if (!c->spool->recovered)
		return false;
	LIST_EACH_SAFE(l, &c->commands) {
		struct command *k = LIST_OWNER(l, struct command, list);

		more |= command_step(k);
		if (k->ended && !k->asked)
			command_free(k);
	}
	return more;
}

/* ---- verbs -------------------------------------------------------------------------------------------- */

static void on_ask(struct control *c, struct channel *ch, const struct wire_queue_ask *m)
{
	struct command *k;
	struct buf why;

	if (c->n >= COMMANDS_MAX || m->action > QUEUE_ERASE || m->filter.len > FILTER_TEXT_MAX) {
		put_done(ch, m->ask, 0, EX_TEMPFAIL, SPAN("too many commands at once"));
		return;
	}
	k = mem_new(sizeof(*k));
	*k = (struct command){ .control = c, .channel = ch, .ask = m->ask, .action = m->action, .rows = WIRE_ROWS,
	    .text = mem_text(m->filter), .argument = mem_text(m->argument) };
	list_add_last(&c->commands, &k->list);
	c->n++;
	buf_init(&why, FILTER_TEXT_MAX);
	if (filter_parse(span_of_text(k->text), &k->filter, &why) != PR_OK) {
		put_done(ch, m->ask, 0, EX_USAGE, buf_span(&why));
		command_free(k);
	}
	buf_fini(&why);
}

static void on_more(struct control *c, struct channel *ch, const struct wire_queue_more *m)
{
	LIST_EACH(l, &c->commands) {
		struct command *k = LIST_OWNER(l, struct command, list);

		if (k->channel == ch && k->ask == m->ask && k->rows + m->rows >= k->rows)
			k->rows += m->rows;
	}
}

void control_on_verb(struct control *c, struct channel *ch, enum wire_verb verb, const union wire_msg *msg)
{
	if (verb == WIRE_queue_ask)
		on_ask(c, ch, &msg->queue_ask);
	else if (verb == WIRE_queue_more)
		on_more(c, ch, &msg->queue_more);
}

void control_on_gone(struct control *c, struct channel *ch)
{
	LIST_EACH_SAFE(l, &c->commands) {
		struct command *k = LIST_OWNER(l, struct command, list);

		if (k->channel == ch)
			command_free(k);
	}
}
