#include "mail/table.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"

/* A list in `targets`: verdict (u8), then targets: kind (u8), length (u16), text; and LIST_END. */
#define LIST_END    0xff
#define TARGET_HEAD 3

#define TEXT_HEAD 2	/* length (u16) before a password, or an address behind a digest */

static bool has_lines(enum table_kind kind)
{
	return kind == TABLE_USERS || kind == TABLE_USERS_FILE || kind == TABLE_TOKENS;
}

struct table *table_new(enum table_kind kind, struct span name, struct span path, struct buf *problems)
{
	struct table *t = mem_new(sizeof(*t));

	list_init(&t->list);
	t->kind = kind;
	t->name = mem_text(name);
	t->path = mem_text(path);
	t->problems = problems;
	t->line = 1;
	names_init(&t->names);
	buf_init(&t->targets, TABLE_TARGETS_MAX);
	buf_init(&t->text, has_lines(kind) ? USERS_ROW_MAX + 1 : TABLE_ALIASES_MAX);
	return t;
}

void table_free(struct table **t)
{
	if (!*t)
		return;
	list_remove(&(*t)->list);
	names_fini(&(*t)->names);
	if ((*t)->targets.at)
		mem_wipe((*t)->targets.at, (*t)->targets.len);
	buf_fini(&(*t)->targets);
	buf_fini(&(*t)->text);
	mem_free((*t)->name);
	mem_free((*t)->path);
	mem_free(*t);
	*t = NULL;
}

/* `path:line: why: what`, what cut short. A line that finds no room is left out; the file's own lines tell of it soon enough. */
static void problem(struct table *t, unsigned line, const char *why, struct span what)
{
	size_t before = t->problems->len;

	text_add_escaped(t->problems, span_of_text(t->path[0] ? t->path : t->name));
	buf_printf(t->problems, ":%u: %s", line, why);
	if (what.len > 0) {
		buf_add_text(t->problems, ": ");
		text_add_escaped(t->problems, span_first(what, 200));
	}
	buf_add_char(t->problems, '\n');
	if (t->problems->overflowed) {
		t->problems->len = before;
		t->problems->overflowed = false;
	}
}

void table_break(struct table *t, const char *why)
{
	if (!t->broken)
		problem(t, t->line, why, SPAN_NONE);
	t->broken = true;
}

/* ---- users: a line at a time ------------------------------------------------ */

/* The place of text in `targets`, with its length before it. */
static uint32_t text_keep(struct table *t, struct span text)
{
	uint32_t place = (uint32_t)t->targets.len;
	const char head[TEXT_HEAD] = { (char)(text.len & 0xff), (char)(text.len >> 8) };

	if (buf_add(&t->targets, span_of(head, sizeof(head))) != PR_OK || buf_add(&t->targets, text) != PR_OK)
		table_break(t, "too large");
	return place;
}

static struct span text_at(const struct table *t, uint32_t place)
{
	const unsigned char *head = (const unsigned char *)t->targets.at + place;

	return span_of(t->targets.at + place + TEXT_HEAD, head[0] | (size_t)head[1] << 8);
}

static void user_add(struct table *t, struct span text, uint32_t value)
{
	struct address address;
	bool is_new;

	if (address_parse_mailbox(text, ALLOW_UTF8, &address) != PR_OK) {
		problem(t, t->line, "not an address", text);
		return;
	}
	if (names_add(&t->names, address_span(&address), value, &is_new) == NAMES_NONE)
		table_break(t, "too many users");
	else if (!is_new)
		problem(t, t->line, "a user who is there already", text);
}

static void users_line(struct table *t, struct span line)
{
	struct users_row row;
	const char *why;
	enum pr_err err = users_row_parse(line, &row, &why);

	if (err == PR_BAD)
		problem(t, t->line, why, SPAN_NONE);
	if (err == PR_OK)
		user_add(t, row.address, 2 * text_keep(t, row.password) + row.is_disabled);
}

