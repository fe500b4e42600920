#include "verify/facts.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"

#define ARENA_BLOCK 4096
#define KEY_MAX     (FACTS_NAME_MAX + 2)

enum entry_state { ENTRY_WANTED, ENTRY_ASKED, ENTRY_KNOWN };

struct entry {
	struct map_node node;
	enum entry_state state;
	enum wire_record type;
	struct span name;
	struct fact fact;
	unsigned room;		/* of data */
	size_t bytes;		/* in its records */
	struct span *data;
};

struct facts {
	struct arena arena;
	struct map map;
	struct entry **row;
	unsigned n, n_given, n_known, max, kept_back;
	bool is_kept_back_used, are_exhausted, are_closed;
};

static const struct fact NOT_ASKED = { .result = RESOLVE_REFUSED };
static const struct fact NOT_KNOWN = { .result = RESOLVE_TEMPORARY };

struct facts *facts_new(unsigned max_questions)
{
	struct facts *f = mem_new(sizeof(*f));

	arena_init(&f->arena, ARENA_BLOCK);
	map_init(&f->map);
	f->max = max_questions;
	return f;
}

void facts_free(struct facts **fp)
{
	struct facts *f = *fp;

	*fp = NULL;
	if (!f)
		return;
	for (unsigned i = 0; i < f->n; i++)
		mem_free(f->row[i]->data);
	map_fini(&f->map);
	arena_fini(&f->arena);
	mem_free(f->row);
	mem_free(f);
}

/* ---- questions ----------------------------------------------------------------- */

/* Type and name; empty where the name is none. */
static struct span key_of(enum wire_record type, struct span name, char room[KEY_MAX])
{
	if (name.len > 0 && name.at[name.len - 1] == '.')
		name.len--;
	if (name.len == 0 || name.len > FACTS_NAME_MAX)
		return SPAN_NONE;
	room[0] = (char)((unsigned)type >> 8);
	room[1] = (char)type;
	memcpy(room + 2, name.at, name.len);
	text_lower_in_place(room + 2, name.len);
	return span_of(room, name.len + 2);
}

static struct entry *add(struct facts *f, enum wire_record type, struct span key)
{
	struct entry *e;

	if (f->n + (f->is_kept_back_used ? 0 : f->kept_back) >= f->max) {
		f->are_exhausted = true;
		return NULL;
	}
	f->kept_back -= f->is_kept_back_used && f->kept_back > 0;
	if ((f->n & (f->n - 1)) == 0)
		f->row = mem_resize(f->row, (f->n ? (size_t)f->n * 2 : 1) * sizeof(struct entry *));
	e = arena_new(&f->arena, sizeof(*e));
	key = arena_span(&f->arena, key);
	e->type = type;
	e->name = span_from(key, 2);
	map_put(&f->map, &e->node, key);
	f->row[f->n++] = e;
	return e;
}

const struct fact *facts_find(struct facts *f, enum wire_record type, struct span name)
{
	char room[KEY_MAX];
	struct span key = key_of(type, name, room);
	struct map_node *node;
	struct entry *e;

	if (key.len == 0)
		return &NOT_ASKED;
	node = map_find(&f->map, key);
	e = node ? MAP_OWNER(node, struct entry, node) : NULL;
	if (!e && !f->are_closed && !(e = add(f, type, key)))
		return &NOT_ASKED;
	if (e && e->state == ENTRY_KNOWN)
		return &e->fact;
	return f->are_closed ? &NOT_KNOWN : NULL;
}

void facts_foresee(struct facts *f, enum wire_record type, struct span name)
{
	bool were_exhausted = f->are_exhausted;

	(void)facts_find(f, type, name);
	f->are_exhausted = were_exhausted;
}

void facts_keep_back(struct facts *f, unsigned n)
{
	f->kept_back = n;
}

void facts_use_kept_back(struct facts *f, bool is_used)
{
	f->is_kept_back_used = is_used;
}

bool facts_are_exhausted(const struct facts *f)
{
	return f->are_exhausted;
}

/* ---- answers --------------------------------------------------------------------- */

bool facts_next(struct facts *f, struct facts_question *out)
{
	struct entry *e;

	if (f->n_given == f->n || f->are_closed)
		return false;
	e = f->row[f->n_given];
	e->state = ENTRY_ASKED;
	*out = (struct facts_question){ f->n_given++, e->type, e->name };
	return true;
}

static struct entry *asked(struct facts *f, unsigned number)
{
	return number < f->n_given && f->row[number]->state == ENTRY_ASKED ? f->row[number] : NULL;
}

void facts_record(struct facts *f, unsigned number, struct span data)
{
	struct entry *e = asked(f, number);

	if (!e || e->fact.n == FACTS_RECORDS_MAX || data.len > FACTS_BYTES_MAX - e->bytes)
		return;
	e->bytes += data.len;
	if (e->fact.n == e->room) {
		e->room = e->room ? e->room * 2 : 4;
		e->data = mem_resize(e->data, e->room * sizeof(struct span));
	}
	e->data[e->fact.n++] = arena_span(&f->arena, data);
}

void facts_answer(struct facts *f, unsigned number, enum wire_resolve result, bool is_secure)
{
	struct entry *e = asked(f, number);

	if (!e)
		return;
	if (result == RESOLVED && e->fact.n == 0)
		result = RESOLVE_NO_DATA;
	if (result != RESOLVED)
		e->fact.n = 0;
	e->fact.result = result;
	e->fact.is_secure = is_secure;
	e->fact.data = e->data;
	e->state = ENTRY_KNOWN;
	f->n_known++;
}

void facts_broke_off(struct facts *f, unsigned number)
{
	struct entry *e = asked(f, number);

	if (!e)
		return;
	e->fact.n = 0;
	e->bytes = 0;
}

size_t facts_bytes(const struct facts *f)
{
	return f->arena.used;
}

void facts_close(struct facts *f)
{
	f->are_closed = true;
}

bool facts_are_closed(const struct facts *f)
{
	return f->are_closed;
}

unsigned facts_awaited(const struct facts *f)
{
	return f->n_given - f->n_known;
}

unsigned facts_asked(const struct facts *f)
{
	return f->n_given;
}
