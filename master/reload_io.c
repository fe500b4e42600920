#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "master/config.h"
#include "master/folders.h"
#include "master/keys.h"
#include "master/notify.h"
#include "master/server_io.h"
#include "master/srs_keys.h"
#include "master/tables.h"

#define MXS_MAX     8
#define SUBMISSIONS 2

enum unit_group server_group(const struct set_listen *l)
{
	return l->auth == LISTEN_AUTH_REQUIRED || l->local ? GROUP_SUBMISSION : GROUP_MX;
}

static bool has_strangers(const struct settings *s)
{
	for (unsigned i = 0; i < s->n_listen; i++)
		if (server_group(&s->listen[i]) == GROUP_MX)
			return true;
	return false;
}

static bool has_logins(const struct settings *s)
{
	for (unsigned i = 0; i < s->n_listen; i++)
		if (s->listen[i].auth == LISTEN_AUTH_REQUIRED)
			return true;
	return false;
}

static unsigned workers(int64_t wanted, unsigned usual)
{
	return wanted == 0 ? usual : (unsigned)wanted;
}

/* Without a listener for strangers none is started for them; the users of this machine are always there. */
struct plan server_plan(const struct settings *s)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = cores < 1 ? 1 : (unsigned)cores;
	struct plan plan = { .relay = settings_relays(s, n) };

	if (has_strangers(s))
		plan.mx = workers(s->workers.mx, n < MXS_MAX ? n : MXS_MAX);
	plan.verify = workers(s->workers.verify, plan.mx > 1 ? plan.mx / 2 : 1);
	plan.submission = workers(s->workers.submission, has_logins(s) ? SUBMISSIONS : 1);
	return plan;
}

/* ---- a new configuration ---------------------------------------------------------- */

static bool is_changed(const char *was, const char *is, const char *name, struct buf *words)
{
	if (strcmp(was, is) == 0)
		return false;
	buf_printf(words, "a change of `%s` needs a restart: it is %s, and would be %s\n", name, was, is);
	return true;
}

static bool needs_restart(const struct settings *was, const struct settings *is, struct buf *words)
{
	bool state = is_changed(was->top.state, is->top.state, "state", words);
	bool runtime = is_changed(was->top.runtime, is->top.runtime, "runtime", words);
	bool user = is_changed(was->top.user, is->top.user, "user", words);

	return state || runtime || user;
}

/* Everything that could go wrong is tried before anything is changed. */
static bool prepare(struct server *s, struct settings **next, struct bindings *bound, struct buf *words)
{
	struct certificates *certificates;
	struct buf problems;
	bool good;

	*next = NULL;
	if (config_load(s->file, next, words) != PR_OK || needs_restart(s->settings, *next, words))
		return false;
	buf_clear(words);
	buf_init(&problems, COMPLAINTS_MAX);
	certificates = certificates_read(*next, true, loop_now(s->loop).wall_ms, &problems);
	good = certificates_are_whole(certificates);
	if (!good)
		buf_add(words, buf_span(&problems));
	buf_fini(&problems);
	certificates_free(&certificates);
	return good && folders_make_mail(*next, &s->ids, words) == PR_OK && bind_open(*next, &s->bound, bound, words) == PR_OK;
}

static void take_settings(struct server *s, struct settings *next, const struct bindings *bound)
{
	settings_free(&s->old_settings);
	s->old_settings = s->settings;
	s->settings = next;
	next->generation = ++s->generation;
	bind_close(&s->bound, bound);
	s->bound = *bound;
	report_settings(&s->report, next);
	server_rewatch(s);
}

static void refuse(struct server *s, struct buf *words)
{
	report_reason(&s->report, EV_CONFIG_REJECTED, buf_span(words));
	buf_add_text(words, words->len && words->at[words->len - 1] != '\n' ? "\n" : "");
	buf_add(words, SPAN("the configuration that was read before goes on"));
	answer_reloads(s, EX_CONFIG, buf_span(words));
	notify_ready();
}

void server_reload_now(struct server *s)
{
	static struct bindings bound;	/* 150 KiB, too much for a stack */
	struct drain_times times;
	struct settings *next;
	struct plan plan;
	struct buf words;

	answers_begin_joined(s);
	notify_reloading();
	buf_init(&words, COMPLAINTS_MAX);
	if (prepare(s, &next, &bound, &words)) {
		take_settings(s, next, &bound);
		times = (struct drain_times){ .idle_ms = next->reload.idle, .deadline_ms = next->reload.deadline };
		plan = server_plan(next);
		supervise_reload(&s->core, &plan, s->generation, times, loop_now(s->loop).mono_ms);
	} else {
		settings_free(&next);
		refuse(s, &words);
	}
	buf_fini(&words);
}

void server_reload(struct server *s)
{
	if (supervise_may_reload(&s->core))
		server_reload_now(s);
	server_perform(s);
}

/* ---- files that changed -------------------------------------------------------------- */

enum watched_kind { WATCH_CERTIFICATES, WATCH_TABLES, WATCH_RESOLV_CONF, WATCH_KEYS };

