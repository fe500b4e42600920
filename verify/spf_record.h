/* The record that says who sends for a domain (RFC 7208 4.6, 5, 6, 12): "v=spf1 mx include:example.net -all". */
#ifndef VERIFY_SPF_RECORD_H
#define VERIFY_SPF_RECORD_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/span.h"

#define SPF_RECORD_MAX 4096	/* octets; those that fit into a packet have a few hundred */
#define SPF_TERM_MAX   512	/* octets of one term */
#define SPF_TERMS_MAX  500	/* of a record */

enum spf_kind { SPF_ALL, SPF_INCLUDE, SPF_A, SPF_MX, SPF_PTR, SPF_IP4, SPF_IP6, SPF_EXISTS, SPF_REDIRECT, SPF_EXP, SPF_OTHER };

struct spf_term {
	enum spf_kind kind;		/* SPF_OTHER: a modifier that means nothing here */
	char qualifier;			/* + - ~ ?, of mechanisms */
	unsigned char bits4, bits6;	/* of a network; 32 and 128 where none are written */
	unsigned char network[16];	/* SPF_IP4 (four bytes), SPF_IP6 */
	struct span domain;		/* domain-spec; empty: none is written */
	struct span text;		/* the whole term */
};

/* Spans point into the text that was read. */
struct spf_record {
	unsigned n;
	struct spf_term *row;		/* all terms in their order */
	const struct spf_term *redirect, *exp;	/* NULL: none */
	bool has_all;			/* then redirect counts for nothing */
	/* Where it is none: */
	struct span fault;		/* the term that can't be read; empty: the whole record */
	const char *why;		/* "is no mechanism of SPF" */
};

/* Is this text of a TXT record one of SPF (RFC 7208 4.5)? */
bool spf_record_is(struct span text);
/* Reads one by the letter of RFC 7208 12; any fault anywhere makes it none. Its rows come from the arena. */
bool spf_record_read(struct span text, struct arena *arena, struct spf_record *out);

#endif
