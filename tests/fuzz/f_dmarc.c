/* Any header, identities and zone, with a byte 1 between: the check ends, asks within its bound, says the same when it is asked again
 * with all facts there, passes only where something passes, and what is made of it are clean lines.
 * An identity is a line: `p` or `t` (pass, temperror), then its domain; the first is SPF. The zone is that of tests/unit/dmarc_zone.h. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "tests/unit/dmarc_zone.h"
#include "verify/authres.h"
#include "verify/verdict.h"

#define INPUT_MAX      4000
#define IDENTITIES_MAX 20
#define ROUNDS_MAX     20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dmarc_identity take_identity(struct span *rest)
{
	struct span line = span_cut(rest, '\n');
	enum auth_result result = AUTH_FAIL;

	if (line.len > 0 && line.at[0] == 'p')
		result = AUTH_PASS;
	else if (line.len > 0 && line.at[0] == 't')
		result = AUTH_TEMPERROR;
	return (struct dmarc_identity){ result, span_from(line, 1) };
}

static void check_told(const struct dmarc_ask *ask, const struct dmarc_told *t)
{
	bool any = ask->spf.result == AUTH_PASS;

	for (unsigned i = 0; i < ask->n_dkim; i++)
		any |= ask->dkim[i].result == AUTH_PASS;
	BUG_ON(t->result == AUTH_PASS && (!any || !(t->spf_aligned || t->dkim_aligned) || !t->record_at[0] || t->from != DMARC_FROM_READ));
	BUG_ON(t->result == AUTH_SOFTFAIL || t->result == AUTH_NEUTRAL || t->result == AUTH_POLICY);
	BUG_ON((t->result == AUTH_PERMERROR) != (t->from != DMARC_FROM_READ));
	BUG_ON(t->result == AUTH_FAIL && !t->record_at[0]);
	BUG_ON(!text_is_printable(span_of_text(t->why)) || !text_is_printable(span_of_text(t->domain)) || !text_is_printable(span_of_text(t->record_at)));
	BUG_ON(!t->record_at[0] && t->policy != DMARC_NONE);
}

static void check_consequences(const struct dmarc_ask *ask, const struct dmarc_told *t)
{
	struct verdict_finding dkim[IDENTITIES_MAX];
	struct verdict_ask va = { .modes = { MODE_OBSERVE, MODE_OBSERVE, MODE_ENFORCE }, .spf = { ask->spf.result, ask->spf.domain, ask->spf.domain },
		.dkim = dkim, .n_dkim = ask->n_dkim, .dmarc = t, .client = ask->spf.domain };
	struct verdict v;

	for (unsigned i = 0; i < ask->n_dkim; i++)
		dkim[i] = (struct verdict_finding){ ask->dkim[i].result, ask->dkim[i].domain, ask->dkim[i].domain };
	verdict_reach(&va, &v);
	BUG_ON(!text_is_printable(span_of_text(v.text)) || (v.what == VERDICT_ACCEPT) != (v.text[0] == '\0'));
	BUG_ON(t->result == AUTH_PASS && v.what != VERDICT_ACCEPT);
	BUG_ON(t->result == AUTH_FAIL && t->policy == DMARC_REJECT && !t->is_testing && v.what != VERDICT_REFUSE);
}

static void run(struct fields *header, const struct dmarc_ask *ask, const char *zone)
{
	struct facts *f = facts_new(DMARC_QUESTIONS);
	struct dmarc_told told, again;
	struct buf tale;
	unsigned rounds = 0;

	buf_init(&tale, 1 << 20);
	dmarc_foresee(f, header);
	while (!dmarc_check(f, ask, &told, &tale)) {
		BUG_ON(tale.len > 0 || ++rounds > ROUNDS_MAX);
		BUG_ON(dmarc_zone_answer(f, zone) == 0);
	}
	BUG_ON(facts_asked(f) > DMARC_QUESTIONS);
	BUG_ON(!dmarc_check(f, ask, &again, NULL));
	BUG_ON(again.result != told.result || again.policy != told.policy || strcmp(again.domain, told.domain) != 0 || strcmp(again.why, told.why) != 0);
	for (size_t i = 0; i < tale.len; i++)
		BUG_ON((unsigned char)tale.at[i] < ' ' && tale.at[i] != '\n');
	check_told(ask, &told);
	check_consequences(ask, &told);
	buf_fini(&tale);
	facts_free(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of((const char *)data, size), text = span_cut(&rest, 1), lines = span_cut(&rest, 1);
	struct dmarc_identity dkim[IDENTITIES_MAX];
	struct fields header;
	struct dmarc_ask ask = { .header = &header, .dkim = dkim };
	char zone[INPUT_MAX + 1];

	if (size > INPUT_MAX)
		return 0;
	memcpy(zone, rest.at, rest.len);
	zone[rest.len] = '\0';
	ask.spf = take_identity(&lines);
	while (lines.len > 0 && ask.n_dkim < IDENTITIES_MAX)
		dkim[ask.n_dkim++] = take_identity(&lines);
	fields_init(&header, 3000, 50);
	fields_feed(&header, &text);
	fields_close(&header);
	run(&header, &ask, zone);
	fields_fini(&header);
	return 0;
}
