/* The lines of a message between DATA and its end, or in the chunks of BDAT.
 *
 * RFC 5321 2.3.8: a line ends with CRLF and with nothing else; 4.1.1.4: a
 * message ends with CRLF.CRLF and with nothing else (SMTP smuggling lives on
 * whoever takes less). At the beginning the CRLF of the command counts as the
 * first. A bare CR or LF never ends a message, whatever the rule:
 *   LINES_REFUSE     it is noted in `faults` and passes; the message is to be
 *                    refused after its true end. Dots are unstuffed after CRLF.
 *   LINES_NORMALISE  it becomes CRLF. Dots are unstuffed after it too.
 *
 * Work is per run of lines, not per byte: what comes out points into what
 * went in wherever that is possible. */
#ifndef MAIL_LINES_H
#define MAIL_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum lines_rule { LINES_REFUSE, LINES_NORMALISE };

enum lines_fault {		/* a set, of what was seen in the message as it was sent */
	LINES_BARE_CR = 1,
	LINES_BARE_LF = 2,
	LINES_NUL = 4,
	LINES_TOO_LONG = 8,	/* a line over max_line octets, without its CRLF */
	LINES_8BIT = 16		/* no fault: bytes above 127 */
};

enum lines_step {
	LINES_MORE,		/* all of the input was used */
	LINES_PART,		/* there are bytes of the message in *out (at least one); call again */
	LINES_END		/* the end of the message: what comes after it is left in the input */
};

struct lines {
	unsigned faults;	/* set of enum lines_fault, so far */
	uint64_t size;		/* bytes given out so far */
	/* its own */
	enum lines_rule rule;
	bool dots;
	unsigned char state;
	size_t max_line, line_len;
};

/* For DATA. max_line: at least 64. */
void lines_init_data(struct lines *l, enum lines_rule rule, size_t max_line);
/* For BDAT: no dots, no end; input is the bytes of one chunk after the other. */
void lines_init_chunks(struct lines *l, enum lines_rule rule, size_t max_line);

/* Eats from the front of *in. *out is valid until *in's memory changes. After
 * LINES_END it must not be called again without an init. */
enum lines_step lines_take(struct lines *l, struct span *in, struct span *out);

/* After the last chunk: what must be added so that the last line has its CRLF;
 * empty when it has, or when there is no message. Constant bytes. */
struct span lines_close(struct lines *l);

/* ---- the other direction ---------------------------------------------------
 * A message on its way out: dots are stuffed. It must hold lines that end in
 * CRLF, as spool keeps them; a line also begins after a bare CR or LF here, so
 * that even then no end comes before the last. */
struct dots {
	unsigned char last;	/* byte sent; CR LF at first */
	unsigned char before_last;
};

void dots_init(struct dots *d);
/* Eats from *in, gives in *out what to send next; false when *in is used up and *out is empty. */
bool dots_take(struct dots *d, struct span *in, struct span *out);
/* What ends the message: ".CRLF", with a CRLF before it when the last line has none. */
struct span dots_close(const struct dots *d);

#endif
