/* The one door to libconfuse. Every option of the table becomes a list of
 * strings there: what a value means is for wire/settings_value.c, and that it
 * is one value, too. */
#include "master/config.h"

#include <confuse.h>
#include <stdio.h>

#include "base/mem.h"
#include "master/config_private.h"
#include "wire/settings_value.h"

#define WORD_MAX 64	/* of a name in the table */

/* ---- the table as libconfuse wants it ------------------------------------ */

/* "limit connections.address" is the option `address` of the block `limit` with the title `connections`. */
struct path {
	char word[WORD_MAX], title[WORD_MAX];	/* of the block; "" without */
	char option[WORD_MAX];
};

static void copy_word(char out[WORD_MAX], struct span word)
{
	BUG_ON(word.len >= WORD_MAX);
	memcpy(out, word.at, word.len);
	out[word.len] = '\0';
}

static struct path path_of(const struct set_key *key)
{
	struct span rest = span_of_text(key->path), head = span_cut(&rest, '.');
	struct path p = { .word = "" };

	if (!rest.len) {
		copy_word(p.option, head);
		return p;
	}
	copy_word(p.option, rest);
	copy_word(p.word, span_cut(&head, ' '));
	copy_word(p.title, head);
	return p;
}

static const cfg_opt_t *opt_find(const cfg_opt_t *opts, const char *name)
{
	for (; opts->name; opts++)
		if (strcmp(opts->name, name) == 0)
			return opts;
	return NULL;
}

static const char *keep_name(struct arena *a, const char *name)
{
	return arena_text(a, span_of_text(name));
}

/* The options of all blocks of this word; which of them belongs to which title the outline has checked. */
static cfg_opt_t *block_options(struct arena *a, const struct set_kind *kind, const char *word)
{
	cfg_opt_t *opts = arena_new(a, (kind->n_keys + 1) * sizeof(*opts));
	unsigned n = 0;

	for (unsigned i = 0; i < kind->n_keys; i++) {
		struct path p = path_of(&kind->keys[i]);

		if (strcmp(p.word, word) == 0 && !opt_find(opts, p.option))
			opts[n++] = (cfg_opt_t)CFG_STR_LIST(keep_name(a, p.option), 0, CFGF_NODEFAULT);
	}
	return opts;
}

#define TITLED (CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES)

/* With room for `more` and the end, which is all zeroes. */
static cfg_opt_t *kind_options(struct arena *a, const struct set_kind *kind, unsigned more, unsigned *n)
{
	cfg_opt_t *opts = arena_new(a, (kind->n_keys + more + 1) * sizeof(*opts));

	*n = 0;
	for (unsigned i = 0; i < kind->n_keys; i++) {
		struct path p = path_of(&kind->keys[i]);

		if (!p.word[0])
			opts[(*n)++] = (cfg_opt_t)CFG_STR_LIST(keep_name(a, p.option), 0, CFGF_NODEFAULT);
		else if (!opt_find(opts, p.word))
			opts[(*n)++] = (cfg_opt_t)CFG_SEC(keep_name(a, p.word), block_options(a, kind, p.word), p.title[0] ? TITLED : CFGF_NONE);
	}
	return opts;
}

static cfg_opt_t *file_options(struct arena *a)
{
	unsigned n, unused;
	cfg_opt_t *opts = kind_options(a, &settings_kinds[0], settings_n_kinds, &n);

	for (unsigned i = 1; i < settings_n_kinds; i++) {
		const struct set_kind *kind = &settings_kinds[i];

		opts[n++] = (cfg_opt_t)CFG_SEC(kind->name, kind_options(a, kind, 0, &unused), kind->once ? CFGF_NONE : TITLED);
	}
	return opts;
}

/* ---- the parse ----------------------------------------------------------- */

/* libconfuse has no pointer for its callback's owner; one configuration is read at a time. */
static struct complaints *told;

__attribute__((format(printf, 2, 0)))
static void on_confuse_error(cfg_t *cfg, const char *fmt, va_list args)
{
	char words[256];
	struct config_mark mark = { .line = (unsigned)cfg->line };

	for (unsigned line = 1; line < mark.line && mark.at < told->text.len; mark.at++)
		line += told->text.at[mark.at] == '\n';
	(void)vsnprintf(words, sizeof(words), fmt, args);
	complain(told, COMPLAINT_ERROR, &mark, "%s", words);
}

static cfg_t *confuse_parse(struct config *cfg)
{
	cfg_t *root = cfg_init(file_options(&cfg->outline.arena), CFGF_NONE);

	told = &cfg->complaints;
	cfg_set_error_function(root, on_confuse_error);
	if (cfg_parse_buf(root, cfg->outline.clean) == CFG_SUCCESS)
		return root;
	cfg_free(root);
	return NULL;
}

