/* Macros of SPF (RFC 7208 7): strings with %{…} in them, read and expanded. */
#ifndef VERIFY_SPF_MACRO_H
#define VERIFY_SPF_MACRO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "verify/client.h"

/* What the letters stand for. */
struct spf_words {
	struct span local, domain;	/* l, o, and both for s */
	struct span current;		/* d: whose record it is */
	struct span validated;		/* p */
	struct span helo, receiver;	/* h, r */
	const struct client *client;	/* i, c, v */
	uint64_t now_s;			/* t */
};

/* explain-string: blanks are good, and c, r and t too. */
bool spf_macro_is_explanation(struct span s);
/* macro-string */
bool spf_macro_is_good(struct span s);
/* domain-spec: ends in a top label, or in a macro. */
bool spf_macro_is_domain(struct span s);

/* One of these letters stands in it, in any case. The string is good. */
bool spf_macro_uses(struct span s, const char *letters);
/* Appends a good string with its macros expanded. */
void spf_macro_expand(struct span s, const struct spf_words *words, struct buf *out);

#endif
