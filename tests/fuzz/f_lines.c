/* Any body, at every cut: the fast reader says what the slow one says. The first byte chooses the rule and the way. */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "tests/unit/slow_lines.h"

#define ALL_CUTS_MAX 200	/* of a longer one some */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool feed(struct lines *l, struct span piece, struct result *r)
{
	struct span in = piece, out;
	enum lines_step step;

	while ((step = lines_take(l, &in, &out)) == LINES_PART) {
		BUG_ON(out.len == 0 || r->len + out.len > sizeof(r->out));
		memcpy(r->out + r->len, out.at, out.len);
		r->len += out.len;
	}
	r->used += piece.len - in.len;
	return step == LINES_END;
}

static void compare(struct span s, size_t cut, enum lines_rule rule, bool dots, const struct result *want)
{
	static struct result got;
	struct lines l;

	result_clear(&got);
	if (dots)
		lines_init_data(&l, rule, 998);
	else
		lines_init_chunks(&l, rule, 998);
	if (!feed(&l, span_first(s, cut), &got) && !feed(&l, span_from(s, cut), &got))
		got.used = SIZE_MAX;
	BUG_ON(got.used != want->used || got.len != want->len || memcmp(got.out, want->out, got.len) != 0);
	BUG_ON((l.faults & (LINES_BARE_CR | LINES_BARE_LF | LINES_NUL)) != want->faults || l.size != got.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result want;
	static char text[RESULT_MAX / 2];
	size_t len = size, step;

	if (size < 1 || size >= sizeof(text))
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = 'a';	/* settles what a CR or a dot at the end would leave open */
	slow_lines(span_of(text, len), data[0] & 1, !(data[0] & 2), &want);
	step = len <= ALL_CUTS_MAX ? 1 : len / 16;
	for (size_t cut = 0; cut <= len; cut += step)
		compare(span_of(text, len), cut, data[0] & 1, !(data[0] & 2), &want);
	return 0;
}
