/* What no single value shows: references, clashes, what belongs together, and what `auto` means. */
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/ip.h"
#include "base/mem.h"
#include "base/text.h"
#include "master/config_check.h"
#include "wire/network.h"
#include "wire/settings_value.h"

/* A name that may be given once in its canonical form: "domain example.org". */
struct claim {
	struct map_node node;
	unsigned line;
};

bool check_is_written(const struct check *ck, const struct outline_section *section, const char *path)
{
	return outline_find(&ck->cfg->outline, section, settings_key_find(section->kind, span_of_text(path))) != NULL;
}

/* Replaces the title by its canonical form; complains when another section has the same. */
static void claim(struct check *ck, const struct outline_section *section, struct set_section *s, const char *canonical)
{
	struct arena *a = &ck->cfg->outline.arena;
	size_t room = strlen(section->kind->name) + strlen(canonical) + 2;
	char *text = arena_new(a, room);
	struct claim *mine = arena_new(a, sizeof(*mine));
	struct map_node *other;

	(void)snprintf(text, room, "%s %s", section->kind->name, canonical);
	s->title = settings_text(ck->cfg->settings, span_of_text(canonical));
	other = map_find(&ck->claims, span_of_text(text));
	if (other) {
		TITLE_FAULT(ck, section, "`%s` is the same as in line %u", text, MAP_OWNER(other, struct claim, node)->line);
		return;
	}
	mine->line = section->name.line;
	map_put(&ck->claims, &mine->node, span_of_text(text));
}

/* NULL when it is no host name; lives as long as the settings. */
static const char *canonical_host(struct check *ck, const char *text)
{
	const char *host = NULL;
	struct buf out;

	buf_init(&out, 1024);
	if (config_host(span_of_text(text), &out) == PR_OK)
		host = settings_text(ck->cfg->settings, buf_span(&out));
	buf_fini(&out);
	return host;
}

static bool socket_is_address(const char *socket)
{
	unsigned char bytes[16];
	struct span host;
	unsigned port;

	if (strncmp(socket, "unix:", 5) == 0)
		return true;
	return settings_socket_split(span_of_text(socket), &host, &port) && ip_read(host, bytes) != 0;
}

/* ---- domain, deliver, users ---------------------------------------------- */

/* Who exists is asked of the server that takes the mail: there must be one. */
static void check_asked(struct check *ck, const struct outline_section *section, const struct set_domain *d)
{
	const struct settings *s = ck->cfg->settings;
	const struct set_deliver *deliver = d->deliver ? settings_deliver(s, span_of_text(d->deliver)) : NULL;

	for (unsigned i = 0; i < s->n_users && deliver && d->users; i++)
		if (s->users[i].ask && strcmp(s->users[i].title, d->users) == 0 && !deliver->smtp && !deliver->lmtp)
			FAULT(ck, section, "users", "`users %s` asks a server, and `deliver %s` names none", d->users, d->deliver);
}

static void check_domain(struct check *ck, const struct outline_section *section, struct set_section *s)
{
	const struct set_domain *d = (const struct set_domain *)(const void *)s;
	const char *domain = canonical_host(ck, s->title);

	if (!domain)
		TITLE_FAULT(ck, section, "`%s` is no domain", s->title);
	else
		claim(ck, section, s, domain);
	for (const char *c = d->subaddress; c && *c; c++)
		if (!strchr("+-_=#~!%&", *c))
			FAULT(ck, section, "subaddress", "`%c` can't begin a subaddress; one or more of + - _ = # ~ ! %% &", *c);
	check_asked(ck, section, d);
}

