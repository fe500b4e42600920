#include "delivery/own_io.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

static void add(struct own *own, const struct sockaddr *sa)
{
	struct attempt_address *a = &own->at[own->n];

	if (sa->sa_family == AF_INET) {
		a->family = 4;
		memcpy(a->bytes, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
		own->n++;
	} else if (sa->sa_family == AF_INET6) {
		a->family = 6;
		memcpy(a->bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
		own->n++;
	}
}

void own_read(struct own *own)
{
	struct ifaddrs *all = NULL;

	*own = (struct own){ .n = 0 };
	if (getifaddrs(&all) != 0)
		return;
	for (struct ifaddrs *one = all; one && own->n < OWN_ADDRESSES; one = one->ifa_next)
		if (one->ifa_addr)
			add(own, one->ifa_addr);
	freeifaddrs(all);
}

static bool is_same(const struct attempt_address *a, const struct attempt_address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, a->family == 4 ? 4 : 16) == 0;
}

static bool is_on_machine(const struct own *own, const struct attempt_address *address)
{
	for (unsigned i = 0; i < own->n; i++)
		if (is_same(&own->at[i], address))
			return true;
	return false;
}

/* An unspecified one stands for all that the machine has. */
static bool takes(const struct own *own, const char *text, const struct attempt_address *address)
{
	static const unsigned char any[16];
	struct attempt_address listens = { .family = strchr(text, ':') ? 6 : 4 };

	if (inet_pton(listens.family == 4 ? AF_INET : AF_INET6, text, listens.bytes) != 1)
		return false;
	if (memcmp(listens.bytes, any, listens.family == 4 ? 4 : 16) == 0)
		return is_on_machine(own, address);
	return is_same(&listens, address);
}

static bool listener_takes(const struct own *own, const struct set_listen *l, const struct attempt_address *address)
{
	if (l->address.n == 0)
		return is_on_machine(own, address);
	for (unsigned i = 0; i < l->address.n; i++)
		if (takes(own, l->address.at[i], address))
			return true;
	return false;
}

bool own_listens(void *arg, const struct attempt_address *address, uint16_t port)
{
	const struct own *own = arg;

	for (unsigned i = 0; i < own->settings->n_listen; i++)
		if (own->settings->listen[i].port == port && listener_takes(own, &own->settings->listen[i], address))
			return true;
	return false;
}
