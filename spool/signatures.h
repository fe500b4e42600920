/* The DKIM-Signature fields that messages got, until they are on the disk:
 * from then on the queue knows their place. */
#ifndef SPOOL_SIGNATURES_H
#define SPOOL_SIGNATURES_H

#include <stddef.h>

#include "base/id.h"
#include "base/span.h"

#define SIGNATURE_MAX 16384	/* bytes of the fields of one message */

struct signatures;

struct signatures *signatures_new(void);
/* In place of what the message had. */
void signatures_keep(struct signatures *s, const struct msg_id *id, struct span fields);
struct span signatures_find(const struct signatures *s, const struct msg_id *id);	/* borrowed; empty: it has none */
void signatures_drop(struct signatures *s, const struct msg_id *id);

#endif
