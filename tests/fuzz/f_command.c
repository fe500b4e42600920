/* A command line from anywhere: refused with a reply, or taken with every promise of its parameters kept. */
#include <stdint.h>

#include "base/text.h"
#include "mail/command.h"
#include "mail/xtext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct command_rules rules = { .extended = true, .auth = true, .smtputf8 = true, .max_size = 1 << 20 };

static void check_mail(struct span args)
{
	struct command_mail m;
	const struct reply *wrong = command_parse_mail(args, &rules, &m);

	BUG_ON(wrong && (wrong->code < 500 || wrong->code > 599 || !wrong->enhanced));
	if (wrong)
		return;
	BUG_ON(m.size > rules.max_size || m.sender.kind == PATH_POSTMASTER || (m.sender.was_utf8 && !m.smtputf8));
	BUG_ON(!xtext_is_printable(m.envid) || !xtext_is_printable(m.auth));
}

static void check_rcpt(struct span args)
{
	struct command_rcpt r;

	if (command_parse_rcpt(args, &rules, &r))
		return;
	BUG_ON(r.to.kind == PATH_NULL || ((r.notify & RCPT_NOTIFY_NEVER) && r.notify != RCPT_NOTIFY_NEVER));
	BUG_ON(r.orcpt.len && span_find(r.orcpt, ';') == r.orcpt.len);
	BUG_ON(!text_is_utf8(r.orcpt) || span_find(r.orcpt, '\n') < r.orcpt.len || span_find(r.orcpt, ' ') < r.orcpt.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span line = span_of((const char *)data, size);
	struct command c;
	struct command_helo h;
	struct command_bdat b;

	command_parse(line, &c);
	BUG_ON(c.verb >= N_COMMANDS || (c.verb > CMD_FOREIGN && span_find(line, '\n') < line.len));
	if (!command_parse_helo(c.args, &h))
		BUG_ON(!text_is_printable(h.name) || h.name.len == 0);
	BUG_ON(!command_parse_bdat(c.args, &b) && b.size > INT64_MAX);
	check_mail(c.args);
	check_rcpt(c.args);
	return 0;
}
