#include "mail/aliases.h"

#include <string.h>

#include "base/text.h"

struct reading {
	struct span rest;
	unsigned line;
	const char *said;	/* where the last line of the entry ends */
	const struct aliases_handlers *on;
	void *owner;
	char word[ALIASES_WORD_MAX];	/* the one just read, without quotes and backslashes */
	size_t len;
};

static char peek(const struct reading *r)
{
	return r->rest.len ? r->rest.at[0] : '\n';
}

static void skip_line(struct reading *r)
{
	size_t end = span_find(r->rest, '\n');

	r->line += end < r->rest.len;
	r->rest = span_from(r->rest, end + 1);
}

/* One that is part of an entry. */
static void end_line(struct reading *r)
{
	skip_line(r);
	r->said = r->rest.at;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct reading *r)
{
	while (r->rest.len && is_blank(r->rest.at[0]))
		r->rest = span_from(r->rest, 1);
}

static bool line_says_nothing(struct span rest)
{
	while (rest.len && is_blank(rest.at[0]))
		rest = span_from(rest, 1);
	return rest.len == 0 || rest.at[0] == '\n' || rest.at[0] == '#';
}

/* Behind a line's end: over empty lines and comments, to a line that goes on the one before; false when there is none. */
static bool continue_line(struct reading *r)
{
	while (r->rest.len && line_says_nothing(r->rest))
		skip_line(r);
	return r->rest.len && is_blank(r->rest.at[0]);
}

/* The rest of this logical line is left out. */
static void skip_entry(struct reading *r)
{
	do
		end_line(r);
	while (continue_line(r));
}

static bool ends_word(char c, char also)
{
	return is_blank(c) || c == '\n' || c == ',' || c == also;
}

static bool is_line_end(struct span s)
{
	return s.len == 0 || s.at[0] == '\n' || (s.len > 1 && s.at[0] == '\r' && s.at[1] == '\n');
}

/* A word with its quotes; `"a b"@example.org` is one. A # within it is no comment. NULL, or what is wrong with it. */
static const char *read_word(struct reading *r, char also)
{
	bool in_quotes = false;

	r->len = 0;
	for (; r->rest.len; r->rest = span_from(r->rest, 1)) {
		char c = r->rest.at[0];

		if (is_line_end(r->rest) || (!in_quotes && ends_word(c, also)))
			break;
		if (c == '"') {
			in_quotes = !in_quotes;
			continue;
		}
		if (c == '\\') {
			r->rest = span_from(r->rest, 1);
			if (is_line_end(r->rest))
				return "a backslash at a line's end";
			c = r->rest.at[0];
		}
		if ((unsigned char)c < 0x20 || c == 0x7f)
			return "a control character";
		if (r->len == sizeof(r->word))
			return "a word that is too long";
		r->word[r->len++] = c;
	}
	return in_quotes ? "a quote that is not closed" : r->len == 0 ? "a name or target is missing" : NULL;
}

static void tell_problem(const struct reading *r, unsigned line, const char *why, struct span what)
{
	if (r->on->on_problem)
		r->on->on_problem(r->owner, line, why, what);
}

static void problem(struct reading *r, const char *why)
{
	tell_problem(r, r->line, why, span_of(r->word, r->len));
	skip_entry(r);
}

/* NULL, or why this target is not taken. */
static const char *classify(struct span word, enum alias_kind *kind, struct span *target)
{
	static const struct span include = { ":include:", 9 };

	*target = word;
	if (span_starts_nocase(word, include)) {
		*kind = ALIAS_INCLUDE;
		*target = span_from(word, include.len);
		return target->len ? NULL : ":include: needs a path";
	}
	if (word.at[0] == '|')
		return "commands (|…) are not run here";
	if (word.at[0] == '/')
		return "mail is not put into files (/…) here";
	if (word.at[0] == ':')
		return "only :include: is known";
	*kind = span_find(word, '@') < word.len ? ALIAS_ADDRESS : ALIAS_LOCAL;
	return NULL;
}

static const char *read_target(struct reading *r)
{
	const char *wrong = read_word(r, ',');
	enum alias_kind kind = ALIAS_LOCAL;
	struct span target;

	if (!wrong)
		wrong = classify(span_of(r->word, r->len), &kind, &target);
	if (!wrong)
		r->on->on_target(r->owner, r->line, kind, target);
	return wrong;
}

