/* explain: a dry run of what would become of mail. Each step is a line with its reason; the running server answers. */
#include <string.h>
#include <sysexits.h>

#include "base/ip.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/dry_run.h"
#include "ctl/explain_way.h"
#include "ctl/mailbox.h"
#include "ctl/probe.h"
#include "mail/address.h"
#include "wire/network.h"

#define NETWORK_FAULT_MAX 256

struct target {
	struct target *next;
	struct span deliver, address;	/* deliver empty: foreign */
	struct span sender;		/* under which it leaves; empty: under its own */
	bool is_archive;
};

struct explanation {
	struct dry_run run;
	struct target *targets, **last;
	bool is_trusted;	/* the client may relay */
};

/* ---- the client ----------------------------------------------------------------------- */

struct ip {
	unsigned family;
	unsigned char bytes[16];
};

/* As `config show` writes a list: {"192.0.2.0/24", "2001:db8::/32"}. */
static bool is_in(const char *networks, const struct ip *ip)
{
	struct span rest = span_of_text(networks);
	bool found = false;
	struct buf why;

	buf_init(&why, NETWORK_FAULT_MAX);
	while (rest.len && !found) {
		struct span one = span_trim(span_cut(&rest, ','));
		struct set_network net;

		while (one.len && (one.at[0] == '{' || one.at[0] == '"'))
			one = span_from(one, 1);
		while (one.len && (one.at[one.len - 1] == '}' || one.at[one.len - 1] == '"'))
			one.len--;
		if (network_read(one, &net, &why) == PR_OK)
			found = network_has(&(struct set_networks){ .n = 1, .at = &net }, ip->family, ip->bytes);
	}
	buf_fini(&why);
	return found;
}

static int explain_client(struct explanation *e)
{
	const struct call *call = e->run.call;
	const struct configured *configured;
	struct configured_row row;
	size_t at = 0;
	struct ip ip;
	int status;

	ip.family = ip_read(span_of_text(call->client), ip.bytes);
	if (ip.family == 0)
		return command_usage(call, "--client needs an IP address");
	status = dry_run_configured(&e->run, &configured);
	while (status == EX_OK && configured_next(configured, "listen", "trusted", &at, &row)) {
		if (!is_in(row.value, &ip))
			continue;
		e->is_trusted = true;
		dry_run_tell(&e->run, "client", "trusted", "`listen %s` trusts %s: it may send to every domain", row.title, row.value);
	}
	if (status == EX_OK && !e->is_trusted)
		dry_run_tell(&e->run, "client", "stranger", "no listener trusts %s: without a login it may send to the domains of this server only", call->client);
	return status;
}

/* What can be told of a stranger's mail without the message. */
static int explain_spf(const struct explanation *e)
{
	struct call *call = e->run.call;
	struct probe_said said;
	struct address from;
	int status;

	if (!call->client || !call->from || e->is_trusted)
		return EX_OK;
	status = mailbox_read(call->from, &from);
	if (status == EX_OK)
		status = probe_spf(call, call->client, address_span(&from), &said);
	if (status == EX_OK)
		dry_run_tell(&e->run, "spf", said.result, "%s; what DKIM and DMARC say depends on the message: `postrider probe dmarc`", said.why);
	return status;
}

/* ---- auth ------------------------------------------------------------------------------ */

static void keep_target(struct explanation *e, const struct wire_expand_to *to)
{
	struct arena *arena = &e->run.arena;
	struct target *t = arena_new(arena, sizeof(*t));

	t->deliver = arena_span(arena, to->deliver);
	t->address = arena_span(arena, to->address.len ? to->address : to->mailbox);
	t->sender = arena_span(arena, to->sender);
	t->is_archive = to->kind == TARGET_ARCHIVE;
	*e->last = t;
	e->last = &t->next;
}

static void forget_targets(struct explanation *e)
{
	e->targets = NULL;
	e->last = &e->targets;
}

