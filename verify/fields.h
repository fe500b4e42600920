/* The header of a message, whole: its fields as they were sent, in order. Kept within ceilings, cut into fields as it
 * ends; bytes come in pieces of any size, lines end in CRLF (a bare CR or LF is a byte like others).
 *
 * The header ends at the first empty line, as in mail/header.h; a message whose first line begins with a blank has none. */
#ifndef VERIFY_FIELDS_H
#define VERIFY_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"

struct field {
	struct span whole;	/* name, colon, value with its folds; without the CRLF at the end */
	struct span name;	/* without blanks before the colon; empty: a line that is no field */
	struct span value;	/* behind the colon, with its folds */
};

struct fields {
	struct field *row;	/* spans into text; NULL before the end */
	unsigned n;
	bool ended;		/* the empty line was seen, or fields_close was called */
	bool too_large;		/* a ceiling was met: what comes behind it is not in row, and nothing proves what it says */
	/* its own */
	struct buf text;
	size_t max_size;
	unsigned max_fields;
	unsigned char tail;	/* behind the ceiling: how much of CRLF CRLF was seen */
};

/* max_size: bytes of the whole header. */
void fields_init(struct fields *f, size_t max_size, unsigned max_fields);
void fields_fini(struct fields *f);
/* Eats the header off the front of *in, the empty line too; what is left is body. */
void fields_feed(struct fields *f, struct span *in);
/* The message has ended. */
void fields_close(struct fields *f);

size_t fields_bytes(const struct fields *f);	/* that it holds */
/* How many there are of that name, in any case. */
unsigned fields_count(const struct fields *f, struct span name);
/* The first one of that name at or behind row[from]; NULL: none. */
const struct field *fields_find(const struct fields *f, struct span name, unsigned from);
/* Appends a value without its folds: CRLF before a blank goes. */
void field_add_unfolded(struct buf *out, struct span value);

#endif
