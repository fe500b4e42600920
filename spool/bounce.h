/* What a sender is told about a message, by his wishes (RFC 3461): who is
 * told of what, and the words (mail/dsn.h). Pure. */
#ifndef SPOOL_BOUNCE_H
#define SPOOL_BOUNCE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/span.h"
#include "mail/dsn.h"
#include "spool/envelope.h"
#include "spool/state.h"
#include "wire/settings.h"

enum bounce_kind { BOUNCE_OUTCOMES, BOUNCE_DELAY };

#define BOUNCE_QUOTE_MAX (DSN_HEADER_MAX + DSN_FULL_MAX)	/* bytes of the original that may be needed */
#define BOUNCE_MAX       (BOUNCE_QUOTE_MAX + (32u << 20))	/* of the whole: 10,000 recipients with long words fit */
#define BOUNCE_DELAY_ROUND 0x80000000u	/* the round of the notice: its id differs from that of any bounce */

/* Does the sender want to hear of this recipient? Never of a message without sender, of a bounce, or of silent copies. */
bool bounce_wants(const struct mail *m, const struct rcpt *r, enum bounce_kind kind);
bool bounce_is_wanted(struct mail *m, enum bounce_kind kind);

struct bounce {
	enum bounce_kind kind;
	struct span hostname;
	struct msg_id id;		/* of the bounce itself */
	struct span original;		/* its first bytes: the header, and of a short message all */
	uint64_t original_size;
	struct instant now;
	int64_t retry_until_ms;		/* wall time */
};

/* Appends the bounce about m, whose envelope this is. *flags: the enum wire_mail that it needs. */
enum pr_err bounce_write(const struct bounce *b, struct books *books, struct mail *m, const struct envelope *env, struct buf *out,
    uint32_t *flags) MUST_USE;
/* Its envelope. text: of the bounce; signed_by: whose signature it is to have, or empty. */
enum pr_err bounce_envelope(struct span to, uint32_t flags, struct span text, struct span signed_by, struct instant now,
    struct buf *out) MUST_USE;
/* Whose signature a bounce of this host has: of the domain of ours that it is, or is below; empty: nobody's. */
struct span bounce_signer(const struct settings *s, struct span hostname);

#endif
