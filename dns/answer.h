/* What was found out about a question: immutable, in one piece of memory,
 * shared by the cache and by those who asked. */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "dns/name.h"
#include "wire/verbs.h"

/* While it is found out. */
struct finding {
	enum wire_resolve result;
	bool ad;		/* the server said that it is authentic */
	bool secure;		/* and its word counts */
	uint32_t ttl;		/* seconds; 0: it counts for those who asked, and no longer */
	struct name name;	/* where the records are: the end of a chain of CNAMEs */
	unsigned n;		/* records */
	struct buf rows;	/* u16 length, bytes; as resolve_record tells them */
	char why[128];		/* of a result that is not RESOLVED */
};
#define FINDING_ROWS_MAX 131072		/* bytes: names expand, but not to more than four times the largest packet */

void finding_init(struct finding *f);
void finding_fini(struct finding *f);
void finding_clear(struct finding *f);
void finding_add(struct finding *f, struct span data);		/* a record; nothing beyond the ceiling */

struct answer {
	unsigned refs;
	enum wire_resolve result;
	bool ad, secure;
	uint32_t ttl;		/* seconds, when it was found */
	int64_t expires_at;
	unsigned n;
	struct span name, why, rows;	/* within `bytes` */
	size_t size;		/* of all of it */
	char bytes[];
};

/* Owned by the caller, with one reference. */
struct answer *answer_new(const struct finding *f, int64_t now);
struct answer *answer_ref(struct answer *a);
void answer_unref(struct answer **a);
/* Seconds that it still counts. */
uint32_t answer_ttl(const struct answer *a, int64_t now);

/* Walks the records: `rest` begins as a->rows. */
bool answer_next(struct span *rest, struct span *data);

#endif
