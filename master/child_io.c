#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/process.h"
#include "master/file.h"
#include "master/evidence.h"
#include "master/folders.h"
#include "master/keys.h"
#include "master/server_io.h"
#include "master/srs_keys.h"
#include "master/tables.h"
#include "master/wires.h"

#define SETTINGS_ENCODED_MAX ((size_t)64 << 20)
#define FOLDERS_MAX 128
#define WORDS_MAX   8192
/* As wait(2) would tell of a program that ended with EX_OSERR: it could not be started. */
#define EX_OSERR_STATUS (71 << 8)

struct child *child_of(const struct unit *u)
{
	return u->child;
}

static bool is_reachable(const struct child *c)
{
	return c && c->channel;
}

/* ---- what a child says ------------------------------------------------------------ */

static void add_who(struct event *ev, const struct unit *u)
{
	char name[32];

	snprintf(name, sizeof(name), "%s/%u", wire_role_text(u->role), u->instance);
	event_text(ev, EF_PROGRAM, span_of_text(name));
}

static void condemn(struct server *s, struct unit *u, struct span why)
{
	struct event ev;

	event_begin(&ev, EV_PROCESS_CAPTURED, loop_now(s->loop).wall_ms, NULL);
	add_who(&ev, u);
	event_text(&ev, EF_REASON, why);
	report_event(&s->report, &ev);
	supervise_condemn(&s->core, u);
}

/* Only of somebody it talks to; of both generations, for it does not say which. */
static void on_captured(struct child *c, const struct wire_captured *told)
{
	struct server *s = c->server;

	EACH_CHILD(node, s) {
		struct unit *u = unit_at(node);

		if (u->role == told->peer && u->instance == told->instance && wires_join(c->unit->role, u->role))
			condemn(s, u, told->why);
	}
	server_perform(s);
}

static void on_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct child *c = owner;

	(void)ch;
	if (fd >= 0)
		close(fd);
	switch (verb) {
	case WIRE_ready:
		supervise_ready(&c->server->core, c->unit, loop_now(c->server->loop).mono_ms);
		server_perform(c->server);
		drops_go_on(c->server->drops);
		break;
	case WIRE_drop_told:
		drops_told(c->server->drops, &msg->drop_told);
		break;
	case WIRE_tables_loaded:
		answer_tables(c->server, msg->tables_loaded.serial, msg->tables_loaded.problems);
		break;
	case WIRE_status_told:
		answer_status_told(c, msg->status_told.ask, msg->status_told.words);
		break;
	case WIRE_captured:
		on_captured(c, &msg->captured);
		break;
	default:
		break;
	}
}

/* Its death is told by SIGCHLD, which comes a little later. */
static void on_gone(void *owner, struct channel *ch)
{
	struct child *c = owner;

	if (c->server->report.events == ch)
		c->server->report.events = NULL;
	c->channel = NULL;
	drops_left(c->server->drops, c);
	supervise_left(&c->server->core, c->unit, loop_now(c->server->loop).mono_ms);
	server_perform(c->server);
}

static void on_broken(void *owner, struct channel *ch, const char *why)
{
	struct child *c = owner;

	(void)ch;
	condemn(c->server, c->unit, span_of_text(why));
	server_perform(c->server);
}

static const struct channel_handlers handlers = { .on_verb = on_verb, .on_gone = on_gone, .on_broken = on_broken };

/* ---- what a child is told ---------------------------------------------------------- */

static char reader_of(enum wire_role role)
{
	static const char letters[N_ROLES] = {
		[ROLE_SMTPD] = 'S', [ROLE_AUTH] = 'A', [ROLE_SPOOL] = 'Q', [ROLE_RELAY] = 'D', [ROLE_LOCAL] = 'D', [ROLE_DNS] = 'N',
		[ROLE_SIGN] = 'K', [ROLE_VERIFY] = 'V',
		[ROLE_EVENTS] = 'E',
	};

	return letters[role];
}

