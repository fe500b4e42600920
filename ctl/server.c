/* serve, config, reload, stop, status. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/say.h"

int run_serve(struct call *call)
{
	static const char *const words[] = { "serve", NULL };

	return master_become(call, words);
}

int run_config(struct call *call)
{
	const char *words[8] = { "config", call->command->verb };
	size_t n = 2;

	if (call->flags & CALL_JSON)
		words[n++] = "--json";
	if (call->flags & CALL_ALL)
		words[n++] = "--all";
	if (call->n_words)
		words[n++] = call->words[0];
	return master_become(call, words);
}

/* ---- questions to the master --------------------------------------------- */

typedef void on_row(void *arg, const struct wire_ctl_row *row);

/* 0, or the exit code to end with; what the master said about it is told. */
static int await_done(struct client *c, on_row *row, void *arg)
{
	for (;;) {
		enum wire_verb verb;
		union wire_msg msg;
		int status = client_hear(c, &verb, &msg);

		if (status != EX_OK)
			return status;
		if (verb == WIRE_ctl_row && row)
			row(arg, &msg.ctl_row);
		if (verb == WIRE_ctl_note) {
			say("%.*s", SPAN_ARG(msg.ctl_note.words));
			c->patience_ms = -1;
		}
		if (verb != WIRE_ctl_done)
			continue;
		if (msg.ctl_done.words.len)
			say("%.*s", SPAN_ARG(msg.ctl_done.words));
		return msg.ctl_done.exit;
	}
}

static int ask_master(struct call *call, enum wire_verb verb, const void *msg, on_row *row, void *arg)
{
	struct client c;
	int status = client_open(&c, call);

	if (status != EX_OK)
		return status;
	status = client_tell(&c, verb, msg);
	if (status == EX_OK)
		status = await_done(&c, row, arg);
	client_close(&c);
	return status;
}

int run_reload(struct call *call)
{
	struct wire_ctl_reload reload = { .ask = 1 };

	return ask_master(call, WIRE_ctl_reload, &reload, NULL, NULL);
}

int run_refresh(struct call *call)
{
	struct wire_ctl_refresh refresh = { .ask = 1 };

	return ask_master(call, WIRE_ctl_refresh, &refresh, NULL, NULL);
}

int run_stop(struct call *call)
{
	struct wire_ctl_stop stop = { .ask = 1 };
	struct client c;
	int status = client_open(&c, call);

	if (status != EX_OK)
		return status;
	status = client_tell(&c, WIRE_ctl_stop, &stop);
	if (status == EX_OK)
		status = await_done(&c, NULL, NULL);
	if (status == EX_OK)
		client_await_end(&c);
	client_close(&c);
	return status;
}

/* ---- status -------------------------------------------------------------- */

/* "queued=12 held=1": numbers by name. */
static void add_numbers(json_t *object, struct span words)
{
	while (words.len) {
		struct span value = span_cut(&words, ' '), name = span_cut(&value, '=');
		unsigned long long number;
		char key[64];

		if (name.len == 0 || name.len >= sizeof(key) || !span_to_u64(value, INT64_MAX, &number))
			continue;
		memcpy(key, name.at, name.len);
		key[name.len] = '\0';
		if (!json_object_get(object, key))
			json_object_set_new(object, key, json_integer((json_int_t)number));
	}
}

static void row_as_json(void *arg, const struct wire_ctl_row *row)
{
	json_t *o = json_object();

	(void)arg;
	json_object_set_new(o, "name", json_of_span(row->name));
	json_object_set_new(o, "pid", json_integer(row->pid));
	json_object_set_new(o, "generation", json_integer(row->generation));
	json_object_set_new(o, "since", json_of_time((int64_t)row->since_ms));
	json_object_set_new(o, "restarts", json_integer(row->restarts));
	add_numbers(o, row->words);
	json_print_line(o);
}

static void row_as_text(void *arg, const struct wire_ctl_row *row)
{
	(void)arg;
	(void)printf("%-14.*s %8u  since ", SPAN_ARG(row->name), row->pid);
	say_time(stdout, (int64_t)row->since_ms);
	if (row->restarts)
		(void)printf("  %s%u restarts%s", say_colour(stdout, SAY_BAD), row->restarts, say_colour(stdout, SAY_PLAIN));
	(void)fputs("  ", stdout);
	say_add(stdout, row->words);
	(void)fputc('\n', stdout);
}

int run_status(struct call *call)
{
	struct wire_ctl_status ask = { .ask = 1 };

	return ask_master(call, WIRE_ctl_status, &ask, call->flags & CALL_JSON ? row_as_json : row_as_text, NULL);
}
