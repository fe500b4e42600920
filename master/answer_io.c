#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "loop/process.h"
#include "master/server_io.h"
#include "master/wires.h"

#define STATUS_WAIT_MS  SECONDS(1)	/* for the words of a program that may be busy */
#define REFRESH_WAIT_MS SECONDS(10)
#define RELOAD_WAIT_MS  SECONDS(60)	/* for a new generation to serve; it goes on after that */

/* ---- status ------------------------------------------------------------------------- */

static void give_row(struct control_ask *ask, const struct child *c, int64_t mono_ms, int64_t wall_ms)
{
	const struct unit *u = c->unit;
	struct wire_ctl_row row = { .generation = u->generation, .restarts = u->restarts };
	char name[40];

	snprintf(name, sizeof(name), "%s/%u%s", wire_role_text(u->role), u->instance, u->state == UNIT_DRAINING ? " (drains)" : "");
	row.name = span_of_text(name);
	row.pid = c->pid > 0 ? (uint32_t)c->pid : 0;
	row.since_ms = (uint64_t)(wall_ms - (mono_ms - u->since));
	row.words = c->channel ? buf_span(&c->words) : SPAN("waits=1");
	control_row(ask, &row);
}

static void answer_status(struct server *s, struct control_ask *ask)
{
	struct wire_ctl_row master = { .name = SPAN("master"), .pid = (uint32_t)getpid(), .generation = s->generation };
	struct instant now = loop_now(s->loop);

	master.since_ms = (uint64_t)s->started_wall_ms;
	control_row(ask, &master);
	EACH_CHILD(node, s)
		if (child_of(unit_at(node)))
			give_row(ask, child_of(unit_at(node)), now.mono_ms, now.wall_ms);
	control_done(ask, EX_OK, SPAN_NONE, -1);
}

static bool all_told(struct server *s)
{
	EACH_CHILD(node, s) {
		const struct child *c = child_of(unit_at(node));

		if (c && c->channel && unit_at(node)->state >= UNIT_READY && c->status_serial != s->status_serial)
			return false;
	}
	return true;
}

static void answer_statuses(struct server *s)
{
	LIST_EACH_SAFE(node, &s->statuses)
		answer_status(s, LIST_OWNER(node, struct control_ask, list));
}

void answer_status_told(struct child *c, uint32_t serial, struct span words)
{
	struct server *s = c->server;

	if (serial != s->status_serial)
		return;
	c->status_serial = serial;
	buf_clear(&c->words);
	(void)buf_add(&c->words, span_first(words, c->words.ceiling));
	if (all_told(s))
		answer_statuses(s);
}

/* One round of questions at a time; who comes meanwhile gets its answers too. */
static void ask_status(struct server *s)
{
	s->status_serial++;
	EACH_CHILD(node, s) {
		struct child *c = child_of(unit_at(node));

		if (c && c->channel && unit_at(node)->state >= UNIT_READY)
			channel_put(c->channel, WIRE_status_ask, &(struct wire_status_ask){ .ask = s->status_serial });
	}
	if (all_told(s))
		answer_statuses(s);
}

/* ---- what waits for others ------------------------------------------------------------ */

static void keep(struct server *s, struct control_ask *ask, struct list *where, int64_t wait_ms)
{
	ask->expires_at = loop_now(s->loop).mono_ms + wait_ms;
	list_add_last(where, &ask->list);
	if (!heap_has(&s->answers_due.node) || s->answers_due.node.at > ask->expires_at)
		deadline_set(s->loop, &s->answers_due, ask->expires_at);
}

void answers_begin_joined(struct server *s)
{
	struct list *node;

	while ((node = list_take_first(&s->joined)))
		keep(s, LIST_OWNER(node, struct control_ask, list), &s->reloads, RELOAD_WAIT_MS);
}

void answer_reloads(struct server *s, int exit, struct span words)
{
	LIST_EACH_SAFE(node, &s->reloads)
		control_done(LIST_OWNER(node, struct control_ask, list), exit, words, -1);
}

static void answer_refreshes(struct server *s)
{
	LIST_EACH_SAFE(node, &s->refreshes) {
		struct control_ask *ask = LIST_OWNER(node, struct control_ask, list);

		if ((int32_t)(s->tables_loaded - ask->serial) >= 0)
			control_done(ask, EX_OK, span_trim(buf_span(&s->table_problems)), -1);
	}
}

void answers_reloaded(struct server *s)
{
	struct list *node;

	while ((node = list_take_first(&s->reloads))) {
		struct control_ask *ask = LIST_OWNER(node, struct control_ask, list);

		ask->serial = s->tables_serial;
		keep(s, ask, &s->refreshes, REFRESH_WAIT_MS);
	}
	answer_refreshes(s);
}

void answer_tables(struct server *s, uint32_t serial, struct span problems)
{
	if (problems.len > 0)
		report_reason(&s->report, EV_TABLES_DOUBT, problems);
	if (serial != s->tables_serial)
		return;		/* newer ones were told meanwhile, and are what counts */
	s->tables_loaded = serial;
	(void)buf_add(&s->table_problems, problems);
	answer_refreshes(s);
}

