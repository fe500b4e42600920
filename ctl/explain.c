/* explain: a dry run of what would become of mail. Each step is a line with its reason; the running server answers. */
#include <arpa/inet.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/arena.h"
#include "base/clock.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/mailbox.h"
#include "ctl/probe.h"
#include "ctl/resolve.h"
#include "ctl/say.h"
#include "mail/address.h"
#include "wire/network.h"
#include "wire/settings_value.h"

#define REASON_MAX   2048
#define SETTINGS_MAX (16u << 20)	/* of the configuration as JSON */

struct target {
	struct target *next;
	struct span deliver, address;	/* deliver empty: foreign */
	struct span sender;		/* under which it leaves; empty: under its own */
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
		(void)printf("%-9s%-14s", step, result);
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

typedef void on_setting(void *arg, const json_t *row);

/* Each setting, those that nobody wrote too. */
static int each_setting(const struct dry_run *d, on_setting *fn, void *arg)
{
	static const char *const words[] = { "config", "show", "--all", "--json", NULL };
	struct buf out;
	struct span rest;
	int status;

	buf_init(&out, SETTINGS_MAX);
	status = master_ask(d->call, words, &out);
	for (rest = buf_span(&out); status == EX_OK && rest.len;) {
		struct span line = span_cut(&rest, '\n');
		json_t *row = json_loadb(line.at, line.len, 0, NULL);

		fn(arg, row);
		json_decref(row);
	}
	buf_fini(&out);
	return status;
}

struct client_address {
	struct dry_run *run;
	int family;
	unsigned char bytes[16];
};

static void look_at_client(void *arg, const json_t *row)
{
	struct client_address *a = arg;
	struct dry_run *d = a->run;

	if (strcmp(json_text(row, "section"), "listen") != 0 || strcmp(json_text(row, "name"), "trusted") != 0)
		return;
	if (!is_in(json_text(row, "value"), a->family, a->bytes))
		return;
	d->is_trusted = true;
	tell(d, "client", "trusted", "`listen %s` trusts %s: it may send to every domain", json_text(row, "title"), json_text(row, "value"));
}

static int explain_client(struct dry_run *d)
{
	struct client_address a = { .run = d };
	int status;

	a.family = inet_pton(AF_INET, d->call->client, a.bytes) == 1 ? 4 : 6;
	if (a.family == 6 && inet_pton(AF_INET6, d->call->client, a.bytes) != 1)
		return command_usage(d->call, "--client needs an IP address");
	status = each_setting(d, look_at_client, &a);
	if (status == EX_OK && !d->is_trusted)
		tell(d, "client", "stranger", "no listener trusts %s: without a login it may send to the domains of this server only", d->call->client);
	return status;
}

/* What can be told of a stranger's mail without the message. */
static int explain_spf(struct dry_run *d)
{
	struct probe_said said;
	struct address from;
	int status;

	if (!d->call->client || !d->call->from || d->is_trusted)
		return EX_OK;
	status = mailbox_read(d->call->from, &from);
	if (status == EX_OK)
		status = probe_spf(d->call, d->call->client, address_span(&from), &said);
	if (status == EX_OK)
		tell(d, "spf", said.result, "%s; what DKIM and DMARC say depends on the message: `postrider probe dmarc`", said.why);
	return status;
}

/* ---- auth ------------------------------------------------------------------------------ */

static void keep_target(struct dry_run *d, const struct wire_expand_to *to)
{
	struct target *t = arena_new(&d->arena, sizeof(*t));

	t->deliver = arena_span(&d->arena, to->deliver);
	t->address = arena_span(&d->arena, to->address.len ? to->address : to->mailbox);
	t->sender = arena_span(&d->arena, to->sender);
	t->is_archive = to->kind == TARGET_ARCHIVE;
	*d->last = t;
	d->last = &t->next;
}

static void forget_targets(struct dry_run *d)
{
	d->targets = NULL;
	d->last = &d->targets;
}

/* Asks auth; targets are kept where they are wanted. */
static int ask_auth(struct dry_run *d, struct client *c, struct span address, struct span sender, bool keeps, struct wire_expand_done *done)
{
	struct wire_expand_ask ask = { .ask = 1, .address = address, .sender = sender };
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

static bool is_foreign_alone(const struct dry_run *d, struct span address)
{
	return d->targets && !d->targets->next && d->targets->deliver.len == 0 && span_eq_nocase(d->targets->address, address);
}

static void explain_sender(const struct dry_run *d, struct span sender, const struct wire_expand_done *done)
{
	if (done->result == ADDRESS_FOREIGN || (done->result == ADDRESS_OK && is_foreign_alone(d, sender)))
		tell(d, "sender", "foreign", "%s is of a domain elsewhere: nobody who logs in here may use it, unless senders = any", d->call->from);
	else if (done->result == ADDRESS_OK)
		tell(d, "sender", "ours", "%s belongs to this server: who logs in may use it when it is his own; bounces come back here", d->call->from);
	else
		tell(d, "sender", "unknown", "%s is of a domain of this server, but bounces to it would find nobody", d->call->from);
}

/* Who knows the addresses of a domain of ours. */
struct knower {
	struct span domain;
	char users[256];	/* the section's name */
	bool is_asked;		/* it is another server */
};

static void look_at_domain(void *arg, const json_t *row)
{
	struct knower *k = arg;

	if (strcmp(json_text(row, "section"), "domain") == 0 && strcmp(json_text(row, "name"), "users") == 0
	    && span_eq_nocase(span_of_text(json_text(row, "title")), k->domain))
		(void)snprintf(k->users, sizeof(k->users), "%s", json_text(row, "value"));
}

static void look_at_users(void *arg, const json_t *row)
{
	struct knower *k = arg;

	if (strcmp(json_text(row, "section"), "users") == 0 && strcmp(json_text(row, "name"), "ask") == 0
	    && strcmp(json_text(row, "title"), k->users) == 0)
		k->is_asked = strcmp(json_text(row, "value"), "yes") == 0;
}

/* We take it as it is, for want of knowing better. */
static int is_asked_at_rcpt(const struct dry_run *d, bool *is_asked)
{
	struct knower k = { .users = "" };
	struct span local;
	int status = EX_OK;

	address_split(d->about, &local, &k.domain);
	if (d->targets && !d->targets->next && span_eq(d->targets->address, d->about))
		status = each_setting(d, look_at_domain, &k);
	if (status == EX_OK && k.users[0])
		status = each_setting(d, look_at_users, &k);
	*is_asked = k.is_asked;
	return status;
}

static int explain_address(struct dry_run *d, const struct wire_expand_done *done)
{
	uint8_t result = done->result < sizeof(answers) / sizeof(answers[0]) ? done->result : ADDRESS_TEMPORARY;
	bool is_asked = false;
	int status = EX_OK;

	if (result == ADDRESS_OK && is_foreign_alone(d, d->about))
		result = ADDRESS_FOREIGN;
	if (result == ADDRESS_FOREIGN && d->call->client && !d->is_trusted) {
		tell(d, "address", "refused", "its domain is none of this server's, and this client may not relay: 550 5.7.1");
		worse(d, EX_NOPERM);
		return EX_OK;
	}
	if (result == ADDRESS_OK)
		status = is_asked_at_rcpt(d, &is_asked);
	if (is_asked) {
		tell(d, "address", "asked", "its domain is one of this server; whether it is there is asked at RCPT, of the server that `deliver` names");
		return status;
	}
	tell(d, "address", answers[result].result, "%s%s%.*s", answers[result].words, done->why.len ? ": " : "", SPAN_ARG(done->why));
	worse(d, answers[result].status);
	return status;
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
		status = ask_auth(d, &c, address_span(&from), SPAN_NONE, true, &done);
		if (status == EX_OK)
			explain_sender(d, address_span(&from), &done);
		forget_targets(d);
	}
	if (status == EX_OK)
		status = ask_auth(d, &c, d->about, d->call->from ? address_span(&from) : SPAN_NONE, true, &done);
	if (status == EX_OK)
		status = explain_address(d, &done);
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

/* How mail goes there: what its route says, or what is said for all. */
struct manner {
	const struct dry_run *run;
	struct span route;	/* empty: none */
};

static void look_at_tls(const struct dry_run *d, const char *value)
{
	static const struct { const char *value, *words; } all[] = {
		{ "none", "in the clear, whatever the server offers" },
		{ "opportunistic", "with TLS where the server offers it, in the clear where not; its certificate is not judged" },
		{ "required", "with TLS alone, else it waits; the server's certificate is not judged" },
		{ "verified", "with TLS and a good certificate for the server's name alone, else it waits" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(value, all[i].value) == 0)
			tell(d, "tls", value, "%s", all[i].words);
}

static void look_at_manner(void *arg, const json_t *row)
{
	const struct manner *m = arg;
	const char *name = json_text(row, "name"), *value = json_text(row, "value");
	bool is_route = strcmp(json_text(row, "section"), "route") == 0;

	if (m->route.len > 0 ? !is_route || !span_eq(span_of_text(json_text(row, "title")), m->route) : strcmp(json_text(row, "section"), "outbound") != 0)
		return;
	if (strcmp(name, "tls") == 0)
		look_at_tls(m->run, value);
	else if (strcmp(name, "login_file") == 0 && value[0])
		tell(m->run, "login", "needed", "by the login in %s, under TLS only", value);
	else if (strcmp(name, "rate") == 0 && strcmp(value, "off") != 0)
		tell(m->run, "rate", value, "no faster than this, all domains of the route together");
}

static int explain_manner(const struct dry_run *d, struct span route)
{
	return each_setting(d, look_at_manner, &(struct manner){ d, route });
}

struct host {
	struct host *next;
	struct span name;
};

/* A domain's hosts: where one of them is this server, only better ones are tried (RFC 5321 5.1). */
struct host_walk {
	struct dry_run *run;
	bool may_be_private;		/* outbound.allow_private */
	struct host *hosts, **last;	/* of others */
	unsigned n_private, n_public;	/* addresses of theirs; public: or not known */
	char hostname[256], helo[256];
	unsigned n, best, own;	/* how many, and preferences; own: ours, none: UINT_MAX */
};

static void look_at_names(void *arg, const json_t *row)
{
	struct host_walk *w = arg;
	const char *section = json_text(row, "section"), *name = json_text(row, "name");

	if (section[0] == '\0' && strcmp(name, "hostname") == 0)
		(void)snprintf(w->hostname, sizeof(w->hostname), "%s", json_text(row, "value"));
	if (strcmp(section, "outbound") == 0 && strcmp(name, "helo") == 0)
		(void)snprintf(w->helo, sizeof(w->helo), "%s", json_text(row, "value"));
	if (strcmp(section, "outbound") == 0 && strcmp(name, "allow_private") == 0)
		w->may_be_private = strcmp(json_text(row, "value"), "yes") == 0;
}

static void keep_host(struct host_walk *w, struct span name)
{
	struct host *h = arena_new(&w->run->arena, sizeof(*h));

	h->name = arena_span(&w->run->arena, name);
	*w->last = h;
	w->last = &h->next;
}

static void on_host(void *arg, const struct wire_site_host *host)
{
	struct host_walk *w = arg;
	bool is_ours = span_eq_nocase(host->name, span_of_text(w->hostname)) || span_eq_nocase(host->name, span_of_text(w->helo));

	if (w->n++ == 0)
		w->best = host->preference;
	if (is_ours && w->own == UINT_MAX)
		w->own = host->preference;
	if (is_ours)
		tell(w->run, "host", "ourselves", "%u %.*s is this server: only what is better than it is tried", host->preference, SPAN_ARG(host->name));
	else
		tell(w->run, "host", "mx", "%u %.*s", host->preference, SPAN_ARG(host->name));
	if (!is_ours)
		keep_host(w, host->name);
}

/* An address of a host. */
static void on_host_address(void *arg, const struct wire_resolve_record *row)
{
	struct host_walk *w = arg;
	unsigned family = row->type == RECORD_A && row->data.len == 4 ? 4 : row->type == RECORD_AAAA && row->data.len == 16 ? 6 : 0;
	char text[INET6_ADDRSTRLEN] = "";

	if (family == 0)
		return;
	if (!network_is_private(family, (const unsigned char *)row->data.at)) {
		w->n_public++;
		return;
	}
	w->n_private++;
	inet_ntop(family == 4 ? AF_INET : AF_INET6, row->data.at, text, sizeof(text));
	tell(w->run, "host", "private", "%s of %.*s lies in a private network: refused, unless outbound.allow_private says yes", text, SPAN_ARG(row->name));
}

static int look_at_addresses(struct host_walk *w, struct client *c)
{
	static const uint16_t types[] = { RECORD_A, RECORD_AAAA };
	struct wire_resolve_done done;
	int status = EX_OK;

	for (const struct host *h = w->hosts; h && status == EX_OK; h = h->next)
		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]) && status == EX_OK; i++) {
			status = resolve_records(c, types[i], h->name, on_host_address, w, &done);
			w->n_public += status == EX_OK && done.result == RESOLVE_TEMPORARY;
		}
	return status;
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
	struct host_walk walk = { .run = d, .own = UINT_MAX };
	struct wire_site_done done;
	struct client c;
	int status;

