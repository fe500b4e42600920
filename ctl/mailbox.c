#include "ctl/mailbox.h"

#include <sysexits.h>

#include "base/text.h"
#include "ctl/master.h"
#include "ctl/say.h"

int mailbox_read_any(const char *text, struct address *out)
{
	if (address_parse_mailbox(span_of_text(text), ALLOW_UTF8, out) == PR_OK)
		return EX_OK;
	say("`%s` is no mail address; one looks like anna@example.org", text);
	return EX_DATAERR;
}

int mailbox_read(const char *text, struct address *out)
{
	int status = mailbox_read_any(text, out);

	if (status != EX_OK || !out->is_literal)
		return status;
	say("`%s` names a host by its address: give it with a domain", text);
	return EX_DATAERR;
}

static int not_ours(const struct call *call, struct span domain, struct span domains)
{
	unsigned least = (unsigned)domain.len / 3 + 1;
	struct span best = SPAN_NONE;

	for (struct span rest = domains; rest.len;) {
		struct span one = span_cut(&rest, ' ');
		unsigned distance = text_distance(domain, one);

		if (distance < least) {
			least = distance;
			best = one;
		}
	}
	if (best.len)
		say("%.*s is no domain of this server; did you mean %.*s?", SPAN_ARG(domain), SPAN_ARG(best));
	else
		say("%.*s is no domain of this server: no mail comes to it. Write it into %s: domain %.*s { }", SPAN_ARG(domain), call->config,
		    SPAN_ARG(domain));
	return EX_DATAERR;
}

static bool has_word(struct span words, struct span word)
{
	while (words.len)
		if (span_eq(span_cut(&words, ' '), word))
			return true;
	return false;
}

int mailbox_read_ours(const struct call *call, const char *text, struct address *out)
{
	struct buf domains;
	int status = mailbox_read(text, out);

	if (status != EX_OK)
		return status;
	status = master_domains(call, &domains);
	if (status == EX_OK && !has_word(buf_span(&domains), address_domain(out)))
		status = not_ours(call, address_domain(out), buf_span(&domains));
	buf_fini(&domains);
	return status;
}
