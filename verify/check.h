/* Who sent this message? A core: the facts of the connection and the parts of
 * the message go in, questions for the DNS and a verdict come out. It knows no
 * socket, file or clock.
 *
 * The shell feeds it, asks the DNS what facts_next says, and calls check_go_on
 * after each of these, until that is true. */
#ifndef VERIFY_CHECK_H
#define VERIFY_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/span.h"
#include "verify/facts.h"
#include "wire/event.h"
#include "wire/settings.h"

struct dkim_house;

/* What all checks of a process share. */
struct check_house {
	const struct settings *settings;
	struct dkim_house *dkim;
};

struct check_ask {
	struct msg_id id;
	enum set_checks spf, dkim, dmarc;	/* never AUTO */
	bool received_spf;	/* that field is wanted too */
	bool tells;		/* its steps are wanted in words */
	struct span client;	/* 4 or 16 bytes */
	struct span helo;	/* as it was said */
	struct span sender;	/* canonical; empty: null */
};

struct check_told {
	unsigned code;		/* of the reply that refuses the message; 0: it is taken */
	struct span enhanced, words;
	struct span quarantine;	/* why it goes to .Junk; empty: it does not */
	struct span fields;	/* Authentication-Results and so on, with their line ends */
};

/* One result, for `postrider probe`. */
struct check_row {
	const char *method;	/* in the words of RFC 8601, as the result; "verdict": what would be done */
	const char *result;
	struct span about;	/* the domain or name it speaks of */
	struct span detail;	/* name=value with blanks between */
	struct span why;
	struct span explanation;	/* of SPF, in the words of its domain; may be empty */
};

struct check;

/* Spans are copied. */
struct check *check_new(const struct check_house *h, const struct check_ask *ask, struct instant now);
void check_free(struct check **c);

/* The next bytes of the message: pieces of any size, lines end in CRLF. */
void check_part(struct check *c, struct span bytes);
/* The message is whole. */
void check_end(struct check *c, struct instant now);
/* True when the verdict is there: check_told. */
bool check_go_on(struct check *c, struct instant now) MUST_USE;
/* Monotonic ms after which check_go_on waits for nothing more; INT64_MAX before the end. */
int64_t check_due(const struct check *c);

/* Bytes that it holds, about. */
size_t check_bytes(const struct check *c);
struct facts *check_facts(struct check *c);
const struct msg_id *check_id(const struct check *c);

/* Once the verdict is there; all lasts as long as the check. */
const struct check_told *check_told(const struct check *c);
void check_each_row(struct check *c, void (*fn)(void *arg, const struct check_row *row), void *arg);
/* The steps in words, a line each. */
struct span check_tale(struct check *c);
/* What was found, as event message.checked. */
void check_event(const struct check *c, struct event *ev, int64_t wall_ms);

#endif
