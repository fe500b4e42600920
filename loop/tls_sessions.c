#include "loop/tls_sessions.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

struct kept {
	struct map_node node;
	struct list list;
	SSL_SESSION *session;
	int64_t until_ms;
	char name[];
};

void tls_sessions_init(struct tls_sessions *s)
{
	map_init(&s->by_name);
	list_init(&s->by_age);
}

static void kept_free(struct tls_sessions *s, struct kept *k)
{
	map_remove(&s->by_name, &k->node);
	list_remove(&k->list);
	SSL_SESSION_free(k->session);
	mem_free(k);
}

void tls_sessions_fini(struct tls_sessions *s)
{
	while (!list_is_empty(&s->by_age))
		kept_free(s, LIST_OWNER(s->by_age.next, struct kept, list));
	map_fini(&s->by_name);
}

static struct kept *kept_find(const struct tls_sessions *s, const char *name)
{
	struct map_node *node = map_find(&s->by_name, span_of_text(name));

	return node ? MAP_OWNER(node, struct kept, node) : NULL;
}

static struct kept *kept_new(struct tls_sessions *s, const char *name)
{
	struct kept *k = mem_new(sizeof(*k) + strlen(name) + 1);

	if (s->by_name.n == TLS_SESSIONS_MAX)
		kept_free(s, LIST_OWNER(s->by_age.prev, struct kept, list));
	memcpy(k->name, name, strlen(name));
	list_init(&k->list);
	map_put(&s->by_name, &k->node, span_of_text(k->name));
	return k;
}

static void kept_is_used(struct tls_sessions *s, struct kept *k)
{
	list_remove(&k->list);
	list_add_first(&s->by_age, &k->list);
}

void tls_sessions_put_take(struct tls_sessions *s, const char *name, SSL_SESSION *session)
{
	struct kept *k = kept_find(s, name);

	if (!k)
		k = kept_new(s, name);
	SSL_SESSION_free(k->session);
	k->session = session;
	k->until_ms = clock_now().mono_ms + TLS_SESSION_LIFE;
	kept_is_used(s, k);
}

SSL_SESSION *tls_sessions_find(struct tls_sessions *s, const char *name)
{
	struct kept *k = kept_find(s, name);

	if (!k)
		return NULL;
	if (clock_now().mono_ms >= k->until_ms) {
		kept_free(s, k);
		return NULL;
	}
	kept_is_used(s, k);
	return k->session;
}

void tls_sessions_forget(struct tls_sessions *s, const char *name)
{
	struct kept *k = kept_find(s, name);

	if (k)
		kept_free(s, k);
}
