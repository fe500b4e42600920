/* Replies of SMTP and LMTP (RFC 5321 4.2, RFC 2034): written by servers, read
 * by clients. */
#ifndef MAIL_REPLY_H
#define MAIL_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* A reply whose words are known beforehand. */
struct reply {
	unsigned code;		/* 200..599 */
	const char *enhanced;	/* "2.1.0", or NULL where none is said: greeting, EHLO, 354, 221 before EHLO… */
	const char *text;	/* lines divided by '\n' */
};

#define REPLY_LINE_MAX 512	/* octets of a line written, with its CRLF (RFC 5321 4.5.3.1.5) */

/* Appends all lines, the enhanced code on each. */
enum pr_err reply_add(struct buf *out, const struct reply *r);

/* The same for words with something from outside in them: a '\n' divides
 * lines, any other control and what is no UTF-8 becomes '?', so does all that
 * is not ASCII unless utf8; a line too long is wrapped at a blank or cut in
 * two. At most REPLY_WRITE_LINES lines. */
#define REPLY_WRITE_LINES 64
enum pr_err reply_add_words(struct buf *out, unsigned code, const char *enhanced, struct span words, bool utf8);

/* ---- reading ------------------------------------------------------------- */

#define REPLY_READ_LINE_MAX 2048	/* of a line read: real servers break the 512, ours is a bound for memory */
#define REPLY_READ_LINES    100		/* of one reply: longer is no reply but an attack */
#define REPLY_WORDS_MAX     2048	/* kept of all lines; the rest is read and forgotten */

struct reply_reader {
	unsigned code;		/* of the reply just read */
	char enhanced[12];	/* "5.1.1", of its last line that has one; "" without */
	char words[REPLY_WORDS_MAX + 1];	/* of all lines, without codes, '\n' between them, NUL behind */
	size_t words_len;	/* no controls but '\n', valid UTF-8 */
	unsigned n_lines;
	/* the reader's own */
	bool midway;
	size_t line_len;
	char line[REPLY_READ_LINE_MAX];
};

void reply_reader_init(struct reply_reader *r);
/* Eats from the front of *in.
 *   PR_OK     one whole reply was read, what came after it is left in *in; the next call begins the next
 *   PR_AGAIN  all was eaten, more is needed
 *   PR_BAD    this is no reply, or it breaks a ceiling: the connection is of no more use
 * Lines may end in LF alone. All lines of a reply must have one code. */
enum pr_err reply_reader_feed(struct reply_reader *r, struct span *in) MUST_USE;
/* True between the first byte of a reply and its end. */
bool reply_reader_is_midway(const struct reply_reader *r);
/* The words of line n (from 0), for EHLO; empty beyond the last. */
struct span reply_reader_line(const struct reply_reader *r, unsigned n);

#endif
