#include "master/server_io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "master/config.h"
#include "master/folders.h"
#include "master/notify.h"
#include "master/srs_keys.h"

/* ---- effects ----------------------------------------------------------------------- */

/* There is nothing to be drained. */
static void on_borrower_left(void *arg)
{
	server_stop(arg);
	server_stop(arg);
}

static void tell_ready(struct server *s)
{
	struct event ev;

	event_begin(&ev, EV_READY, loop_now(s->loop).wall_ms, NULL);
	event_num(&ev, EF_GENERATION, s->generation);
	report_event(&s->report, &ev);
	notify_ready();
}

static void tell_loaded(struct server *s)
{
	struct event ev;

	event_begin(&ev, EV_CONFIG_LOADED, loop_now(s->loop).wall_ms, NULL);
	event_text(&ev, EF_FILE, span_of_text(s->file));
	event_num(&ev, EF_GENERATION, s->generation);
	report_event(&s->report, &ev);
}

static void apply_settings(struct child *c)
{
	child_tell_settings(c, c->server->settings);
	if (c->unit->role == ROLE_AUTH)
		child_tell_tables(c);
}

static void tell_drain(struct child *c, struct drain_times times)
{
	struct wire_drain told = { .idle_ms = (uint32_t)times.idle_ms, .deadline_ms = (uint32_t)times.deadline_ms,
		.stops = times.stops };

	if (c->channel)
		channel_put(c->channel, WIRE_drain, &told);
}

/* Who borrows has said already what he wants: it lies in the socket until somebody can answer. */
static void begin_lending(struct server *s)
{
	s->control = control_lent_take(s->loop, s->lent, answer_asked, on_borrower_left, s);
	s->lent = -1;
}

static void do_effect(struct server *s, const struct effect *e)
{
	struct child *c = e->unit ? child_of(e->unit) : NULL;

	switch (e->kind) {
	case DO_SPAWN: child_spawn(s, e->unit); break;
	case DO_WIRE: child_wire(s, e->unit, e->other); break;
	case DO_BEGIN: child_tell_begin(c); break;
	case DO_SETTINGS:
		if (c)
			apply_settings(c);
		break;
	case DO_DRAIN:
		if (c)
			tell_drain(c, e->times);
		break;
	case DO_KILL:
		if (c && c->pid > 0)
			kill(c->pid, SIGKILL);
		break;
	case DO_FORGET: child_forget(e->unit); break;
	case DO_TELL_READY:
		if (s->lent >= 0)
			begin_lending(s);
		else
			tell_ready(s);
		break;
	case DO_TELL_SERVES:
		tell_loaded(s);
		answers_reloaded(s);
		notify_ready();
		break;
	case DO_RELOAD: server_reload_now(s); break;
	case DO_END: loop_stop(s->loop); break;
	}
}

void server_perform(struct server *s)
{
	struct effect e;
	int64_t due;

	while (supervise_take(&s->core, &e))
		do_effect(s, &e);
	certificates_free(&s->certificates);
	due = supervise_due(&s->core);
	if (due == INT64_MAX)
		deadline_clear(s->loop, &s->core_due);
	else
		deadline_set(s->loop, &s->core_due, due);
}

/* ---- events ------------------------------------------------------------------------- */

static void on_core_due(struct deadline *d)
{
	struct server *s = LIST_OWNER(d, struct server, core_due);

	supervise_tick(&s->core, loop_now(s->loop).mono_ms);
	server_perform(s);
}

static void on_unspawned(struct deadline *d)
{
	children_reap(LIST_OWNER(d, struct server, unspawned_due));
}

static void on_ticket_due(struct deadline *d)
{
	server_rotate_tickets(LIST_OWNER(d, struct server, ticket_due));
}

static void on_srs_due(struct deadline *d)
{
	server_rotate_srs_keys(LIST_OWNER(d, struct server, srs_due));
}

static void on_watchdog(struct deadline *d)
{
	struct server *s = LIST_OWNER(d, struct server, watchdog_due);

	notify_alive();
	deadline_set(s->loop, d, loop_now(s->loop).mono_ms + notify_watchdog_ms());
}

void server_stop(struct server *s)
{
	struct event ev;

	if (!s->core.is_stopping) {
		event_begin(&ev, EV_STOPPING, loop_now(s->loop).wall_ms, NULL);
		report_event(&s->report, &ev);
		notify_stopping();
		bind_close(&s->bound, NULL);
	}
	supervise_stop(&s->core, loop_now(s->loop).mono_ms);
	server_perform(s);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct server *s = handle->data;

	if (number == SIGCHLD)
		children_reap(s);
	else if (number == SIGHUP)
		server_reload(s);
	else
		server_stop(s);
}