bool table_user_is_disabled(const struct table *t, uint32_t place)
{
	return names_value(&t->names, place) & 1;
}

struct span table_user_password(const struct table *t, uint32_t place)
{
	return t->kind == TABLE_USERS ? text_at(t, names_value(&t->names, place) / 2) : SPAN_NONE;
}

static void proof_text(uint64_t proof, char out[2 * TABLE_PROOF_LEN + 1])
{
	(void)snprintf(out, 2 * TABLE_PROOF_LEN + 1, "%016" PRIx64, proof);
}

static void tokens_line(struct table *t, struct span line)
{
	char proof[2 * TABLE_PROOF_LEN + 1];
	struct tokens_row row;
	const char *why;
	bool is_new;
	enum pr_err err = tokens_row_parse(line, &row, &why);
	uint32_t place = (uint32_t)t->targets.len;

	if (err == PR_BAD)
		problem(t, t->line, why, SPAN_NONE);
	if (err != PR_OK)
		return;
	proof_text(table_proof(row.digest), proof);
	buf_add(&t->targets, span_of((const char *)row.digest, SHA256_LEN));
	(void)text_keep(t, row.address);
	if (names_add(&t->names, span_of_text(proof), place, &is_new) == NAMES_NONE)
		table_break(t, "too many tokens");
	else if (!is_new)
		problem(t, t->line, "a token that is there already", SPAN_NONE);
}

bool table_token_find(const struct table *t, uint64_t proof, struct table_token *out)
{
	char text[2 * TABLE_PROOF_LEN + 1];
	uint32_t place, at;

	proof_text(proof, text);
	place = names_find(&t->names, span_of_text(text));
	if (place == NAMES_NONE)
		return false;
	at = names_value(&t->names, place);
	*out = (struct table_token){ .address = text_at(t, at + SHA256_LEN), .digest = span_of(t->targets.at + at, SHA256_LEN) };
	return true;
}

static void addresses_line(struct table *t, struct span line)
{
	line = span_trim(line);
	if (line.len > 0 && line.at[0] != '#')
		user_add(t, line, 0);
}

static void take_line(struct table *t, struct span line)
{
	if (line.len > 0 && line.at[line.len - 1] == '\r')
		line.len--;
	if (t->skip_line)
		problem(t, t->line, "longer than a line may be", SPAN_NONE);
	else if (t->kind == TABLE_USERS)
		users_line(t, line);
	else if (t->kind == TABLE_TOKENS)
		tokens_line(t, line);
	else
		addresses_line(t, line);
	t->skip_line = false;
	t->line++;
}

static void keep_rest(struct table *t, struct span rest)
{
	if (t->skip_line || buf_add(&t->text, rest) == PR_OK)
		return;
	t->skip_line = true;
	buf_clear(&t->text);
}

static void feed_lines(struct table *t, struct span bytes)
{
	while (bytes.len > 0) {
		size_t end = span_find(bytes, '\n');

		if (end == bytes.len) {
			keep_rest(t, bytes);
			return;
		}
		if (t->text.len > 0 || t->skip_line) {
			keep_rest(t, span_first(bytes, end));
			take_line(t, buf_span(&t->text));
			buf_clear(&t->text);
		} else {
			take_line(t, span_first(bytes, end));
		}
		bytes = span_from(bytes, end + 1);
	}
}

/* ---- aliases ------------------------------------------------------------------ */

static void end_list(struct table *t)
{
	if (t->targets.len > 0)
		buf_add_char(&t->targets, (char)LIST_END);
}

static bool owner_parse(struct table *t, struct span name, struct address *out)
{
	if (aliases_address(name, span_of_text(t->name), out) != PR_OK)
		return false;
	return t->kind == TABLE_ALIAS_STATE || span_eq(address_domain(out), span_of_text(t->name));
}

