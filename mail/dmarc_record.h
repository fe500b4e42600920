/* What the owner of a domain asks for (RFC 9989 4.7, 4.8): _dmarc.DOMAIN TXT "v=DMARC1; p=reject; …".
 *
 *	record = "v" equals %s"DMARC1" *(sep tag) [sep]
 *	sep    = *WSP ";" *WSP
 *	tag    = 1*ALPHA equals 1*value		equals = *WSP "=" *WSP
 *
 * A tag that is not known, has no such value or comes again is as if it were not there; so are pct, rf and ri of RFC 7489. */
#ifndef MAIL_DMARC_RECORD_H
#define MAIL_DMARC_RECORD_H

#include <stdbool.h>

#include "base/span.h"

enum dmarc_policy { DMARC_NONE, DMARC_QUARANTINE, DMARC_REJECT };	/* from the mildest to the strictest */
enum dmarc_psd { DMARC_PSD_UNKNOWN, DMARC_PSD_YES, DMARC_PSD_NO };

struct dmarc_record {
	enum dmarc_policy p, sp, np;	/* as they count: sp is p where it is not said, np is sp */
	bool has_sp, has_np;
	bool is_usable;			/* false: p, or sp or np, says nothing that can be followed, and there is no rua: no DMARC (4.10.1) */
	bool is_mended;			/* the same with a rua: all policies are none */
	bool is_dkim_strict, is_spf_strict;
	bool is_testing;		/* t=y */
	enum dmarc_psd psd;
	struct span rua, ruf, fo;	/* as they stand in the record; empty: none */
};

/* Is this TXT record, its strings joined, one of this version? Others at the same name don't count. */
bool dmarc_record_is(struct span text);
/* False when it is none; else it is one that counts in a tree walk, whatever its tags say. */
bool dmarc_record_read(struct span text, struct dmarc_record *out);

const char *dmarc_policy_text(enum dmarc_policy policy);	/* "reject" */

#endif
