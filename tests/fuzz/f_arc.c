/* Any chain with any record as the key of everybody: the first byte says how the message is cut, the first line is the record, the rest the
 * message. What is said does not depend on the cut. */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "verify/arc.h"

#define TEXT_MAX 20000
#define NOW	 1800000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(struct facts *facts, struct span record)
{
	struct facts_question q;

	while (facts_next(facts, &q)) {
		facts_record(facts, q.number, record);
		facts_answer(facts, q.number, record.len ? RESOLVED : RESOLVE_NO_NAME, false);
	}
}

static struct arc_told check(struct span record, struct span message, size_t piece)
{
	struct facts *facts = facts_new(60);
	struct fields header;
	struct arc_check *c;
	struct arc_told told;
	struct buf tale;

	buf_init(&tale, 1 << 20);
	fields_init(&header, 16384, 200);
	fields_feed(&header, &message);
	fields_close(&header);
	c = arc_check_new(&header, facts, NOW);
	for (; message.len > 0; message = span_from(message, piece))
		arc_check_body(c, span_first(message, piece));
	while (!arc_check_end(c, facts, &tale))
		answer(facts, record);
	told = *arc_check_told(c);
	arc_check_free(&c);
	fields_fini(&header);
	facts_free(&facts);
	buf_fini(&tale);
	return told;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arc_told whole, cut;
	struct span text, record;

	if (size < 1 || size > TEXT_MAX)
		return 0;
	text = span_of((const char *)data + 1, size - 1);
	record = span_cut(&text, '\n');
	whole = check(record, text, SIZE_MAX);
	cut = check(record, text, 1 + data[0] % 64);
	BUG_ON(whole.result != cut.result || whole.n != cut.n || strcmp(whole.why, cut.why) != 0);
	BUG_ON(whole.result != AUTH_NONE && whole.result != AUTH_PASS && whole.result != AUTH_FAIL);
	BUG_ON((whole.why[0] != 0) != (whole.result == AUTH_FAIL));
	BUG_ON(!text_is_printable(span_of_text(whole.why)) || !text_is_printable(span_of_text(whole.domain)) || whole.n > 50);
	return 0;
}
