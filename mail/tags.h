/* Lists of tags, NAME=VALUE; NAME=VALUE; as DKIM writes them in signatures and keys (RFC 6376 3.2), and ARC too:
 *
 *   tag-list = tag-spec *( ";" tag-spec ) [ ";" ]      tag-spec = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]
 *   tag-name = ALPHA *( ALPHA / DIGIT / "_" )          tag-value = printable ASCII but ";", with FWS inside */
#ifndef MAIL_TAGS_H
#define MAIL_TAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define TAGS_MAX 32	/* of one list: RFC 6376 knows 14 */

struct tags {
	struct tag {
		struct span name, value;	/* value: without blanks at its ends, with the folds inside */
	} row[TAGS_MAX];
	unsigned n;
};

/* Spans of text. NULL, or what is wrong with it (static text). Names that differ by case alone count as given twice:
 * readers that fold case must not see another list. */
const char *tags_read(struct tags *t, struct span text);
/* NULL: there is no such tag. */
const struct span *tags_find(const struct tags *t, struct span name);

/* Appends a value without its blanks and folds. */
void tags_add_compact(struct buf *out, struct span value);
/* Base 64 with blanks inside, with or without its padding. PR_BAD, PR_FULL as base64_decode. */
enum pr_err tags_decode(struct span value, void *out, size_t room, size_t *len) MUST_USE;
/* The next one of several words with colons between, trimmed. */
struct span tags_word(struct span *list);
/* Is this word one of them? ASCII case does not count. */
bool tags_has_word(struct span list, struct span word);

#endif
