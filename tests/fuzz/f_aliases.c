/* Any bytes as a file of aliases and as a list: each name, target and problem has a line of the file, in order, and no word holds
 * what it may not. */
#include <stdint.h>

#include "base/err.h"
#include "mail/aliases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	unsigned line, last;
	bool in_list, has_name;
	const char *from;	/* no entry may begin before it */
};

static void check(struct seen *s, unsigned line, struct span word)
{
	BUG_ON(line < s->line || line > s->last || word.len == 0 || word.len > ALIASES_WORD_MAX);
	for (size_t i = 0; i < word.len; i++)
		BUG_ON((unsigned char)word.at[i] < 0x20 || word.at[i] == 0x7f);
	s->line = line;
}

static void on_name(void *owner, unsigned line, struct span name)
{
	struct seen *s = owner;

	BUG_ON(s->in_list);
	check(s, line, name);
	s->has_name = true;
}

static void on_target(void *owner, unsigned line, enum alias_kind kind, struct span target)
{
	struct seen *s = owner;
	bool has_at = span_find(target, '@') < target.len;

	BUG_ON(!s->in_list && !s->has_name);
	check(s, line, target);
	BUG_ON(kind != ALIAS_INCLUDE && (has_at != (kind == ALIAS_ADDRESS) || strchr("|/:", target.at[0])));
}

static void on_entry(void *owner, struct span lines)
{
	struct seen *s = owner;

	BUG_ON(!s->has_name || lines.len == 0 || lines.at < s->from);
	s->from = lines.at + lines.len;
}

static void on_problem(void *owner, unsigned line, const char *why, struct span what)
{
	struct seen *s = owner;

	BUG_ON(line == 0 || line > s->last || !why[0] || what.len > ALIASES_WORD_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct aliases_handlers on = { .on_name = on_name, .on_target = on_target, .on_entry = on_entry, .on_problem = on_problem };
	struct span file = span_of((const char *)data, size);
	struct seen s = { .line = 1, .last = 1, .from = file.at };

	for (size_t i = 0; i < size; i++)
		s.last += data[i] == '\n';
	aliases_parse(file, &on, &s);
	s.line = 1;
	s.in_list = true;
	aliases_parse_list(file, &on, &s);
	return 0;
}
