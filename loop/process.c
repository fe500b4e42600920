#include "loop/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "loop/sandbox.h"

#define MASTER_FD       3
#define CRASH_FD        4
#define CRASH_LEN       4096
#define SETTINGS_MAX    (64u << 20)	/* 100,000 domains of some 300 bytes, and room */
#define STATUS_MAX      8192
#define EVENTS_QUEUED   (1u << 20)	/* bytes that wait for `events`; beyond, they are counted and dropped */
#define EVENTS_KEPT     (64u << 10)	/* bytes that wait for a wire to `events`, at the start and while it is started again */
#define PAIR_BUFFER     (4 << 20)
#define EVENTS_GATHER   10		/* ms that an event waits for others */

struct process {
	struct loop *loop;
	struct channel *master, *events;
	const struct process_handlers *handlers;
	void *owner;
	struct crash_page *page;
	const char *program;
	const char *const *folders;
	const char *partial;		/* of the sandbox; told when events can be */
	struct buf encoded;		/* settings on their way */
	struct buf kept;		/* events, each behind its length, until there is a wire */
	struct settings *settings;
	struct turn_end turn_end;
	uint32_t generation, events_lost;
	enum wire_role role;
	uint16_t instance;
	bool strict, is_over, stops;
	int status;
};

/* ---- birth ---------------------------------------------------------------------- */

static _Noreturn void not_started_by_master(struct process *p, const char *program)
{
	mem_free(p);
	fprintf(stderr, "%s: this program is started by `postrider serve`\n", program);
	exit(EX_USAGE);
}

static bool role_from_text(const char *text, enum wire_role *out)
{
	for (unsigned role = ROLE_SMTPD; role <= ROLE_EVENTS; role++) {
		if (strcmp(text, wire_role_text(role)) != 0)
			continue;
		*out = (enum wire_role)role;
		return true;
	}
	return false;
}

static bool arguments_read(struct process *p, int argc, char **argv)
{
	unsigned long long instance, generation;
	int at = 4;

	if (argc < 4 || !role_from_text(argv[1], &p->role))
		return false;
	if (!span_to_u64(span_of_text(argv[2]), UINT16_MAX, &instance) || !span_to_u64(span_of_text(argv[3]), UINT32_MAX, &generation))
		return false;
	p->instance = (uint16_t)instance;
	p->generation = (uint32_t)generation;
	if (at < argc && strcmp(argv[at], "--strict") == 0) {
		p->strict = true;
		at++;
	}
	p->folders = (const char *const *)(void *)&argv[at];
	return true;
}

static bool is_channel(int fd)
{
	int type = 0;
	socklen_t len = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

/* The master speaks by its channel; a terminal's Ctrl-C is its business too. */
static void signals_ignore(void)
{
	static const int ignored[] = { SIGPIPE, SIGINT, SIGHUP, SIGTERM };

	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		signal(ignored[i], SIG_IGN);
}

/* ---- events --------------------------------------------------------------------- */

static bool events_tell_lost(struct process *p)
{
	struct wire_events_lost lost = { .n = p->events_lost };

	if (!p->events || channel_queued(p->events) >= EVENTS_QUEUED)
		return false;
	if (p->events_lost)
		channel_put(p->events, WIRE_events_lost, &lost);
	p->events_lost = 0;
	return true;
}

static bool event_keep(struct process *p, const struct event *ev)
{
	uint16_t len = (uint16_t)ev->len;

	if (p->events || p->kept.ceiling - p->kept.len < sizeof len + ev->len)
		return false;
	return buf_add(&p->kept, span_of((const char *)&len, sizeof len)) == PR_OK && buf_add(&p->kept, event_bytes(ev)) == PR_OK;
}

static void events_tell_kept(struct process *p)
{
	struct span rest = buf_span(&p->kept);
	uint16_t len;

	while (rest.len > sizeof len) {
		memcpy(&len, rest.at, sizeof len);
		rest = span_from(rest, sizeof len);
		channel_put(p->events, WIRE_event, &(struct wire_event){ .bytes = span_first(rest, len) });
		rest = span_from(rest, len);
	}
	buf_fini(&p->kept);
}

void process_event(struct process *p, const struct event *ev)
{
	struct wire_event verb = { .bytes = event_bytes(ev) };

	if (event_keep(p, ev))
		return;
	if (events_tell_lost(p))
		channel_put(p->events, WIRE_event, &verb);
	else
		p->events_lost++;
}

static void on_turn_end(struct turn_end *te)
{
	struct process *p = LIST_OWNER(te, struct process, turn_end);

	if (p->events_lost)
		(void)events_tell_lost(p);
}

static void on_events_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	(void)owner, (void)ch, (void)verb, (void)msg, (void)fd;	/* verbs.def lets it say nothing */
}