/* ---- values -------------------------------------------------------------- */

static cfg_t *confuse_section(cfg_t *root, const struct outline_section *section)
{
	if (section->kind == &settings_kinds[0])
		return root;
	if (section->kind->once)
		return cfg_getsec(root, section->kind->name);
	return cfg_getnsec(root, section->kind->name, section->nth);
}

static cfg_t *confuse_block(cfg_t *section, const struct path *p)
{
	if (!section || !p->word[0])
		return section;
	return p->title[0] ? cfg_gettsec(section, p->word, p->title) : cfg_getsec(section, p->word);
}

static void complain_value(struct config *cfg, const struct outline_entry *entry, struct span text, const struct set_fault *fault)
{
	const struct config_mark *mark = &cfg->outline.values[entry->first_value + fault->which];
	struct span guess = entry->key->type == SET_ENUM ? complaint_guess(text, span_of_text(entry->key->choices)) : SPAN_NONE;
	struct span why = buf_span(&fault->why);

	if (guess.len)
		complain(&cfg->complaints, COMPLAINT_ERROR, mark, "`%.*s` %.*s; did you mean `%.*s`?", SPAN_ARG(text), SPAN_ARG(why), SPAN_ARG(guess));
	else
		complain(&cfg->complaints, COMPLAINT_ERROR, mark, "`%.*s` %.*s", SPAN_ARG(text), SPAN_ARG(why));
}

/* Host names and addresses in their canonical form; false with the fault told. */
static bool canonical(struct config *cfg, const struct set_key *key, struct span *text, struct set_fault *fault)
{
	struct buf out;
	enum pr_err err;

	if (key->type != SET_HOST && key->type != SET_ADDRESS)
		return true;
	buf_init(&out, 1024);
	err = (key->type == SET_HOST ? config_host : config_address)(*text, &out);
	if (err == PR_OK)
		*text = arena_span(&cfg->outline.arena, buf_span(&out));
	else
		(void)buf_add_text(&fault->why, key->type == SET_HOST ? "is no host name" : "is no mail address");
	buf_fini(&out);
	return err == PR_OK;
}

/* `{}` is a list without anything in it: none. */
static void take_empty(struct config *cfg, const struct outline_entry *entry, void *section)
{
	if (settings_value_clear(entry->key, section) != PR_OK)
		complain(&cfg->complaints, COMPLAINT_ERROR, &entry->name, "`%s` can't be empty", entry->key->path);
}

static void take_entry(struct config *cfg, const struct outline_entry *entry, cfg_t *from, void *section)
{
	struct path p = path_of(entry->key);
	cfg_t *block = confuse_block(from, &p);
	unsigned n = block ? cfg_size(block, p.option) : 0;
	struct span *texts = arena_new(&cfg->outline.arena, sizeof(*texts) * (n + 1));
	struct set_fault fault = { 0 };

	if (n != entry->n_values) {
		complain(&cfg->complaints, COMPLAINT_ERROR, &entry->name, "this can be read in two ways: put its value in quotes");
		return;
	}
	if (n == 0) {
		take_empty(cfg, entry, section);
		return;
	}
	buf_init(&fault.why, 1024);
	for (unsigned i = 0; i < n; i++)
		texts[i] = span_of_text(cfg_getnstr(block, p.option, i));
	if (!canonical(cfg, entry->key, &texts[0], &fault) ||
	    settings_value_set(cfg->settings, entry->key, section, texts, n, &fault) != PR_OK)
		complain_value(cfg, entry, texts[fault.which], &fault);
	buf_fini(&fault.why);
}

static void take_section(struct config *cfg, unsigned index, cfg_t *from)
{
	const struct outline *o = &cfg->outline;
	const struct outline_section *section = &o->sections[index];
	unsigned end = index == 0 ? o->n_entries : section->first_entry + section->n_entries;
	struct set_section *to;

	if (section->kind->once)
		to = settings_section(cfg->settings, section->kind, 0);
	else
		to = settings_add_section(cfg->settings, section->kind->name, cfg_title(from), section->name.line);
	to->line = index == 0 ? 0 : section->name.line;
	for (unsigned i = section->first_entry; i < end; i++)
		if (o->entries[i].section == index)
			take_entry(cfg, &o->entries[i], from, to);
}

void config_take_values(struct config *cfg)
{
	cfg_t *root = confuse_parse(cfg);

	if (!root)
		return;
	cfg->settings = settings_new();
	for (unsigned i = 0; i < cfg->outline.n_sections; i++) {
		cfg_t *from = confuse_section(root, &cfg->outline.sections[i]);

		BUG_ON(!from);
		take_section(cfg, i, from);
	}
	cfg_free(root);
}
