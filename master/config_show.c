#include "master/config_show.h"

#include "base/text.h"
#include "wire/settings_value.h"

#define VALUE_MAX (1u << 20)	/* bytes of one shown value: a list of networks may be long */
#define NAMES_MAX 8192

/* One value in hand. */
struct shown {
	const struct config *cfg;
	const struct set_kind *kind;
	const struct outline_section *place;	/* NULL when the file has no such section */
	const struct set_section *section;
	const struct set_key *key;
};

static const struct outline_section *place_of(const struct config *cfg, const struct set_kind *kind, unsigned nth)
{
	for (unsigned i = 0; i < cfg->outline.n_sections; i++)
		if (cfg->outline.sections[i].kind == kind && cfg->outline.sections[i].nth == nth)
			return &cfg->outline.sections[i];
	return NULL;
}

static const struct outline_entry *entry_of(const struct shown *v)
{
	return v->place ? outline_find(&v->cfg->outline, v->place, v->key) : NULL;
}

/* ---- as the file would say it -------------------------------------------- */

static struct span head_of(const struct set_key *key)
{
	struct span rest = span_of_text(key->path), head = span_cut(&rest, '.');

	return rest.len ? head : SPAN_NONE;
}

static struct span leaf_of(const struct set_key *key)
{
	struct span rest = span_of_text(key->path), head = span_cut(&rest, '.');

	return rest.len ? rest : head;
}

static void add_origin(const struct shown *v, struct buf *out)
{
	const struct outline_entry *entry = entry_of(v);

	if (entry)
		(void)buf_printf(out, "\t# %s:%u", v->cfg->complaints.file, entry->name.line);
	else
		(void)buf_add_text(out, "\t# default");
}

/* The line of one option; nothing when it is not wanted, or unset. `block` is the one that is open. */
static void add_option(const struct shown *v, unsigned how, struct span *block, const char *indent, struct buf *out)
{
	struct span head = head_of(v->key);
	struct buf value;

	if (!(how & SHOW_ALL) && !entry_of(v))
		return;
	buf_init(&value, VALUE_MAX);
	settings_value_show(v->key, v->section, &value);
	if (value.len) {
		if (block->len && !span_eq(*block, head))
			(void)buf_printf(out, "%s}\n", indent);
		if (head.len && !span_eq(*block, head))
			(void)buf_printf(out, "%s%.*s {\n", indent, SPAN_ARG(head));
		*block = head;
		(void)buf_printf(out, "%s%s%.*s = ", indent, head.len ? "\t" : "", SPAN_ARG(leaf_of(v->key)));
		(void)buf_add(out, buf_span(&value));
		if (how & SHOW_ALL)
			add_origin(v, out);
		(void)buf_add_char(out, '\n');
	}
	buf_fini(&value);
}

static void add_options(struct shown *v, unsigned how, const char *indent, struct buf *out)
{
	struct span block = SPAN_NONE;

	for (unsigned i = 0; i < v->kind->n_keys; i++) {
		v->key = &v->kind->keys[i];
		add_option(v, how, &block, indent, out);
	}
	if (block.len)
		(void)buf_printf(out, "%s}\n", indent);
}

static void add_section(struct shown *v, unsigned how, struct buf *out)
{
	if (!v->place && !(how & SHOW_ALL))
		return;
	if (v->kind == settings_kinds) {
		add_options(v, how, "", out);
		return;
	}
	(void)buf_printf(out, "\n%s", v->kind->name);
	if (v->section->title) {
		(void)buf_add_char(out, ' ');
		settings_word_show(span_of_text(v->section->title), out);
	}
	(void)buf_add_text(out, " {\n");
	add_options(v, how, "\t", out);
	(void)buf_add_text(out, "}\n");
}

/* ---- as objects ---------------------------------------------------------- */

static void add_json_text(struct buf *out, const char *name, struct span text)
{
	(void)buf_printf(out, "\"%s\":", name);
	text_add_json(out, text);
}

static void add_json_value(const struct shown *v, struct buf *out)
{
	const struct outline_entry *entry = entry_of(v);
	struct buf value;

	buf_init(&value, VALUE_MAX);
	settings_value_show(v->key, v->section, &value);
	(void)buf_add_char(out, '{');
	add_json_text(out, "section", v->kind == settings_kinds ? SPAN_NONE : span_of_text(v->kind->name));
	if (v->section->title) {
		(void)buf_add_char(out, ',');
		add_json_text(out, "title", span_of_text(v->section->title));
	}
	(void)buf_add_char(out, ',');
	add_json_text(out, "name", span_of_text(v->key->path));
	(void)buf_add_char(out, ',');
	add_json_text(out, "value", buf_span(&value));
	if (entry) {
		(void)buf_add_char(out, ',');
		add_json_text(out, "file", span_of_text(v->cfg->complaints.file));
		(void)buf_printf(out, ",\"line\":%u", entry->name.line);
	}
	(void)buf_add_text(out, "}\n");
	buf_fini(&value);
}

