#include "master/config_outline.h"

#include <stdio.h>

#include "base/mem.h"

#define NAMES_MAX 4096	/* bytes of all names that a suggestion is sought among */
#define DEPTH_MAX 4	/* file, section, block, and one that is refused */
#define TOP       0	/* index of the section `top` */
#define REFUSED   UINT32_MAX	/* a section that is walked through, of which nothing is kept */
#define BLOCK_MAX 64	/* bytes of "limit connections" and its like; longer ones are unknown */

/* The walk over the tokens: one ahead. */
struct walk {
	struct outline *o;
	struct complaints *c;
	struct config_lex lex;
	enum config_token token;
	struct config_mark mark;
	unsigned depth;
	bool is_broken;
};

/* ---- tokens -------------------------------------------------------------- */

static void advance(struct walk *w)
{
	for (;;) {
		w->token = config_lex_next(&w->lex, &w->mark);
		if (w->lex.why) {
			complain(w->c, COMPLAINT_ERROR, &w->mark, "%s", w->lex.why);
			w->is_broken = true;
		}
		if (w->token != TOKEN_BAD)
			return;
	}
}

static struct span inner(const struct walk *w, const struct config_mark *mark)
{
	return config_lex_inner(w->o->clean, mark);
}

static bool is_text(enum config_token token)
{
	return token == TOKEN_WORD || token == TOKEN_STRING;
}

static void expected(struct walk *w, const char *what)
{
	w->is_broken = true;
	if (w->token == TOKEN_END)
		complain(w->c, COMPLAINT_ERROR, &w->mark, "the file ends where %s is expected", what);
	else
		complain(w->c, COMPLAINT_ERROR, &w->mark, "expected %s, not `%.*s`", what, (int)w->mark.len, w->o->clean + w->mark.at);
}

/* After an error: what is left of the line may be a part of it. */
static void pass_line(struct walk *w)
{
	unsigned line = w->mark.line;

	while (w->token != TOKEN_END && w->token != TOKEN_CLOSE && w->mark.line == line)
		advance(w);
}

static void blank_out(struct walk *w, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (w->o->clean[i] != '\n')
			w->o->clean[i] = ' ';
}

/* ---- growing lists ------------------------------------------------------- */

static void grow(void **list, unsigned n, unsigned *room, size_t size)
{
	if (n < *room)
		return;
	*room = *room ? *room * 2 : 64;
	*list = mem_resize(*list, *room * size);
}

static struct outline_entry *add_entry(struct outline *o)
{
	grow((void **)(void *)&o->entries, o->n_entries, &o->entries_room, sizeof(*o->entries));
	o->entries[o->n_entries] = (struct outline_entry){ 0 };
	return &o->entries[o->n_entries++];
}

static struct outline_section *add_section(struct outline *o)
{
	grow((void **)(void *)&o->sections, o->n_sections, &o->sections_room, sizeof(*o->sections));
	o->sections[o->n_sections] = (struct outline_section){ .first_entry = o->n_entries };
	return &o->sections[o->n_sections++];
}

static void add_value(struct outline *o, const struct config_mark *mark)
{
	grow((void **)(void *)&o->values, o->n_values, &o->values_room, sizeof(*o->values));
	o->values[o->n_values++] = *mark;
}

/* ---- names --------------------------------------------------------------- */

static void complain_unknown(struct walk *w, const struct config_mark *mark, const char *what, const char *where, struct span names)
{
	struct span typed = inner(w, mark), guess = complaint_guess(typed, names);

	if (guess.len)
		complain(w->c, COMPLAINT_ERROR, mark, "there is no %s `%.*s`%s; did you mean `%.*s`?", what, SPAN_ARG(typed), where, SPAN_ARG(guess));
	else
		complain(w->c, COMPLAINT_ERROR, mark, "there is no %s `%.*s`%s", what, SPAN_ARG(typed), where);
}

