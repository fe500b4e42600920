/* The canonical forms of RFC 6376 as its text says them, a whole at a time and without regard for speed: what mail/dkim*.c are held against. */
#ifndef SLOW_DKIM_H
#define SLOW_DKIM_H

#include "base/buf.h"

/* Appends the body in relaxed form (3.4.4). */
void slow_dkim_body(struct span body, struct buf *out);
/* The same in simple form (3.4.3). */
void slow_dkim_simple_body(struct span body, struct buf *out);
/* Appends a field in relaxed form (3.4.2), without its line end. */
void slow_dkim_field(struct span field, struct buf *out);

#endif