static void expire(struct list *asks, int64_t now, const char *why, int64_t *next)
{
	LIST_EACH_SAFE(node, asks) {
		struct control_ask *ask = LIST_OWNER(node, struct control_ask, list);

		if (ask->expires_at <= now)
			control_done(ask, EX_TEMPFAIL, span_of_text(why), -1);
		else if (ask->expires_at < *next)
			*next = ask->expires_at;
	}
}

static void on_answers_due(struct deadline *d)
{
	struct server *s = LIST_OWNER(d, struct server, answers_due);
	int64_t now = loop_now(s->loop).mono_ms, next = INT64_MAX;

	LIST_EACH_SAFE(node, &s->statuses) {
		struct control_ask *ask = LIST_OWNER(node, struct control_ask, list);

		if (ask->expires_at <= now)
			answer_status(s, ask);
		else if (ask->expires_at < next)
			next = ask->expires_at;
	}
	expire(&s->refreshes, now, "auth has not read the tables yet; it will", &next);
	expire(&s->reloads, now, "the new generation does not serve yet; the old one goes on, see the log", &next);
	if (next != INT64_MAX)
		deadline_set(s->loop, &s->answers_due, next);
}

/* ---- questions ------------------------------------------------------------------------- */

static void note_joined(const struct server *s, const struct control_ask *ask)
{
	struct buf words;

	buf_init(&words, 256);
	(void)buf_printf(&words, "it waits for open sessions of the configuration before: at most %lld s (reload.deadline)",
	    (long long)(s->settings->reload.deadline / 1000));
	control_note(ask, buf_span(&words));
	buf_fini(&words);
}

/* joined: how long it waits depends on the sessions of the old generation, which have their own deadline. */
static void asked_reload(struct server *s, struct control_ask *ask)
{
	if (s->core.is_stopping) {
		control_done(ask, EX_UNAVAILABLE, SPAN("the server is stopping"), -1);
	} else if (supervise_may_reload(&s->core)) {
		keep(s, ask, &s->reloads, RELOAD_WAIT_MS);
		server_reload_now(s);
		server_perform(s);
	} else {
		list_add_last(&s->joined, &ask->list);
		note_joined(s, ask);
	}
}

static void asked_refresh(struct server *s, struct control_ask *ask)
{
	server_rewatch(s);
	keep(s, ask, &s->refreshes, REFRESH_WAIT_MS);
	ask->serial = s->tables_serial + 1;	/* auth is told now, or when it is back */
	EACH_CHILD(node, s)
		if (unit_at(node)->role == ROLE_AUTH && child_of(unit_at(node)))
			child_tell_tables(child_of(unit_at(node)));
}

static struct child *find_to_meet(struct server *s, enum wire_role role)
{
	EACH_CHILD(node, s) {
		struct unit *u = unit_at(node);

		if (u->role == role && u->state >= UNIT_READY && child_of(u) && child_of(u)->channel)
			return child_of(u);
	}
	return NULL;
}

static void asked_meet(struct server *s, struct control_ask *ask)
{
	struct wire_wire told = { .peer = ROLE_CTL, .instance = control_instance(ask), .generation = s->generation };
	struct child *c = wires_meet_ctl(ask->role) ? find_to_meet(s, ask->role) : NULL;
	int pair[2];

	if (!wires_meet_ctl(ask->role)) {
		control_done(ask, EX_USAGE, SPAN("that program does not speak with the command line"), -1);
	} else if (!c || process_pair(pair) != PR_OK) {
		control_done(ask, EX_TEMPFAIL, SPAN("that program does not run now; it is started again"), -1);
	} else {
		channel_put_fd(c->channel, WIRE_wire, &told, pair[0]);
		close(pair[0]);
		control_done(ask, EX_OK, SPAN_NONE, pair[1]);
	}
}

static void asked_stop(struct server *s, struct control_ask *ask)
{
	control_done(ask, EX_OK, SPAN_NONE, -1);
	server_stop(s);
}

void answer_asked(void *arg, struct control_ask *ask)
{
	struct server *s = arg;

	switch (ask->verb) {
	case WIRE_ctl_status:
		keep(s, ask, &s->statuses, STATUS_WAIT_MS);
		ask_status(s);
		break;
	case WIRE_ctl_reload:
		asked_reload(s, ask);
		break;
	case WIRE_ctl_refresh:
		asked_refresh(s, ask);
		break;
	case WIRE_ctl_stop:
		asked_stop(s, ask);
		break;
	default:
		asked_meet(s, ask);
		break;
	}
}

void answers_init(struct server *s)
{
	list_init(&s->reloads);
	list_init(&s->joined);
	list_init(&s->refreshes);
	list_init(&s->statuses);
	deadline_init(&s->answers_due, on_answers_due);
}
