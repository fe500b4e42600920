#include "mail/address.h"
#include "mail/idn.h"
#include "master/config_private.h"

enum pr_err config_host(struct span text, struct buf *out)
{
	char host[IDN_DOMAIN_MAX + 1];
	size_t len;
	enum pr_err err = idn_canonical(text, host, &len);

	return err == PR_OK ? buf_add(out, span_of(host, len)) : PR_BAD;
}

enum pr_err config_address(struct span text, struct buf *out)
{
	struct address address;
	enum pr_err err = address_parse_mailbox(text, ALLOW_UTF8, &address);

	return err == PR_OK ? buf_add(out, address_span(&address)) : PR_BAD;
}
