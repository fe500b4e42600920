/* A message as programs hand it to sendmail(8): lines that end in LF or CRLF,
 * perhaps a lone dot at the end, perhaps a header. It comes in pieces and
 * becomes one that can be submitted. Pure. */
#ifndef CTL_LETTER_H
#define CTL_LETTER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct letter {
	/* its own */
	struct buf text;	/* lines end in CRLF */
	size_t line_at, head_at, head_len;	/* head_len: all fields, without the empty line */
	bool dots, has_ended, has_gap;	/* has_gap: the empty line is there */
};

/* dots: a line of a dot alone is the end. */
void letter_init(struct letter *l, size_t ceiling, bool dots);
void letter_fini(struct letter *l);
/* True when more is wanted; false behind a lone dot, or beyond the ceiling (letter_is_too_large). */
bool letter_take(struct letter *l, struct span bytes);
bool letter_is_too_large(const struct letter *l);

/* No more comes: the header is found, and an mbox's line `From …` before it is taken out. What follows is for after this. */
void letter_close(struct letter *l);
bool letter_has(const struct letter *l, struct span field);
bool letter_has_8bit(const struct letter *l);
/* For each address of To, Cc and Bcc, or of Resent-To and so on where there is one of these: as it is written. PR_BAD and the
 * field in *bad when one can't be read; what `found` returns ends it too. */
enum pr_err letter_recipients(const struct letter *l, enum pr_err (*found)(void *arg, struct span address), void *arg, struct buf *bad) MUST_USE;
/* Appends the whole message, these fields in front. */
enum pr_err letter_add_to(const struct letter *l, struct span fields, struct buf *out) MUST_USE;

/* After its close: `From: root (Cron Daemon)` becomes root@ORIGIN. Elsewhere a name without a domain is refused, and no domain signs it. */
void letter_qualify(struct letter *l, struct span origin);

#endif
