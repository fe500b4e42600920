/* What the DNS said in one check, and what it is still to be asked.
 *
 * Every part of a check looks here and never waits: what is not known yet is noted as a question, the part says that it
 * is not finished, and is run again from its beginning when the answers are there. So a part is a function of the facts,
 * and a test needs no DNS. Equal questions are asked once. */
#ifndef VERIFY_FACTS_H
#define VERIFY_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "wire/verbs.h"

#define FACTS_NAME_MAX    255	/* octets of a name as text */
#define FACTS_RECORDS_MAX 512	/* of one answer; more are as if they were not there */
#define FACTS_BYTES_MAX   32768	/* of these, the same */

struct fact {
	enum wire_resolve result;	/* RESOLVE_REFUSED: no name that can be looked up, or no question was left */
	bool is_secure;
	unsigned n;			/* records: some when RESOLVED, else none */
	const struct span *data;	/* in the shapes of resolve_record (wire/verbs.def): A 4 bytes, AAAA 16, MX u16 and a name,
					 * TXT its strings joined (any bytes), PTR a name */
};

struct facts;

/* max_questions: so many different questions, and no more. */
struct facts *facts_new(unsigned max_questions);
void facts_free(struct facts **f);

/* What is known of it, as long as facts live; NULL: not yet, and it will be asked. In names ASCII case and a dot at the
 * end do not count. */
const struct fact *facts_find(struct facts *f, enum wire_record type, struct span name);
/* It will probably be wanted: it is asked beside others, and nobody waits for it. */
void facts_foresee(struct facts *f, enum wire_record type, struct span name);
/* That many questions are kept back from now on: what strangers write can't use up what a later part needs. */
void facts_keep_back(struct facts *f, unsigned n);
/* While true, questions are of those that were kept back. */
void facts_use_kept_back(struct facts *f, bool is_used);
/* A question was wanted and not left. */
bool facts_are_exhausted(const struct facts *f);

/* ---- who asks the DNS ---------------------------------------------------------- */

struct facts_question {
	unsigned number;	/* of the question within facts */
	enum wire_record type;
	struct span name;	/* in lower case, without a dot at the end */
};
/* The next question to be asked; false when there is none. Each is given once. */
bool facts_next(struct facts *f, struct facts_question *out);
/* A record of its answer; data is copied. Nothing for a question that was not given or is answered. */
void facts_record(struct facts *f, unsigned number, struct span data);
void facts_answer(struct facts *f, unsigned number, enum wire_resolve result, bool is_secure);
/* It is asked once more: records that were told of it will be told again. */
void facts_broke_off(struct facts *f, unsigned number);
/* Bytes that all of it takes, about. */
size_t facts_bytes(const struct facts *f);
/* Time is over: nothing more is asked, and what is not known can't be told now (RESOLVE_TEMPORARY). */
void facts_close(struct facts *f);
bool facts_are_closed(const struct facts *f);
/* Questions that were given and not answered. */
unsigned facts_awaited(const struct facts *f);
unsigned facts_asked(const struct facts *f);

#endif
