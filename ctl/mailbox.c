#include "ctl/mailbox.h"

#include <sysexits.h>

#include "ctl/say.h"

int mailbox_read(const char *text, struct address *out)
{
	if (address_parse_mailbox(span_of_text(text), ALLOW_UTF8, out) == PR_OK && !out->is_literal)
		return EX_OK;
	say("`%s` is no mail address: anna@example.org", text);
	return EX_DATAERR;
}
