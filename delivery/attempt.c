#include "delivery/attempt.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "mail/address.h"
#include "wire/network.h"

/* ---- addresses that are written down --------------------------------------------- */

static bool read_address(struct span name, struct attempt_address *out)
{
	int family;

	if (!address_parse_host(name, &family, out->bytes))
		return false;
	out->family = (unsigned char)family;
	return true;
}

/* Of names in the configuration: DNS may hold any bytes, and a stranger would lead us to a socket of this machine. */
static bool is_path(struct span name)
{
	return span_starts_nocase(name, SPAN("unix:"));
}

static void host_add(struct attempt_host *h, const struct attempt_address *address)
{
	if (address->family == 6 && h->n_v6 < ATTEMPT_ADDRESSES)
		h->v6[h->n_v6++] = *address;
	else if (address->family != 6 && h->n_v4 < ATTEMPT_ADDRESSES)
		h->v4[h->n_v4++] = *address;
}

/* ---- birth ------------------------------------------------------------------------ */

/* Of us and of what is not better than us nothing is left. */
static void cut_at(struct attempt *a, unsigned n)
{
	uint16_t preference = a->hosts[n].preference;

	a->met_ourselves = true;
	while (n > 0 && a->hosts[n - 1].preference >= preference)
		n--;
	a->n_hosts = n;
	if (a->group_end > n)
		a->group_end = n;
}

static bool has_own_name(const struct attempt *a, const struct attempt_host *h)
{
	for (size_t i = 0; i < sizeof(a->rules->names) / sizeof(*a->rules->names); i++)
		if (a->rules->names[i] && span_eq_nocase(h->name, span_of_text(a->rules->names[i])))
			return true;
	return false;
}

static void cut_own_names(struct attempt *a)
{
	for (unsigned n = 0; n < a->n_hosts; n++)
		if (has_own_name(a, &a->hosts[n])) {
			cut_at(a, n);
			return;
		}
}

void attempt_init(struct attempt *a, const struct attempt_rules *rules, bool is_configured, const struct job_host *hosts, unsigned n_hosts,
    struct arena *arena)
{
	*a = (struct attempt){ .rules = rules, .is_configured = is_configured };
	a->n_hosts = n_hosts < ATTEMPT_HOSTS ? n_hosts : ATTEMPT_HOSTS;
	a->hosts = arena_new(arena, a->n_hosts * sizeof(*a->hosts));
	for (unsigned i = 0; i < a->n_hosts; i++) {
		struct attempt_host *h = &a->hosts[i];
		struct attempt_address address = { .family = 0 };

		h->name = hosts[i].name;
		h->preference = hosts[i].preference;
		h->port = hosts[i].port;
		h->is_written = h->is_asked = (is_configured && is_path(h->name)) || read_address(h->name, &address);
		if (h->is_written)
			host_add(h, &address);
	}
	if (!is_configured)
		cut_own_names(a);
}

/* ---- what is heard ---------------------------------------------------------------- */

void attempt_told(struct attempt *a, unsigned host, const struct attempt_address *addresses, unsigned n, bool is_temporary)
{
	struct attempt_host *h = &a->hosts[host];

	if (h->n_awaited > 0)
		h->n_awaited--;
	h->is_temporary |= is_temporary;
	for (unsigned i = 0; i < n; i++)
		host_add(h, &addresses[i]);
}

static struct span copy(struct span s, char *at, size_t room)
{
	s = span_first(s, room);
	memcpy(at, s.at, s.len);
	return span_of(at, s.len);
}

void attempt_failed(struct attempt *a, const struct job_outcome *why)
{
	if (a->has_verdict && a->verdict.fate == FATE_DEFERRED && why->fate == FATE_FAILED)
		return;
	a->has_verdict = true;
	a->verdict = *why;
	a->verdict.words = copy(why->words, a->words, sizeof(a->words));
	a->verdict.host = copy(why->host, a->host, sizeof(a->host));
	a->verdict.enhanced = copy(why->enhanced, a->enhanced, sizeof(a->enhanced));
}

static bool is_same(const struct attempt_address *a, const struct attempt_address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, a->family == 6 ? 16 : a->family) == 0;
}

static bool was_heard(const struct attempt *a, const struct attempt_address *address)
{
	for (unsigned i = 0; i < a->n_heard; i++)
		if (is_same(&a->heard[i], address))
			return true;
	return false;
}

void attempt_heard(struct attempt *a, const struct attempt_address *address)
{
	if (a->n_heard < ATTEMPT_HEARD && !was_heard(a, address))
		a->heard[a->n_heard++] = *address;
}

/* ---- who is next ------------------------------------------------------------------ */

static void next_group(struct attempt *a)
{
	a->group = a->at = a->group_end;
	while (a->group_end < a->n_hosts && a->hosts[a->group_end].preference == a->hosts[a->group].preference)
		a->group_end++;
}

static bool ask(struct attempt *a, struct attempt_try *out)
{
	for (unsigned n = a->group; n < a->group_end; n++) {
		struct attempt_host *h = &a->hosts[n];

		if (h->is_asked)
			continue;
		h->is_asked = true;
		h->n_awaited = (unsigned)a->rules->has_v4 + a->rules->has_v6;
		*out = (struct attempt_try){ .n = n, .host = h };
		return true;
	}
	return false;
}

