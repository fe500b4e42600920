#include "ctl/explain_hosts.h"

#include <arpa/inet.h>
#include <limits.h>
#include <sysexits.h>

#include "ctl/resolve.h"
#include "mail/address.h"
#include "wire/network.h"

struct host {
	struct host *next;
	struct span name;
};

/* A domain's hosts: where one of them is this server, only better ones are tried (RFC 5321 5.1). */
struct host_walk {
	struct dry_run *run;
	bool may_be_private;		/* outbound.allow_private */
	struct span hostname, helo;	/* our names */
	struct host *hosts, **last;	/* of others */
	unsigned n_private, n_public;	/* addresses of theirs; public: or not known */
	unsigned n, best, own;		/* how many, and preferences; own: ours, none: UINT_MAX */
};

static int begin(struct host_walk *w, struct dry_run *d)
{
	const struct configured *configured;
	int status = dry_run_configured(d, &configured);

	*w = (struct host_walk){ .run = d, .own = UINT_MAX };
	w->last = &w->hosts;
	w->hostname = span_of_text(configured_value(configured, "", SPAN_NONE, "hostname"));
	w->helo = span_of_text(configured_value(configured, "outbound", SPAN_NONE, "helo"));
	w->may_be_private = configured_is(configured, "outbound", SPAN_NONE, "allow_private", "yes");
	return status;
}

/* ---- names ------------------------------------------------------------------------- */

static void keep_host(struct host_walk *w, struct span name)
{
	struct host *h = arena_new(&w->run->arena, sizeof(*h));

	h->name = arena_span(&w->run->arena, name);
	*w->last = h;
	w->last = &h->next;
}

static bool is_address(struct span name)
{
	unsigned char bytes[16];
	int family;

	return address_parse_host(name, &family, bytes);
}

static void on_host(void *arg, const struct wire_site_host *host)
{
	struct host_walk *w = arg;
	bool is_ours = span_eq_nocase(host->name, w->hostname) || span_eq_nocase(host->name, w->helo);

	if (w->n++ == 0)
		w->best = host->preference;
	if (is_ours && w->own == UINT_MAX)
		w->own = host->preference;
	if (is_ours) {
		dry_run_tell(w->run, "host", "ourselves", "%u %.*s is this server: only what is better than it is tried", host->preference, SPAN_ARG(host->name));
		return;
	}
	dry_run_tell(w->run, "host", "mx", "%u %.*s%s", host->preference, SPAN_ARG(host->name),
	    is_address(host->name) ? ": an address in the place of a name, against RFC 5321 5.1; it is tried as it stands" : "");
	keep_host(w, host->name);
}

/* ---- addresses --------------------------------------------------------------------- */

static unsigned family_of(const struct wire_resolve_record *row)
{
	if (row->type == RECORD_A && row->data.len == 4)
		return 4;
	return row->type == RECORD_AAAA && row->data.len == 16 ? 6 : 0;
}

/* of: whose it is, empty: it has no other name. */
static void look_at_address(struct host_walk *w, unsigned family, const unsigned char *address, struct span of)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (!network_is_private(family, address)) {
		w->n_public++;
		return;
	}
	w->n_private++;
	inet_ntop(family == 4 ? AF_INET : AF_INET6, address, text, sizeof(text));
	dry_run_tell(w->run, "host", "private", "%s%s%.*s lies in a private network: refused, unless outbound.allow_private says yes", text,
	    of.len ? " of " : "", SPAN_ARG(of));
}

static void on_host_address(void *arg, const struct wire_resolve_record *row)
{
	unsigned family = family_of(row);

	if (family != 0)
		look_at_address(arg, family, (const unsigned char *)row->data.at, row->name);
}

static int look_up(struct host_walk *w, struct client *c, struct span name)
{
	static const uint16_t types[] = { RECORD_A, RECORD_AAAA };
	struct wire_resolve_done done;
	int status = EX_OK;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]) && status == EX_OK; i++) {
		status = resolve_records(c, types[i], name, on_host_address, w, &done);
		w->n_public += status == EX_OK && done.result == RESOLVE_TEMPORARY;
	}
	return status;
}

static int look_at_addresses(struct host_walk *w, struct client *c)
{
	unsigned char address[16];
	int family, status = EX_OK;

	for (const struct host *h = w->hosts; h && status == EX_OK; h = h->next) {
		if (address_parse_host(h->name, &family, address))
			look_at_address(w, (unsigned)family, address, SPAN_NONE);
		else
			status = look_up(w, c, h->name);
	}
	return status;
}

/* ---- what comes of them ------------------------------------------------------------ */

static void tell_end(struct dry_run *d, const struct wire_site_done *done)
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

	if (done->result > SITE_TEMPORARY)
		return;
	dry_run_tell(d, "dns", ends[done->result].result, "%s%s%.*s", ends[done->result].words, done->why.len ? ": " : "", SPAN_ARG(done->why));
	dry_run_worse(d, ends[done->result].status);
}

static void tell_hosts(struct host_walk *w, const struct wire_site_done *done)
{
	bool is_found = done->result == SITE_FOUND;

	if (is_found && w->own <= w->best) {
		dry_run_tell(w->run, "dns", "loop", "it leads back to this server, which does not take its mail: given back at once, 5.4.6");
		dry_run_worse(w->run, EX_NOHOST);
	} else if (is_found && w->n_private > 0 && w->n_public == 0) {
		dry_run_tell(w->run, "dns", "private", "all of its hosts lie in private networks: given back at once, 5.4.4");
		dry_run_worse(w->run, EX_NOHOST);
	} else {
		tell_end(w->run, done);
	}
}

static int ask_dns(struct host_walk *w, struct client *c, struct span domain, struct wire_site_done *done)
{
	int status = resolve_site(c, domain, on_host, w, done);

	if (status != EX_OK)
		return status;
	done->why = arena_span(&w->run->arena, done->why);
	return w->may_be_private ? EX_OK : look_at_addresses(w, c);
}

int explain_hosts(struct dry_run *d, struct span domain)
{
	struct wire_site_done done;
	struct host_walk w;
	struct client c;
	int status = begin(&w, d);

	if (status == EX_OK)
		status = resolve_open(&c, d->call);
	if (status != EX_OK)
		return status;
	status = ask_dns(&w, &c, domain, &done);
	if (status == EX_OK)
		tell_hosts(&w, &done);
	client_close(&c);
	return status;
}

int explain_literal(struct dry_run *d, struct span domain)
{
	struct host_walk w;
	unsigned char bytes[16];
	int family, status = begin(&w, d);

	if (status != EX_OK || w.may_be_private || !address_parse_literal(domain, &family, bytes) || !network_is_private((unsigned)family, bytes))
		return status;
	dry_run_tell(d, "host", "private", "%.*s lies in a private network: given back at once, 5.4.4, unless outbound.allow_private says yes",
	    SPAN_ARG(domain));
	dry_run_worse(d, EX_NOHOST);
	return status;
}
