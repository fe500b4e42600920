/* trace, why: the story of a message, from the events that are in memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/say.h"
#include "wire/event.h"
#include "wire/filter.h"

#define LINE_MAX_BYTES (EVENT_MAX * 8)	/* an event with every byte escaped */

/* An event that will be told. */
struct scene {
	struct list list;
	int64_t wall_ms;
	int turn;
	size_t len;
	char bytes[];
};

/* What happened to one message; as JSON, all that happened. */
struct tale {
	struct map_node node;
	struct list list, scenes;
	struct msg_id id;	/* zero: of sessions without a message */
	bool is_accepted, is_finished;
};

/* A walk over the events that match. They come as each program told its own; they are told message by message, by their time. */
struct story {
	bool as_json, only_why;
	struct list tales;
	struct map by_id;
	int64_t begins_ms;
	unsigned n;
};

static void story_init(struct story *s, const struct call *call, bool only_why)
{
	*s = (struct story){ .as_json = call->flags & CALL_JSON, .only_why = only_why };
	list_init(&s->tales);
	map_init(&s->by_id);
}

static void tale_free(struct tale *t)
{
	LIST_EACH_SAFE(node, &t->scenes)
		mem_free(LIST_OWNER(node, struct scene, list));
	mem_free(t);
}

static void story_fini(struct story *s)
{
	LIST_EACH_SAFE(node, &s->tales)
		tale_free(LIST_OWNER(node, struct tale, list));
	map_fini(&s->by_id);
}

/* ---- one event ----------------------------------------------------------- */

static bool value_of(struct event_view v, enum event_key key, struct event_value *out)
{
	while (event_next(&v, out))
		if (out->key == key)
			return true;
	return false;
}

static void print_clock(int64_t wall_ms)
{
	say_time(stdout, wall_ms);
	(void)printf(".%03d", (int)(wall_ms % 1000));
}

static void print_text_of(const struct event_view *v, enum event_key key, const char *before, const char *behind)
{
	struct event_value value;

	if (!value_of(*v, key, &value))
		return;
	(void)fputs(before, stdout);
	if (value.is_num)
		(void)printf("%lld", (long long)value.num);
	else
		say_add(stdout, value.text);
	(void)fputs(behind, stdout);
}

static enum say_colour colour_of(enum event_code code)
{
	switch (code) {
	case EV_DELIVERY_DELIVERED:
	case EV_MESSAGE_ACCEPTED:
		return SAY_GOOD;
	case EV_DELIVERY_FAILED:
	case EV_DELIVERY_DEFERRED:
	case EV_MESSAGE_REFUSED:
	case EV_RECIPIENT_REFUSED:
	case EV_QUEUE_EXPIRED:
		return SAY_BAD;
	default:
		return SAY_PLAIN;
	}
}

/* Who, with whom, what was found out about who sent it, what was said, when it goes on: in this order. */
static void print_facts(const struct event_view *v)
{
	static const struct { enum event_key key; const char *before, *behind; } facts[] = {
		{ EF_FROM, "  from <", ">" }, { EF_TO, "  to <", ">" }, { EF_ORIG_TO, " for <", ">" }, { EF_CLIENT, "  client ", "" },
		{ EF_IPREV, "  iprev ", "" }, { EF_SPF, "  spf ", "" }, { EF_DKIM, "  dkim ", "" }, { EF_ARC, "  arc ", "" },
		{ EF_DMARC, "  dmarc ", "" }, { EF_POLICY, " p=", "" }, { EF_HOST, "  at ", "" }, { EF_SIZE, "  ", " bytes" },
		{ EF_TLS, "  ", "" }, { EF_ATTEMPT, "  try ", "" }, { EF_CODE, "  ", "" }, { EF_DSN, " ", "" }, { EF_REPLY, " ", "" },
		{ EF_ACTION, "  ", "" }, { EF_REASON, "  (", ")" }, { EF_BOUNCE_ID, "  bounce ", "" },
	};
	struct event_value next;

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		print_text_of(v, facts[i].key, facts[i].before, facts[i].behind);
	if (value_of(*v, EF_NEXT, &next) && next.is_num) {
		(void)fputs("  next ", stdout);
		say_time(stdout, next.num);
	}
}