/* " in `listen`", " in `limit mail`", or nothing at the top. */
static const char *where_text(char text[BLOCK_MAX * 2], const struct set_kind *kind, struct span block)
{
	struct buf b;

	if (kind == settings_kinds && !block.len)
		return "";
	buf_init(&b, BLOCK_MAX * 2 - 1);
	if (block.len)
		(void)buf_printf(&b, " in `%.*s`", SPAN_ARG(block));
	else
		(void)buf_printf(&b, " in `%s`", kind->name);
	memcpy(text, buf_span(&b).at, b.len);
	text[b.len] = '\0';
	buf_fini(&b);
	return text;
}

/* Words of the table that could stand here, with `|` between: options of the section or block, sections of the file. */
static void add_names(struct buf *names, const struct set_kind *kind, struct span block)
{
	for (unsigned i = 0; i < kind->n_keys; i++) {
		struct span rest = span_of_text(kind->keys[i].path), head = span_cut(&rest, '.');

		if (!block.len && !rest.len)
			(void)buf_printf(names, "%.*s|", SPAN_ARG(head));
		if (block.len && rest.len && span_eq(head, block))
			(void)buf_printf(names, "%.*s|", SPAN_ARG(rest));
	}
}

/* The blocks of a section: "limit connections|timeout|". */
static void add_blocks(struct buf *names, const struct set_kind *kind)
{
	struct span last = SPAN_NONE;

	for (unsigned i = 0; i < kind->n_keys; i++) {
		struct span rest = span_of_text(kind->keys[i].path), head = span_cut(&rest, '.');

		if (rest.len && !span_eq(head, last)) {
			(void)buf_printf(names, "%.*s|", SPAN_ARG(head));
			last = head;
		}
	}
}

static const struct set_key *key_find(const struct set_kind *kind, struct span block, struct span name)
{
	for (unsigned i = 0; i < kind->n_keys; i++) {
		struct span rest = span_of_text(kind->keys[i].path), head = span_cut(&rest, '.');

		if (block.len ? span_eq(head, block) && span_eq(rest, name) : !rest.len && span_eq(head, name))
			return &kind->keys[i];
	}
	return NULL;
}

/* The sections that have an option of this name: "in `listen` or in `route`"; empty: there is none anywhere. */
static void add_homes(struct buf *out, struct span name)
{
	for (unsigned i = 0; i < settings_n_kinds; i++)
		if (key_find(&settings_kinds[i], SPAN_NONE, name))
			(void)buf_printf(out, i == 0 ? "%soutside of every section" : "%sin `%s`", out->len ? " or " : "", settings_kinds[i].name);
}

static bool block_exists(const struct set_kind *kind, struct span block)
{
	for (unsigned i = 0; i < kind->n_keys; i++) {
		struct span rest = span_of_text(kind->keys[i].path), head = span_cut(&rest, '.');

		if (rest.len && span_eq(head, block))
			return true;
	}
	return false;
}

static void add_homes_of_block(struct buf *out, struct span block)
{
	for (unsigned i = 1; i < settings_n_kinds; i++)
		if (block_exists(&settings_kinds[i], block))
			(void)buf_printf(out, "%sin `%s`", out->len ? " or " : "", settings_kinds[i].name);
}

/* ---- options ------------------------------------------------------------- */

const struct outline_entry *outline_find(const struct outline *o, const struct outline_section *section, const struct set_key *key)
{
	unsigned index = (unsigned)(section - o->sections);
	unsigned end = index == 0 ? o->n_entries : section->first_entry + section->n_entries;

	for (unsigned i = section->first_entry; i < end; i++)
		if (o->entries[i].section == index && o->entries[i].key == key)
			return &o->entries[i];
	return NULL;
}

static void read_list(struct walk *w)
{
	advance(w);
	while (is_text(w->token)) {
		add_value(w->o, &w->mark);
		advance(w);
		if (w->token != TOKEN_COMMA)
			break;
		advance(w);
		if (!is_text(w->token))
			expected(w, "another value");
	}
	if (w->token != TOKEN_CLOSE) {
		if (!w->is_broken)
			expected(w, "`,` or `}`");
		pass_line(w);
	}
	if (w->token == TOKEN_CLOSE)
		advance(w);
}

/* The values, into o->values. False when there is none. */
static bool read_values(struct walk *w)
{
	advance(w);
	if (w->token == TOKEN_OPEN) {
		read_list(w);
		return true;
	}
	if (!is_text(w->token)) {
		expected(w, "a value");
		pass_line(w);
		return false;
	}
	add_value(w->o, &w->mark);
	advance(w);
	return true;
}

