/* state/drop: a file there is named by an id, holds one conversation of SMTP
 * (EHLO, MAIL, RCPT…, BDAT LAST, QUIT), and belongs to who sent it. A name that
 * begins with a dot is not whole yet. */
#ifndef WIRE_DROP_H
#define WIRE_DROP_H

#define DROP_SIZE_MAX (64ull << 20)	/* bytes of a file: what the usual max_size lets in, and its envelope */

#endif
