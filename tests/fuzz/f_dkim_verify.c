/* Any message with any record as the key of every signature: the first byte says how it is cut, the first line is the record, the rest the
 * message. What is said does not depend on the cut, and can be shown. */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "verify/dkim.h"

#define TEXT_MAX 20000
#define NOW	 1800000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
	struct dkim_told row[20];
	unsigned n;
};

static struct dkim_house *house;

static void answer(struct facts *facts, struct span record)
{
	struct facts_question q;

	while (facts_next(facts, &q)) {
		facts_record(facts, q.number, record);
		facts_answer(facts, q.number, record.len ? RESOLVED : RESOLVE_TEMPORARY, false);
	}
}

static void check(struct told *t, struct span record, struct span message, size_t piece)
{
	struct facts *facts = facts_new(8);
	struct fields header;
	struct dkim_check *c;
	struct buf tale;

	buf_init(&tale, 1 << 20);
	fields_init(&header, 8192, 100);
	fields_feed(&header, &message);
	fields_close(&header);
	c = dkim_check_new(house, &header, facts, 5, NOW);
	for (; message.len > 0; message = span_from(message, piece))
		dkim_check_body(c, span_first(message, piece));
	while (!dkim_check_end(c, facts, &tale))
		answer(facts, record);
	BUG_ON(tale.overflowed);
	t->n = dkim_check_n(c);
	BUG_ON(t->n > 15);
	for (unsigned i = 0; i < t->n; i++)
		t->row[i] = *dkim_check_told(c, i);
	dkim_check_free(&c);
	fields_fini(&header);
	facts_free(&facts);
	buf_fini(&tale);
}

static void check_shown(const struct dkim_told *t)
{
	const char *const texts[] = { t->domain, t->selector, t->identity, t->algorithm, t->b, t->why };

	for (unsigned i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		BUG_ON(!text_is_printable(span_of_text(texts[i])));
	BUG_ON((t->result == AUTH_PASS) != (t->why[0] == 0));
	BUG_ON(t->result == AUTH_PASS && !t->covers_all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct told whole, cut;
	struct span text, record;

	if (size < 1 || size > TEXT_MAX)
		return 0;
	if (!house)
		house = dkim_house_new();
	text = span_of((const char *)data + 1, size - 1);
	record = span_cut(&text, '\n');
	check(&whole, record, text, SIZE_MAX);
	check(&cut, record, text, 1 + data[0] % 64);
	BUG_ON(whole.n != cut.n);
	for (unsigned i = 0; i < whole.n; i++) {
		check_shown(&whole.row[i]);
		BUG_ON(whole.row[i].result != cut.row[i].result || strcmp(whole.row[i].why, cut.row[i].why) != 0);
	}
	return 0;
}
