/* The body of a message as DKIM and ARC hash it (RFC 6376 3.4), in pieces of any
 * size; lines end in CRLF. Relaxed (3.4.4): without blanks at the ends of lines,
 * with one in place of several, without empty lines at the end. Simple (3.4.3):
 * without empty lines at the end, and never empty. */
#ifndef MAIL_DKIM_BODY_H
#define MAIL_DKIM_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/span.h"


struct dkim_body {
	struct digest *digest;
	uint64_t n_ends;	/* line ends not hashed yet: the last ones are dropped */
	bool blank;		/* the same of blanks */
	bool cr;		/* a CR that may begin a line end */
	bool begun;		/* something was hashed */
	bool is_simple;
	uint64_t len;		/* octets of the canonical form so far, hashed or not */
	uint64_t left;		/* so many may be hashed yet (l=) */
};

void dkim_body_init(struct dkim_body *b);	/* relaxed, all of it */
/* Of the canonical form the first octets, `most` of them. */
void dkim_body_init_as(struct dkim_body *b, bool is_simple, uint64_t most);
void dkim_body_feed(struct dkim_body *b, struct span in);
/* Its hash; b is as after dkim_body_fini. */
void dkim_body_finish(struct dkim_body *b, unsigned char hash[SHA256_LEN]);
void dkim_body_fini(struct dkim_body *b);	/* also of one that is all zeros */

#endif