/* The targets that it leads to take the place of those before. done: its spans last until the channel is used again. */
static int ask_auth(struct explanation *e, struct client *c, struct span address, struct span sender, struct wire_expand_done *done)
{
	struct wire_expand_ask ask = { .ask = 1, .address = address, .sender = sender };
	int status = client_tell(c, WIRE_expand_ask, &ask);
	enum wire_verb verb = WIRE_NONE;
	union wire_msg msg;

	forget_targets(e);
	while (status == EX_OK && verb != WIRE_expand_done) {
		status = client_hear(c, &verb, &msg);
		if (status == EX_OK && verb == WIRE_expand_to)
			keep_target(e, &msg.expand_to);
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

static bool is_foreign_alone(const struct explanation *e, struct span address)
{
	const struct target *only = e->targets && !e->targets->next ? e->targets : NULL;

	return only && only->deliver.len == 0 && span_eq_nocase(only->address, address);
}

static void explain_sender(const struct explanation *e, struct span sender, uint8_t result)
{
	const char *from = e->run.call->from;

	if (result == ADDRESS_FOREIGN || (result == ADDRESS_OK && is_foreign_alone(e, sender)))
		dry_run_tell(&e->run, "sender", "foreign", "%s is of a domain elsewhere: nobody who logs in here may use it, unless senders = any", from);
	else if (result == ADDRESS_OK)
		dry_run_tell(&e->run, "sender", "ours", "%s belongs to this server: who logs in may use it when it is his own; bounces come back here", from);
	else
		dry_run_tell(&e->run, "sender", "unknown", "%s is of a domain of this server, but bounces to it would find nobody", from);
}

/* We take it as it is, for want of knowing better: another server knows the addresses of its domain. */
static int is_asked_at_rcpt(struct explanation *e, bool *is_asked)
{
	const struct configured *configured;
	struct span local, domain;
	const char *users;
	int status;

	*is_asked = false;
	if (!e->targets || e->targets->next || !span_eq(e->targets->address, e->run.about))
		return EX_OK;
	status = dry_run_configured(&e->run, &configured);
	address_split(e->run.about, &local, &domain);
	users = configured_value(configured, "domain", domain, "users");
	*is_asked = configured_is(configured, "users", span_of_text(users), "ask", "yes");
	return status;
}

static int explain_address(struct explanation *e, const struct wire_expand_done *done)
{
	uint8_t result = done->result < sizeof(answers) / sizeof(answers[0]) ? done->result : ADDRESS_TEMPORARY;
	struct dry_run *d = &e->run;
	bool is_asked = false;
	int status = EX_OK;

	if (result == ADDRESS_OK && is_foreign_alone(e, d->about))
		result = ADDRESS_FOREIGN;
	if (result == ADDRESS_FOREIGN && d->call->client && !e->is_trusted) {
		dry_run_tell(d, "address", "refused", "its domain is none of this server's, and this client may not relay: 550 5.7.1");
		dry_run_worse(d, EX_NOPERM);
		return EX_OK;
	}
	if (result == ADDRESS_OK)
		status = is_asked_at_rcpt(e, &is_asked);
	if (is_asked) {
		dry_run_tell(d, "address", "asked", "its domain is one of this server; whether it is there is asked at RCPT, of the server that `deliver` names");
		return status;
	}
	dry_run_tell(d, "address", answers[result].result, "%s%s%.*s", answers[result].words, done->why.len ? ": " : "", SPAN_ARG(done->why));
	dry_run_worse(d, answers[result].status);
	return status;
}

/* from empty: none was given. */
static int explain_to_auth(struct explanation *e, struct client *c, struct span from)
{
	struct wire_expand_done done;
	int status = client_meet(c, ROLE_AUTH);

	if (status == EX_OK && from.len > 0) {
		status = ask_auth(e, c, from, SPAN_NONE, &done);
		if (status == EX_OK)
			explain_sender(e, from, done.result);
	}
	if (status == EX_OK)
		status = ask_auth(e, c, e->run.about, from, &done);
	return status == EX_OK ? explain_address(e, &done) : status;
}

static int explain_names(struct explanation *e)
{
	const struct call *call = e->run.call;
	struct address from;
	struct client c;
	int status = call->from ? mailbox_read(call->from, &from) : EX_OK;

	if (status == EX_OK)
		status = client_open(&c, call);
	if (status != EX_OK)
		return status;
	status = explain_to_auth(e, &c, call->from ? address_span(&from) : SPAN_NONE);
	client_close(&c);
	return status;
}

/* ---- where it leads --------------------------------------------------------------------- */

static void explain_target(const struct explanation *e, const struct target *t)
{
	const struct dry_run *d = &e->run;

	if (t->is_archive)
		dry_run_tell(d, "archive", "copy", "the archive of the domain gets a copy: %.*s", SPAN_ARG(t->address));
	else if (t != e->targets || t->next || !span_eq(t->address, d->about))
		dry_run_tell(d, "alias", "leads to", "%.*s", SPAN_ARG(t->address));
	if (t->sender.len > 0)
		dry_run_tell(d, "srs", "rewritten", "it leaves under the sender %.*s; bounces to that one go on to %s", SPAN_ARG(t->sender), d->call->from);
}

static int explain_targets(struct explanation *e)
{
	int status = EX_OK;

	for (const struct target *t = e->targets; t && status == EX_OK && e->run.status == EX_OK; t = t->next) {
		explain_target(e, t);
		status = explain_way(&e->run, t->deliver, t->address);
	}
	return status;
}

int run_explain(struct call *call)
{
	struct explanation e = { .targets = NULL };
	struct address address;
	int status = mailbox_read_any(call->words[0], &address);

	if (status != EX_OK)
		return status;
	dry_run_init(&e.run, call, address_span(&address));
	if (call->client)
		status = explain_client(&e);
	if (status == EX_OK)
		status = explain_spf(&e);
	if (status == EX_OK)
		status = explain_names(&e);
	if (status == EX_OK)
		status = explain_targets(&e);
	if (status == EX_OK)
		status = e.run.status;
	dry_run_fini(&e.run);
	return status;
}
