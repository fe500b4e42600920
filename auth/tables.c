#include "auth/tables.h"

#include <string.h>

void tables_init(struct tables *t)
{
	list_init(&t->all);
}

static void drop_all(struct list *tables)
{
	LIST_EACH_SAFE(node, tables) {
		struct table *t = LIST_OWNER(node, struct table, list);

		table_free(&t);
	}
}

void tables_fini(struct tables *t)
{
	drop_all(&t->all);
}

static bool is_only_one(enum table_kind kind)
{
	return kind == TABLE_USERS || kind == TABLE_TOKENS || kind == TABLE_ALIAS_STATE;
}

static bool is_called(const struct table *t, struct span name, struct span path)
{
	return span_eq(span_of_text(t->name), name) && (path.len == 0 || span_eq(span_of_text(t->path), path));
}

struct table *tables_find(const struct tables *t, enum table_kind kind, struct span name, struct span path)
{
	LIST_EACH(node, &t->all) {
		struct table *one = LIST_OWNER(node, struct table, list);

		/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): it loses track of embedded lists */
		if (one->kind == kind && (is_only_one(kind) || is_called(one, name, path)))
			return one;
	}
	return NULL;
}

size_t tables_count(const struct tables *t, enum table_kind kind)
{
	size_t n = 0;

	LIST_EACH(node, &t->all) {
		const struct table *one = LIST_OWNER(node, struct table, list);

		if (one->kind == kind)
			n += one->names.n;
	}
	return n;
}

static void move_last(struct list *to, struct table *t)
{
	list_remove(&t->list);
	list_add_last(to, &t->list);
}

/* A file that can't be read names no lists: those of the old one stay with it. */
static void keep_includes(struct tables *t, const struct table *aliases, struct list *fresh)
{
	LIST_EACH_SAFE(node, &t->all) {
		struct table *one = LIST_OWNER(node, struct table, list);

		/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): it loses track of embedded lists */
		if (one->kind == TABLE_INCLUDE && strcmp(one->name, aliases->name) == 0)
			move_last(fresh, one);
	}
}

static void take(struct tables *t, struct table *coming, struct list *fresh)
{
	struct table *old = coming->broken ? tables_find(t, coming->kind, span_of_text(coming->name), span_of_text(coming->path)) : NULL;

	if (!old) {
		list_add_last(fresh, &coming->list);
		return;
	}
	table_free(&coming);
	move_last(fresh, old);
	if (old->kind == TABLE_ALIASES)
		keep_includes(t, old, fresh);
}

void tables_take(struct tables *t, struct list *coming)
{
	struct list fresh;

	list_init(&fresh);
	for (struct list *node = list_take_first(coming); node; node = list_take_first(coming))
		take(t, LIST_OWNER(node, struct table, list), &fresh);
	drop_all(&t->all);
	for (struct list *node = list_take_first(&fresh); node; node = list_take_first(&fresh))
		list_add_last(&t->all, node);
}