static void check_maildir_path(struct check *ck, const struct outline_section *section, const char *path)
{
	for (const char *c = strchr(path, ':'); c; c = strchr(c, ':')) {
		size_t len = 0;

		c++;
		while (text_is_alpha(c[len]) || c[len] == '_')
			len++;
		if (!span_eq(span_of(c, len), SPAN("domain")) && !span_eq(span_of(c, len), SPAN("local"))) {
			struct span guess = complaint_guess(span_of(c, len), SPAN("domain|local"));

			FAULT(ck, section, "path", guess.len ? "`:%.*s` stands for nothing here; did you mean `:%.*s`?" :
			    "`:%.*s` stands for nothing here; there are :domain and :local%.*s", (int)len, c, SPAN_ARG(guess));
		}
	}
}

/* Who could read whose mail: no error, for it may be meant so. */
static void warn_of_shared_maildirs(struct check *ck, const struct outline_section *section, const struct set_deliver *d)
{
	const struct settings *all = ck->cfg->settings;
	const char *first = NULL;

	if (!strstr(d->path, ":local"))
		WARNING(ck, section, "the path has no :local: all who get mail by `deliver %s` share a Maildir", d->title);
	for (unsigned i = 0; i < all->n_domain && !strstr(d->path, ":domain"); i++) {
		if (strcmp(all->domain[i].deliver, d->title) != 0)
			continue;
		if (first) {
			WARNING(ck, section, "the path has no :domain: anna@%s and anna@%s share a Maildir", first, all->domain[i].title);
			return;
		}
		first = all->domain[i].title;
	}
}

static void check_deliver(struct check *ck, const struct outline_section *section, struct set_section *s)
{
	const struct set_deliver *d = (const struct set_deliver *)(const void *)s;
	int n = (d->path != NULL) + (d->lmtp != NULL) + (d->smtp != NULL);

	if (n == 0 && !check_is_written(ck, section, "path") && !check_is_written(ck, section, "lmtp") && !check_is_written(ck, section, "smtp"))
		TITLE_FAULT(ck, section, "`deliver %s` needs one of path, lmtp, smtp", s->title);
	if (n > 1)
		FAULT(ck, section, d->smtp ? "smtp" : "lmtp", "`deliver %s` can have only one of path, lmtp, smtp", s->title);
	if (d->path)
		check_maildir_path(ck, section, d->path);
	if (d->path)
		warn_of_shared_maildirs(ck, section, d);
	if (d->lmtp && !socket_is_address(d->lmtp))
		FAULT(ck, section, "lmtp", "`%s` must be an IP address and a port, or unix: and a path", d->lmtp);
}

static void check_users(struct check *ck, const struct outline_section *section, struct set_section *s)
{
	const struct set_users *u = (const struct set_users *)(const void *)s;

	if (strcmp(s->title, "local") == 0)
		TITLE_FAULT(ck, section, "`local` means `postrider user add`: take another name");
	else if (!u->file && !u->ask)
		TITLE_FAULT(ck, section, "`users %s` needs a file, or ask = yes", s->title);
	else if (u->file && u->ask)
		FAULT(ck, section, "ask", "`users %s` can have only one of file and ask", s->title);
	else if (u->file && u->away == USERS_AWAY_ACCEPT)
		FAULT(ck, section, "away", "`away` means something only with ask = yes");
}

static void check_logins(struct check *ck, const struct outline_section *section, struct set_section *s)
{
	const struct set_logins *l = (const struct set_logins *)(const void *)s;

	if (strcmp(s->title, "local") == 0)
		TITLE_FAULT(ck, section, "`local` means `postrider user add`: take another name");
	else if (!l->dovecot)
		TITLE_FAULT(ck, section, "`logins %s` needs dovecot = \"/run/dovecot/auth-client\"", s->title);
}

/* ---- routes and senders -------------------------------------------------- */

static bool is_this_machine(const char *socket)
{
	unsigned char bytes[16];
	struct span host;
	unsigned port, family;

	if (!settings_socket_split(span_of_text(socket), &host, &port))
		return false;
	if (span_eq_nocase(host, SPAN("localhost")))
		return true;
	family = ip_read(host, bytes);
	return family != 0 && network_is_loopback(family, bytes);
}

