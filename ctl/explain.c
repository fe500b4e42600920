/* explain: a dry run of what would become of mail. Each step is a line with its reason; the running server answers. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/arena.h"
#include "base/clock.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/mailbox.h"
#include "ctl/resolve.h"
#include "ctl/say.h"
#include "mail/address.h"
#include "wire/settings_value.h"

#define REASON_MAX   2048
#define SETTINGS_MAX (16u << 20)	/* of the configuration as JSON */

struct target {
	struct target *next;
	struct span deliver, address;	/* deliver empty: foreign */
	bool is_archive;
};

struct dry_run {
	struct call *call;
	struct arena arena;
	struct target *targets, **last;
	struct span about;		/* the address that the lines are about */
	bool is_trusted;		/* the client may relay */
	int status;			/* the gravest so far */
};

/* ---- lines -------------------------------------------------------------------------- */

static void tell(const struct dry_run *d, const char *step, const char *result, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void tell(const struct dry_run *d, const char *step, const char *result, const char *fmt, ...)
{
	char reason[REASON_MAX];
	va_list args;
	json_t *o;

	va_start(args, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	if (!(d->call->flags & CALL_JSON)) {
		(void)printf("%-9s%-12s", step, result);
		say_add(stdout, span_of_text(reason));
		(void)putchar('\n');
		(void)fflush(stdout);	/* a child that asks the configuration would say it once more */
		return;
	}
	o = json_object();
	json_object_set_new(o, "address", json_of_span(d->about));
	json_object_set_new(o, "step", json_string(step));
	json_object_set_new(o, "result", json_string(result));
	json_object_set_new(o, "reason", json_of_span(span_of_text(reason)));
	json_print_line(o);
	(void)fflush(stdout);
}

static void worse(struct dry_run *d, int status)
{
	if (d->status == EX_OK)
		d->status = status;
}

/* ---- the client ----------------------------------------------------------------------- */

static bool is_in(const char *networks, int family, const unsigned char *address)
{
	struct span rest = span_of_text(networks);
	bool found = false;
	struct buf why;

	buf_init(&why, REASON_MAX);
	while (rest.len && !found) {
		struct span one = span_trim(span_cut(&rest, ','));
		struct set_network net;

		while (one.len && (one.at[0] == '{' || one.at[0] == '"'))
			one = span_from(one, 1);
		while (one.len && (one.at[one.len - 1] == '}' || one.at[one.len - 1] == '"'))
			one.len--;
		if (settings_network_read(one, &net, &why) == PR_OK)
			found = settings_network_has(&(struct set_networks){ .n = 1, .at = &net }, family, address);
	}
	buf_fini(&why);
	return found;
}

static const char *json_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static void look_at_setting(struct dry_run *d, const json_t *row, int family, const unsigned char *address)
{
	if (strcmp(json_text(row, "section"), "listen") != 0 || strcmp(json_text(row, "name"), "trusted") != 0)
		return;
	if (!is_in(json_text(row, "value"), family, address))
		return;
	d->is_trusted = true;
	tell(d, "client", "trusted", "`listen %s` trusts %s: it may send to every domain", json_text(row, "title"), json_text(row, "value"));
}

static int explain_client(struct dry_run *d)
{
	static const char *const words[] = { "config", "show", "--json", NULL };
	unsigned char address[16];
	int status, family = inet_pton(AF_INET, d->call->client, address) == 1 ? 4 : 6;
	struct buf out;
	struct span rest;

	if (family == 6 && inet_pton(AF_INET6, d->call->client, address) != 1)
		return command_usage(d->call, "--client needs an IP address");
	buf_init(&out, SETTINGS_MAX);
	status = master_ask(d->call, words, &out);
	for (rest = buf_span(&out); status == EX_OK && rest.len;) {
		struct span line = span_cut(&rest, '\n');
		json_t *row = json_loadb(line.at, line.len, 0, NULL);

		look_at_setting(d, row, family, address);
		json_decref(row);
	}
	buf_fini(&out);
	if (status == EX_OK && !d->is_trusted)
		tell(d, "client", "stranger", "no listener trusts %s: without a login it may send to the domains of this server only", d->call->client);
	return status;
}

/* ---- auth ------------------------------------------------------------------------------ */

static void keep_target(struct dry_run *d, const struct wire_expand_to *to)
{
	struct target *t = arena_new(&d->arena, sizeof(*t));

	t->deliver = arena_span(&d->arena, to->deliver);
	t->address = arena_span(&d->arena, to->address.len ? to->address : to->mailbox);
	t->is_archive = to->kind == TARGET_ARCHIVE;
	*d->last = t;
	d->last = &t->next;
}

/* Asks auth; targets are kept where they are wanted. */
static int ask_auth(struct dry_run *d, struct client *c, struct span address, bool keeps, struct wire_expand_done *done)
{
	struct wire_expand_ask ask = { .ask = 1, .address = address };
	int status = client_tell(c, WIRE_expand_ask, &ask);
	enum wire_verb verb = WIRE_NONE;
	union wire_msg msg;

	while (status == EX_OK && verb != WIRE_expand_done) {
		status = client_hear(c, &verb, &msg);
		if (status == EX_OK && verb == WIRE_expand_to && keeps)
			keep_target(d, &msg.expand_to);
	}
	if (status == EX_OK)
		*done = msg.expand_done;
	return status;
}

static const struct {
	const char *result, *words;
	int status;
} answers[] = {
	[ADDRESS_OK] = { "ours", "its domain is one of this server, and it is there", EX_OK },
	[ADDRESS_UNKNOWN] = { "unknown", "its domain is one of this server, but nobody has it: refused with 550 5.1.1", EX_NOUSER },
	[ADDRESS_FOREIGN] = { "foreign", "its domain is none of this server's", EX_OK },
	[ADDRESS_LOOP] = { "loop", "an alias leads to itself: refused", EX_DATAERR },
	[ADDRESS_TEMPORARY] = { "unsure", "it can't be told now: put off with 450", EX_TEMPFAIL },
	[ADDRESS_DISABLED] = { "disabled", "the user is switched off: refused with 550 5.2.1", EX_NOUSER },
	[ADDRESS_TOO_LARGE] = { "too large", "it leads to too many addresses: refused", EX_DATAERR },
};

static void explain_sender(const struct dry_run *d, const struct wire_expand_done *done)
{
	if (done->result == ADDRESS_FOREIGN)
		tell(d, "sender", "foreign", "%s is of a domain elsewhere: nobody who logs in here may use it, unless senders = any", d->call->from);
	else if (done->result == ADDRESS_OK)
		tell(d, "sender", "ours", "%s belongs to this server: who logs in may use it when it is his own; bounces come back here", d->call->from);
	else
		tell(d, "sender", "unknown", "%s is of a domain of this server, but bounces to it would find nobody", d->call->from);
}

static bool is_foreign_alone(const struct dry_run *d, struct span address)
{
	return d->targets && !d->targets->next && d->targets->deliver.len == 0 && span_eq_nocase(d->targets->address, address);
}

static void explain_address(struct dry_run *d, const struct wire_expand_done *done)
{
	uint8_t result = done->result < sizeof(answers) / sizeof(answers[0]) ? done->result : ADDRESS_TEMPORARY;

	if (result == ADDRESS_OK && is_foreign_alone(d, d->about))
		result = ADDRESS_FOREIGN;
	if (result == ADDRESS_FOREIGN && d->call->client && !d->is_trusted) {
		tell(d, "address", "refused", "its domain is none of this server's, and this client may not relay: 550 5.7.1");
		worse(d, EX_NOPERM);
		return;
	}
	tell(d, "address", answers[result].result, "%s%s%.*s", answers[result].words, done->why.len ? ": " : "", SPAN_ARG(done->why));
	worse(d, answers[result].status);
}

static int explain_names(struct dry_run *d)
{
	struct wire_expand_done done;
	struct address from;
	struct client c;
	int status = d->call->from ? mailbox_read(d->call->from, &from) : EX_OK;

	if (status == EX_OK)
		status = client_open(&c, d->call);
	if (status != EX_OK)
		return status;
	status = client_meet(&c, ROLE_AUTH);
	if (status == EX_OK && d->call->from) {
		status = ask_auth(d, &c, address_span(&from), false, &done);
		if (status == EX_OK)
			explain_sender(d, &done);
	}
	if (status == EX_OK)
		status = ask_auth(d, &c, d->about, true, &done);
	if (status == EX_OK)
		explain_address(d, &done);
	client_close(&c);
	return status;
}

/* ---- the way ------------------------------------------------------------------------------ */

static int ask_spool(const struct dry_run *d, struct span name, struct client *c, struct wire_way_told *out)
{
	struct wire_way_ask ask = { .ask = 1, .name = name };
	int status = client_open(c, d->call);
	enum wire_verb verb = WIRE_NONE;
	union wire_msg msg;

	if (status != EX_OK)
		return status;
	status = client_meet(c, ROLE_SPOOL);
	if (status == EX_OK)
		status = client_tell(c, WIRE_way_ask, &ask);
	while (status == EX_OK && verb != WIRE_way_told)
		status = client_hear(c, &verb, &msg);
	if (status == EX_OK)
		*out = msg.way_told;	/* its spans last as long as the channel */
	else
		client_close(c);
	return status;
}

static void explain_standing(const struct dry_run *d, const struct wire_way_told *w)
{
	int64_t minutes = ((int64_t)w->next_ms - clock_now().wall_ms + 59999) / 60000;

	if (w->standing == STANDING_BLOCKED)
		tell(d, "site", "postponed", "tried again in %lld min; %u messages wait; last: %.*s", (long long)(minutes > 0 ? minutes : 0), w->waiting,
		    SPAN_ARG(w->said));
	else if (w->standing == STANDING_OPEN)
		tell(d, "site", "open", "%u of at most %u jobs at once run there now; %u messages wait", w->flying, w->window, w->waiting);
	else if (w->standing == STANDING_FAILS)
		tell(d, "site", "fails", "%.*s", SPAN_ARG(w->said));
}

static void explain_section(struct dry_run *d, struct span deliver, const struct wire_way_told *w)
{
	if (w->leads == LEADS_LOCAL)
		tell(d, "deliver", "maildir", "`deliver %.*s` of the configuration: into a Maildir", SPAN_ARG(deliver));
	else if (w->leads == LEADS_LMTP)
		tell(d, "deliver", "lmtp", "`deliver %.*s` of the configuration: by LMTP to %.*s", SPAN_ARG(deliver), SPAN_ARG(w->to));
	else if (w->leads == LEADS_SMTP)
		tell(d, "deliver", "smtp", "`deliver %.*s` of the configuration: passed on by SMTP to %.*s", SPAN_ARG(deliver), SPAN_ARG(w->to));
	else
		tell(d, "deliver", "nowhere", "`deliver %.*s` is not in the running configuration: it waits, and expires", SPAN_ARG(deliver));
	if (w->leads == LEADS_NOWHERE)
		worse(d, EX_CONFIG);
}

static void explain_route(struct dry_run *d, struct span domain, const struct wire_way_told *w)
{
	if (w->route.len > 0)
		tell(d, "route", "matched", "`route %.*s` is the most specific one for %.*s", SPAN_ARG(w->route), SPAN_ARG(domain));
	else
		tell(d, "route", "none", "no route of the configuration is for %.*s", SPAN_ARG(domain));
	if (w->holds)
		tell(d, "route", "hold", "its mail is kept in the queue until it is released by hand");
	if (w->leads == LEADS_SMTP && w->route.len > 0)
		tell(d, "host", "smarthost", "%.*s, named by the route; MX is not looked up", SPAN_ARG(w->to));
	else if (w->leads == LEADS_SMTP)
		tell(d, "host", "literal", "%.*s, named by the address itself", SPAN_ARG(w->to));
}

static void on_host(void *arg, const struct wire_site_host *host)
{
	tell(arg, "host", "mx", "%u %.*s", host->preference, SPAN_ARG(host->name));
}

static int explain_dns(struct dry_run *d, struct span domain)
{
	static const struct {
		const char *result, *words;
		int status;
	} ends[] = {
		[SITE_FOUND] = { "found", "these take its mail; tried in this order, equals by lot", EX_OK },
		[SITE_NULL_MX] = { "null mx", "it says itself that it takes no mail: given back at once, 5.1.10", EX_NOHOST },
		[SITE_NO_NAME] = { "no domain", "there is no such domain: given back at once, 5.1.2", EX_NOHOST },
		[SITE_NO_HOST] = { "no host", "it has neither an MX nor an address: given back at once, 5.4.4", EX_NOHOST },
		[SITE_TEMPORARY] = { "unsure", "DNS can't tell now: the whole domain is tried again later", EX_TEMPFAIL },
	};
	struct wire_site_done done;
	struct client c;
	int status = resolve_open(&c, d->call);

	if (status != EX_OK)
		return status;
	status = resolve_site(&c, domain, on_host, d, &done);
	if (status == EX_OK && done.result <= SITE_TEMPORARY) {
		tell(d, "dns", ends[done.result].result, "%s%s%.*s", ends[done.result].words, done.why.len ? ": " : "", SPAN_ARG(done.why));
		worse(d, ends[done.result].status);
	}
	client_close(&c);
	return status;
}

static int explain_target(struct dry_run *d, const struct target *t)
{
	struct wire_way_told w;
	struct span local, domain, name = t->deliver;
	struct client c;
	char *way;
	int status;

	address_split(t->address, &local, &domain);
	if (name.len == 0) {
		way = arena_new(&d->arena, domain.len + 1);
		way[0] = '@';
		memcpy(way + 1, domain.at, domain.len);
		name = span_of(way, domain.len + 1);
	}
	status = ask_spool(d, name, &c, &w);
	if (status != EX_OK)
		return status;
	if (t->deliver.len > 0)
		explain_section(d, t->deliver, &w);
	else
		explain_route(d, domain, &w);
	explain_standing(d, &w);
	client_close(&c);
	return w.leads == LEADS_DNS ? explain_dns(d, domain) : EX_OK;
}

static int explain_targets(struct dry_run *d)
{
	int status = EX_OK;

	for (const struct target *t = d->targets; t && status == EX_OK && d->status == EX_OK; t = t->next) {
		if (t->is_archive)
			tell(d, "archive", "copy", "the archive of the domain gets a copy: %.*s", SPAN_ARG(t->address));
		else if (t != d->targets || t->next || !span_eq(t->address, d->about))
			tell(d, "alias", "leads to", "%.*s", SPAN_ARG(t->address));
		status = explain_target(d, t);
	}
	return status;
}

int run_explain(struct call *call)
{
	struct dry_run d = { .call = call, .status = EX_OK };
	struct address address;
	int status = mailbox_read(call->words[0], &address);

	if (status != EX_OK)
		return status;
	d.about = address_span(&address);
	d.last = &d.targets;
	arena_init(&d.arena, 4096);
	if (call->client)
		status = explain_client(&d);
	if (status == EX_OK)
		status = explain_names(&d);
	if (status == EX_OK)
		status = explain_targets(&d);
	arena_fini(&d.arena);
	return status == EX_OK ? d.status : status;
}