static void on_events_gone(void *owner, struct channel *ch)
{
	struct process *p = owner;

	if (p->events == ch)
		p->events = NULL;
}

static const struct channel_handlers events_handlers = { .on_verb = on_events_verb, .on_gone = on_events_gone };

static void tell_partial(struct process *p)
{
	struct event ev;

	if (!p->partial)
		return;
	event_begin(&ev, EV_SANDBOX_PARTIAL, loop_now(p->loop).wall_ms, NULL);
	event_text(&ev, EF_PROGRAM, span_of_text(wire_role_text(p->role)));
	event_text(&ev, EF_REASON, span_of_text(p->partial));
	process_event(p, &ev);
	p->partial = NULL;
}

static void events_open(struct process *p, uint16_t instance, int fd)
{
	channel_close(&p->events);
	p->events = channel_open_take(p->loop, fd, p->role, ROLE_EVENTS, instance, &events_handlers, p);
	channel_gather(p->events, EVENTS_GATHER);
	events_tell_kept(p);
	(void)events_tell_lost(p);
	tell_partial(p);
}

/* ---- the master's words --------------------------------------------------------- */

static void settings_part(struct process *p, struct span bytes)
{
	if (buf_add(&p->encoded, bytes) == PR_OK)
		return;
	fprintf(stderr, "%s: the settings are too long\n", p->program);
	exit(EX_CONFIG);
}

static void settings_done(struct process *p, uint32_t generation)
{
	struct settings *old = p->settings, *fresh;

	if (settings_decode(buf_span(&p->encoded), &fresh) != PR_OK) {
		fprintf(stderr, "%s: the settings can't be read\n", p->program);
		exit(EX_CONFIG);
	}
	buf_fini(&p->encoded);
	buf_init(&p->encoded, SETTINGS_MAX);
	fresh->generation = p->generation = generation;
	p->settings = fresh;
	p->handlers->on_settings(p->owner, fresh);
	settings_free(&old);
}

static void status_tell(struct process *p, uint32_t ask)
{
	struct wire_status_told told = { .ask = ask };
	struct buf words;

	buf_init(&words, STATUS_MAX);
	if (p->handlers->on_status)
		p->handlers->on_status(p->owner, &words);
	told.words = buf_span(&words);
	channel_put(p->master, WIRE_status_told, &told);
	buf_fini(&words);
}

static void wire_take(struct process *p, const struct wire_wire *wire, int fd)
{
	if (wire->peer == ROLE_EVENTS)
		events_open(p, wire->instance, fd);
	else
		p->handlers->on_wire(p->owner, wire->peer, wire->instance, wire->generation, fd);
}

static void on_master_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct process *p = owner;

	(void)ch;
	switch (verb) {
	case WIRE_settings_part:
		settings_part(p, msg->settings_part.bytes);
		return;
	case WIRE_settings_done:
		settings_done(p, msg->settings_done.generation);
		return;
	case WIRE_wire:
		wire_take(p, &msg->wire, fd);
		return;
	case WIRE_begin:
		p->handlers->on_begin(p->owner);
		return;
	case WIRE_drain:
		p->stops = msg->drain.stops;
		p->handlers->on_drain(p->owner, msg->drain.idle_ms, msg->drain.deadline_ms);
		return;
	case WIRE_status_ask:
		status_tell(p, msg->status_ask.ask);
		return;
	default:
		p->handlers->on_verb(p->owner, verb, msg, fd);
	}
}

