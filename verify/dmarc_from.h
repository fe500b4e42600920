/* The authors of a message, as DMARC needs them: the domains of its one From field. */
#ifndef VERIFY_DMARC_FROM_H
#define VERIFY_DMARC_FROM_H

#include <stdbool.h>

#include "verify/dmarc.h"

struct dmarc_authors {
	enum dmarc_from from;
	const char *why;	/* when it is not DMARC_FROM_READ */
	bool has_literal;	/* an address without a domain: nobody can vouch for it */
	unsigned n;
	char domain[DMARC_AUTHORS_MAX][DMARC_DOMAIN_MAX + 1];	/* canonical (idn_name), each once */
};

void dmarc_from_read(const struct fields *header, struct dmarc_authors *out);

#endif
