/* queue list, show, cat, and what changes it: all by filters, all answered by spool. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/queue_ask.h"
#include "ctl/say.h"
#include "wire/filter.h"

/* The words joined, checked here so that what is wrong is told without a server, too. */
static int read_filter(const struct call *call, struct buf *text)
{
	struct filter f;
	struct buf why;
	int status = EX_OK;

	buf_init(text, FILTER_TEXT_MAX);
	for (int i = 0; i < call->n_words; i++) {
		(void)buf_add_text(text, i ? " " : "");
		(void)buf_add_text(text, call->words[i]);
	}
	buf_init(&why, 2048);
	if (text->overflowed || filter_parse(buf_span(text), &f, &why) != PR_OK) {
		say("%.*s", SPAN_ARG(text->overflowed ? SPAN("the filter is too long") : buf_span(&why)));
		status = EX_USAGE;
	}
	buf_fini(&why);
	return status;
}

/* An id or a part of one, alone: what show and cat want. */
static int read_id(const struct call *call, struct buf *text)
{
	struct filter f;
	struct buf why;
	int status = read_filter(call, text);

	if (status != EX_OK)
		return status;
	buf_init(&why, 256);
	if (filter_parse(buf_span(text), &f, &why) != PR_OK || f.n != 1 || f.terms[0].field != FILTER_ID)
		status = command_usage(call, "this is no id, nor its beginning or end of six letters at least");
	buf_fini(&why);
	return status;
}

/* ---- list ---------------------------------------------------------------- */

/* One message, gathered until its last recipient came. The state of a message is the one of its recipients that still
 * has the most to come. */
struct gathered {
	bool is_there, as_json, is_long;
	struct msg_id id;
	int64_t received_ms;
	uint64_t size;
	struct buf sender, reason;
	json_t *to;
	json_t *recipients;	/* of `show`: each with how it stands */
	enum wire_state state;
	unsigned rank;
	uint32_t tries;
	uint64_t next_ms;
	unsigned n_messages;
};

/* Which state speaks for the message: what moves before what waits, what waits before what is over. */
static unsigned rank_of(uint8_t state)
{
	static const unsigned char RANKS[] = {
		[STATE_FLYING] = 7, [STATE_DUE] = 6, [STATE_WAITING] = 5, [STATE_HELD] = 4, [STATE_FAILED] = 3, [STATE_DELIVERED] = 2, [STATE_EXPANDED] = 1,
	};

	return state < sizeof(RANKS) ? RANKS[state] : 0;
}

static void print_json(const struct gathered *g, const char *id)
{
	json_t *o = json_object();

	json_object_set_new(o, "id", json_string(id));
	json_object_set_new(o, "from", json_of_span(buf_span(&g->sender)));
	json_object_set(o, "to", g->to);
	json_object_set_new(o, "size", json_integer((json_int_t)g->size));
	json_object_set_new(o, "state", json_string(filter_state_text(g->state)));
	json_object_set_new(o, "tries", json_integer(g->tries));
	json_object_set_new(o, "next", json_of_time((int64_t)g->next_ms));
	json_object_set_new(o, "reason", json_of_span(buf_span(&g->reason)));
	if (g->is_long)
		json_object_set(o, "recipients", g->recipients);
	json_print_line(o);
}

static void print_text(const struct gathered *g, const char *id)
{
	size_t n = json_array_size(g->to);

	(void)printf("%s  ", id);
	say_time(stdout, g->received_ms);
	(void)printf("  %8llu  %-9s <", (unsigned long long)g->size, filter_state_text(g->state));
	say_add(stdout, buf_span(&g->sender));
	(void)printf("> to <");
	if (n)
		say_add(stdout, span_of_text(json_string_value(json_array_get(g->to, 0))));
	(void)fputs(n > 1 ? "> and others" : ">", stdout);
	if (g->next_ms) {
		(void)fputs("  next ", stdout);
		say_time(stdout, (int64_t)g->next_ms);
	}
	(void)fputc('\n', stdout);
	if (g->reason.len) {
		(void)fputs("    ", stdout);
		say_add(stdout, buf_span(&g->reason));
		(void)fputc('\n', stdout);
	}
}

