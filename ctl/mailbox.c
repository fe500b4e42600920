#include "ctl/mailbox.h"

#include <stdio.h>
#include <sysexits.h>

#include "base/text.h"
#include "ctl/say.h"

static bool is_domain(struct span domain)
{
	for (size_t i = 0; i < domain.len; i++)
		if (!text_is_alpha(domain.at[i]) && !text_is_digit(domain.at[i]) && !memchr(".-", domain.at[i], 2))
			return false;
	return domain.len > 0 && domain.at[0] != '.' && domain.at[domain.len - 1] != '.';
}

int mailbox_read(const char *text, struct address *out)
{
	struct span whole = span_of_text(text), domain = whole, local = span_cut(&domain, '@');

	if (whole.len <= ADDRESS_MAX && local.len && local.len <= ADDRESS_LOCAL_MAX && is_domain(domain) && text_is_printable(whole) &&
	    !memchr(whole.at, ' ', whole.len)) {
		memcpy(out->text, whole.at, whole.len);
		out->text[whole.len] = '\0';
		text_lower_in_place(out->text + local.len + 1, domain.len);
		out->local_len = (unsigned char)local.len;
		out->len = (unsigned char)whole.len;
		return EX_OK;
	}
	say("`%s` is no mail address: anna@example.org", text);
	return EX_DATAERR;
}

bool mailbox_same(struct span a, struct span b)
{
	return span_eq_nocase(a, b);
}