void child_tell_settings(struct child *c, const struct settings *settings)
{
	struct buf encoded;
	struct span rest;

	if (!is_reachable(c))
		return;
	buf_init(&encoded, SETTINGS_ENCODED_MAX);
	BUG_ON(settings_encode(settings, reader_of(c->unit->role), &encoded) != PR_OK);
	rest = buf_span(&encoded);
	for (; rest.len > 0; rest = span_from(rest, WIRE_PART_MAX))
		channel_put(c->channel, WIRE_settings_part, &(struct wire_settings_part){ .bytes = span_first(rest, WIRE_PART_MAX) });
	channel_put(c->channel, WIRE_settings_done, &(struct wire_settings_done){ .generation = c->unit->generation });
	buf_fini(&encoded);
}

static void tell_srs_keys(struct child *c, struct buf *problems)
{
	struct server *s = c->server;

	srs_keys_tell(s->settings, c->channel, loop_now(s->loop).wall_ms, problems);
}

void child_tell_srs_keys(struct child *c)
{
	struct buf problems;

	if (!is_reachable(c))
		return;
	buf_init(&problems, COMPLAINTS_MAX);
	tell_srs_keys(c, &problems);
	if (problems.len > 0)
		report_reason(&c->server->report, EV_TABLES_DOUBT, buf_span(&problems));
	buf_fini(&problems);
}

void child_tell_tables(struct child *c)
{
	struct server *s = c->server;
	struct buf *problems = &s->table_problems;

	if (!is_reachable(c))
		return;
	buf_clear(problems);
	tell_srs_keys(c, problems);
	tables_tell(s->settings, ++s->tables_serial, c->channel, problems);
	if (problems->len > 0)
		report_reason(&s->report, EV_TABLES_DOUBT, buf_span(problems));
}

void child_tell_tickets(struct child *c)
{
	struct span keys = span_of((const char *)c->server->ticket_keys, (size_t)c->server->n_ticket_keys * TICKET_KEY_LEN);

	if (is_reachable(c))
		channel_put(c->channel, WIRE_ticket_keys, &(struct wire_ticket_keys){ .keys = keys });
}

/* One that is not there, or can't be read, says nothing: then loopback is asked, as resolv.conf(5) has it. */
void child_tell_resolv_conf(struct child *c)
{
	struct buf content;

	if (!is_reachable(c))
		return;
	buf_init(&content, WIRE_PART_MAX);
	if (file_read(RESOLV_CONF, &content) != PR_OK)
		buf_clear(&content);
	channel_put(c->channel, WIRE_resolv_conf, &(struct wire_resolv_conf){ .content = buf_span(&content) });
	buf_fini(&content);
}

static const struct settings *settings_of(const struct server *s, const struct unit *u)
{
	return u->generation == s->generation || !s->old_settings ? s->settings : s->old_settings;
}

void child_tell_keys(struct child *c)
{
	struct server *s = c->server;
	struct buf problems, exposed;

	if (!is_reachable(c))
		return;
	buf_init(&problems, COMPLAINTS_MAX);
	buf_init(&exposed, COMPLAINTS_MAX);
	keys_tell(settings_of(s, c->unit), c->channel, &problems, &exposed);
	if (problems.len > 0)
		report_reason(&s->report, EV_DKIM_REJECTED, buf_span(&problems));
	if (exposed.len > 0)
		report_reason(&s->report, EV_DKIM_EXPOSED, buf_span(&exposed));
	buf_fini(&problems);
	buf_fini(&exposed);
}

void child_tell_signers(struct child *c)
{
	if (is_reachable(c))
		keys_tell_signers(settings_of(c->server, c->unit), c->channel);
}

static void tell_listeners(struct child *c)
{
	const struct server *s = c->server;
	const struct bindings *bound = &s->bound;

	/* An old generation takes no connection any more, and its listeners may have other numbers. */
	if (c->unit->generation != s->generation)
		return;
	for (unsigned i = 0; i < bound->n; i++)
		if (server_group(&s->settings->listen[bound->at[i].listen]) == c->unit->group)
			channel_put_fd(c->channel, WIRE_listener, &(struct wire_listener){ .index = bound->at[i].listen }, bound->at[i].fd);
}

/* Two generations live at most, one after the other: each has half of the columns. */
static void tell_tally(struct child *c)
{
	const struct unit *u = c->unit;
	unsigned half = WIRE_TALLY_COLUMNS / 2;

	if (c->server->tally >= 0 && u->instance < half)
		channel_put_fd(c->channel, WIRE_tally, &(struct wire_tally){ .column = (uint16_t)(u->instance + (u->generation & 1) * half) },
		    c->server->tally);
}