static void print_gathered(struct gathered *g)
{
	char id[ID_TEXT_LEN + 1];

	if (!g->is_there)
		return;
	id_to_text(&g->id, id);
	if (!g->is_long || g->as_json)
		(g->as_json ? print_json : print_text)(g, id);
	json_decref(g->to);
	json_decref(g->recipients);
	buf_fini(&g->sender);
	buf_fini(&g->reason);
	g->is_there = false;
}

static void show_head(const struct wire_queue_message *m)
{
	char id[ID_TEXT_LEN + 1];

	id_to_text(&m->id, id);
	(void)printf("%s  ", id);
	say_time(stdout, (int64_t)m->received_ms);
	(void)printf("  %llu bytes  from <", (unsigned long long)m->size);
	say_add(stdout, m->sender);
	(void)puts(">");
}

static void gather_message(void *arg, const struct wire_queue_message *m)
{
	struct gathered *g = arg;

	print_gathered(g);
	if (!m)
		return;
	g->n_messages++;
	g->is_there = true;
	g->id = m->id;
	g->received_ms = (int64_t)m->received_ms;
	g->size = m->size;
	g->to = json_array();
	g->recipients = json_array();
	g->rank = g->tries = 0;
	g->state = STATE_DUE;
	g->next_ms = 0;
	buf_init(&g->sender, WIRE_PACKET_MAX);
	buf_init(&g->reason, WIRE_PACKET_MAX);
	(void)buf_add(&g->sender, m->sender);
	if (g->is_long && !g->as_json)
		show_head(m);
}

static void show_recipient(const struct wire_queue_recipient *r)
{
	(void)printf("  %-9s <", filter_state_text(r->state));
	say_add(stdout, r->address);
	(void)fputc('>', stdout);
	if (r->original.len && !span_eq(r->original, r->address)) {
		(void)fputs(" for <", stdout);
		say_add(stdout, r->original);
		(void)fputc('>', stdout);
	}
	if (r->tries)
		(void)printf("  %u %s", r->tries, r->tries == 1 ? "try" : "tries");
	if (r->next_ms) {
		(void)fputs("  next ", stdout);
		say_time(stdout, (int64_t)r->next_ms);
	}
	(void)fputc('\n', stdout);
	if (r->reason.len) {
		(void)fputs("            ", stdout);
		say_add(stdout, r->reason);
		(void)fputc('\n', stdout);
	}
}

static json_t *json_of_recipient(const struct wire_queue_recipient *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "to", json_of_span(r->address));
	json_object_set_new(o, "orig_to", json_of_span(r->original.len ? r->original : r->address));
	json_object_set_new(o, "state", json_string(filter_state_text(r->state)));
	json_object_set_new(o, "tries", json_integer(r->tries));
	json_object_set_new(o, "next", json_of_time((int64_t)r->next_ms));
	json_object_set_new(o, "reason", json_of_span(r->reason));
	return o;
}

static void gather_recipient(void *arg, const struct wire_queue_recipient *r)
{
	struct gathered *g = arg;

	if (!g->is_there)
		return;
	json_array_append_new(g->to, json_of_span(r->address));
	if (g->is_long && g->as_json)
		json_array_append_new(g->recipients, json_of_recipient(r));
	else if (g->is_long)
		show_recipient(r);
	if (r->tries > g->tries)
		g->tries = r->tries;
	if (r->next_ms && (!g->next_ms || r->next_ms < g->next_ms))
		g->next_ms = r->next_ms;
	if (rank_of(r->state) <= g->rank)
		return;
	g->rank = rank_of(r->state);
	g->state = r->state;
	buf_clear(&g->reason);
	(void)buf_add(&g->reason, r->reason);
}

static int list(const struct call *call, struct span filter, enum wire_queue action, unsigned *n)
{
	struct gathered g = { .as_json = call->flags & CALL_JSON, .is_long = action == QUEUE_SHOW };
	struct queue_rows rows = { .on_message = gather_message, .on_recipient = gather_recipient, .arg = &g };
	struct client c;
	int status = queue_open(call, &c);

	if (status != EX_OK)
		return status;
	status = queue_ask(&c, action, filter, &rows);
	client_close(&c);
	*n = g.n_messages;
	return status;
}

