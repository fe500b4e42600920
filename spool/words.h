/* What peers said, each different saying kept once: ten thousand recipients
 * that were put off with the same words cost four bytes each. */
#ifndef SPOOL_WORDS_H
#define SPOOL_WORDS_H

#include <stdint.h>

#include "base/span.h"

#define WORDS_TEXT_MAX 512	/* of a reply that is kept; RFC 5321 4.5.3.1.5 allows a line of 512 */
#define WORDS_HOST_MAX 320	/* a name, or an address: 64 letters, @, 255 letters */

/* A reply; or a pair of names with a number, which are kept in the same way. */
struct saying {
	uint32_t code;
	struct span enhanced, words, host;
};

/* A server said it; else the words are ours, about it where it has a host. */
static inline bool saying_is_a_reply(const struct saying *s) { return s->code > 0 && s->host.len > 0; }

struct words;

struct words *words_new(void);
void words_free(struct words **w);
/* A number for it, never 0, to be given back by words_drop. Longer texts are cut. */
uint32_t words_keep(struct words *w, const struct saying *s);
void words_drop(struct words *w, uint32_t *number);	/* leaves 0; nothing for 0 */
/* Borrowed until it is dropped; number 0 is silence. */
struct saying words_find(const struct words *w, uint32_t number);
uint32_t words_count(const struct words *w);

#endif