static bool is_awaited(const struct attempt *a)
{
	for (unsigned n = a->group; n < a->group_end; n++)
		if (a->hosts[n].n_awaited > 0)
			return true;
	return false;
}

static bool is_own(const struct attempt *a, const struct attempt_host *h)
{
	for (unsigned i = 0; i < h->n_v4; i++)
		if (h->v4[i].family && a->rules->is_own(a->rules->arg, &h->v4[i], h->port))
			return true;
	for (unsigned i = 0; i < h->n_v6; i++)
		if (a->rules->is_own(a->rules->arg, &h->v6[i], h->port))
			return true;
	return false;
}

static void cut_own_addresses(struct attempt *a)
{
	for (unsigned n = a->group; n < a->group_end; n++)
		if (is_own(a, &a->hosts[n])) {
			cut_at(a, n);
			return;
		}
}

/* IPv6 and IPv4 by turns, so that a family which is broken costs no more than every other try. NULL: none is left. */
static const struct attempt_address *next_address(struct attempt_host *h)
{
	unsigned pairs = h->n_v4 < h->n_v6 ? h->n_v4 : h->n_v6, n = h->n_tried;

	if (n >= h->n_v4 + h->n_v6)
		return NULL;
	h->n_tried++;
	if (n < 2 * pairs)
		return n % 2 == 0 ? &h->v6[n / 2] : &h->v4[n / 2];
	return h->n_v6 > h->n_v4 ? &h->v6[n - pairs] : &h->v4[n - pairs];
}

static bool host_was_heard(const struct attempt *a, const struct attempt_host *h)
{
	for (unsigned i = 0; i < h->n_v4; i++)
		if (was_heard(a, &h->v4[i]))
			return true;
	for (unsigned i = 0; i < h->n_v6; i++)
		if (was_heard(a, &h->v6[i]))
			return true;
	return false;
}

static bool may_try(struct attempt *a, const struct attempt_address *address)
{
	if (was_heard(a, address))
		return false;
	if (address->family == 0)
		return a->is_configured;
	if (address->family == 4 ? !a->rules->has_v4 : !a->rules->has_v6)
		return false;
	if (a->is_configured || a->rules->allow_private || !network_is_private(address->family, address->bytes))
		return true;
	a->met_private = true;
	return false;
}

static bool try_group(struct attempt *a, struct attempt_try *out)
{
	for (; a->at < a->group_end; a->at++) {
		struct attempt_host *h = &a->hosts[a->at];

		a->met_temporary |= h->is_temporary;
		if (a->at + 1 < a->n_hosts && host_was_heard(a, h))
			continue;
		for (const struct attempt_address *address = next_address(h); address; address = next_address(h)) {
			if (!may_try(a, address))
				continue;
			*out = (struct attempt_try){ .n = a->at, .host = h, .address = *address };
			a->n_tries++;
			return true;
		}
	}
	return false;
}

enum attempt_step attempt_next(struct attempt *a, struct attempt_try *out)
{
	for (;;) {
		if (a->at == a->group_end)
			next_group(a);
		if (a->group == a->n_hosts || a->n_tries == ATTEMPT_TRIES || a->n_heard == ATTEMPT_HEARD)
			return ATTEMPT_OVER;
		if (ask(a, out))
			return ATTEMPT_ASK;
		if (is_awaited(a))
			return ATTEMPT_WAIT;
		cut_own_addresses(a);
		if (try_group(a, out))
			return ATTEMPT_TRY;
	}
}

/* ---- the end ---------------------------------------------------------------------- */

static struct job_outcome ours(struct attempt *a, enum wire_fate fate, const char *enhanced, const char *before, const char *after)
{
	struct span host = a->n_hosts > 0 ? span_first(a->hosts[0].name, 255) : SPAN_NONE;

	snprintf(a->words, sizeof(a->words), "%s%.*s%s", before, SPAN_ARG(host), after);
	return (struct job_outcome){ .fate = fate, .scope = SCOPE_SITE, .enhanced = span_of_text(enhanced), .words = span_of_text(a->words),
		.host = SPAN_NONE };
}

/* Addresses of a family that we don't speak were not asked for. */
static const char *words_of_none(const struct attempt_rules *rules)
{
	if (rules->has_v4 && rules->has_v6)
		return " has no address that can be used";
	return rules->has_v4 ? " has no IPv4 address, and this server sends over IPv4 alone" : " has no IPv6 address, and this server sends over IPv6 alone";
}

struct job_outcome attempt_outcome(struct attempt *a)
{
	enum wire_fate hopeless = a->is_configured ? FATE_DEFERRED : FATE_FAILED;

	if (a->has_verdict && (a->verdict.fate == FATE_DEFERRED || !a->met_temporary))
		return a->verdict;
	if (a->met_temporary)
		return ours(a, FATE_DEFERRED, "4.4.3", "The address of ", " can't be looked up now");
	if (a->met_ourselves)
		return ours(a, hopeless, a->is_configured ? "4.4.6" : "5.4.6", "Mail for this domain leads back to this server, which does not take it", "");
	if (a->met_private)
		return ours(a, FATE_FAILED, "5.4.4", a->hosts[0].is_written ? "" : "The address of ", " lies in a private network");
	return ours(a, hopeless, a->is_configured ? "4.4.4" : "5.4.4", "", words_of_none(a->rules));
}
