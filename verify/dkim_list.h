/* The DKIM signatures of a header, judged as far as no key and no library is needed: each is read strictly, and what would
 * prove nothing or take too much work is judged here, so that libopendkim never sees it. */
#ifndef VERIFY_DKIM_LIST_H
#define VERIFY_DKIM_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "mail/dkim_claim.h"
#include "verify/dkim.h"
#include "verify/fields.h"

#define DKIM_LIST_DRIFT_S 300	/* clocks of others: t= and x= are looked at that generously */

struct dkim_list {
	struct dkim_listed {
		const struct field *field;
		struct dkim_claim claim;
		struct dkim_told told;
		bool is_read;		/* the claim is whole, and the library may see it */
		bool is_judged;		/* told.result stands */
		size_t b_len;		/* its own: so much of b= tells it from the others */
	} *row;				/* from the top of the header */
	unsigned n;
};

/* max: so many are looked at; of those beyond, DKIM_TOLD_MORE are listed. The header is borrowed. */
void dkim_list_read(struct dkim_list *list, const struct fields *header, unsigned max, int64_t now_s);
void dkim_list_fini(struct dkim_list *list);
/* Some are not judged yet. */
bool dkim_list_waits(const struct dkim_list *list);

void dkim_list_judge(struct dkim_listed *signature, enum auth_result result, const char *why, ...) PRINTF_LIKE(3, 4);
/* What was done, in words, a line each. */
void dkim_list_add_tale(const struct dkim_list *list, struct buf *tale);

#endif