static void on_name(void *owner, unsigned line, struct span name)
{
	struct table *t = owner;
	uint32_t place;
	bool is_new;

	t->has_owner = false;
	if (!owner_parse(t, name, &t->owner_address)) {
		problem(t, line, "not the name of an address here", name);
		return;
	}
	end_list(t);
	place = names_add(&t->names, address_span(&t->owner_address), (uint32_t)t->targets.len, &is_new);
	if (place == NAMES_NONE || buf_add_char(&t->targets, 0) != PR_OK)
		table_break(t, "too large");
	else if (!is_new)
		problem(t, line, "an alias that is there already", name);
	else
		t->has_owner = true;
}

static void target_add(struct table *t, enum alias_kind kind, struct span text)
{
	char head[TARGET_HEAD] = { (char)kind, (char)(text.len & 0xff), (char)(text.len >> 8) };

	if (buf_add(&t->targets, span_of(head, sizeof(head))) != PR_OK || buf_add(&t->targets, text) != PR_OK)
		table_break(t, "too large");
}

static void on_target(void *owner, unsigned line, enum alias_kind kind, struct span target)
{
	struct table *t = owner;
	struct address address;
	struct span domain = t->kind == TABLE_ALIAS_STATE ? address_domain(&t->owner_address) : span_of_text(t->name);

	if (!t->has_owner)
		return;
	if (kind == ALIAS_INCLUDE && t->kind == TABLE_ALIAS_STATE)
		problem(t, line, "no list can be included here", target);
	else if (kind == ALIAS_INCLUDE)
		target_add(t, ALIAS_INCLUDE, target);
	if (kind == ALIAS_INCLUDE)
		return;
	if (aliases_address(target, domain, &address) == PR_OK)
		target_add(t, ALIAS_ADDRESS, address_span(&address));
	else
		problem(t, line, "not an address", target);
}

static void on_problem(void *owner, unsigned line, const char *why, struct span what)
{
	problem(owner, line, why, what);
}

static void aliases_finish(struct table *t)
{
	static const struct aliases_handlers on = { .on_name = on_name, .on_target = on_target, .on_problem = on_problem };

	if (t->kind == TABLE_INCLUDE) {
		t->has_owner = true;
		buf_add_char(&t->targets, 0);
		aliases_parse_list(buf_span(&t->text), &on, t);
	} else {
		aliases_parse(buf_span(&t->text), &on, t);
	}
	end_list(t);
	if (t->targets.overflowed)
		table_break(t, "too large");
}

/* ---- both --------------------------------------------------------------------- */

void table_feed(struct table *t, struct span bytes)
{
	if (t->broken)
		return;
	if (memchr(bytes.at, '\0', bytes.len) != NULL)
		table_break(t, "no text: it holds NUL");
	else if (has_lines(t->kind))
		feed_lines(t, bytes);
	else if (buf_add(&t->text, bytes) != PR_OK)
		table_break(t, "too large");
}

void table_finish(struct table *t)
{
	if (!t->broken && !has_lines(t->kind))
		aliases_finish(t);
	else if (!t->broken && (t->text.len > 0 || t->skip_line))
		take_line(t, buf_span(&t->text));
	mem_wipe(t->text.at, t->text.room);
	buf_fini(&t->text);
	buf_shrink(&t->targets);
	buf_shrink(&t->names.pool);
	t->problems = NULL;
}

bool table_target_next(const struct table *t, uint32_t *at, struct table_target *out)
{
	const unsigned char *head = (const unsigned char *)t->targets.at + *at;
	size_t len;

	if (*at >= t->targets.len || head[0] == LIST_END)
		return false;
	len = head[1] | (size_t)head[2] << 8;
	out->kind = head[0];
	out->text = span_of(t->targets.at + *at + TARGET_HEAD, len);
	*at += TARGET_HEAD + (uint32_t)len;
	return true;
}

unsigned char table_verdict(const struct table *t, uint32_t list)
{
	return (unsigned char)t->targets.at[list];
}

void table_set_verdict(struct table *t, uint32_t list, unsigned char verdict)
{
	t->targets.at[list] = (char)verdict;
}
