/* A header field as DKIM and ARC hash it (RFC 6376 3.4.1, 3.4.2). It is given
 * whole, with its name and folds and without the line end, and appended without
 * a line end. */
#ifndef MAIL_DKIM_FIELD_H
#define MAIL_DKIM_FIELD_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

void dkim_field_canonical(struct span whole, bool is_relaxed, struct buf *out);
/* One that holds a signature, without it (3.7). signature: the value of b=, within whole and behind its =. */
void dkim_field_unsigned(struct span whole, struct span signature, bool is_relaxed, struct buf *out);

#endif