static void on_master_gone(void *owner, struct channel *ch)
{
	struct process *p = owner;

	(void)ch;
	p->master = NULL;
	if (p->handlers->on_orphan)
		p->handlers->on_orphan(p->owner);
	else
		process_end(p, EX_OK);
}

static const struct channel_handlers master_handlers = { .on_verb = on_master_verb, .on_gone = on_master_gone };

static void on_peer_broken(void *arg, enum wire_role peer, uint16_t instance, const char *why)
{
	struct process *p = arg;
	struct wire_captured captured = { .peer = (uint8_t)peer, .instance = instance, .why = span_of_text(why) };

	if (p->master && peer != ROLE_MASTER)
		channel_put(p->master, WIRE_captured, &captured);
}

/* ---- life ----------------------------------------------------------------------- */

struct process *process_new(int argc, char **argv)
{
	const char *program = argc > 0 ? argv[0] : "postrider";
	struct process *p = mem_new(sizeof *p);
	void *page;

	if (!arguments_read(p, argc, argv) || !is_channel(MASTER_FD))
		not_started_by_master(p, program);
	page = mmap(NULL, CRASH_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, CRASH_FD, 0);
	if (page == MAP_FAILED)
		not_started_by_master(p, program);
	close(CRASH_FD);
	signals_ignore();
	p->program = program;
	p->page = page;
	p->loop = loop_new();
	buf_init(&p->encoded, SETTINGS_MAX);
	buf_init(&p->kept, EVENTS_KEPT);
	channel_on_broken(p->loop, on_peer_broken, p);
	p->turn_end.fn = on_turn_end;
	loop_on_turn_end(p->loop, &p->turn_end);
	return p;
}

void process_confine(struct process *p, unsigned may)
{
	struct sandbox box = { .program = p->program, .may = may, .folders = p->folders, .strict = p->strict };

	if (sandbox_enter(&box, &p->partial) == PR_OK)
		return;
	fprintf(stderr, "%s: no sandbox: %s\n", p->program, strerror(errno));
	exit(EX_OSERR);
}

int process_run(struct process *p, const struct process_handlers *h, void *owner)
{
	p->handlers = h;
	p->owner = owner;
	p->master = channel_open_take(p->loop, MASTER_FD, p->role, ROLE_MASTER, 0, &master_handlers, p);
	while (!p->is_over)
		loop_run(p->loop);
	channel_close(&p->events);
	channel_close(&p->master);
	return p->status;
}

void process_ready(struct process *p)
{
	struct wire_ready ready = { 0 };

	if (p->master)
		channel_put(p->master, WIRE_ready, &ready);
}

void process_end(struct process *p, int status)
{
	p->is_over = true;
	p->status = status;
	loop_stop(p->loop);
}

void process_note(struct process *p, const struct msg_id *id)
{
	static const struct msg_id none;

	p->page->id = id ? *id : none;
}

enum wire_role process_role(const struct process *p)
{
	return p->role;
}

uint16_t process_instance(const struct process *p)
{
	return p->instance;
}

uint32_t process_generation(const struct process *p)
{
	return p->generation;
}

const char *const *process_folders(const struct process *p)
{
	return p->folders;
}

bool process_stops(const struct process *p)
{
	return p->stops;
}

struct loop *process_loop(const struct process *p)
{
	return p->loop;
}

struct channel *process_master(const struct process *p)
{
	return p->master;
}

/* ---- pairs ---------------------------------------------------------------------- */

static void buffer_widen(int fd, int bytes)
{
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

enum pr_err process_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
		return PR_IO;
	buffer_widen(fds[0], PAIR_BUFFER);
	buffer_widen(fds[1], PAIR_BUFFER);
	return PR_OK;
}