static void print_event(const struct event_view *v)
{
	const char *name = event_kinds[v->code].name;

	(void)fputs(" ", stdout);
	print_clock(v->wall_ms);
	(void)printf("  %s%-20s%s", say_colour(stdout, colour_of(v->code)), name, say_colour(stdout, SAY_PLAIN));
	print_facts(v);
	(void)fputc('\n', stdout);
}

/* Whoever sent it, it was taken as it came. */
static bool was_taken(struct event_view v)
{
	struct event_value action;

	return value_of(v, EF_ACTION, &action) && span_eq(action.text, SPAN("accept"));
}

/* What answers why: refusals, deferrals, failures, holds, and what was said then. */
static bool is_a_reason(const struct event_view *v)
{
	static const enum event_code REASONS[] = {
		EV_MESSAGE_REFUSED, EV_RECIPIENT_REFUSED, EV_DELIVERY_DEFERRED, EV_DELIVERY_FAILED, EV_QUEUE_EXPIRED, EV_QUEUE_HELD,
		EV_QUEUE_DELETED, EV_MESSAGE_WITHDRAWN, EV_DSN_SENT, EV_DSN_DROPPED, EV_STORE_DAMAGED,
	};

	for (size_t i = 0; i < sizeof(REASONS) / sizeof(REASONS[0]); i++)
		if (REASONS[i] == v->code)
			return true;
	return v->code == EV_MESSAGE_CHECKED && !was_taken(*v);
}

static struct tale *tale_of(struct story *s, const struct msg_id *id)
{
	struct map_node *node = map_find(&s->by_id, span_of((const char *)id->bytes, sizeof(id->bytes)));
	struct tale *t;

	if (node)
		return MAP_OWNER(node, struct tale, node);
	t = mem_new(sizeof(*t));
	t->id = *id;
	list_init(&t->scenes);
	list_add_last(&s->tales, &t->list);
	map_put(&s->by_id, &t->node, span_of((const char *)t->id.bytes, sizeof(t->id.bytes)));
	return t;
}

/* Within a millisecond: an attempt begins before it ends, whichever program told it first. */
static int turn_of(enum event_code code)
{
	switch (code) {
	case EV_MESSAGE_ACCEPTED:
		return 0;
	case EV_DELIVERY_STARTED:
		return 1;
	case EV_MESSAGE_FINISHED:
		return 3;
	default:
		return 2;
	}
}

static struct list *place_of(struct tale *t, const struct scene *scene)
{
	struct list *before = t->scenes.prev;

	for (; before != &t->scenes; before = before->prev) {
		const struct scene *other = LIST_OWNER(before, struct scene, list);

		if (other->wall_ms < scene->wall_ms || (other->wall_ms == scene->wall_ms && other->turn <= scene->turn))
			break;
	}
	return before;
}

static void keep_event(struct tale *t, const struct event_view *v, struct span bytes)
{
	struct scene *scene = mem_new(sizeof(*scene) + bytes.len);

	memcpy(scene->bytes, bytes.at, bytes.len);
	scene->len = bytes.len;
	scene->wall_ms = v->wall_ms;
	scene->turn = turn_of(v->code);
	list_add_first(place_of(t, scene), &scene->list);
}

static void print_json(struct span bytes)
{
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	event_add_json(&line, bytes, "trace");
	(void)fwrite(buf_span(&line).at, 1, line.len, stdout);
	(void)fputc('\n', stdout);
	buf_fini(&line);
}

static void tell_scene(const struct story *s, const struct scene *scene)
{
	struct span bytes = span_of(scene->bytes, scene->len);
	struct event_view v;

	if (s->as_json)
		print_json(bytes);
	else if (event_view(bytes, &v) == PR_OK)
		print_event(&v);
}

static bool is_in_queue(const struct tale *t)
{
	return t->is_accepted && !t->is_finished;
}

static void tell_tale(const struct story *s, const struct tale *t)
{
	char id[ID_TEXT_LEN + 1];

	id_to_text(&t->id, id);
	if (!s->as_json)
		(void)puts(id_is_zero(&t->id) ? "(of no message)" : id);
	LIST_EACH(node, &t->scenes)
		tell_scene(s, LIST_OWNER(node, struct scene, list));
	if (!s->as_json && is_in_queue(t))
		(void)printf(" (its end is not among this: `postrider queue show %s` tells what it waits for)\n", id);
}