/* One that stands in the wrong section is no slip of the pen. */
static void complain_no_option(struct walk *w, const struct config_mark *name, const struct set_kind *kind, struct span block)
{
	char where[BLOCK_MAX * 2];
	const char *place = where_text(where, kind, block);
	struct buf names;

	buf_init(&names, NAMES_MAX);
	if (!block.len)
		add_homes(&names, inner(w, name));
	if (names.len) {
		complain(w->c, COMPLAINT_ERROR, name, "there is no option `%.*s`%s; it stands %.*s", SPAN_ARG(inner(w, name)), place, SPAN_ARG(buf_span(&names)));
	} else {
		add_names(&names, kind, block);
		complain_unknown(w, name, "option", place, buf_span(&names));
	}
	buf_fini(&names);
}

static void read_option(struct walk *w, unsigned section, struct span block, struct config_mark name)
{
	struct outline *o = w->o;
	const struct set_kind *kind = section == REFUSED ? NULL : o->sections[section].kind;
	const struct set_key *key = kind ? key_find(kind, block, inner(w, &name)) : NULL;
	const struct outline_entry *before = key ? outline_find(o, &o->sections[section], key) : NULL;
	unsigned first = o->n_values;
	struct outline_entry *entry;

	if (!read_values(w) || !kind)
		return;
	if (key && !before) {
		entry = add_entry(o);
		*entry = (struct outline_entry){ key, section, name, first, o->n_values - first };
		if (section != TOP)
			o->sections[section].n_entries = o->n_entries - o->sections[section].first_entry;
		return;
	}
	if (before)
		complain(w->c, COMPLAINT_ERROR, &name, "`%.*s` was set before, in line %u", SPAN_ARG(inner(w, &name)), before->name.line);
	else
		complain_no_option(w, &name, kind, block);
	blank_out(w, name.at, w->mark.at);
}

/* ---- sections ------------------------------------------------------------ */

static void read_entries(struct walk *w, unsigned section, struct span block);

static void read_body(struct walk *w, unsigned section, struct span block)
{
	struct config_mark open = w->mark;

	advance(w);
	read_entries(w, section, block);
	if (w->token == TOKEN_CLOSE) {
		advance(w);
		return;
	}
	complain(w->c, COMPLAINT_ERROR, &open, "this `{` is never closed");
	w->is_broken = true;
}

static void read_refused(struct walk *w, const struct config_mark *name)
{
	read_body(w, REFUSED, SPAN_NONE);
	blank_out(w, name->at, w->mark.at);
}

/* True when some entry of the section was set in this block before: then the block is repeated. */
static const struct outline_entry *block_before(const struct outline *o, unsigned section, struct span block)
{
	for (unsigned i = o->sections[section].first_entry; i < o->n_entries; i++) {
		struct span rest = span_of_text(o->entries[i].key->path), head = span_cut(&rest, '.');

		if (o->entries[i].section == section && rest.len && span_eq(head, block))
			return &o->entries[i];
	}
	return NULL;
}

/* A section's word and title, as "limit connections" in a listener. */
static struct span words_of(const struct walk *w, const struct config_mark *name, const struct config_mark *title, char text[BLOCK_MAX + 1])
{
	(void)snprintf(text, BLOCK_MAX + 1, title->len ? "%.*s %.*s" : "%.*s%.*s", SPAN_ARG(inner(w, name)), SPAN_ARG(inner(w, title)));
	return span_of_text(text);
}

