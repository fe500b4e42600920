/* A configuration that was read, as text: for people in its own syntax, for
 * programs an object a line. */
#ifndef MASTER_CONFIG_SHOW_H
#define MASTER_CONFIG_SHOW_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "master/config_private.h"

enum config_show {		/* a set */
	SHOW_ALL = 1,		/* defaults too, and where each value comes from */
	SHOW_JSON = 2
};

/* What differs from the defaults, or all of it; what it appends checks to the same settings again. */
void config_show(const struct config *cfg, unsigned how, struct buf *out);

/* The options and sections that NAME means (`listen`, `max_size`, `listen.max_size`, `limit mail.user`): what they are for,
 * and what they say in cfg, which may be NULL. PR_NONE when there is none. */
enum pr_err config_explain(const struct config *cfg, struct span name, unsigned how, struct buf *out) MUST_USE;

/* The value of SECTION.NAME where the section stands once, or of a NAME outside any, bare. PR_NONE when there is none. */
enum pr_err config_value(const struct config *cfg, struct span name, struct buf *out) MUST_USE;

/* The options in use that nothing reads yet, a note each. */
void config_note_unread(struct config *cfg);

#endif