static void tell_set_aside(struct server *s, struct child *spool)
{
	const struct death *d;

	while (is_reachable(spool) && (d = deaths_take_untold(&s->deaths)))
		channel_put(spool->channel, WIRE_set_aside, &(struct wire_set_aside){ .id = d->id, .role = (uint8_t)d->role });
}

static void tell_first_words(struct child *c)
{
	struct server *s = c->server;

	child_tell_settings(c, settings_of(s, c->unit));
	switch (c->unit->role) {
	case ROLE_SMTPD:
		certificates_tell(server_certificates(s), c->channel);
		child_tell_tickets(c);
		child_tell_signers(c);
		tell_tally(c);
		tell_listeners(c);
		break;
	case ROLE_AUTH:
		child_tell_tables(c);
		break;
	case ROLE_SIGN:
		child_tell_keys(c);
		break;
	case ROLE_DNS:
		child_tell_resolv_conf(c);
		break;
	case ROLE_EVENTS:
		s->report.events = c->channel;
		break;
	default:
		break;
	}
}

/* By now it can say what it does about them. */
void child_tell_begin(struct child *c)
{
	if (!is_reachable(c))
		return;
	if (c->unit->role == ROLE_SPOOL)
		tell_set_aside(c->server, c);
	channel_put(c->channel, WIRE_begin, &(struct wire_begin){ .none = 0 });
}

/* ---- birth -------------------------------------------------------------------------- */

struct folder_list {
	char *at[FOLDERS_MAX + 1];
	unsigned n;
};

static void folder_add(struct folder_list *list, struct span path)
{
	for (unsigned i = 0; i < list->n; i++)
		if (span_eq(span_of_text(list->at[i]), path))
			return;
	if (list->n < FOLDERS_MAX)
		list->at[list->n++] = mem_text(path);
}

static void list_folders(struct folder_list *list, const struct settings *settings, enum wire_role role)
{
	char spool[PATH_MAX];

	*list = (struct folder_list){ .n = 0 };
	if (role == ROLE_SPOOL) {
		snprintf(spool, sizeof(spool), "%s/spool", settings->top.state);
		folder_add(list, span_of_text(spool));
	}
	for (unsigned i = 0; role == ROLE_LOCAL && i < settings->n_deliver; i++)
		if (settings->deliver[i].path)
			folder_add(list, folders_fixed_prefix(span_of_text(settings->deliver[i].path)));
}

static enum pr_err start_program(struct child *c, struct spawned *out)
{
	struct server *s = c->server;
	struct folder_list folders;
	struct spawn what = {
		.folder = s->programs, .role = c->unit->role, .instance = c->unit->instance, .generation = c->unit->generation,
		.as = s->ids.is_root ? &s->ids.of[c->unit->role] : NULL, .log = s->log, .strict = s->strict,
	};
	enum pr_err err;

	list_folders(&folders, settings_of(s, c->unit), c->unit->role);
	what.folders = (const char *const *)folders.at;
	err = spawn_program(&what, out);
	for (unsigned i = 0; i < folders.n; i++)
		mem_free(folders.at[i]);
	return err;
}

/* The core is told in an event of its own: it is in the middle of one. */
static void not_started(struct child *c)
{
	struct server *s = c->server;

	c->pid = -1;
	deadline_set(s->loop, &s->unspawned_due, loop_now(s->loop).mono_ms);
}

void child_spawn(struct server *s, struct unit *u)
{
	struct child *c = child_of(u);
	struct spawned spawned;

	if (!c) {
		c = u->child = mem_new(sizeof(*c));
		c->server = s;
		c->unit = u;
		buf_init(&c->words, WORDS_MAX);
	}
	if (start_program(c, &spawned) != PR_OK) {
		not_started(c);
		return;
	}
	c->pid = spawned.pid;
	c->page = spawned.page;
	c->channel = channel_open_take(s->loop, spawned.channel, ROLE_MASTER, u->role, u->instance, &handlers, c);
	tell_first_words(c);
}

static void tell_wire(struct child *c, const struct unit *peer, int fd)
{
	struct wire_wire told = { .peer = (uint8_t)peer->role, .instance = peer->instance, .generation = peer->generation };

	channel_put_fd(c->channel, WIRE_wire, &told, fd);
}

