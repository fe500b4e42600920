/* trace, why: the story of a message, from the events that are in memory. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "base/text.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/say.h"
#include "wire/event.h"
#include "wire/filter.h"

#define LINE_MAX_BYTES (EVENT_MAX * 8)	/* an event with every byte escaped */

/* A walk over the events that match. */
struct story {
	bool as_json, only_why;
	bool has_id;
	struct msg_id id;	/* whose head was printed */
	int64_t begins_ms;
	unsigned n;
};

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

/* Who, with whom, what was said, when it goes on. */
static void print_facts(const struct event_view *v)
{
	struct event_value next;

	print_text_of(v, EF_FROM, "  from <", ">");
	print_text_of(v, EF_TO, "  to <", ">");
	print_text_of(v, EF_ORIG_TO, " for <", ">");
	print_text_of(v, EF_CLIENT, "  client ", "");
	print_text_of(v, EF_HOST, "  at ", "");
	print_text_of(v, EF_SIZE, "  ", " bytes");
	print_text_of(v, EF_TLS, "  ", "");
	print_text_of(v, EF_ATTEMPT, "  try ", "");
	print_text_of(v, EF_CODE, "  ", "");
	print_text_of(v, EF_DSN, " ", "");
	print_text_of(v, EF_REPLY, " ", "");
	print_text_of(v, EF_REASON, "  (", ")");
	print_text_of(v, EF_ACTION, "  ", "");
	print_text_of(v, EF_BOUNCE_ID, "  bounce ", "");
	if (value_of(*v, EF_NEXT, &next) && next.is_num) {
		(void)fputs("  next ", stdout);
		say_time(stdout, next.num);
	}
}

static void print_event(struct story *s, const struct event_view *v)
{
	const char *name = event_kinds[v->code].name;
	char id[ID_TEXT_LEN + 1];

	if (v->has_id && (!s->has_id || !id_eq(&v->id, &s->id))) {
		id_to_text(&v->id, id);
		(void)printf("%s%s\n", s->n > 1 ? "\n" : "", id);
		s->id = v->id;
		s->has_id = true;
	}
	(void)fputs(" ", stdout);
	print_clock(v->wall_ms);
	(void)printf("  %s%-20s%s", say_colour(stdout, colour_of(v->code)), name, say_colour(stdout, SAY_PLAIN));
	print_facts(v);
	(void)fputc('\n', stdout);
}

/* What answers why: refusals, deferrals, failures, holds, and what was said then. */
static bool is_a_reason(enum event_code code)
{
	static const enum event_code REASONS[] = {
		EV_MESSAGE_REFUSED, EV_RECIPIENT_REFUSED, EV_DELIVERY_DEFERRED, EV_DELIVERY_FAILED, EV_QUEUE_EXPIRED, EV_QUEUE_HELD,
		EV_QUEUE_DELETED, EV_MESSAGE_WITHDRAWN, EV_DSN_SENT, EV_DSN_DROPPED, EV_STORE_DAMAGED,
	};

	for (size_t i = 0; i < sizeof(REASONS) / sizeof(REASONS[0]); i++)
		if (REASONS[i] == code)
			return true;
	return false;
}

static void take_event(struct story *s, struct span bytes)
{
	struct event_view v;
	struct buf line;

	if (event_view(bytes, &v) != PR_OK || (s->only_why && !is_a_reason(v.code)))
		return;
	s->n++;
	if (!s->as_json) {
		print_event(s, &v);
		return;
	}
	buf_init(&line, LINE_MAX_BYTES);
	event_add_json(&line, bytes, "trace");
	(void)fwrite(buf_span(&line).at, 1, line.len, stdout);
	(void)fputc('\n', stdout);
	buf_fini(&line);
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
	if (status == EX_OK)
		tell_beginning(s);
	return status;
}

int run_trace(struct call *call)
{
	struct story s = { .as_json = call->flags & CALL_JSON };
	int status = ask(call, &s);

	if (status == EX_OK && s.n == 0)
		say("nothing that is remembered matches");
	return status;
}

int run_why(struct call *call)
{
	struct story s = { .as_json = call->flags & CALL_JSON, .only_why = true };
	int status = ask(call, &s);

	if (status == EX_OK && s.n == 0)
		say("nothing that is remembered was refused, deferred, bounced or set aside");
	return status;
}