static void add_json_section(struct shown *v, unsigned how, struct buf *out)
{
	for (unsigned i = 0; i < v->kind->n_keys; i++) {
		v->key = &v->kind->keys[i];
		if ((how & SHOW_ALL) || entry_of(v))
			add_json_value(v, out);
	}
}

void config_show(const struct config *cfg, unsigned how, struct buf *out)
{
	for (unsigned k = 0; k < settings_n_kinds; k++) {
		struct shown v = { .cfg = cfg, .kind = &settings_kinds[k] };

		for (unsigned i = 0; i < settings_count(cfg->settings, v.kind); i++) {
			v.place = place_of(cfg, v.kind, i);
			v.section = settings_section(cfg->settings, v.kind, i);
			(how & SHOW_JSON ? add_json_section : add_section)(&v, how, out);
		}
	}
}

/* ---- explaining ---------------------------------------------------------- */

/* NAME is the option's own, or with its section before a dot; `listen.limit` is a block of options. */
static bool names_key(const struct set_kind *kind, const struct set_key *key, struct span name)
{
	struct span rest = name, head = span_cut(&rest, '.'), block = head_of(key), word = span_cut(&(struct span){ block.at, block.len }, ' ');

	if (span_eq(name, leaf_of(key)))
		return true;
	if (!span_eq(head, span_of_text(kind->name)))
		rest = name;
	return span_eq(rest, span_of_text(key->path)) || (block.len && (span_eq(rest, block) || span_eq(rest, word)));
}

static void add_bounds(const struct set_key *key, struct buf *out)
{
	struct set_key bound = *key;

	if (!key->min && !key->max)
		return;
	/* Shown in the option's own unit, as if it were its value. */
	bound.offset = 0;
	bound.deflt = "0";
	for (int i = 0; i < 2; i++) {
		int64_t value = i ? key->max : key->min;

		if (i && !key->max)
			break;
		(void)buf_add_text(out, i ? ", at most " : "; at least ");
		settings_value_show(&bound, &value, out);
	}
}

static void add_kinds_of_value(const struct set_key *key, struct buf *out)
{
	struct span rest = span_of_text(key->choices);

	if (key->type != SET_ENUM) {
		(void)buf_add_text(out, settings_type_text(key->type));
		if (settings_value_may_be_off(key))
			(void)buf_add_text(out, ", or off");
		if (key->type != SET_DURATIONS)
			add_bounds(key, out);
		return;
	}
	while (rest.len) {
		struct span choice = span_cut(&rest, '|');

		(void)buf_printf(out, "%.*s%s", SPAN_ARG(choice), rest.len ? ", " : "");
	}
}

static void add_current(const struct config *cfg, const struct set_kind *kind, const struct set_key *key, struct buf *out)
{
	for (unsigned i = 0; i < settings_count(cfg->settings, kind); i++) {
		struct shown v = { cfg, kind, place_of(cfg, kind, i), settings_section(cfg->settings, kind, i), key };
		size_t before;

		(void)buf_add_text(out, "    here       ");
		if (v.section->title)
			(void)buf_printf(out, "%s %s: ", kind->name, v.section->title);
		before = out->len;
		settings_value_show(key, v.section, out);
		if (before == out->len)
			(void)buf_add_text(out, "unset");
		add_origin(&v, out);
		(void)buf_add_char(out, '\n');
	}
}

static void explain_key(const struct config *cfg, const struct set_kind *kind, const struct set_key *key, struct buf *out)
{
	(void)buf_printf(out, "%s%s%s\n    %s\n    takes      ", kind == settings_kinds ? "" : kind->name, kind == settings_kinds ? "" : ".",
	    key->path, key->help);
	add_kinds_of_value(key, out);
	(void)buf_printf(out, "\n    default    %s\n", key->deflt[0] ? key->deflt : "unset");
	if (strcmp(key->readers, "-") == 0)
		(void)buf_add_text(out, "    has no effect yet\n");
	if (cfg)
		add_current(cfg, kind, key, out);
}