	walk.last = &walk.hosts;
	status = each_setting(d, look_at_names, &walk);
	if (status == EX_OK)
		status = resolve_open(&c, d->call);
	if (status != EX_OK)
		return status;
	status = resolve_site(&c, domain, on_host, &walk, &done);
	if (status == EX_OK) {
		done.why = arena_span(&d->arena, done.why);
		status = walk.may_be_private ? EX_OK : look_at_addresses(&walk, &c);
	}
	if (status == EX_OK && done.result == SITE_FOUND && walk.own > walk.best && walk.n_private > 0 && walk.n_public == 0) {
		tell(d, "dns", "private", "all of its hosts lie in private networks: given back at once, 5.4.4");
		worse(d, EX_NOHOST);
	} else if (status == EX_OK && done.result == SITE_FOUND && walk.own <= walk.best) {
		tell(d, "dns", "loop", "it leads back to this server, which does not take its mail: given back at once, 5.4.6");
		worse(d, EX_NOHOST);
	} else if (status == EX_OK && done.result <= SITE_TEMPORARY) {
		tell(d, "dns", ends[done.result].result, "%s%s%.*s", ends[done.result].words, done.why.len ? ": " : "", SPAN_ARG(done.why));
		worse(d, ends[done.result].status);
	}
	client_close(&c);
	return status;
}

