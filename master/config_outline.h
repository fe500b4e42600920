/* Where everything stands in the file, before libconfuse reads what it says:
 *
 *   file    = *entry
 *   entry   = name "=" value                              ; an option
 *           / name "=" "{" value *( "," value ) "}"       ; a list
 *           / name [ title ] "{" *entry "}"               ; a section
 *   name    = word
 *   title   = word / string                               ; without a backslash
 *   value   = word / string
 *
 * It finds what libconfuse takes in silence: braces that are not closed,
 * options and sections that are repeated; and with a place and a suggestion
 * what libconfuse finds too: unknown names. What is refused is overwritten
 * with blanks in `clean`, so that the rest can still be checked in one go. */
#ifndef MASTER_CONFIG_OUTLINE_H
#define MASTER_CONFIG_OUTLINE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "base/span.h"
#include "master/config_complain.h"
#include "master/config_lex.h"
#include "wire/settings.h"

struct outline_entry {		/* an option */
	const struct set_key *key;
	unsigned section;	/* index in `sections` */
	struct config_mark name;
	unsigned first_value, n_values;
};

struct outline_section {
	const struct set_kind *kind;
	unsigned nth;		/* of its kind, as struct settings counts */
	struct config_mark name, title;
	unsigned first_entry, n_entries;	/* not of `top`, whose options may stand between sections */
};

struct outline {
	char *clean;		/* what libconfuse reads; as long as the file */
	size_t len;
	struct outline_section *sections;	/* the first is `top` */
	unsigned n_sections, sections_room;
	struct outline_entry *entries;
	unsigned n_entries, entries_room;
	struct config_mark *values;
	unsigned n_values, values_room;
	unsigned *n_of_kind;
	struct map titles;	/* "listen mx" */
	struct arena arena;
};

/* PR_BAD when the structure is broken, so that nothing more can be said; all complaints are told. */
enum pr_err outline_read(struct outline *o, struct complaints *c) MUST_USE;
void outline_free(struct outline *o);

/* The option's place in a section, or NULL when the file does not set it there. */
const struct outline_entry *outline_find(const struct outline *o, const struct outline_section *section, const struct set_key *key);
/* Where a complaint about a section points: its title, or its name. */
const struct config_mark *outline_section_mark(const struct outline_section *section);

#endif