static void read_block(struct walk *w, unsigned section, struct config_mark name, struct config_mark title)
{
	struct outline *o = w->o;
	const struct set_kind *kind = o->sections[section].kind;
	const struct outline_entry *before;
	char text[BLOCK_MAX + 1], where[BLOCK_MAX * 2];
	struct span block;
	struct buf names;

	block = words_of(w, &name, &title, text);
	before = block_before(o, section, block);
	if (block_exists(kind, block) && !before) {
		read_body(w, section, block);
		return;
	}
	if (before) {
		complain(w->c, COMPLAINT_ERROR, &name, "`%s` was there before: line %u belongs to it", text, before->name.line);
	} else {
		struct span guess;

		buf_init(&names, NAMES_MAX);
		add_blocks(&names, kind);
		guess = complaint_guess(block, buf_span(&names));
		complain(w->c, COMPLAINT_ERROR, &name, guess.len ? "there is no section `%s`%s; did you mean `%.*s`?" : "there is no section `%s`%s%.*s",
		    text, where_text(where, kind, SPAN_NONE), SPAN_ARG(guess));
		buf_fini(&names);
	}
	read_refused(w, &name);
}

static bool title_is_right(struct walk *w, const struct set_kind *kind, const struct config_mark *name, const struct config_mark *title)
{
	struct span text = inner(w, title);

	if (kind->title == NO_TITLE && title->len)
		complain(w->c, COMPLAINT_ERROR, title, "`%s` takes no name", kind->name);
	else if (kind->title != NO_TITLE && !title->len)
		complain(w->c, COMPLAINT_ERROR, name, "`%s` needs a name: %s %s { … }", kind->name, kind->name,
		    kind->title == TITLE_NAME ? "NAME" : "example.org");
	else if (title->len && (text.len == 0 || memchr(text.at, '\\', text.len)))
		complain(w->c, COMPLAINT_ERROR, title, text.len ? "a name holds no `\\`" : "this name is empty");
	else
		return true;
	return false;
}

/* One that was there before is in `titles`. */
struct title {
	struct map_node node;
	unsigned section;
};

/* False when a section of this kind and title is there already. */
static bool section_begin(struct walk *w, const struct set_kind *kind, struct config_mark name, struct config_mark title)
{
	struct outline *o = w->o;
	struct title *t = arena_new(&o->arena, sizeof(*t));
	size_t room = strlen(kind->name) + title.len + 2;
	char *text = arena_new(&o->arena, room);
	struct span key = span_of(text, (size_t)snprintf(text, room, title.len ? "%s %.*s" : "%s%.*s", kind->name, SPAN_ARG(inner(w, &title))));
	struct map_node *before = map_find(&o->titles, key);
	struct outline_section *section;

	if (before) {
		complain(w->c, COMPLAINT_ERROR, title.len ? &title : &name, "`%.*s` was there before, in line %u", SPAN_ARG(key),
		    o->sections[MAP_OWNER(before, struct title, node)->section].name.line);
		return false;
	}
	section = add_section(o);
	section->kind = kind;
	section->nth = o->n_of_kind[kind - settings_kinds]++;
	section->name = name;
	section->title = title;
	t->section = o->n_sections - 1;
	map_put(&o->titles, &t->node, key);
	return true;
}

static void complain_unknown_section(struct walk *w, const struct config_mark *name, const struct config_mark *title)
{
	char text[BLOCK_MAX + 1];
	struct span words = words_of(w, name, title, text);
	struct buf names;

	buf_init(&names, NAMES_MAX);
	add_homes_of_block(&names, words);
	if (names.len) {
		complain(w->c, COMPLAINT_ERROR, name, "there is no section `%s`; it stands %.*s", text, SPAN_ARG(buf_span(&names)));
		buf_fini(&names);
		return;
	}
	for (unsigned i = 1; i < settings_n_kinds; i++)
		(void)buf_printf(&names, "%s|", settings_kinds[i].name);
	complain_unknown(w, name, "section", "", buf_span(&names));
	buf_fini(&names);
}

static void read_top_section(struct walk *w, struct config_mark name, struct config_mark title)
{
	const struct set_kind *kind = settings_kind_find(inner(w, &name));

	if (!kind || kind == settings_kinds) {
		complain_unknown_section(w, &name, &title);
	} else if (title_is_right(w, kind, &name, &title)) {
		if (w->o->n_of_kind[kind - settings_kinds] == SET_SECTIONS_MAX)
			complain(w->c, COMPLAINT_ERROR, &name, "there are more than %d sections `%s`", SET_SECTIONS_MAX, kind->name);
		else if (section_begin(w, kind, name, title)) {
			read_body(w, w->o->n_sections - 1, SPAN_NONE);
			return;
		}
	}
	read_refused(w, &name);
}