static void watch_signals(struct server *s)
{
	static const int numbers[N_SIGNALS] = { [ON_CHILD] = SIGCHLD, [ON_TERM] = SIGTERM, [ON_INT] = SIGINT, [ON_HUP] = SIGHUP };

	signal(SIGPIPE, SIG_IGN);
	for (unsigned i = 0; i < N_SIGNALS; i++) {
		uv_signal_init(loop_uv(s->loop), &s->signals[i]);
		s->signals[i].data = s;
		uv_signal_start(&s->signals[i], on_signal, numbers[i]);
	}
}

/* ---- start ----------------------------------------------------------------------------- */


static bool is_own_program(void *arg, pid_t pid)
{
	struct server *s = arg;

	EACH_CHILD(node, s)
		if (child_of(unit_at(node)) && child_of(unit_at(node))->pid == pid)
			return true;
	return false;
}

/* Children get an open file of their own, for not to block on a reader is a property of the open file, and this one may
 * be the terminal of somebody's shell. A file on a disk never blocks, and is shared for its offset. A socket can't be
 * opened again; that one is a service manager's, for us alone. */
static int open_log(void)
{
	struct stat st;
	int fd, flags;

	if (fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		return STDERR_FILENO;
	fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	flags = fcntl(STDERR_FILENO, F_GETFL);
	if (flags >= 0 && !isatty(STDERR_FILENO))
		(void)fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
	return STDERR_FILENO;
}

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int check_certificates(struct server *s, struct buf *words)
{
	bool wanted = s->settings->tls.certificate || s->settings->tls.directory;

	s->certificates = certificates_read(s->settings, true, clock_now().wall_ms, words);
	if (wanted && certificates_count(s->certificates) == 0) {
		if (words->len == 0)
			buf_printf(words, CERTIFICATES_NONE, s->settings->tls.directory);
		return EX_CONFIG;
	}
	if (words->len > 0)
		report_reason(&s->report, EV_TLS_REJECTED, buf_span(words));
	buf_clear(words);
	return EX_OK;
}

/* What needs all of root's rights, and what can keep us from serving. */
static int acquire(struct server *s, int *control, struct buf *words)
{
	int exit;

	if (identities_find(&s->ids, s->settings->top.user, words) != PR_OK)
		return EX_NOUSER;
	if (folders_make(s->settings, &s->ids, words) != PR_OK)
		return EX_CANTCREAT;
	if (drops_open(s->settings, &s->drops, words) != PR_OK)
		return EX_CANTCREAT;
	switch (folders_lock(s->settings->top.state, words)) {
	case PR_OK: break;
	case PR_AGAIN: return EX_TEMPFAIL;
	default: return EX_CANTCREAT;
	}
	if (srs_keys_make(s->settings, words) != PR_OK)
		return EX_CANTCREAT;
	exit = check_certificates(s, words);
	if (exit != EX_OK)
		return exit;
	switch (bind_open(s->settings, NULL, &s->bound, words)) {
	case PR_OK: break;
	case PR_DENIED: return EX_NOPERM;
	default: return EX_UNAVAILABLE;
	}
	if (control_bind(s->settings->top.runtime, &s->ids, control, words) != PR_OK)
		return EX_CANTCREAT;
	if (s->ids.is_root && privileges_keep_few() != PR_OK) {
		buf_printf(words, "can't give up root's capabilities: %s", strerror(errno));
		return EX_OSERR;
	}
	privileges_close_door();
	return EX_OK;
}

static int load(struct server *s, struct buf *words)
{
	enum pr_err err = config_load(s->file, &s->settings, words);

	if (words->len > 0)
		(void)!write(STDERR_FILENO, words->at, words->len);
	if (err != PR_OK)
		return EX_CONFIG;
	buf_clear(words);
	s->generation = s->settings->generation = 1;
	report_settings(&s->report, s->settings);
	return EX_OK;
}

static void start_deadlines(struct server *s)
{
	deadline_init(&s->core_due, on_core_due);
	deadline_init(&s->ticket_due, on_ticket_due);
	deadline_init(&s->srs_due, on_srs_due);
	deadline_init(&s->watchdog_due, on_watchdog);
	deadline_init(&s->unspawned_due, on_unspawned);
	answers_init(s);
	if (notify_watchdog_ms() > 0)
		deadline_set(s->loop, &s->watchdog_due, loop_now(s->loop).mono_ms + notify_watchdog_ms());
}

static void begin(struct server *s, int control)
{
	struct plan plan = server_plan(s->settings);
	struct event ev;

	s->loop = loop_new();
	s->started_wall_ms = clock_now().wall_ms;
	s->log = open_log();
	s->tally = spawn_shared_memory("tally", WIRE_TALLY_SIZE);	/* without it each worker counts alone */
	raise_descriptors();
	start_deadlines(s);
	watch_signals(s);
	s->control = control_new_take(s->loop, control, &s->ids, answer_asked, is_own_program, s);
	drops_begin(s->drops, s);
	server_rewatch(s);
	server_rotate_tickets(s);
	server_rotate_srs_keys(s);
	event_begin(&ev, EV_STARTED, s->started_wall_ms, NULL);
	event_num(&ev, EF_PID, getpid());
	report_event(&s->report, &ev);
	supervise_start(&s->core, &plan, s->generation, loop_now(s->loop).mono_ms);
	server_perform(s);
}

static void end(struct server *s)
{
	control_free(&s->control);
	drops_free(&s->drops);
	watch_free(&s->watch);
	for (unsigned i = 0; i < N_SIGNALS; i++)
		uv_close((uv_handle_t *)&s->signals[i], NULL);
	loop_free(&s->loop);
	supervise_fini(&s->core);
	if (s->tally >= 0)
		close(s->tally);
	mem_wipe(s->ticket_keys, sizeof(s->ticket_keys));
}

static void server_free(struct server **sp)
{
	struct server *s = *sp;

	drops_free(&s->drops);
	certificates_free(&s->certificates);
	settings_free(&s->old_settings);
	settings_free(&s->settings);
	report_fini(&s->report);
	buf_fini(&s->table_problems);
	mem_free(s);
	*sp = NULL;
}

static struct server *server_new(const struct start *start)
{
	struct server *s = mem_new(sizeof(*s));
	const char *strict = getenv("POSTRIDER_STRICT");

	s->file = start->file;
	s->programs = start->programs;
	s->lent = s->tally = -1;
	s->strict = strict && strcmp(strict, "1") == 0;
	umask(022);
	buf_init(&s->table_problems, COMPLAINTS_MAX);
	report_init(&s->report);
	supervise_init(&s->core);
	return s;
}

int server_run(const struct start *start)
{
	struct server *s = server_new(start);
	struct buf words;
	int exit, control = -1;

	buf_init(&words, COMPLAINTS_MAX);
	exit = load(s, &words);
	if (exit == EX_OK) {
		exit = acquire(s, &control, &words);
		if (exit != EX_OK)
			report_say(buf_span(&words));
	}
	buf_fini(&words);
	if (exit == EX_OK) {
		begin(s, control);
		loop_run(s->loop);
		end(s);
	}
	server_free(&s);
	return exit;
}

/* ---- lending ------------------------------------------------------------------------------- */

/* Warnings are for `config check`. */
static int prepare_lending(struct server *s, struct buf *words)
{
	bool is_there = access(s->file, F_OK) == 0 || errno != ENOENT;
	enum pr_err err = is_there ? config_load(s->file, &s->settings, words) : config_parse(s->file, SPAN_NONE, &s->settings, words);

	if (err != PR_OK) {
		(void)!write(STDERR_FILENO, words->at, words->len);
		return EX_CONFIG;
	}
	buf_clear(words);
	s->generation = s->settings->generation = 1;
	s->report.level = LOG_LEVEL_ERROR;
	if (identities_find(&s->ids, s->settings->top.user, words) == PR_OK)
		return EX_OK;
	report_say(buf_span(words));
	return EX_NOUSER;
}

int server_lend_take(const struct start *start, int fd)
{
	struct server *s = server_new(start);
	struct buf words;
	int exit;

	buf_init(&words, COMPLAINTS_MAX);
	exit = prepare_lending(s, &words);
	buf_fini(&words);
	if (exit == EX_OK) {
		s->lent = fd;
		s->loop = loop_new();
		s->log = open_log();
		start_deadlines(s);
		watch_signals(s);
		supervise_lend(&s->core, s->generation, loop_now(s->loop).mono_ms);
		server_perform(s);
		loop_run(s->loop);
		end(s);
	}
	server_free(&s);
	return exit;
}
