#include "wire/settings.h"

#include "base/arena.h"
#include "base/mem.h"
#include "wire/settings_value.h"

#define ARENA_BLOCK 16384	/* a configuration of a few domains fits in one */

/* What the caller gets is the first member. */
struct owned_settings {
	struct settings s;
	struct arena arena;
};

#define SECTION(kind, title_kind, once, help) static const struct set_key kind##_keys[] = {
#define KEY(section, field, path, type, deflt, min, max, choices, readers, help) \
	{ path, SET_##type, deflt, min, max, choices, readers, help, offsetof(struct set_##section, field) },
#define END(section) };
#include "wire/settings.def"
#undef SECTION
#undef KEY
#undef END

enum { MANY, ONCE };

const struct set_kind settings_kinds[] = {
#define SECTION(kind, title_kind, once, help) \
	{ #kind, title_kind, once, help, sizeof(struct set_##kind), kind##_keys, sizeof(kind##_keys) / sizeof(kind##_keys[0]) },
#define KEY(section, field, path, type, deflt, min, max, choices, readers, help)
#define END(section)
#include "wire/settings.def"
#undef SECTION
#undef KEY
#undef END
};
const unsigned settings_n_kinds = sizeof(settings_kinds) / sizeof(settings_kinds[0]);

/* Where struct settings holds a kind: the struct itself, or array and count. */
struct place {
	size_t at, count;
};

#define PLACE_ONCE(kind) { offsetof(struct settings, kind), 0 },
#define PLACE_MANY(kind) { offsetof(struct settings, kind), offsetof(struct settings, n_##kind) },
static const struct place places[] = {
#define SECTION(kind, title_kind, once, help) PLACE_##once(kind)
#define KEY(section, field, path, type, deflt, min, max, choices, readers, help)
#define END(section)
#include "wire/settings.def"
#undef SECTION
#undef KEY
#undef END
};

static const struct place *place_of(const struct set_kind *kind)
{
	return &places[kind - settings_kinds];
}

static void reset_all(struct settings *s, const struct set_kind *kind, void *section)
{
	for (unsigned i = 0; i < kind->n_keys; i++)
		settings_value_reset(s, &kind->keys[i], section);
}

struct settings *settings_new(void)
{
	struct owned_settings *o = mem_new(sizeof(*o));

	arena_init(&o->arena, ARENA_BLOCK);
	for (unsigned i = 0; i < settings_n_kinds; i++)
		if (settings_kinds[i].once)
			reset_all(&o->s, &settings_kinds[i], (char *)&o->s + places[i].at);
	return &o->s;
}

void settings_free(struct settings **s)
{
	struct owned_settings *o = (struct owned_settings *)*s;

	if (!o)
		return;
	arena_fini(&o->arena);
	mem_free(o);
	*s = NULL;
}

void *settings_alloc(struct settings *s, size_t size)
{
	return arena_new(&((struct owned_settings *)s)->arena, size);
}

const char *settings_text(struct settings *s, struct span text)
{
	return arena_text(&((struct owned_settings *)s)->arena, text);
}

const struct set_kind *settings_kind_find(struct span name)
{
	for (unsigned i = 0; i < settings_n_kinds; i++)
		if (span_eq(name, span_of_text(settings_kinds[i].name)))
			return &settings_kinds[i];
	return NULL;
}

const struct set_key *settings_key_find(const struct set_kind *kind, struct span path)
{
	for (unsigned i = 0; i < kind->n_keys; i++)
		if (span_eq(path, span_of_text(kind->keys[i].path)))
			return &kind->keys[i];
	return NULL;
}

/* The array doubles at each power of two; the arena keeps the old one until the end. */
void *settings_add_section(struct settings *s, const char *kind_name, const char *title, unsigned line)
{
	const struct set_kind *kind = settings_kind_find(span_of_text(kind_name));
	unsigned *n;
	void **array;
	struct set_section *added;

	if (!kind || kind->once)
		return NULL;
	array = (void **)(void *)((char *)s + place_of(kind)->at);
	n = (unsigned *)(void *)((char *)s + place_of(kind)->count);
	if ((*n & (*n - 1)) == 0) {
		void *grown = settings_alloc(s, kind->size * (*n ? *n * 2 : 1));

		if (*n)
			memcpy(grown, *array, kind->size * *n);
		*array = grown;
	}
	added = (struct set_section *)(void *)((char *)*array + kind->size * (*n)++);
	added->title = title ? settings_text(s, span_of_text(title)) : NULL;
	added->line = line;
	reset_all(s, kind, added);
	return added;
}

unsigned settings_count(const struct settings *s, const struct set_kind *kind)
{
	if (kind->once)
		return 1;
	return *(const unsigned *)(const void *)((const char *)s + place_of(kind)->count);
}

struct set_section *settings_section(const struct settings *s, const struct set_kind *kind, unsigned n)
{
	char *at = (char *)(uintptr_t)s + place_of(kind)->at;

	if (kind->once)
		return (struct set_section *)(void *)at;
	return (struct set_section *)(void *)(*(char **)(void *)at + kind->size * n);
}

const struct set_deliver *settings_deliver(const struct settings *s, struct span name)
{
	for (unsigned i = 0; i < s->n_deliver; i++)
		if (span_eq(span_of_text(s->deliver[i].title), name))
			return &s->deliver[i];
	return NULL;
}

#define RELAYS_MAX 4	/* where their number is left to us */

unsigned settings_relays(const struct settings *s, unsigned cores)
{
	if (s->workers.relay > 0)
		return (unsigned)s->workers.relay;
	return cores < RELAYS_MAX ? cores : RELAYS_MAX;
}