static void explain_key_json(const struct set_kind *kind, const struct set_key *key, struct buf *out)
{
	struct buf takes;

	buf_init(&takes, 1024);
	add_kinds_of_value(key, &takes);
	(void)buf_add_char(out, '{');
	add_json_text(out, "section", kind == settings_kinds ? SPAN_NONE : span_of_text(kind->name));
	(void)buf_add_char(out, ',');
	add_json_text(out, "name", span_of_text(key->path));
	(void)buf_add_char(out, ',');
	add_json_text(out, "takes", buf_span(&takes));
	(void)buf_add_char(out, ',');
	add_json_text(out, "default", span_of_text(key->deflt));
	(void)buf_add_char(out, ',');
	add_json_text(out, "help", span_of_text(key->help));
	(void)buf_printf(out, ",\"effect\":%s}\n", strcmp(key->readers, "-") == 0 ? "false" : "true");
	buf_fini(&takes);
}

static void explain_kind(const struct set_kind *kind, struct buf *out)
{
	static const char *const TITLES[] = { [NO_TITLE] = "", [TITLE_NAME] = " NAME", [TITLE_DOMAIN] = " DOMAIN", [TITLE_PATTERN] = " PATTERN" };

	(void)buf_printf(out, "%s%s { … }\n    %s\n    options   ", kind->name, TITLES[kind->title], kind->help);
	for (unsigned i = 0; i < kind->n_keys; i++)
		(void)buf_printf(out, " %s%s", kind->keys[i].path, i + 1 < kind->n_keys ? "," : "\n");
}

enum pr_err config_explain(const struct config *cfg, struct span name, unsigned how, struct buf *out)
{
	unsigned n = 0;

	for (unsigned k = 0; k < settings_n_kinds; k++) {
		const struct set_kind *kind = &settings_kinds[k];
		bool is_kind = span_eq(name, span_of_text(kind->name)) && kind != settings_kinds;

		if (is_kind && !(how & SHOW_JSON) && ++n)
			explain_kind(kind, out);
		for (unsigned i = 0; i < kind->n_keys; i++) {
			if (!names_key(kind, &kind->keys[i], name) && !(is_kind && (how & SHOW_JSON)))
				continue;
			n++;
			if (how & SHOW_JSON)
				explain_key_json(kind, &kind->keys[i], out);
			else
				explain_key(cfg, kind, &kind->keys[i], out);
		}
	}
	return n ? PR_OK : PR_NONE;
}

/* ---- for programs -------------------------------------------------------- */

static bool is_text(enum set_type type)
{
	return type == SET_TEXT || type == SET_WORD || type == SET_PATH || type == SET_HOST || type == SET_ADDRESS ||
	    type == SET_SOCKET || type == SET_REF;
}

/* Of all sections of that name, with blanks between. */
static enum pr_err add_titles(const struct config *cfg, struct span name, struct buf *out)
{
	const struct set_kind *kind = settings_kind_find(name);

	if (!kind || kind->once)
		return PR_NONE;
	for (unsigned i = 0; i < cfg->outline.n_sections; i++) {
		const struct outline_section *section = &cfg->outline.sections[i];

		if (section->kind == kind)
			(void)buf_printf(out, "%s%s", section->nth ? " " : "", settings_section(cfg->settings, kind, section->nth)->title);
	}
	return PR_OK;
}

enum pr_err config_value(const struct config *cfg, struct span name, struct buf *out)
{
	struct span rest = name, head = span_cut(&rest, '.');
	const struct set_kind *kind = rest.len ? settings_kind_find(head) : settings_kinds;
	const struct set_key *key = kind && kind->once ? settings_key_find(kind, rest.len ? rest : head) : NULL;
	const struct set_section *section;

	if (!key)
		return add_titles(cfg, name, out);
	section = settings_section(cfg->settings, kind, 0);
	if (is_text(key->type)) {
		const char *text = *(const char *const *)(const void *)((const char *)section + key->offset);

		return buf_add_text(out, text ? text : "");
	}
	settings_value_show(key, section, out);
	return PR_OK;
}

void config_note_unread(struct config *cfg)
{
	for (unsigned i = 0; i < cfg->outline.n_entries; i++) {
		const struct outline_entry *entry = &cfg->outline.entries[i];

		if (strcmp(entry->key->readers, "-") == 0)
			complain(&cfg->complaints, COMPLAINT_NOTE, &entry->name, "`%s` has no effect yet", entry->key->path);
	}
}