void child_wire(struct server *s, struct unit *a, struct unit *b)
{
	int pair[2];

	(void)s;
	if (!is_reachable(child_of(a)) || !is_reachable(child_of(b)) || process_pair(pair) != PR_OK)
		return;
	tell_wire(child_of(a), b, pair[0]);
	tell_wire(child_of(b), a, pair[1]);
	close(pair[0]);
	close(pair[1]);
}

/* ---- death -------------------------------------------------------------------------- */

static struct child *find_spool(struct server *s)
{
	EACH_CHILD(node, s)
		if (unit_at(node)->role == ROLE_SPOOL)
			return child_of(unit_at(node));
	return NULL;
}

/* Which message it had in hand; the second death over one sets it aside. */
static struct msg_id read_page(struct child *c)
{
	struct msg_id id = { { 0 } };

	if (c->page)
		id = ((const struct crash_page *)c->page)->id;
	spawn_forget_page(&c->page);
	return id;
}

static void report_death(struct child *c, int status, const struct msg_id *id)
{
	struct event ev;

	event_begin(&ev, EV_PROCESS_DIED, loop_now(c->server->loop).wall_ms, id_is_zero(id) ? NULL : id);
	add_who(&ev, c->unit);
	event_num(&ev, EF_PID, c->pid);
	if (WIFSIGNALED(status))
		event_num(&ev, EF_SIGNAL, WTERMSIG(status));
	else
		event_num(&ev, EF_STATUS, WEXITSTATUS(status));
	report_event(&c->server->report, &ev);
}

static void close_channel(struct child *c)
{
	if (!c->channel)
		return;
	if (c->server->report.events == c->channel)
		c->server->report.events = NULL;
	channel_close(&c->channel);
}

/* Who waits for its answer asks another one, but for the message that it died over. */
static void tell_verify_ended(struct server *s, const struct unit *u, const struct msg_id *id)
{
	struct wire_verify_ended told = { .instance = u->instance, .generation = u->generation, .id = *id };
	int evidence = id_is_zero(id) ? -1 : evidence_open(s->settings, id);

	EACH_CHILD(node, s) {
		struct child *c = child_of(unit_at(node));

		if (unit_at(node)->role != ROLE_SMTPD || !is_reachable(c))
			continue;
		if (evidence >= 0)
			channel_put_fd(c->channel, WIRE_verify_ended, &told, evidence);
		else
			channel_put(c->channel, WIRE_verify_ended, &told);
	}
	if (evidence >= 0)
		close(evidence);
}

/* The second death over it. */
static void set_aside(struct server *s, enum wire_role role, const struct msg_id *id)
{
	drops_kills(s->drops, id);
	if (role != ROLE_SPOOL)
		tell_set_aside(s, find_spool(s));
}

static void died(struct child *c, int status)
{
	struct server *s = c->server;
	struct msg_id id = read_page(c);
	bool expected = c->unit->state == UNIT_DRAINING && (c->unit->is_condemned || status == 0);

	close_channel(c);
	drops_left(s->drops, c);
	if (!expected)
		report_death(c, status, &id);
	if (!expected && !id_is_zero(&id) && deaths_note(&s->deaths, &id, c->unit->role))
		set_aside(s, c->unit->role, &id);
	if (c->unit->role == ROLE_VERIFY)
		tell_verify_ended(s, c->unit, &id);
	c->pid = 0;
	supervise_died(&s->core, c->unit, loop_now(s->loop).mono_ms);
	server_perform(s);
}

static struct child *find_ended(struct server *s, int *status)
{
	EACH_CHILD(node, s) {
		struct child *c = child_of(unit_at(node));

		if (!c || c->pid == 0)
			continue;
		*status = EX_OSERR_STATUS;
		if (c->pid < 0 || waitpid(c->pid, status, WNOHANG) == c->pid)
			return c;
	}
	return NULL;
}

void children_reap(struct server *s)
{
	struct child *c;
	int status;

	while ((c = find_ended(s, &status)))
		died(c, status);
}

void child_forget(struct unit *u)
{
	struct child *c = child_of(u);

	if (c) {
		close_channel(c);
		spawn_forget_page(&c->page);
		buf_fini(&c->words);
		mem_free(c);
	}
	unit_free(u);
}
