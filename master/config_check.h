/* What the rooms of a check share (config_check.c, config_listen.c, config_refs.c). */
#ifndef MASTER_CONFIG_CHECK_H
#define MASTER_CONFIG_CHECK_H

#include <stdbool.h>

#include "base/map.h"
#include "master/config_private.h"

struct check {
	struct config *cfg;
	struct map claims;	/* names that were taken */
};

#define FAULT(ck, section, path, ...) \
	complain(&(ck)->cfg->complaints, COMPLAINT_ERROR, config_mark_of((ck)->cfg, section, path), __VA_ARGS__)
#define TITLE_FAULT(ck, section, ...) complain(&(ck)->cfg->complaints, COMPLAINT_ERROR, outline_section_mark(section), __VA_ARGS__)
#define WARNING(ck, section, ...) complain(&(ck)->cfg->complaints, COMPLAINT_WARNING, outline_section_mark(section), __VA_ARGS__)

/* It stands in the file, though perhaps with a value that can't be used: that was complained of already. */
bool check_is_written(const struct check *ck, const struct outline_section *section, const char *path);

/* A listener, what `auto` means in it, and what all of them take of each other. */
void check_listen(struct check *ck, const struct outline_section *section, struct set_section *s);
void check_listeners(struct check *ck);
/* The one for programs of this machine, where the file has none. */
void check_add_local_listener(struct settings *s);

/* The keys of the section that name another one. */
void check_references(struct check *ck, const struct outline_section *section, const struct set_section *s);
bool check_section_exists(const struct settings *s, const struct set_kind *kind, const char *title);

#endif
