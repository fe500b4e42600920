/* What is enforced of this message: the modes of its listener, with the exceptions of `sender` sections.
 *
 * A section whose pattern is a network counts for clients in it. One whose pattern is a domain counts where the one author is of
 * that domain or below it, and SPF or DKIM passes for a domain of which the same is true: From alone anybody can write. Where it
 * `forwards` the author does not matter: a list passes on what others wrote.
 * For each key the most specific section that sets it counts: networks before domains, longer ones first. */
#ifndef VERIFY_EXCEPTIONS_H
#define VERIFY_EXCEPTIONS_H

#include "base/span.h"
#include "verify/verdict.h"
#include "wire/settings.h"

struct exceptions_ask {
	int family;			/* of the client: 4 or 6 */
	const unsigned char *client;	/* 4 or 16 bytes */
	const struct dmarc_told *dmarc;	/* whose author it is; NULL: no section for a domain counts */
	struct verdict_finding spf;
	const struct verdict_finding *dkim;
	unsigned n_dkim;
};

/* The pattern of a section that changed a mode, as long as the settings; NULL: none did. */
const char *exceptions_apply(const struct settings *set, const struct exceptions_ask *ask, struct verify_modes *modes);

#endif
