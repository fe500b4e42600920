/* A small zone in memory that answers what a check asks of the DNS. */
#ifndef TESTS_FACTS_ZONE_H
#define TESTS_FACTS_ZONE_H

#include "base/arena.h"
#include "verify/facts.h"

#define ZONE_ROWS_MAX 4000

struct zone_row {
	enum wire_record type;
	struct span name, data;
	bool fails;		/* the question gets RESOLVE_TEMPORARY */
};

struct zone {
	struct arena arena;
	unsigned n;
	unsigned n_answered;	/* questions */
	struct zone_row row[ZONE_ROWS_MAX];
};

void zone_init(struct zone *z);
void zone_fini(struct zone *z);
/* data as in facts; copied. */
void zone_add(struct zone *z, enum wire_record type, struct span name, struct span data);
void zone_fail(struct zone *z, enum wire_record type, struct span name);
/* In the words of zone files: A and AAAA as text, MX without a preference (it is 10), TXT and PTR as they are. */
void zone_say(struct zone *z, const char *name, const char *type, const char *data);
/* Answers all that was asked; false: nothing was. */
bool zone_answer(struct zone *z, struct facts *f);

#endif
