/* What the configuration says, each option a row, those that nobody wrote too:
 * read from `config show --all --json` (ctl/master.h). Pure. */
#ifndef CTL_CONFIGURED_H
#define CTL_CONFIGURED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "ctl/json.h"

struct configured {
	json_t *rows;	/* array */
};

void configured_init(struct configured *c);
void configured_fini(struct configured *c);

/* One row a line; a line that is no object is left out. */
void configured_add(struct configured *c, struct span lines);

/* The value of an option, "" where there is none: section "" of those outside all sections, title empty of a section that has none. It
 * lasts as long as *c. */
const char *configured_value(const struct configured *c, const char *section, struct span title, const char *name);
bool configured_is(const struct configured *c, const char *section, struct span title, const char *name, const char *value);

struct configured_row {
	const char *title, *value;
};
/* That option of each section of this kind: *at begins with 0. False at the end. */
bool configured_next(const struct configured *c, const char *section, const char *name, size_t *at, struct configured_row *out);

#endif