static void watch_certificate(void *arg, const char *path)
{
	watch_file(arg, WATCH_CERTIFICATES, path);
}

static void watch_table(void *arg, const char *path)
{
	watch_file(arg, WATCH_TABLES, path);
}

static void watch_key(void *arg, const char *path)
{
	watch_file(arg, WATCH_KEYS, path);
}

static void tell_certificates(struct server *s)
{
	struct certificates *c = server_certificates(s);
	struct event ev;

	EACH_CHILD(node, s) {
		struct child *child = child_of(unit_at(node));

		if (child && child->channel && child->unit->role == ROLE_SMTPD)
			certificates_tell(c, child->channel);
	}
	event_begin(&ev, EV_TLS_LOADED, loop_now(s->loop).wall_ms, NULL);
	event_num(&ev, EF_COUNT, certificates_count(c));
	report_event(&s->report, &ev);
}

/* On any doubt the old one stays, and no other is kept from being renewed. */
static void certificates_changed(struct server *s)
{
	struct buf problems;

	buf_init(&problems, COMPLAINTS_MAX);
	certificates_free(&s->certificates);
	s->certificates = certificates_read(s->settings, false, loop_now(s->loop).wall_ms, &problems);
	if (certificates_count(s->certificates) > 0)
		tell_certificates(s);
	else if (problems.len == 0)
		buf_add_text(&problems, "no certificate is left");
	if (problems.len > 0)
		report_reason(&s->report, EV_TLS_REJECTED, buf_span(&problems));
	certificates_free(&s->certificates);
	buf_fini(&problems);
}

static void tell_each(struct server *s, enum wire_role role, void (*tell)(struct child *))
{
	EACH_CHILD(node, s)
		if (unit_at(node)->role == role && child_of(unit_at(node)))
			tell(child_of(unit_at(node)));
}

static void on_changed(void *arg, unsigned kind)
{
	struct server *s = arg;

	server_rewatch(s);
	switch ((enum watched_kind)kind) {
	case WATCH_CERTIFICATES: certificates_changed(s); break;
	case WATCH_TABLES: tell_each(s, ROLE_AUTH, child_tell_tables); break;
	case WATCH_RESOLV_CONF: tell_each(s, ROLE_DNS, child_tell_resolv_conf); break;
	case WATCH_KEYS:
		tell_each(s, ROLE_SIGN, child_tell_keys);
		tell_each(s, ROLE_SMTPD, child_tell_signers);
		break;
	}
}

/* It is often a link to where another program keeps it. */
static void watch_resolv_conf(struct watch *w)
{
	char path[PATH_MAX];

	watch_file(w, WATCH_RESOLV_CONF, RESOLV_CONF);
	if (realpath(RESOLV_CONF, path) && strcmp(path, RESOLV_CONF) != 0)
		watch_file(w, WATCH_RESOLV_CONF, path);
}

/* Before anything is told of the files: what changes after this is seen. */
void server_rewatch(struct server *s)
{
	if (!s->watch)
		s->watch = watch_new(s->loop, on_changed, s);
	watch_begin(s->watch);
	certificates_files(s->settings, watch_certificate, s->watch);
	tables_files(s->settings, watch_table, s->watch);
	srs_keys_files(s->settings, watch_table, s->watch);
	watch_resolv_conf(s->watch);
	keys_files(s->settings, watch_key, s->watch);
	watch_end(s->watch);
}

struct certificates *server_certificates(struct server *s)
{
	struct buf problems;

	if (s->certificates)
		return s->certificates;
	buf_init(&problems, COMPLAINTS_MAX);
	s->certificates = certificates_read(s->settings, true, loop_now(s->loop).wall_ms, &problems);
	if (problems.len > 0)
		report_reason(&s->report, EV_TLS_REJECTED, buf_span(&problems));
	buf_fini(&problems);
	return s->certificates;
}

/* ---- session tickets -------------------------------------------------------------------- */

/* The newest first; the one before it is still understood. */
void server_rotate_tickets(struct server *s)
{
	memmove(s->ticket_keys + TICKET_KEY_LEN, s->ticket_keys, (size_t)TICKET_KEY_LEN * (TICKET_KEYS - 1));
	random_bytes(s->ticket_keys, TICKET_KEY_LEN);
	if (s->n_ticket_keys < TICKET_KEYS)
		s->n_ticket_keys++;
	tell_each(s, ROLE_SMTPD, child_tell_tickets);
	deadline_set(s->loop, &s->ticket_due, loop_now(s->loop).mono_ms + TICKET_ROTATE_MS);
}

/* ---- senders of forwarded mail ------------------------------------------------------------ */

/* Which keys are told is a matter of the day: often enough that auth never lacks one. */
void server_rotate_srs_keys(struct server *s)
{
	tell_each(s, ROLE_AUTH, child_tell_srs_keys);
	deadline_set(s->loop, &s->srs_due, loop_now(s->loop).mono_ms + SRS_AGAIN_MS);
}