/* Whoever stands between us and a smarthost that proves nothing could ask for its login. */
static void check_login_tls(struct check *ck, const struct outline_section *section, struct set_route *r)
{
	bool is_at_risk = r->login_file && r->via && !is_this_machine(r->via);

	if (r->tls == ROUTE_TLS_AUTO)
		r->tls = is_at_risk ? (int)ROUTE_TLS_VERIFIED : ck->cfg->settings->outbound.tls + 1;	/* the same words without `auto` */
	if (r->login_file && r->tls == ROUTE_TLS_NONE)
		FAULT(ck, section, "tls", "a login needs TLS: without it its password could be read on the way");
	else if (is_at_risk && r->tls != ROUTE_TLS_VERIFIED)
		complain(&ck->cfg->complaints, COMPLAINT_WARNING, config_mark_of(ck->cfg, section, "tls"),
		    "whoever stands between here and %s could get the login: only tls = verified makes it prove its name", r->via);
}

static void claim_pattern(struct check *ck, const struct outline_section *section, struct set_section *s)
{
	bool is_below = strncmp(s->title, "*.", 2) == 0;
	const char *domain = canonical_host(ck, s->title + (is_below ? 2 : 0));
	char below[1024];

	if (strcmp(s->title, "*") == 0) {
		claim(ck, section, s, "*");
		return;
	}
	if (!domain) {
		TITLE_FAULT(ck, section, "`%s` is no pattern of domains: \"example.net\", \"*.example.net\" or \"*\"", s->title);
		return;
	}
	(void)snprintf(below, sizeof(below), "%s%s", is_below ? "*." : "", domain);
	claim(ck, section, s, below);
}

static void check_route(struct check *ck, const struct outline_section *section, struct set_section *s)
{
	struct set_route *r = (struct set_route *)(void *)s;

	claim_pattern(ck, section, s);
	check_login_tls(ck, section, r);
	if (r->via && strncmp(r->via, "unix:", 5) == 0)
		FAULT(ck, section, "via", "a smarthost is a host and a port: \"smtp.example.net:587\"");
	if (r->login_file && !r->via)
		FAULT(ck, section, "login_file", "a login needs a smarthost: via = \"host:port\"");
}

static void check_sender(struct check *ck, const struct outline_section *section, struct set_section *s)
{
	const char *domain = canonical_host(ck, s->title);
	struct set_network net;
	struct buf text;	/* why it is no network, or its canonical form */

	buf_init(&text, 256);
	if (network_read(span_of_text(s->title), &net, &text) == PR_OK) {
		network_show(&net, &text);
		(void)buf_add_char(&text, '\0');
		claim(ck, section, s, text.at);
	} else if (domain) {
		claim(ck, section, s, domain);
	} else {
		TITLE_FAULT(ck, section, "`%s` is neither a domain nor a network", s->title);
	}
	buf_fini(&text);
}

/* ---- sections that stand once -------------------------------------------- */

static void check_tls(struct check *ck, const struct outline_section *section, struct set_section *s)
{
	const struct set_tls *t = (const struct set_tls *)(const void *)s;

	if (t->certificate && !t->key)
		FAULT(ck, section, "certificate", "the certificate needs its key: key = \"/…/privkey.pem\"");
	if (t->key && !t->certificate)
		FAULT(ck, section, "key", "the key needs its certificate: certificate = \"/…/fullchain.pem\"");
	if (t->directory && (t->certificate || t->key))
		FAULT(ck, section, "directory", "either certificate and key, or a directory");
}

static void check_dns(struct check *ck, const struct outline_section *section, struct set_section *s)
{
	const struct set_dns *d = (const struct set_dns *)(const void *)s;

	for (unsigned i = 0; i < d->servers.n; i++)
		if (strncmp(d->servers.at[i], "unix:", 5) == 0 || !socket_is_address(d->servers.at[i]))
			FAULT(ck, section, "servers", "`%s` must be an IP address and a port", d->servers.at[i]);
}

