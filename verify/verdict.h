/* What is done with a message, by what was found and what the administrator wants to enforce. */
#ifndef VERIFY_VERDICT_H
#define VERIFY_VERDICT_H

#include "base/span.h"
#include "verify/dmarc.h"
#include "verify/result.h"

enum verify_mode { MODE_OFF, MODE_OBSERVE, MODE_ENFORCE };

struct verify_modes {
	enum verify_mode spf, dkim, dmarc;
};

/* What was found of SPF or of one signature. */
struct verdict_finding {
	enum auth_result result;
	struct span domain;
	struct span why;	/* words, of strangers too; may be empty */
};

struct verdict_ask {
	struct verify_modes modes;
	struct span client;		/* its address as text */
	struct verdict_finding spf;
	const struct verdict_finding *dkim;
	unsigned n_dkim;
	const struct dmarc_told *dmarc;	/* NULL: it was not looked at */
};

enum verdict_what { VERDICT_ACCEPT, VERDICT_REFUSE, VERDICT_DEFER, VERDICT_QUARANTINE };

#define VERDICT_TEXT_MAX 400	/* octets */

struct verdict {
	enum verdict_what what;
	unsigned code;			/* of REFUSE and DEFER: 550, 451; else 250 */
	const char *enhanced;		/* "5.7.1"; "" with ACCEPT and QUARANTINE */
	char text[VERDICT_TEXT_MAX + 1];	/* one line of printable ASCII behind the codes; of QUARANTINE the reason; "" with ACCEPT */
};

/* The harshest of what SPF, DKIM and DMARC ask for where they are enforced:
 *	SPF fail		550 5.7.23
 *	no signature but broken ones	550 5.7.20 (fail and permerror; one that can't be told, or is too weak, is not broken)
 *	DMARC fail		550 5.7.1 by p=reject, quarantine by p=quarantine, nothing by p=none or t=y
 *	DMARC temperror		451 4.7.1 where the policy asks for anything, or is not known since time was over: a message must not
 *				slip through by a DNS that fails, or that its sender slows down
 *	no From to be read	550 5.7.1: nobody looked at the author that a reader would see */
void verdict_reach(const struct verdict_ask *ask, struct verdict *out);

#endif
