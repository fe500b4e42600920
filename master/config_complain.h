/* What is wrong with a file, where, and what to write instead. */
#ifndef MASTER_CONFIG_COMPLAIN_H
#define MASTER_CONFIG_COMPLAIN_H

#include "base/buf.h"
#include "base/span.h"
#include "master/config_lex.h"

#define COMPLAINTS_SHOWN 50	/* who has more reads the first ones first */

enum complaint_level { COMPLAINT_ERROR, COMPLAINT_WARNING, COMPLAINT_NOTE };

struct complaints {
	const char *file;
	struct span text;	/* as it was read: comments are still there */
	struct buf *out;
	bool as_json;		/* an object a line, not text for people */
	unsigned n_errors;
};

/* One complaint: the line, its source, a caret under the mark. mark NULL: about the file as a whole. */
void complain(struct complaints *c, enum complaint_level level, const struct config_mark *mark, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* The word of `words` (separated by `|`) that `typed` was probably meant to be; empty when none is near. */
struct span complaint_guess(struct span typed, struct span words);

#endif
