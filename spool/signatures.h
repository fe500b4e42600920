/* The DKIM-Signature fields that messages got, kept until these are settled.
 * Only of those that were tried by SMTP and are still here. */
#ifndef SPOOL_SIGNATURES_H
#define SPOOL_SIGNATURES_H

#include <stddef.h>

#include "base/id.h"
#include "base/span.h"

#define SIGNATURE_MAX 16384	/* bytes of the fields of one message */

struct signatures;

struct signatures *signatures_new(void);
void signatures_free(struct signatures **s);
/* In place of what the message had. */
void signatures_keep(struct signatures *s, const struct msg_id *id, struct span fields);
struct span signatures_find(const struct signatures *s, const struct msg_id *id);	/* borrowed; empty: it has none */
void signatures_drop(struct signatures *s, const struct msg_id *id);
size_t signatures_count(const struct signatures *s);

#endif
