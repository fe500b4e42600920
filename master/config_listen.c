/* The listeners: what belongs together in one, what `auto` means there, and ports that two would take. */
#include <string.h>

#include "master/config_check.h"

#define LISTENERS_MAX	  256	/* each is a descriptor in every smtpd */
#define LOCAL_CONNECTIONS 100	/* of one user of this machine at once: beyond, his mail goes by the drop folder */

static bool has_certificate(const struct settings *s)
{
	return s->tls.certificate || s->tls.directory;
}

static void settle_check(int *check, bool is_submission, int usual)
{
	if (*check == CHECKS_AUTO)
		*check = is_submission ? CHECKS_OFF : usual;
}

/* Who speaks here needs no TLS and no password, and may send as anybody: programs of the machine do, and always did. */
static void settle_local(struct set_listen *l)
{
	l->tls = LISTEN_TLS_NONE;
	l->senders = LISTEN_SENDERS_ANY;
}

static void settle_listen(const struct settings *s, struct set_listen *l)
{
	bool is_submission = l->auth == LISTEN_AUTH_REQUIRED || l->local;

	if (l->local)
		settle_local(l);
	if (l->tls == LISTEN_TLS_AUTO)
		l->tls = has_certificate(s) ? LISTEN_TLS_OFFERED : LISTEN_TLS_NONE;
	if (l->bare_newline == NEWLINE_AUTO)
		l->bare_newline = is_submission ? NEWLINE_NORMALISE : NEWLINE_REFUSE;
	settle_check(&l->spf, is_submission, CHECKS_OBSERVE);
	settle_check(&l->dkim, is_submission, CHECKS_OBSERVE);
	settle_check(&l->dmarc, is_submission, CHECKS_ENFORCE);
}

static void check_open_relay(struct check *ck, const struct outline_section *section, const struct set_listen *l)
{
	for (unsigned i = 0; i < l->trusted.n; i++)
		if (l->trusted.at[i].bits == 0)
			FAULT(ck, section, "trusted", "this would let everybody relay");
}

/* What a local listener does not have. */
static void check_local(struct check *ck, const struct outline_section *section, const struct set_listen *l)
{
	const struct {
		const char *path;
		bool is_strange;
	} keys[] = {
		{ "port", l->port != 0 }, { "address", l->address.n > 0 }, { "tls", l->tls != LISTEN_TLS_AUTO && l->tls != LISTEN_TLS_NONE },
		{ "auth", l->auth != LISTEN_AUTH_OFF }, { "trusted", l->trusted.n > 0 }, { "proxy", l->proxy.n > 0 },
		{ "senders", l->senders == LISTEN_SENDERS_OWN && check_is_written(ck, section, "senders") },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].is_strange)
			FAULT(ck, section, keys[i].path, "`%s` has no place in a local listener: it is a socket of this machine", keys[i].path);
	for (unsigned i = 0; i < section->nth; i++)
		if (ck->cfg->settings->listen[i].local)
			FAULT(ck, section, "local", "`listen %s` in line %u is local already", ck->cfg->settings->listen[i].title,
			    ck->cfg->settings->listen[i].line);
}

/* A header between the two would be taken and prove nothing. */
static void check_header(struct check *ck, const struct outline_section *section, const struct set_listen *l)
{
	bool checks = l->spf != CHECKS_OFF || l->dkim != CHECKS_OFF || l->dmarc != CHECKS_OFF;

	if (checks && l->max_header > ck->cfg->settings->verify.max_header)
		complain(&ck->cfg->complaints, COMPLAINT_WARNING, config_mark_of(ck->cfg, section, "max_header"),
		    "who sent a message with a header above verify.max_header can't be told: dmarc = enforce refuses it, else it is taken unchecked");
}

void check_listen(struct check *ck, const struct outline_section *section, struct set_section *s)
{
	struct set_listen *l = (struct set_listen *)(void *)s;
	bool wants_tls = l->tls != LISTEN_TLS_AUTO && l->tls != LISTEN_TLS_NONE;

	if (l->local)
		check_local(ck, section, l);
	settle_listen(ck->cfg->settings, l);
	if (l->local)
		return;
	if (l->port == 0 && !check_is_written(ck, section, "port"))
		TITLE_FAULT(ck, section, "`listen %s` needs a port", s->title);
	if (wants_tls && !has_certificate(ck->cfg->settings))
		FAULT(ck, section, "tls", "this needs a certificate: tls { certificate = …  key = … }");
	else if (l->auth != LISTEN_AUTH_OFF && l->tls == LISTEN_TLS_NONE && !l->auth_plaintext)
		FAULT(ck, section, "auth", "logins need TLS: without it passwords could be read on the way");
	check_open_relay(ck, section, l);
	check_header(ck, section, l);
}

/* An empty list is all addresses; so is `::`, which takes IPv4 too, and 0.0.0.0 is all of IPv4. */
static bool address_covers(const char *a, const char *b)
{
	if (strcmp(a, "::") == 0)
		return true;
	if (strcmp(a, "0.0.0.0") == 0)
		return !strchr(b, ':') || strcmp(b, "::") == 0;
	return strcmp(a, b) == 0;
}

static bool lists_clash(const struct set_list *a, const struct set_list *b)
{
	if (a->n == 0 || b->n == 0)
		return true;
	for (unsigned i = 0; i < a->n; i++)
		for (unsigned k = 0; k < b->n; k++)
			if (address_covers(a->at[i], b->at[k]) || address_covers(b->at[k], a->at[i]))
				return true;
	return false;
}

static void check_clashes(struct check *ck, const struct outline_section *section)
{
	const struct settings *s = ck->cfg->settings;
	const struct set_listen *mine = &s->listen[section->nth];

	for (unsigned i = 0; i < section->nth && i < LISTENERS_MAX; i++)
		if (mine->port && s->listen[i].port == mine->port && lists_clash(&s->listen[i].address, &mine->address)) {
			FAULT(ck, section, "port", "`listen %s` in line %u has this port at the same address", s->listen[i].title, s->listen[i].line);
			return;
		}
}

static bool has_port(const struct settings *s)
{
	for (unsigned i = 0; i < s->n_listen; i++)
		if (!s->listen[i].local)
			return true;
	return false;
}

void check_listeners(struct check *ck)
{
	const struct outline *o = &ck->cfg->outline;

	for (unsigned i = 1; i < o->n_sections; i++)
		if (o->sections[i].kind == settings_kind_find(SPAN("listen"))) {
			if (o->sections[i].nth == LISTENERS_MAX)
				TITLE_FAULT(ck, &o->sections[i], "there are more than %d listeners", LISTENERS_MAX);
			check_clashes(ck, &o->sections[i]);
		}
	if (!has_port(ck->cfg->settings))
		complain(&ck->cfg->complaints, COMPLAINT_WARNING, NULL, "there is no `listen` section: no mail will come in");
}

void check_add_local_listener(struct settings *s)
{
	struct set_listen *l;

	for (unsigned i = 0; i < s->n_listen; i++)
		if (s->listen[i].local)
			return;
	l = settings_add_section(s, "listen", "submit", 0);
	l->local = true;
	l->limit_connections_address = LOCAL_CONNECTIONS;
	settle_listen(s, l);
}