static int explain_literal(struct dry_run *d, struct span domain)
{
	struct host_walk walk = { .run = d };
	unsigned char bytes[16];
	int family, status = each_setting(d, look_at_names, &walk);

	if (status != EX_OK || walk.may_be_private || !address_parse_literal(domain, &family, bytes) || !network_is_private((unsigned)family, bytes))
		return status;
	tell(d, "host", "private", "%.*s lies in a private network: given back at once, 5.4.4, unless outbound.allow_private says yes", SPAN_ARG(domain));
	worse(d, EX_NOHOST);
	return status;
}

static int explain_target(struct dry_run *d, const struct target *t)
{
	struct wire_way_told w;
	struct span local, domain, name = t->deliver;
	struct client c;
	bool is_literal;
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
	if (w.leads == LEADS_DNS || w.leads == LEADS_SMTP)
		status = explain_manner(d, w.route);
	is_literal = w.leads == LEADS_SMTP && t->deliver.len == 0 && w.route.len == 0;
	client_close(&c);
	if (status == EX_OK && is_literal)
		return explain_literal(d, domain);
	return status == EX_OK && w.leads == LEADS_DNS ? explain_dns(d, domain) : status;
}

static int explain_targets(struct dry_run *d)
{
	int status = EX_OK;

	for (const struct target *t = d->targets; t && status == EX_OK && d->status == EX_OK; t = t->next) {
		if (t->is_archive)
			tell(d, "archive", "copy", "the archive of the domain gets a copy: %.*s", SPAN_ARG(t->address));
		else if (t != d->targets || t->next || !span_eq(t->address, d->about))
			tell(d, "alias", "leads to", "%.*s", SPAN_ARG(t->address));
		if (t->sender.len > 0)
			tell(d, "srs", "rewritten", "it leaves under the sender %.*s; bounces to that one go on to %s", SPAN_ARG(t->sender), d->call->from);
		status = explain_target(d, t);
	}
	return status;
}

int run_explain(struct call *call)
{
	struct dry_run d = { .call = call, .status = EX_OK };
	struct address address;
	int status = mailbox_read_any(call->words[0], &address);

	if (status != EX_OK)
		return status;
	d.about = address_span(&address);
	d.last = &d.targets;
	arena_init(&d.arena, 4096);
	if (call->client)
		status = explain_client(&d);
	if (status == EX_OK)
		status = explain_spf(&d);
	if (status == EX_OK)
		status = explain_names(&d);
	if (status == EX_OK)
		status = explain_targets(&d);
	arena_fini(&d.arena);
	return status == EX_OK ? d.status : status;
}
