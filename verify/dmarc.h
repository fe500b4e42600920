/* Does whoever owns the author's domain vouch for this message, and what does he ask for if not? (RFC 9989)
 *
 * It passes where SPF or a DKIM signature passes for a domain that is aligned with the author's: the same, or, unless the owner
 * is strict, with the same organisational domain (dmarc_tree.h). Several authors are judged one by one, and the strictest
 * judgement counts. What can't be read as a From field is a permerror with from != DMARC_FROM_READ: whoever enforces DMARC must not
 * take it, since it would show an author that nobody looked at. */
#ifndef VERIFY_DMARC_H
#define VERIFY_DMARC_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"
#include "mail/dmarc_record.h"
#include "verify/facts.h"
#include "verify/fields.h"
#include "verify/result.h"

#define DMARC_DOMAIN_MAX  255	/* octets */
#define DMARC_AUTHORS_MAX 3	/* different domains of a From field that are looked at: nine questions each */
#define DMARC_QUESTIONS   27	/* to be kept back for it (facts_keep_back), so that nothing else in a message uses them up */

/* What SPF or one signature vouches for, if it passes. */
struct dmarc_identity {
	enum auth_result result;
	struct span domain;	/* as it came; empty: none */
};

struct dmarc_ask {
	const struct fields *header;	/* ended */
	struct dmarc_identity spf;	/* of the domain in MAIL FROM; of HELO where the sender is <> */
	const struct dmarc_identity *dkim;	/* signatures; what passes but covers too little of the message must not say so */
	unsigned n_dkim;
};

enum dmarc_from {
	DMARC_FROM_READ,
	DMARC_FROM_MISSING,	/* no field */
	DMARC_FROM_REPEATED,	/* several fields */
	DMARC_FROM_UNREADABLE,	/* nobody, or not surely whom */
	DMARC_FROM_TOO_DEEP,	/* in a header that is larger than what is looked at */
	DMARC_FROM_TOO_MANY	/* more different domains than are looked at */
};

enum dmarc_which { DMARC_WHICH_P, DMARC_WHICH_SP, DMARC_WHICH_NP };	/* the tag that the policy stands in */

struct dmarc_told {
	enum auth_result result;	/* none, pass, fail, temperror, permerror */
	enum dmarc_from from;
	unsigned n_authors;		/* different domains */
	/* Of the author that decided; texts are empty where there is none. */
	char domain[DMARC_DOMAIN_MAX + 1];		/* lower case, A-labels */
	char organisational[DMARC_DOMAIN_MAX + 1];
	char record_at[DMARC_DOMAIN_MAX + 1];		/* the domain below whose _dmarc the policy was found; empty: no policy */
	enum dmarc_policy policy;	/* as published, for this author; with temperror: what it would be by what is known */
	enum dmarc_which which;
	bool is_testing;		/* t=y */
	bool is_untold;			/* the policy is not known because the time was over, which a sender can bring about */
	bool spf_aligned, dkim_aligned;	/* passes, and is aligned */
	char why[512];			/* words: printable ASCII */
};

/* False: facts are missing. tale (NULL: nobody wants it): every step in words, a line each; only of the run that ends. */
bool dmarc_check(struct facts *f, const struct dmarc_ask *ask, struct dmarc_told *out, struct buf *tale);
/* The names that it will look up. */
void dmarc_foresee(struct facts *f, const struct fields *header);

/* What is to be done with a message that fails, t=y considered: it takes one step off (RFC 9989 4.7). */
enum dmarc_policy dmarc_policy_asked(const struct dmarc_told *told);

#endif