static int64_t begin_of(const struct tale *t)
{
	return list_is_empty(&t->scenes) ? 0 : LIST_OWNER(t->scenes.next, struct scene, list)->wall_ms;
}

static int in_time(const void *a, const void *b)
{
	const struct tale *one = *(const struct tale *const *)a, *other = *(const struct tale *const *)b;
	int64_t at = begin_of(one), other_at = begin_of(other);

	return at != other_at ? (at > other_at) - (at < other_at) : memcmp(one->id.bytes, other->id.bytes, sizeof(one->id.bytes));
}

static void tell_story(const struct story *s)
{
	struct tale **all = mem_new((s->by_id.n + 1) * sizeof(*all));
	size_t n = 0;

	LIST_EACH(node, &s->tales) {
		struct tale *t = LIST_OWNER(node, struct tale, list);

		if (!list_is_empty(&t->scenes) || (!s->as_json && is_in_queue(t)))
			all[n++] = t;
	}
	qsort(all, n, sizeof(*all), in_time);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			(void)putchar('\n');
		tell_tale(s, all[i]);
	}
	mem_free(all);
}

static void take_event(struct story *s, struct span bytes)
{
	static const struct msg_id NONE;
	struct event_view v;
	struct tale *t;

	if (event_view(bytes, &v) != PR_OK)
		return;
	t = tale_of(s, v.has_id && !s->as_json ? &v.id : &NONE);
	t->is_accepted |= v.code == EV_MESSAGE_ACCEPTED;
	t->is_finished |= v.code == EV_MESSAGE_FINISHED || v.code == EV_MESSAGE_WITHDRAWN;
	if (s->only_why && !is_a_reason(&v))
		return;
	s->n++;
	keep_event(t, &v, bytes);
}

/* ---- the question -------------------------------------------------------- */

static int listen_to(struct client *c, struct story *s)
{
	struct wire_trace_more more = { .ask = 1, .rows = WIRE_ROWS / 2 };
	unsigned heard = 0;

	for (;;) {
		enum wire_verb verb;
		union wire_msg msg;
		int status = client_hear(c, &verb, &msg);

		if (status != EX_OK)
			return status;
		if (verb == WIRE_trace_done) {
			s->begins_ms = (int64_t)msg.trace_done.begins_ms;
			return EX_OK;
		}
		if (verb == WIRE_trace_event)
			take_event(s, msg.trace_event.bytes);
		if (++heard == WIRE_ROWS / 2) {
			heard = 0;
			status = client_tell(c, WIRE_trace_more, &more);
			if (status != EX_OK)
				return status;
		}
	}
}

static void tell_beginning(const struct story *s)
{
	(void)fprintf(stderr, "%s(", say_colour(stderr, SAY_DIM));
	if (s->begins_ms) {
		(void)fputs("what is remembered begins at ", stderr);
		say_time(stderr, s->begins_ms);
	} else {
		(void)fputs("nothing is remembered yet", stderr);
	}
	(void)fprintf(stderr, ")%s\n", say_colour(stderr, SAY_PLAIN));
}

static int ask(const struct call *call, struct story *s)
{
	struct wire_trace_ask question = { .ask = 1, .query = span_of_text(call->words[0]) };
	struct client c;
	int status = client_open(&c, call);

	if (status != EX_OK)
		return status;
	status = client_meet(&c, ROLE_EVENTS);
	if (status == EX_OK)
		status = client_tell(&c, WIRE_trace_ask, &question);
	if (status == EX_OK)
		status = listen_to(&c, s);
	client_close(&c);
	tell_story(s);
	if (status == EX_OK)
		tell_beginning(s);
	return status;
}

/* Whom a message is for stands in no event before the first attempt: the queue knows. */
static int run(struct call *call, bool only_why, const char *nothing)
{
	const char *query = call->words[0];
	bool is_address = strchr(query, '@') && query[0] != '<';
	struct story s;
	int status;

	story_init(&s, call, only_why);
	status = ask(call, &s);
	if (status == EX_OK && s.n == 0)
		say("%s; what waits: `postrider queue list%s%s`", nothing, is_address ? " to:" : "", is_address ? query : "");
	story_fini(&s);
	return status;
}

int run_trace(struct call *call)
{
	return run(call, false, "nothing that is remembered matches");
}

int run_why(struct call *call)
{
	return run(call, true, "nothing that is remembered was refused, deferred, bounced or set aside");
}
