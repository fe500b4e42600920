/* Any header, at every cut: the same fields, which lie in the message in order. */
#include <stdint.h>

#include "base/err.h"
#include "verify/fields.h"

#define TEXT_MAX 3000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t read_in(struct fields *f, struct span s, size_t cut)
{
	struct span first = span_first(s, cut), second = span_from(s, cut);

	fields_init(f, 2000, 20);
	fields_feed(f, &first);
	if (first.len == 0)
		fields_feed(f, &second);
	BUG_ON(!f->ended && first.len + second.len > 0);
	fields_close(f);
	return first.len + second.len;
}

static void check_rows(const struct fields *f, struct span s)
{
	size_t at = 0;

	for (unsigned i = 0; i < f->n; i++) {
		struct span whole = f->row[i].whole;

		BUG_ON(at + whole.len > s.len || memcmp(s.at + at, whole.at, whole.len) != 0);
		at += whole.len + 2;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of((const char *)data, size);
	size_t step = size <= 300 ? 1 : size / 16, left;
	struct fields whole, part;

	if (size > TEXT_MAX)
		return 0;
	left = read_in(&whole, s, size);
	check_rows(&whole, s);
	for (size_t cut = 0; cut < size; cut += step) {
		BUG_ON(read_in(&part, s, cut) != left || part.n != whole.n || part.too_large != whole.too_large);
		for (unsigned i = 0; i < part.n; i++)
			BUG_ON(!span_eq(part.row[i].name, whole.row[i].name) || !span_eq(part.row[i].value, whole.row[i].value));
		fields_fini(&part);
	}
	fields_fini(&whole);
	return 0;
}