static void read_section(struct walk *w, unsigned section, struct span block, struct config_mark name, struct config_mark title)
{
	char where[BLOCK_MAX * 2];

	if (section == REFUSED) {
		read_body(w, REFUSED, SPAN_NONE);
	} else if (section == TOP) {
		read_top_section(w, name, title);
	} else if (block.len) {
		complain(w->c, COMPLAINT_ERROR, &name, "there is no section `%.*s`%s", SPAN_ARG(inner(w, &name)),
		    where_text(where, w->o->sections[section].kind, block));
		read_refused(w, &name);
	} else {
		read_block(w, section, name, title);
	}
}

/* ---- entries ------------------------------------------------------------- */

static void complain_bare(struct walk *w, const struct config_mark *name)
{
	w->is_broken = true;
	complain(w->c, COMPLAINT_ERROR, name, "expected `=` or `{` behind `%.*s`", SPAN_ARG(inner(w, name)));
}

static void read_titled(struct walk *w, unsigned section, struct span block, struct config_mark name)
{
	struct config_mark title = w->mark;

	if (title.line != name.line) {
		complain_bare(w, &name);
		return;
	}
	advance(w);
	if (w->token == TOKEN_OPEN) {
		read_section(w, section, block, name, title);
		return;
	}
	w->is_broken = true;
	complain(w->c, COMPLAINT_ERROR, &title, "expected `=` or `{` before `%.*s`, or a `{` behind it", SPAN_ARG(inner(w, &title)));
	pass_line(w);
}

static void read_entry(struct walk *w, unsigned section, struct span block)
{
	struct config_mark name = w->mark;

	if (w->token != TOKEN_WORD) {
		expected(w, "a name");
		advance(w);
		pass_line(w);
		return;
	}
	advance(w);
	if (w->token == TOKEN_EQUALS) {
		read_option(w, section, block, name);
	} else if (w->token == TOKEN_OPEN) {
		read_section(w, section, block, name, (struct config_mark){ 0 });
	} else if (is_text(w->token)) {
		read_titled(w, section, block, name);
	} else {
		complain_bare(w, &name);
		pass_line(w);
	}
}

static void read_entries(struct walk *w, unsigned section, struct span block)
{
	if (++w->depth > DEPTH_MAX) {
		complain(w->c, COMPLAINT_ERROR, &w->mark, "sections are nested too deep");
		w->is_broken = true;
		w->token = TOKEN_END;
	}
	while (w->token != TOKEN_END && w->token != TOKEN_CLOSE)
		read_entry(w, section, block);
	w->depth--;
}

static void read_file(struct walk *w)
{
	advance(w);
	read_entries(w, TOP, SPAN_NONE);
	while (w->token == TOKEN_CLOSE) {
		complain(w->c, COMPLAINT_ERROR, &w->mark, "no `{` is open that this `}` could close");
		w->is_broken = true;
		advance(w);
		read_entries(w, TOP, SPAN_NONE);
	}
}

enum pr_err outline_read(struct outline *o, struct complaints *c)
{
	struct walk w = { .o = o, .c = c };
	struct outline_section *top;

	*o = (struct outline){ .len = c->text.len, .clean = mem_text(c->text) };
	arena_init(&o->arena, 4096);
	map_init(&o->titles);
	o->n_of_kind = arena_new(&o->arena, settings_n_kinds * sizeof(*o->n_of_kind));
	top = add_section(o);
	top->kind = settings_kinds;
	top->name = (struct config_mark){ .line = 1 };
	config_lex_init(&w.lex, o->clean, o->len);
	read_file(&w);
	return w.is_broken ? PR_BAD : PR_OK;
}

void outline_free(struct outline *o)
{
	map_fini(&o->titles);
	arena_fini(&o->arena);
	mem_free(o->values);
	mem_free(o->entries);
	mem_free(o->sections);
	mem_free(o->clean);
	*o = (struct outline){ 0 };
}

const struct config_mark *outline_section_mark(const struct outline_section *section)
{
	return section->title.len ? &section->title : &section->name;
}
