/* What the parts of the configuration's reader share. */
#ifndef MASTER_CONFIG_PRIVATE_H
#define MASTER_CONFIG_PRIVATE_H

#include "base/arena.h"
#include "base/err.h"
#include "master/config_complain.h"
#include "master/config_outline.h"
#include "wire/settings.h"

/* A file that was read, while one still wants to know where things stood in it. */
struct config {
	struct complaints complaints;
	struct outline outline;
	struct settings *settings;	/* NULL when the file could not be made sense of */
};

/* Reads the whole file into text, which has CONFIG_FILE_MAX for its ceiling. PR_IO is told. */
enum pr_err config_read_file(const char *file, struct buf *text, struct complaints *c) MUST_USE;

/* complaints.file, .text, .out and .as_json are set by the caller; all else is filled. PR_BAD when there is an error. */
enum pr_err config_open(struct config *cfg) MUST_USE;
void config_close(struct config *cfg);

/* From the clean text of the outline into the settings, by libconfuse (config.c). */
void config_take_values(struct config *cfg);
/* What the table can't say: references, clashes, what `auto` means (config_check.c, _listen.c, _refs.c). */
void config_check(struct config *cfg);

/* The option in its section, as one complains about it: its first value, or the section where it is not set. */
const struct config_mark *config_mark_of(const struct config *cfg, const struct outline_section *section, const char *path);

/* A host name or a mail address in its canonical form; PR_BAD when it is none (config_names.c). */
enum pr_err config_host(struct span text, struct buf *out) MUST_USE;
enum pr_err config_address(struct span text, struct buf *out) MUST_USE;

#endif
