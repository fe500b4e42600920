/* Base 64 (RFC 4648 4), strict: the padding must be there, bits behind the
 * last byte must be zero, and nothing else may stand in between. So each text
 * that decodes encodes back to itself. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define BASE64_LEN(n) (((size_t)(n) + 2) / 3 * 4)	/* letters that n bytes take */

/* PR_FULL at the buffer's ceiling. */
enum pr_err base64_add(struct buf *out, struct span bytes);
/* Decodes into out, which has room for `room` bytes. PR_BAD when it is no base 64, PR_FULL when it is longer than room; then *len is 0. */
enum pr_err base64_decode(struct span text, void *out, size_t room, size_t *len) MUST_USE;

#endif
