#include "tests/unit/dmarc_zone.h"

#include "base/err.h"

static enum wire_resolve answer_one(struct facts *f, const struct facts_question *q, struct span zone)
{
	enum wire_resolve result = RESOLVE_NO_NAME;

	while (zone.len > 0) {
		struct span what = span_cut(&zone, '\n'), name = span_cut(&what, '|');

		if (!span_eq_nocase(name, q->name))
			continue;
		if (what.len == 0 || what.at[0] != '!') {
			if (q->type == RECORD_TXT)
				facts_record(f, q->number, what);
			result = q->type == RECORD_TXT ? RESOLVED : RESOLVE_NO_DATA;
		} else if (span_eq(what, SPAN("!temporary"))) {
			return q->type == RECORD_TXT ? RESOLVE_TEMPORARY : RESOLVE_NO_DATA;
		} else if (span_eq(what, SPAN("!lost"))) {
			return RESOLVE_TEMPORARY;
		} else {
			result = result == RESOLVED ? RESOLVED : RESOLVE_NO_DATA;
		}
	}
	return result;
}

unsigned dmarc_zone_answer(struct facts *f, const char *zone)
{
	struct facts_question q;
	unsigned n = 0;

	while (facts_next(f, &q)) {
		facts_answer(f, q.number, answer_one(f, &q, span_of_text(zone)), false);
		n++;
	}
	return n;
}

void dmarc_zone_check(struct facts *f, const char *zone, const struct dmarc_ask *ask, struct dmarc_told *out, struct buf *tale)
{
	while (!dmarc_check(f, ask, out, tale))
		BUG_ON(dmarc_zone_answer(f, zone) == 0);
}
