#include "delivery/target_io.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define HOST_TEXT_MAX 320	/* name[address]:port */

static socklen_t make_address(struct sockaddr_storage *out, const struct attempt_address *a, uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	if (a->family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, a->bytes, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, a->bytes, 16);
	return sizeof(*v6);
}

static socklen_t make_path(struct sockaddr_storage *out, struct span name)
{
	struct sockaddr_un *un = (struct sockaddr_un *)out;
	struct span path = span_first(span_from(name, sizeof("unix:") - 1), sizeof(un->sun_path) - 1);

	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path.at, path.len);
	return sizeof(*un);
}

static bool read_source(const char *text, int family, struct attempt_address *out)
{
	out->family = (unsigned char)family;
	return inet_pton(family == 4 ? AF_INET : AF_INET6, text, out->bytes) == 1;
}

/* The same one for a site at each try: greylisting knows us by it. */
static void choose_source(const struct set_list *sources, struct span site, int family, struct conn_target *target)
{
	struct attempt_address all[ATTEMPT_ADDRESSES];
	unsigned n = 0, hash = 5381;

	for (unsigned i = 0; i < sources->n && n < ATTEMPT_ADDRESSES; i++)
		n += read_source(sources->at[i], family, &all[n]);
	for (size_t i = 0; i < site.len; i++)
		hash = hash * 33 + (unsigned char)site.at[i];
	if (n > 0)
		target->source_len = make_address(&target->source, &all[hash % n], 0);
}

static void make_host_text(char *text, const struct attempt_try *try, const char *name, const char *address)
{
	if (try->address.family == 0)
		(void)snprintf(text, HOST_TEXT_MAX, "%.300s", name);
	else if (strcmp(name, address) != 0)
		(void)snprintf(text, HOST_TEXT_MAX, "%.255s[%s]:%u", name, address, try->host->port);
	else
		(void)snprintf(text, HOST_TEXT_MAX, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, try->host->port);
}

/* Where to and from. */
static void set_addresses(const struct target *t, struct conn_target *out)
{
	const struct attempt_try *try = t->try;

	if (try->address.family == 0) {
		out->to_len = make_path(&out->to, try->host->name);
		return;
	}
	out->to_len = make_address(&out->to, &try->address, try->host->port);
	choose_source(t->options->sources, t->site, try->address.family, out);
}

struct conn *target_connect(struct conns *all, const struct target *t)
{
	const struct attempt_try *try = t->try;
	const struct target_options *o = t->options;
	char host[HOST_TEXT_MAX], address[INET6_ADDRSTRLEN] = "", name[HOST_TEXT_MAX];
	struct conn_target target = { .tls_name = name, .is_verified = t->way->is_verified, .options = { .host = host, .helo = o->helo,
		.max_mails = o->max_mails, .is_lmtp = t->way->is_lmtp, .force_8bit = o->force_8bit, .tls = t->way->tls, .tls_first = t->way->tls_first,
		.user = t->user, .password = t->password, .times = o->times } };
	bool is_path = try->address.family == 0;

	set_addresses(t, &target);
	if (!is_path)
		inet_ntop(try->address.family == 4 ? AF_INET : AF_INET6, try->address.bytes, address, sizeof(address));
	if (try->host->is_written && !is_path)
		(void)snprintf(name, sizeof(name), "%s", address);
	else
		(void)snprintf(name, sizeof(name), "%.*s", SPAN_ARG(span_first(try->host->name, sizeof(name) - 1)));
	make_host_text(host, try, name, address);
	return conn_new(all, &target);
}

struct attempt_address target_address(const struct conn_target *target)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&target->to;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&target->to;
	struct attempt_address out = { .family = 0 };

	if (v4->sin_family == AF_INET) {
		out.family = 4;
		memcpy(out.bytes, &v4->sin_addr, 4);
	} else if (v6->sin6_family == AF_INET6) {
		out.family = 6;
		memcpy(out.bytes, &v6->sin6_addr, 16);
	}
	return out;
}
