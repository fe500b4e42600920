#include "ctl/explain_way.h"

#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "ctl/client.h"
#include "ctl/explain_hosts.h"
#include "mail/address.h"

/* ---- what spool says ------------------------------------------------------------- */

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
		dry_run_tell(d, "site", "postponed", "tried again in %lld min; recipients in the queue: %u; last: %.*s", (long long)(minutes > 0 ? minutes : 0), w->open,
		    SPAN_ARG(w->said));
	else if (w->standing == STANDING_OPEN)
		dry_run_tell(d, "site", "open", "%u of at most %u jobs at once run there now; recipients in the queue: %u", w->flying, w->window, w->open);
	else if (w->standing == STANDING_FAILS)
		dry_run_tell(d, "site", "fails", "%.*s", SPAN_ARG(w->said));
}

static void explain_section(struct dry_run *d, struct span deliver, const struct wire_way_told *w)
{
	if (w->leads == LEADS_LOCAL)
		dry_run_tell(d, "deliver", "maildir", "`deliver %.*s` of the configuration: into a Maildir", SPAN_ARG(deliver));
	else if (w->leads == LEADS_LMTP)
		dry_run_tell(d, "deliver", "lmtp", "`deliver %.*s` of the configuration: by LMTP to %.*s", SPAN_ARG(deliver), SPAN_ARG(w->to));
	else if (w->leads == LEADS_SMTP)
		dry_run_tell(d, "deliver", "smtp", "`deliver %.*s` of the configuration: passed on by SMTP to %.*s", SPAN_ARG(deliver), SPAN_ARG(w->to));
	else
		dry_run_tell(d, "deliver", "nowhere", "`deliver %.*s` is not in the running configuration: it waits, and expires", SPAN_ARG(deliver));
	if (w->leads == LEADS_NOWHERE)
		dry_run_worse(d, EX_CONFIG);
}

static void explain_route(struct dry_run *d, struct span domain, const struct wire_way_told *w)
{
	if (w->route.len > 0)
		dry_run_tell(d, "route", "matched", "`route %.*s` is the most specific one for %.*s", SPAN_ARG(w->route), SPAN_ARG(domain));
	else
		dry_run_tell(d, "route", "none", "no route of the configuration is for %.*s", SPAN_ARG(domain));
	if (w->holds)
		dry_run_tell(d, "route", "hold", "its mail is kept in the queue until it is released by hand");
	if (w->leads == LEADS_SMTP && w->route.len > 0)
		dry_run_tell(d, "host", "smarthost", "%.*s, named by the route; MX is not looked up", SPAN_ARG(w->to));
	else if (w->leads == LEADS_SMTP)
		dry_run_tell(d, "host", "literal", "%.*s, named by the address itself", SPAN_ARG(w->to));
}

/* ---- how it goes there ----------------------------------------------------------- */

static void explain_tls(const struct dry_run *d, const char *value)
{
	static const struct { const char *value, *words; } all[] = {
		{ "none", "in the clear, whatever the server offers" },
		{ "opportunistic", "with TLS where the server offers it, in the clear where not; its certificate is not judged" },
		{ "required", "with TLS alone, else it waits; the server's certificate is not judged" },
		{ "verified", "with TLS and a good certificate for the server's name alone, else it waits" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(value, all[i].value) == 0)
			dry_run_tell(d, "tls", value, "%s", all[i].words);
}

static int explain_manner(struct dry_run *d, struct span route)
{
	const struct configured *configured;
	int status = dry_run_configured(d, &configured);
	const char *section = route.len > 0 ? "route" : "outbound", *login, *rate;

	if (status != EX_OK)
		return status;
	login = configured_value(configured, section, route, "login_file");
	rate = configured_value(configured, section, route, "rate");
	explain_tls(d, configured_value(configured, section, route, "tls"));
	if (login[0])
		dry_run_tell(d, "login", "needed", "by the login in %s, under TLS only", login);
	if (rate[0] && strcmp(rate, "off") != 0)
		dry_run_tell(d, "rate", rate, "no faster than this, all domains of the route together");
	return EX_OK;
}

/* ---- all together ----------------------------------------------------------------- */

static struct span way_of(struct arena *arena, struct span domain)
{
	char *way = arena_new(arena, domain.len + 1);

	way[0] = '@';
	memcpy(way + 1, domain.at, domain.len);
	return span_of(way, domain.len + 1);
}

/* What the spool's answer leads to; its spans end with the channel. */
static int explain_lead(struct dry_run *d, struct span deliver, struct span domain, const struct wire_way_told *w)
{
	bool is_foreign = deliver.len == 0;
	int status = EX_OK;

	if (is_foreign)
		explain_route(d, domain, w);
	else
		explain_section(d, deliver, w);
	explain_standing(d, w);
	if (w->leads == LEADS_DNS || w->leads == LEADS_SMTP)
		status = explain_manner(d, w->route);
	if (status == EX_OK && w->leads == LEADS_SMTP && is_foreign && w->route.len == 0)
		return explain_literal(d, domain);
	return status == EX_OK && w->leads == LEADS_DNS ? explain_hosts(d, domain) : status;
}

int explain_way(struct dry_run *d, struct span deliver, struct span address)
{
	struct wire_way_told w;
	struct span local, domain;
	struct client c;
	int status;

	address_split(address, &local, &domain);
	status = ask_spool(d, deliver.len > 0 ? deliver : way_of(&d->arena, domain), &c, &w);
	if (status != EX_OK)
		return status;
	status = explain_lead(d, deliver, domain, &w);
	client_close(&c);
	return status;
}
