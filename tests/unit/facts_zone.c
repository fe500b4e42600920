#include "tests/unit/facts_zone.h"

#include <arpa/inet.h>

#include "base/buf.h"
#include "base/err.h"

void zone_init(struct zone *z)
{
	z->n = z->n_answered = 0;
	arena_init(&z->arena, 16384);
}

void zone_fini(struct zone *z)
{
	arena_fini(&z->arena);
}

static struct zone_row *add(struct zone *z, enum wire_record type, struct span name)
{
	struct zone_row *row = &z->row[z->n];

	BUG_ON(z->n == ZONE_ROWS_MAX);
	z->n++;
	*row = (struct zone_row){ .type = type, .name = arena_span(&z->arena, name) };
	return row;
}

void zone_add(struct zone *z, enum wire_record type, struct span name, struct span data)
{
	add(z, type, name)->data = arena_span(&z->arena, data);
}

void zone_fail(struct zone *z, enum wire_record type, struct span name)
{
	add(z, type, name)->fails = true;
}

void zone_say(struct zone *z, const char *name, const char *type, const char *data)
{
	char bytes[300] = { 0, 10 };
	struct span said = span_of_text(data), owner = span_of_text(name);

	if (strcmp(type, "A") == 0) {
		BUG_ON(inet_pton(AF_INET, data, bytes) != 1);
		zone_add(z, RECORD_A, owner, span_of(bytes, 4));
	} else if (strcmp(type, "AAAA") == 0) {
		BUG_ON(inet_pton(AF_INET6, data, bytes) != 1);
		zone_add(z, RECORD_AAAA, owner, span_of(bytes, 16));
	} else if (strcmp(type, "MX") == 0) {
		BUG_ON(said.len > sizeof(bytes) - 2);
		memcpy(bytes + 2, said.at, said.len);
		zone_add(z, RECORD_MX, owner, span_of(bytes, said.len + 2));
	} else if (strcmp(type, "PTR") == 0) {
		zone_add(z, RECORD_PTR, owner, said);
	} else {
		BUG_ON(strcmp(type, "TXT") != 0);
		zone_add(z, RECORD_TXT, owner, said);
	}
}

static void answer(struct zone *z, struct facts *f, const struct facts_question *q)
{
	bool is_name = false;

	for (unsigned i = 0; i < z->n; i++) {
		const struct zone_row *row = &z->row[i];

		if (!span_eq_nocase(row->name, q->name))
			continue;
		is_name = true;
		if (row->type == q->type && row->fails) {
			facts_answer(f, q->number, RESOLVE_TEMPORARY, false);
			return;
		}
		if (row->type == q->type)
			facts_record(f, q->number, row->data);
	}
	facts_answer(f, q->number, is_name ? RESOLVED : RESOLVE_NO_NAME, false);
}

bool zone_answer(struct zone *z, struct facts *f)
{
	struct facts_question q;
	bool any = false;

	for (; facts_next(f, &q); any = true, z->n_answered++)
		answer(z, f, &q);
	return any;
}
