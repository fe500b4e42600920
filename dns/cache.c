#include "dns/cache.h"

#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"

/* What an entry costs beyond its bytes: two heads of the allocator and its share of the buckets. */
#define ENTRY_OVERHEAD 48

struct cache {
	struct map map;
	struct list by_use;	/* the latest first */
	size_t bytes, most;
};

struct entry {
	struct map_node node;
	struct list list;
	struct answer *answer;
	size_t key_len;
	char key[];
};

static size_t cost(const struct entry *e)
{
	return sizeof(*e) + e->key_len + e->answer->size + ENTRY_OVERHEAD;
}

struct cache *cache_new(void)
{
	struct cache *c = mem_new(sizeof(*c));

	map_init(&c->map);
	list_init(&c->by_use);
	return c;
}

static void drop(struct cache *c, struct entry *e)
{
	c->bytes -= cost(e);
	map_remove(&c->map, &e->node);
	list_remove(&e->list);
	answer_unref(&e->answer);
	mem_free(e);
}

static void drop_oldest(struct cache *c, size_t most)
{
	while (c->bytes > most)
		drop(c, LIST_OWNER(c->by_use.prev, struct entry, list));
}

void cache_clear(struct cache *c)
{
	drop_oldest(c, 0);
}

void cache_free(struct cache **cp)
{
	struct cache *c = *cp;

	*cp = NULL;
	if (!c)
		return;
	cache_clear(c);
	map_fini(&c->map);
	mem_free(c);
}

void cache_set_size(struct cache *c, size_t bytes)
{
	c->most = bytes;
	drop_oldest(c, bytes);
}

static struct entry *find(const struct cache *c, struct span key)
{
	struct map_node *node = map_find(&c->map, key);

	return node ? MAP_OWNER(node, struct entry, node) : NULL;
}

void cache_put(struct cache *c, const struct question *q, struct answer *a, int64_t now)
{
	struct span key = question_key(q);
	struct entry *e = find(c, key);

	if (e)
		drop(c, e);
	if (a->expires_at <= now)
		return;
	e = mem_new(sizeof(*e) + key.len);
	e->answer = answer_ref(a);
	e->key_len = key.len;
	memcpy(e->key, key.at, key.len);
	map_put(&c->map, &e->node, span_of(e->key, e->key_len));
	list_add_first(&c->by_use, &e->list);
	c->bytes += cost(e);
	drop_oldest(c, c->most);
}

struct answer *cache_find(struct cache *c, const struct question *q, int64_t now)
{
	struct entry *e = find(c, question_key(q));

	if (!e)
		return NULL;
	if (e->answer->expires_at <= now) {
		drop(c, e);
		return NULL;
	}
	list_remove(&e->list);
	list_add_first(&c->by_use, &e->list);
	return e->answer;
}

size_t cache_bytes(const struct cache *c)
{
	return c->bytes;
}

size_t cache_count(const struct cache *c)
{
	return c->map.n;
}
