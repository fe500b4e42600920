/* Signs messages as no careful signer would: with whatever tags a test wants. */
#ifndef TESTS_SIGN_ANY_H
#define TESTS_SIGN_ANY_H

#include "base/buf.h"
#include "base/key.h"
#include "base/span.h"

/* A DKIM-Signature with these tags, of which c=, h= and l= are heeded, and with bh= and b= behind them. Appends the field with its
 * line end. header: whole fields, each with its line end, without the empty line. */
void sign_any(struct buf *out, struct key *key, const char *tags, struct span header, struct span body);
/* "v=DKIM1; k=…; p=…" of a key, with more tags in front. */
void sign_any_record(struct buf *out, const struct key *key, const char *more);

#endif