static void check_events(struct check *ck, const struct outline_section *section, struct set_section *s)
{
	const struct set_events *e = (const struct set_events *)(const void *)s;

	if (e->metrics && (strncmp(e->metrics, "unix:", 5) == 0 || !socket_is_address(e->metrics)))
		FAULT(ck, section, "metrics", "`%s` must be an IP address and a port", e->metrics);
}

#define SOCKET_NAME_MAX 16	/* bytes of "/control" and the like below `runtime` */

static void check_top(struct check *ck, const struct outline_section *section, struct set_section *s)
{
	struct set_top *t = (struct set_top *)(void *)s;
	char host[256];

	if (strlen(t->runtime) + SOCKET_NAME_MAX >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		FAULT(ck, section, "runtime", "this path is too long for the name of a socket");
	if (strcmp(t->user, "root") == 0)
		FAULT(ck, section, "user", "the programs that read mail never run as root: name a user of their own");
	if (!t->hostname) {
		if (gethostname(host, sizeof(host)) == 0 && memchr(host, '\0', sizeof(host)))
			t->hostname = canonical_host(ck, host);
		if (!t->hostname)
			complain(&ck->cfg->complaints, COMPLAINT_ERROR, NULL, "hostname is not set, and the machine's own name is no host name");
	}
	if (!t->admin && ck->cfg->settings->n_domain)
		complain(&ck->cfg->complaints, COMPLAINT_WARNING, NULL, "admin is not set: mail to postmaster and abuse is put off (451) until it is, where no user or alias takes it");
}

/* ---- all of it ----------------------------------------------------------- */

static const struct {
	const char *kind;
	void (*check)(struct check *, const struct outline_section *, struct set_section *);
} checks[] = {
	{ "top", check_top }, { "domain", check_domain }, { "deliver", check_deliver }, { "users", check_users }, { "logins", check_logins },
	{ "listen", check_listen }, { "sender", check_sender }, { "route", check_route }, { "tls", check_tls }, { "dns", check_dns },
	{ "events", check_events },
};

static void check_section(struct check *ck, const struct outline_section *section)
{
	struct set_section *s = settings_section(ck->cfg->settings, section->kind, section->nth);

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (strcmp(checks[i].kind, section->kind->name) == 0)
			checks[i].check(ck, section, s);
	check_references(ck, section, s);
}

static void add_maildir(struct settings *s)
{
	struct set_deliver *d;

	if (check_section_exists(s, settings_kind_find(SPAN("deliver")), "maildir"))
		return;
	d = settings_add_section(s, "deliver", "maildir", 0);
	d->path = settings_text(s, SPAN("/var/mail/:domain/:local/"));
}

static const char *domain_of(const struct settings *s, const char *name)
{
	for (unsigned i = 0; i < s->n_domain; i++)
		if (strcmp(s->domain[i].title, name) == 0)
			return s->domain[i].title;
	return NULL;
}

/* Mail to `root` must not go to a name that nobody serves. */
static void settle_origin(struct settings *s)
{
	const char *above = s->top.hostname ? strchr(s->top.hostname, '.') : NULL;
	const char *origin = s->top.hostname ? domain_of(s, s->top.hostname) : NULL;

	if (s->top.origin)
		return;
	if (!origin && above)
		origin = domain_of(s, above + 1);
	if (!origin)
		origin = s->n_domain ? s->domain[0].title : s->top.hostname;
	s->top.origin = origin;
}

void config_check(struct config *cfg)
{
	struct check ck = { .cfg = cfg };

	map_init(&ck.claims);
	add_maildir(cfg->settings);
	for (unsigned i = 0; i < cfg->outline.n_sections; i++)
		check_section(&ck, &cfg->outline.sections[i]);
	check_listeners(&ck);
	check_add_local_listener(cfg->settings);
	settle_origin(cfg->settings);
	map_fini(&ck.claims);
}
