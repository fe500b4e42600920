#include "ctl/configured.h"

#include <string.h>

void configured_init(struct configured *c)
{
	c->rows = json_array();
}

void configured_fini(struct configured *c)
{
	json_decref(c->rows);
	c->rows = NULL;
}

void configured_add(struct configured *c, struct span lines)
{
	while (lines.len > 0) {
		struct span line = span_cut(&lines, '\n');
		json_t *row = json_loadb(line.at, line.len, 0, NULL);

		if (json_is_object(row))
			json_array_append_new(c->rows, row);
		else
			json_decref(row);
	}
}

bool configured_next(const struct configured *c, const char *section, const char *name, size_t *at, struct configured_row *out)
{
	while (*at < json_array_size(c->rows)) {
		const json_t *row = json_array_get(c->rows, (*at)++);

		if (strcmp(json_text(row, "section"), section) != 0 || strcmp(json_text(row, "name"), name) != 0)
			continue;
		*out = (struct configured_row){ json_text(row, "title"), json_text(row, "value") };
		return true;
	}
	return false;
}

const char *configured_value(const struct configured *c, const char *section, struct span title, const char *name)
{
	struct configured_row row;
	size_t at = 0;

	while (configured_next(c, section, name, &at, &row))
		if (span_eq(span_of_text(row.title), title))
			return row.value;
	return "";
}

bool configured_is(const struct configured *c, const char *section, struct span title, const char *name, const char *value)
{
	return strcmp(configured_value(c, section, title, name), value) == 0;
}
