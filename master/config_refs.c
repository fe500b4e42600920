#include "master/config_check.h"

#include <string.h>

#define NAMES_MAX (1u << 20)	/* bytes of the names among which a suggestion is sought */

struct reference {
	const struct set_key *key;
	const char *name;		/* as it is written */
	const struct set_kind *kind;	/* of section that it names */
	struct span builtin;		/* the word that needs no section; empty: none */
};

bool check_section_exists(const struct settings *s, const struct set_kind *kind, const char *title)
{
	for (unsigned i = 0; i < settings_count(s, kind); i++)
		if (strcmp(settings_section(s, kind, i)->title, title) == 0)
			return true;
	return false;
}

static void complain_dangling(struct check *ck, const struct outline_section *section, const struct reference *ref)
{
	const struct settings *s = ck->cfg->settings;
	struct span guess;
	struct buf names;

	buf_init(&names, NAMES_MAX);
	(void)buf_add(&names, ref->builtin);
	for (unsigned i = 0; i < settings_count(s, ref->kind); i++)
		(void)buf_printf(&names, "|%s", settings_section(s, ref->kind, i)->title);
	guess = complaint_guess(span_of_text(ref->name), buf_span(&names));
	if (guess.len)
		FAULT(ck, section, ref->key->path, "there is no `%s %s`; did you mean `%.*s`?", ref->kind->name, ref->name, SPAN_ARG(guess));
	else
		FAULT(ck, section, ref->key->path, "there is no `%s %s`", ref->kind->name, ref->name);
	buf_fini(&names);
}

/* choices: "local|users": words that need no section, then the kind of section. */
static void check_reference(struct check *ck, const struct outline_section *section, const struct set_key *key, const char *name)
{
	struct reference ref = { .key = key, .name = name, .builtin = SPAN_NONE };
	struct span rest = span_of_text(key->choices), word = SPAN_NONE;

	while (rest.len) {
		word = span_cut(&rest, '|');
		if (!rest.len)
			break;
		ref.builtin = word;
		if (span_eq(word, span_of_text(name)))
			return;
	}
	ref.kind = settings_kind_find(word);
	if (!check_section_exists(ck->cfg->settings, ref.kind, name))
		complain_dangling(ck, section, &ref);
}

void check_references(struct check *ck, const struct outline_section *section, const struct set_section *s)
{
	for (unsigned i = 0; i < section->kind->n_keys; i++) {
		const struct set_key *key = &section->kind->keys[i];

		if (key->type == SET_REF)
			check_reference(ck, section, key, *(const char *const *)(const void *)((const char *)s + key->offset));
	}
}
