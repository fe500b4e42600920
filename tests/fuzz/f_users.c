/* mail/table: any bytes as a file of users, of addresses or of aliases; what was taken in is found again. */
#include <stddef.h>
#include <stdint.h>

#include "mail/table.h"

static void try_kind(enum table_kind kind, struct span bytes, size_t piece)
{
	struct buf problems;
	struct table *t;

	buf_init(&problems, TABLE_PROBLEMS_MAX);
	t = table_new(kind, SPAN("example.org"), SPAN("/users"), &problems);
	for (; bytes.len > 0; bytes = span_from(bytes, piece))
		table_feed(t, span_first(bytes, piece));
	table_finish(t);
	for (uint32_t at = names_next(&t->names, NAMES_NONE); at != NAMES_NONE; at = names_next(&t->names, at)) {
		struct table_target target;
		uint32_t next;

		BUG_ON(names_find(&t->names, names_text(&t->names, at)) != at);
		if (kind != TABLE_ALIASES)
			continue;
		next = table_targets(names_value(&t->names, at));
		while (!t->broken && table_target_next(t, &next, &target))
			BUG_ON(target.text.len == 0);
	}
	table_free(&t);
	buf_fini(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = { (const char *)data, size };
	size_t piece = size > 0 ? 1 + data[0] % 64 : 1;

	try_kind(TABLE_USERS, bytes, piece);
	try_kind(TABLE_USERS_FILE, bytes, piece);
	try_kind(TABLE_ALIASES, bytes, piece);
	return 0;
}
