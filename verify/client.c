#include "verify/client.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/ip.h"

struct client client_of(const unsigned char *bytes, size_t len)
{
	struct client c = { .is_v6 = len == 16 };

	if (c.is_v6 && ip_is_mapped(bytes))
		return client_of(bytes + 12, 4);
	memcpy(c.at, bytes, client_size(&c));
	return c;
}

void client_text(const struct client *c, char out[CLIENT_TEXT_MAX])
{
	(void)inet_ntop(c->is_v6 ? AF_INET6 : AF_INET, c->at, out, CLIENT_TEXT_MAX);
}

void client_reverse_name(const struct client *c, char out[CLIENT_NAME_MAX])
{
	char *to = out;

	for (size_t i = client_size(c); i-- > 0;)
		if (c->is_v6)
			to += snprintf(to, 5, "%x.%x.", c->at[i] & 15U, c->at[i] >> 4);
		else
			to += snprintf(to, 5, "%u.", c->at[i]);
	(void)snprintf(to, sizeof("in-addr.arpa"), "%s", c->is_v6 ? "ip6.arpa" : "in-addr.arpa");
}
