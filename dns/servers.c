#include "dns/servers.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/ip.h"
#include "wire/network.h"

/* ---- addresses -------------------------------------------------------------------- */

static bool read_number(struct span text, unsigned long long max, unsigned long long *out)
{
	return span_to_u64(text, max, out) && *out > 0;
}

static bool read_host(struct span host, struct server_address *out)
{
	struct span address = span_cut(&host, '%');
	unsigned long long scope = 0;

	if (host.len > 0 && !read_number(host, UINT32_MAX, &scope))
		return false;
	out->scope = (uint32_t)scope;
	out->family = (unsigned char)ip_read(address, out->bytes);
	return out->family != 0;
}

static bool read_port(struct span text, struct server_address *out)
{
	unsigned long long port;

	if (!read_number(text, UINT16_MAX, &port))
		return false;
	out->port = (uint16_t)port;
	return true;
}

bool server_address_from_text(struct span text, struct server_address *out)
{
	struct span rest = text, host;

	*out = (struct server_address){ .port = SERVER_PORT };
	if (read_host(text, out))
		return true;
	if (text.len > 0 && text.at[0] == '[') {
		rest = span_from(text, 1);
		host = span_cut(&rest, ']');
		return rest.len > 0 && rest.at[0] == ':' && read_host(host, out) && out->family == 6 && read_port(span_from(rest, 1), out);
	}
	host = span_cut(&rest, ':');
	return read_host(host, out) && out->family == 4 && read_port(rest, out);
}

void server_address_to_text(const struct server_address *a, char text[SERVER_TEXT_MAX])
{
	char host[INET6_ADDRSTRLEN], scope[16] = "";

	inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->bytes, host, sizeof(host));
	if (a->scope)
		snprintf(scope, sizeof(scope), "%%%u", a->scope);
	snprintf(text, SERVER_TEXT_MAX, a->family == 4 ? "%s%s:%u" : "[%s%s]:%u", host, scope, a->port);
}

bool server_address_eq(const struct server_address *a, const struct server_address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, a->family == 4 ? 4 : 16) == 0 && a->port == b->port && a->scope == b->scope;
}

bool server_address_is_loopback(const struct server_address *a)
{
	return network_is_loopback(a->family, a->bytes);
}

/* ---- where they come from ----------------------------------------------------------- */

static struct span next_word(struct span *line)
{
	size_t n = 0;

	*line = span_trim(*line);
	while (n < line->len && line->at[n] != ' ' && line->at[n] != '\t')
		n++;
	*line = span_from(*line, n);
	return span_of(line->at - n, n);
}

unsigned servers_from_resolv_conf(struct span content, struct server_address out[SERVERS_MAX])
{
	unsigned n = 0;

	while (content.len > 0 && n < SERVERS_MAX) {
		struct span line = span_cut(&content, '\n');

		if (span_eq(next_word(&line), SPAN("nameserver")) && server_address_from_text(next_word(&line), &out[n]))
			n++;
	}
	if (n == 0)
		n = server_address_from_text(SPAN("127.0.0.1"), &out[0]);
	return n;
}

unsigned servers_from_settings(const struct set_dns *set, struct server_address out[SERVERS_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; i < set->servers.n && n < SERVERS_MAX; i++)
		n += server_address_from_text(span_of_text(set->servers.at[i]), &out[n]);
	return n;
}

/* ---- who answers ---------------------------------------------------------------------- */

void servers_set(struct servers *s, const struct server_address *addresses, unsigned n, int trust)
{
	s->n = n;
	for (unsigned i = 0; i < n; i++) {
		struct server *one = &s->at[i];

		*one = (struct server){ .address = addresses[i] };
		server_address_to_text(&one->address, one->text);
		one->is_trusted = trust == TRUST_AD_YES || (trust == TRUST_AD_LOOPBACK && server_address_is_loopback(&one->address));
	}
}

static bool is_better(const struct servers *s, unsigned a, unsigned b, const uint8_t asked[SERVERS_MAX], int64_t now)
{
	bool a_down = s->at[a].down_until > now, b_down = s->at[b].down_until > now;

	if (a_down != b_down)
		return b_down;
	return asked[a] < asked[b];
}

int servers_choose(const struct servers *s, unsigned no, const uint8_t asked[SERVERS_MAX], int64_t now)
{
	int best = -1;

	for (unsigned i = 0; i < s->n; i++)
		if (!(no & 1u << i) && (best < 0 || is_better(s, i, (unsigned)best, asked, now)))
			best = (int)i;
	return best;
}

enum servers_hope servers_hope(const struct servers *s, int64_t now)
{
	enum servers_hope hope = SERVERS_DOWN;

	for (unsigned i = 0; i < s->n; i++) {
		if (!s->at[i].is_missed)
			return SERVERS_UP;
		if (s->at[i].down_until <= now)
			hope = SERVERS_DOUBTFUL;
	}
	return hope;
}

bool server_silent(struct server *s, int64_t now)
{
	bool was_down = s->is_down;

	s->n_silent++;
	if (s->n_silent < SERVER_SILENT_MAX || s->down_until > now)
		return false;
	s->down_ms = s->down_ms ? s->down_ms * 2 : SERVER_DOWN_FIRST_MS;
	if (s->down_ms > SERVER_DOWN_LAST_MS)
		s->down_ms = SERVER_DOWN_LAST_MS;
	s->down_until = now + s->down_ms;
	s->is_down = true;
	return !was_down;
}

void server_missed(struct server *s)
{
	s->is_missed = s->is_down || !s->is_heard;
}

bool server_answered(struct server *s)
{
	bool was_away = s->is_down || s->is_missed;

	s->is_heard = true;
	s->is_down = s->is_missed = false;
	s->n_silent = 0;
	s->down_until = s->down_ms = 0;
	return was_away;
}
