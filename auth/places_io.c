#include "auth/places_io.h"

#include <string.h>

#include "base/mem.h"

struct place {
	struct list list;
	char *name;
	struct source *source;
	bool is_told;		/* by the settings in hand */
};

void places_init(struct places *p, struct loop *loop)
{
	p->loop = loop;
	list_init(&p->all);
}

static void place_free(struct place *p)
{
	list_remove(&p->list);
	source_free(&p->source);
	mem_free(p->name);
	mem_free(p);
}

void places_fini(struct places *p)
{
	LIST_EACH_SAFE(node, &p->all)
		place_free(LIST_OWNER(node, struct place, list));
}

static struct place *find(const struct places *p, struct span name)
{
	LIST_EACH(node, &p->all) {
		struct place *one = LIST_OWNER(node, struct place, list);

		if (span_eq(span_of_text(one->name), name))
			return one;
	}
	return NULL;
}

struct source *places_find(const struct places *p, struct span name)
{
	const struct place *one = find(p, name);

	return one ? one->source : NULL;
}

static struct place *place_new(struct places *p, const char *name)
{
	struct place *one = mem_new(sizeof(*one));

	one->name = mem_text(span_of_text(name));
	list_add_last(&p->all, &one->list);
	return one;
}

static void place_set(struct places *p, const char *name, const char *path)
{
	struct place *one = find(p, span_of_text(name));

	if (!one)
		one = place_new(p, name);
	if (one->source && strcmp(source_path(one->source), path) != 0)
		source_free(&one->source);
	if (!one->source)
		one->source = source_new(p->loop, path);
	one->is_told = true;
}

void places_set(struct places *p, const struct settings *s)
{
	LIST_EACH(node, &p->all)
		LIST_OWNER(node, struct place, list)->is_told = false;
	for (unsigned i = 0; i < s->n_logins; i++)
		if (s->logins[i].dovecot)
			place_set(p, s->logins[i].title, s->logins[i].dovecot);
	LIST_EACH_SAFE(node, &p->all) {
		struct place *one = LIST_OWNER(node, struct place, list);

		if (!one->is_told)
			place_free(one);
	}
}