/* To the next target of this entry; false at its end. */
static bool next_target(struct reading *r)
{
	for (;;) {
		skip_blanks(r);
		if (peek(r) == ',') {
			r->rest = span_from(r->rest, 1);
			continue;
		}
		if (peek(r) != '\n' && peek(r) != '#')
			return true;
		end_line(r);
		if (!continue_line(r))
			return false;
	}
}

static void read_targets(struct reading *r)
{
	unsigned line = r->line;
	bool any = false;

	while (next_target(r)) {
		const char *wrong = read_target(r);

		if (wrong) {
			problem(r, wrong);
			return;
		}
		any = true;
	}
	if (!any)
		tell_problem(r, line, "a name without targets", SPAN_NONE);
}

static void read_entry(struct reading *r)
{
	const char *from = r->rest.at, *wrong = read_word(r, ':');

	if (!wrong) {
		skip_blanks(r);
		if (peek(r) != ':')
			wrong = "a colon is missing behind the name";
	}
	if (wrong) {
		problem(r, wrong);
		return;
	}
	r->rest = span_from(r->rest, 1);
	if (r->on->on_name)
		r->on->on_name(r->owner, r->line, span_of(r->word, r->len));
	read_targets(r);
	if (r->on->on_entry)
		r->on->on_entry(r->owner, span_of(from, (size_t)(r->said - from)));
}

void aliases_parse(struct span file, const struct aliases_handlers *on, void *owner)
{
	struct reading r = { .rest = file, .line = 1, .on = on, .owner = owner };

	while (r.rest.len) {
		if (line_says_nothing(r.rest)) {
			skip_line(&r);
		} else if (is_blank(r.rest.at[0])) {
			tell_problem(&r, r.line, "a line that goes on, but nothing before it", SPAN_NONE);
			skip_entry(&r);
		} else {
			read_entry(&r);
		}
	}
}

void aliases_parse_list(struct span file, const struct aliases_handlers *on, void *owner)
{
	struct reading r = { .rest = file, .line = 1, .on = on, .owner = owner };

	while (r.rest.len) {
		const char *wrong = NULL;

		skip_blanks(&r);
		if (peek(&r) == ',') {
			r.rest = span_from(r.rest, 1);
			continue;
		}
		if (peek(&r) == '\n' || peek(&r) == '#') {
			skip_line(&r);
			continue;
		}
		wrong = read_target(&r);
		if (wrong) {
			tell_problem(&r, r.line, wrong, span_of(r.word, r.len));
			skip_line(&r);
		}
	}
}

/* What stands bare in the file may need quotes in an address: `a b` at example.org. */
static enum pr_err add_quotes(struct span local, struct span domain, struct address *out)
{
	char room[2 * ADDRESS_LOCAL_MAX + ADDRESS_DOMAIN_MAX + 8];
	size_t len = 0;

	room[len++] = '"';
	for (size_t i = 0; i < local.len; i++) {
		if (local.at[i] == '"' || local.at[i] == '\\')
			room[len++] = '\\';
		room[len++] = local.at[i];
	}
	room[len++] = '"';
	room[len++] = '@';
	memcpy(room + len, domain.at, domain.len);
	return address_parse_mailbox(span_of(room, len + domain.len), ALLOW_UTF8, out);
}

enum pr_err aliases_address(struct span word, struct span domain, struct address *out)
{
	char room[ADDRESS_LOCAL_MAX + ADDRESS_DOMAIN_MAX + 8];
	struct span local = word;

	if (span_find(word, '@') < word.len)
		address_split(word, &local, &domain);
	if (local.len == 0 || local.len > ADDRESS_LOCAL_MAX || domain.len > ADDRESS_DOMAIN_MAX)
		return PR_BAD;
	memcpy(room, local.at, local.len);
	room[local.len] = '@';
	memcpy(room + local.len + 1, domain.at, domain.len);
	if (address_parse_mailbox(span_of(room, local.len + 1 + domain.len), ALLOW_UTF8, out) == PR_OK)
		return PR_OK;
	return add_quotes(local, domain, out);
}
