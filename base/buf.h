/* Owned bytes with a ceiling. An append beyond the ceiling appends nothing
 * and returns PR_FULL; after that `overflowed` stays true until buf_clear and
 * all appends are refused, so that a row of appends needs one check at its
 * end. (buf_room neither sets nor asks it: streams use that.) */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"

struct buf {
	char *at;
	size_t len, room, ceiling;
	bool overflowed;
};

void buf_init(struct buf *b, size_t ceiling);	/* allocates nothing yet */
void buf_fini(struct buf *b);
void buf_wipe(struct buf *b);			/* the same for secrets: its memory is wiped before */
void buf_clear(struct buf *b);			/* keeps the memory */
void buf_shrink(struct buf *b);			/* gives unused memory back; an empty one keeps none */
enum pr_err buf_add(struct buf *b, struct span s);
enum pr_err buf_add_text(struct buf *b, const char *text);
enum pr_err buf_add_char(struct buf *b, char c);
enum pr_err buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Room for n more bytes at the end, or NULL at the ceiling; buf_grew tells how many were used. */
char *buf_room(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n);
/* Drops n bytes at the front. */
void buf_eat(struct buf *b, size_t n);

static inline struct span buf_span(const struct buf *b)
{
	return span_of(b->len ? b->at : "", b->len);
}

#endif
