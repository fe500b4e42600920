/* The header of a message, looked at as it passes in pieces of any size: what
 * is in it, and what must be taken out. Linear time, no recursion, no
 * allocation. It ends at the first empty line; a line that is no field ends
 * nothing, so that no one hides behind it. But a message whose first line
 * begins with a blank has no header: an empty line is put before it, else it
 * would go on in the field that we put in front. Lines end in CRLF (what
 * lines.h gives); a bare CR or LF is a byte like others. */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#define HEADER_HOLD_MAX  1024	/* bytes of a field kept back until it is known whether it stays; undecided after that, it goes */
#define HEADER_VALUE_MAX 1000	/* bytes of a value that is told; longer ones are cut */

enum header_name {
	HEADER_OTHER, HEADER_RECEIVED, HEADER_FROM, HEADER_DATE, HEADER_MESSAGE_ID, HEADER_DELIVERED_TO, HEADER_RETURN_PATH,
	HEADER_BCC, HEADER_RESENT_BCC, HEADER_SENDER, HEADER_SUBJECT, HEADER_AUTHENTICATION_RESULTS, HEADER_AUTO_SUBMITTED,
	N_HEADER_NAMES
};
#define HEADER_SET(name) (1U << (name))

enum header_fault {		/* a set */
	HEADER_TOO_LARGE = 1,	/* more than max_size bytes */
	HEADER_TOO_MANY = 2,	/* more than max_fields fields */
	HEADER_8BIT = 4		/* no fault: bytes above 127 */
};

struct header_rules {
	struct span own_id;	/* Authentication-Results with this authserv-id are taken out; empty: none */
	unsigned remove;	/* set of HEADER_SET(): all of these are taken out */
	unsigned tell;		/* set of HEADER_SET(): on_field is called with their values */
	/* value: unfolded, without blanks at both ends, at most HEADER_VALUE_MAX bytes; valid during the call. is_cut: there was more
	 * of it, perhaps behind blanks that are not told. */
	void (*on_field)(void *owner, enum header_name name, struct span value, bool is_cut);
	void *owner;
	size_t max_size;	/* 0: no limit */
	unsigned max_fields;	/* 0: no limit */
};

enum header_step { HEADER_MORE, HEADER_PART };

struct header {
	unsigned count[N_HEADER_NAMES];	/* fields seen, those taken out too */
	unsigned n_fields, n_removed;
	unsigned faults;
	size_t size;		/* bytes of it that came in, the empty line too */
	bool ended;		/* the empty line was seen */
	/* its own */
	const struct header_rules *rules;
	unsigned char state, before;
	enum header_name name;
	unsigned depth;
	bool telling, is_cut, escaped, quoted, colon_due;
	size_t hold_len, value_len, id_len;
	char hold[HEADER_HOLD_MAX];
	char value[HEADER_VALUE_MAX];
};

/* rules must live as long as h is used. */
void header_init(struct header *h, const struct header_rules *rules);
/* Eats from the front of *in. HEADER_PART: *out (at least one byte) passes, call again; it is valid until the next call.
 * HEADER_MORE: all was used. After the header's end everything passes untouched. */
enum header_step header_take(struct header *h, struct span *in, struct span *out);
/* What it keeps back now, of what it was given; valid until the next call. */
struct span header_held(const struct header *h);
/* The message has ended, perhaps within the header: decides on what is still
 * kept back and gives it out when it stays (else empty). */
struct span header_close(struct header *h);

#endif
