/* What is said for a message of sendmail(8): its envelope and its missing
 * fields, and the SMTP that hands it over, the same to the server and to the
 * drop folder (there nobody answers). Pure. */
#ifndef CTL_MAILING_H
#define CTL_MAILING_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "ctl/face.h"
#include "ctl/letter.h"
#include "mail/address.h"

#define MAILING_RCPTS_MAX 10000

struct mailing {
	const struct face *face;
	const char *origin;	/* the domain of names without one */
	struct address sender;
	struct address *to;
	size_t n_to, room;
};

void mailing_init(struct mailing *m, const struct face *face, const char *origin);
void mailing_fini(struct mailing *m);

/* `root` becomes root@origin. PR_BAD when it is no address. */
enum pr_err mailing_address(const struct mailing *m, struct span text, struct address *out) MUST_USE;
/* One or several with commas between; *bad is what is no address. PR_FULL: too many. */
enum pr_err mailing_add_recipients(struct mailing *m, struct span text, struct buf *bad) MUST_USE;
/* The same of one, for letter_recipients: arg is the mailing. */
enum pr_err mailing_add_recipient(void *arg, struct span address) MUST_USE;

/* Appends `From: name <address>`; a name that is not ASCII is encoded (RFC 2047), one that is no UTF-8 left out. */
void mailing_add_from(struct buf *out, struct span name, struct span address);

/* EHLO, MAIL and each RCPT, lines of SMTP; *n is their number: that many replies come. */
void mailing_begin(const struct mailing *m, const struct letter *l, struct buf *out, size_t *n);
/* BDAT with all of the message. PR_FULL: it is too large. */
enum pr_err mailing_add_body(const struct letter *l, struct span fields, struct buf *out) MUST_USE;

#endif
