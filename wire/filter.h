/* The language that says which messages are meant, the same wherever one
 * chooses messages:
 *
 *   filter = *( term 1*SP )                  ; all of them must hold; none: every message
 *   term   = ( "to" / "from" ) ":" pattern   ; *, ? ; case does not count; from:<> is a bounce
 *          / "reason" ":" pattern            ; a part of the words, or with * or ? the whole
 *          / "state" ":" ( "due" / "waiting" / "flying" / "held" / "delivered" / "failed" / "expanded" )
 *          / ( "age" / "size" / "tries" ) ( ">" / ">=" / "<" / "<=" / "=" ) value    ; age>2h size>1MB tries>=3
 *          / [ "id:" ] 6*26LETTER            ; an id, or its beginning or end
 *          / "all"
 *   pattern = 1*( not SP, not DQUOTE ) / DQUOTE *( not DQUOTE ) DQUOTE
 *
 * A message is meant when its own terms hold and, where there are terms about
 * recipients (to, state, tries, reason), all of these hold for one of them. */
#ifndef WIRE_FILTER_H
#define WIRE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "base/span.h"
#include "wire/verbs.h"

#define FILTER_TERMS_MAX 32	/* more than anybody types */
#define FILTER_TEXT_MAX  4096
#define FILTER_ID_LEAST  6	/* letters that may stand for an id */

enum filter_field {
	FILTER_ALL, FILTER_ID, FILTER_FROM, FILTER_AGE, FILTER_SIZE,	/* of the message */
	FILTER_TO, FILTER_STATE, FILTER_TRIES, FILTER_REASON		/* of a recipient */
};

enum filter_op { FILTER_IS, FILTER_MORE, FILTER_MORE_OR_IS, FILTER_LESS, FILTER_LESS_OR_IS };

struct filter_term {
	enum filter_field field;
	enum filter_op op;
	struct span text;	/* the pattern, borrowed */
	int64_t number;		/* ms, bytes, tries, or an enum wire_state */
	char letters[ID_TEXT_LEN + 1];	/* of an id, as ids are written */
};

struct filter {
	unsigned n;
	struct filter_term terms[FILTER_TERMS_MAX];
};

struct filter_message {
	struct msg_id id;
	int64_t received_ms;
	uint64_t size;
	struct span sender;	/* empty: the null sender */
};

struct filter_recipient {
	enum wire_state state;
	uint32_t tries;
	struct span address, original;	/* either may match */
	struct span reason;
};

/* Borrows text. PR_BAD appends to `why` a sentence that names the term. */
enum pr_err filter_parse(struct span text, struct filter *out, struct buf *why) MUST_USE;

/* The id when the filter is nothing but a whole one: found without a walk. */
bool filter_is_one_id(const struct filter *f, struct msg_id *id);
/* What must be read from the disk before a match: does a term look at the sender, at recipients, at their addresses or reasons? */
bool filter_needs(const struct filter *f, enum filter_field field);
bool filter_has_recipient_terms(const struct filter *f);

bool filter_message_matches(const struct filter *f, const struct filter_message *m, int64_t now_ms);
/* True without terms about recipients. */
bool filter_recipient_matches(const struct filter *f, const struct filter_recipient *r);

/* "held" and so on, the words of `state:` and of `queue list --json`. */
const char *filter_state_text(enum wire_state state);

#endif
