/* What the command line asks about the queue. A command walks through the
 * books in slices, so that a million messages delay nobody, and sends rows as
 * its asker grants them. */
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "spool/control_private.h"
#include "wire/event.h"

#define SLICE        2000	/* messages looked at in a turn */
#define PATIENCE_MS  SECONDS(2)	/* for expansions under way: auth answers in microseconds, a disk in milliseconds */
#define COMMANDS_MAX 64		/* at once; more are refused */

static void on_impatience(struct deadline *d)
{
	(void)d;	/* the end of the turn looks again */
}

struct control *control_new(struct spool *sp)
{
	struct control *c = mem_new(sizeof(*c));

	c->spool = sp;
	list_init(&c->commands);
	deadline_init(&c->impatience, on_impatience);
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
	deadline_clear((*c)->spool->loop, &(*c)->impatience);
	mem_free(*c);
	*c = NULL;
}

static void put_done(struct channel *ch, uint32_t ask, uint32_t count, uint8_t code, struct span words)
{
	struct wire_queue_done done = { .ask = ask, .count = count, .exit = code, .words = words };

	channel_put(ch, WIRE_queue_done, &done);
}

static void event_admin(struct command *k)
{
	static const char *const names[] = { "list", "show", "cat", "retry", "hold", "release", "bounce", "delete", "erase", "reroute" };
	struct spool *sp = k->control->spool;
	struct event ev;

	event_begin(&ev, EV_ADMIN_ACTION, spool_now(sp).wall_ms, NULL);
	event_text(&ev, EF_ACTION, span_of_text(names[k->action]));
	event_text(&ev, EF_FILTER, span_of_text(k->text));
	event_num(&ev, EF_COUNT, k->count);
	process_event(sp->process, &ev);
}

static void add_stuck(struct buf *words, uint32_t n, const char *one, const char *many, struct span why)
{
	if (n > 0)
		(void)buf_printf(words, "%s%u message%s %s%.*s", words->len > 0 ? "; " : "", n, n == 1 ? "" : "s", n == 1 ? one : many, SPAN_ARG(why));
}

static void command_end(struct command *k)
{
	bool none = k->count == 0 && (k->action == QUEUE_SHOW || k->action == QUEUE_CAT);
	struct buf words;

	buf_init(&words, 1024);
	if (none)
		(void)buf_add_text(&words, "no such message");
	add_stuck(&words, k->n_held, "is held: ", "are held: ", SPAN("`postrider queue release` lets go"));
	add_stuck(&words, k->n_closed, "can't move: ", "can't move: ", k->no_way);
	add_stuck(&words, k->n_flying, "is", "are", SPAN(" being tried just now"));
	if (!action_reads(k->action))
		event_admin(k);
	put_done(k->channel, k->ask, k->count, none ? EX_NOUSER : EX_OK, buf_span(&words));
	buf_fini(&words);
	k->ended = true;
}

static bool needs_disk(const struct command *k)
{
	return action_reads(k->action) || k->action == QUEUE_BOUNCE || filter_needs(&k->filter, FILTER_FROM) || filter_needs(&k->filter, FILTER_TO);
}

/* A change that is about recipients needs them: those of a message that has just come are on their way from auth to the disk. */
static bool awaits_expansion(struct command *k, const struct mail *m)
{
	struct control *c = k->control;
	int64_t now = spool_now(c->spool).mono_ms;

	if (action_reads(k->action) || !(m->marks & MARK_UNEXPANDED) || m->marks & (MARK_HELD | MARK_DOOMED | MARK_STALLED))
		return false;
	if (!filter_has_recipient_terms(&k->filter) && !(m->marks & MARK_BUSY))
		return false;
	if (k->patience == 0)
		k->patience = now + PATIENCE_MS;
	if (now >= k->patience)
		return false;
	if (!heap_has(&c->impatience.node) || c->impatience.node.at > k->patience)
		deadline_set(c->spool->loop, &c->impatience, k->patience);
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

	if (!begun && !command_means(k, m, o)) {
		message_leave(k);
		return;
	}
	k->count += !begun;
	if (k->action == QUEUE_CAT) {
		k->head_sent = k->reading = true;
		disk_reader_next(k->reader);
		return;
	}
	if (action_reads(k->action)) {
		if (k->rows == 0) {
			k->count -= !begun;	/* it is met again with its first row */
			return;
		}
		if (!command_lists(k, m, o)) {
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
	if (m && awaits_expansion(k, m)) {
		disk_reader_close(&k->reader);	/* it stays in hand */
		return;
	}
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
	static const struct disk_reader_handlers handlers = { on_envelope, on_piece, NULL };
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
	return k->asked || k->reading || k->ended || (action_reads(k->action) && k->rows == 0);
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
		if (m && awaits_expansion(k, m)) {
			k->id = m->id;
			return false;
		}
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

	if (c->n >= COMMANDS_MAX || m->action > QUEUE_REROUTE || m->filter.len > FILTER_TEXT_MAX) {
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
	else if (verb == WIRE_way_ask)
		routes_explain(c->spool->routes, ch, &msg->way_ask);
}

void control_on_gone(struct control *c, struct channel *ch)
{
	LIST_EACH_SAFE(l, &c->commands) {
		struct command *k = LIST_OWNER(l, struct command, list);

		if (k->channel == ch)
			command_free(k);
	}
}