int run_queue_list(struct call *call)
{
	struct buf filter;
	unsigned n = 0;
	int status = read_filter(call, &filter);

	if (status == EX_OK)
		status = list(call, buf_span(&filter), QUEUE_LIST, &n);
	if (status == EX_OK && n == 0)
		say(call->n_words ? "nothing in the queue matches" : "the queue is empty");
	buf_fini(&filter);
	return status;
}

/* ---- show, cat ----------------------------------------------------------- */

static int nothing_has(const struct buf *id)
{
	say("no message in the queue has the id %.*s; `postrider trace` may know it", SPAN_ARG(buf_span(id)));
	return EX_DATAERR;
}

int run_queue_show(struct call *call)
{
	struct buf id;
	unsigned n = 0;
	int status = read_id(call, &id);

	if (status == EX_OK)
		status = list(call, buf_span(&id), QUEUE_SHOW, &n);
	if (status == EX_OK && n == 0)
		status = nothing_has(&id);
	buf_fini(&id);
	return status;
}

static void print_part(void *arg, struct span bytes)
{
	*(bool *)arg = true;
	(void)fwrite(bytes.at, 1, bytes.len, stdout);
}

int run_queue_cat(struct call *call)
{
	bool came = false;
	struct queue_rows rows = { .on_part = print_part, .arg = &came };
	struct client c;
	struct buf id;
	int status = read_id(call, &id);

	if (status == EX_OK)
		status = queue_open(call, &c);
	if (status == EX_OK) {
		status = queue_ask(&c, QUEUE_CAT, buf_span(&id), &rows);
		client_close(&c);
		if (status == EX_OK && !came)
			status = nothing_has(&id);
	}
	buf_fini(&id);
	return status;
}

/* ---- what changes the queue ---------------------------------------------- */

static const struct action {
	const char *verb;
	enum wire_queue action;
	const char *done;	/* "12 messages are held" */
	bool destroys;		/* asks before more than one */
} actions[] = {
	{ "retry", QUEUE_RETRY, "due now", false }, { "hold", QUEUE_HOLD, "held", false }, { "release", QUEUE_RELEASE, "released", false },
	{ "reroute", QUEUE_REROUTE, "looking for their way anew", false }, { "bounce", QUEUE_BOUNCE, "bounced", true }, { "delete", QUEUE_DELETE, "deleted", true },
};

static const struct action *action_of(const struct call *call)
{
	const struct action *a = actions;

	while (strcmp(a->verb, call->command->verb) != 0)
		a++;
	return a;
}

static void count_message(void *arg, const struct wire_queue_message *m)
{
	if (m)
		(*(unsigned *)arg)++;
}

/* True when no more than one message is meant, or somebody agrees. */
static bool may_act(const struct call *call, const struct action *a, struct client *c, struct span filter, int *status)
{
	unsigned n = 0;
	struct queue_rows rows = { .on_message = count_message, .arg = &n };
	char question[96];

	if (!a->destroys || (call->flags & CALL_YES))
		return true;
	*status = queue_ask(c, QUEUE_LIST, filter, &rows);
	if (*status != EX_OK || n <= 1)
		return *status == EX_OK;
	(void)snprintf(question, sizeof(question), "%u messages would be %s", n, a->done);
	return say_may_go_on(question, status);
}

static void tell_count(const struct action *a, const struct queue_rows *rows)
{
	if (rows->count == 0 && !rows->has_words)
		say("nothing in the queue matches");
	else if (rows->count == 1)
		say("1 message is %s", a->done);
	else if (rows->count > 1)
		say("%u messages are %s", rows->count, a->done);
}

int run_queue_act(struct call *call)
{
	const struct action *a = action_of(call);
	enum wire_queue action = call->flags & CALL_ERASE ? QUEUE_ERASE : a->action;
	struct queue_rows rows = { 0 };
	struct client c;
	struct buf filter;
	int status = read_filter(call, &filter);

	if (status == EX_OK)
		status = queue_open(call, &c);
	if (status == EX_OK) {
		if (may_act(call, a, &c, buf_span(&filter), &status)) {
			status = queue_ask(&c, action, buf_span(&filter), &rows);
			if (status == EX_OK)
				tell_count(a, &rows);
		}
		client_close(&c);
	}
	buf_fini(&filter);
	return status;
}
