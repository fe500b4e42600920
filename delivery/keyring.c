#include "delivery/keyring.h"

#include <string.h>

#include "base/mem.h"
#include "mail/dkim_record.h"

#define PUBLIC_MAX 4096

static struct ring_domain *domain_of(struct map_node *node)
{
	return MAP_OWNER(node, struct ring_domain, node);
}

static struct ring_key *key_of(struct list *node)
{
	return LIST_OWNER(node, struct ring_key, list);
}

/* ---- birth and death ------------------------------------------------------------ */

static void domain_add(struct keyring *r, const struct set_domain *set)
{
	struct ring_domain *d;

	if (set->dkim == DOMAIN_DKIM_OFF || keyring_find(r, span_of_text(set->title)))
		return;
	d = mem_new(sizeof(*d));
	d->name = mem_text(span_of_text(set->title));
	d->expire_ms = set->dkim_expire;
	list_init(&d->keys);
	map_put(&r->domains, &d->node, span_of_text(d->name));
}

struct keyring *keyring_new(const struct settings *s)
{
	struct keyring *r = mem_new(sizeof(*r));

	map_init(&r->domains);
	for (unsigned i = 0; i < s->n_domain; i++)
		domain_add(r, &s->domain[i]);
	return r;
}

static void key_drop(struct ring_key *k)
{
	key_free(&k->key);
	buf_fini(&k->public);
	mem_free(k->selector);
	mem_free(k);
}

void keyring_free(struct keyring **rp)
{
	struct keyring *r = *rp;
	struct map_node *node;
	struct list *key;

	*rp = NULL;
	while (r && (node = map_next(&r->domains, NULL))) {
		struct ring_domain *d = domain_of(node);

		while ((key = list_take_first(&d->keys)))
			key_drop(key_of(key));
		map_remove(&r->domains, node);
		mem_free(d->name);
		mem_free(d);
	}
	if (r)
		map_fini(&r->domains);
	mem_free(r);
}

/* ---- keys come ------------------------------------------------------------------- */

static bool is_older(const struct ring_key *a, const struct ring_key *b)
{
	return a->made_ms != b->made_ms ? a->made_ms < b->made_ms : strcmp(a->selector, b->selector) < 0;
}

static void insert(struct ring_domain *d, struct ring_key *k)
{
	struct list *behind = &d->keys;

	while (behind->prev != &d->keys && is_older(k, key_of(behind->prev)))
		behind = behind->prev;
	list_add_last(behind, &k->list);
}

enum pr_err keyring_add(struct keyring *r, const struct wire_sign_key *told, const char **why)
{
	struct ring_domain *d = keyring_find(r, told->domain);
	struct ring_key *k;
	struct key *key;

	if (!d)
		return PR_NONE;
	if (key_read(told->pem, &key, why) != PR_OK)
		return PR_BAD;
	k = mem_new(sizeof(*k));
	k->domain = d;
	k->key = key;
	k->selector = mem_text(told->selector);
	k->made_ms = (int64_t)told->made_ms;
	buf_init(&k->public, PUBLIC_MAX);
	BUG_ON(key_add_public(key, &k->public) != PR_OK);
	insert(d, k);
	r->n_keys++;
	return PR_OK;
}

void keyring_inherit(struct keyring *r, const struct keyring *before)
{
	for (struct map_node *node = map_next(&r->domains, NULL); node; node = map_next(&r->domains, node)) {
		struct ring_domain *d = domain_of(node), *was = keyring_find(before, span_of_text(d->name));

		d->is_missed = was && was->is_missed;
		LIST_EACH(key, &d->keys) {
			const struct ring_key *same = keyring_find_key(before, span_of_text(d->name), span_of_text(key_of(key)->selector));

			key_of(key)->is_seen = same && same->is_seen && span_eq(buf_span(&same->public), buf_span(&key_of(key)->public));
		}
	}
}

/* ---- who signs -------------------------------------------------------------------- */

struct ring_domain *keyring_find(const struct keyring *r, struct span domain)
{
	struct map_node *node = map_find(&r->domains, domain);

	return node ? domain_of(node) : NULL;
}

struct ring_key *keyring_find_key(const struct keyring *r, struct span domain, struct span selector)
{
	struct ring_domain *d = keyring_find(r, domain);

	for (struct list *node = d ? d->keys.next : NULL; node && node != &d->keys; node = node->next)
		if (span_eq(span_of_text(key_of(node)->selector), selector))
			return key_of(node);
	return NULL;
}

struct ring_key *keyring_signing(const struct ring_domain *d, enum key_kind kind)
{
	struct ring_key *found = NULL;

	LIST_EACH(node, &d->keys) {
		struct ring_key *k = key_of(node);

		if (key_kind(k->key) == kind && (!found || k->is_seen))
			found = k;
	}
	return found;
}

enum wire_key keyring_state(const struct ring_key *k)
{
	const struct ring_key *signing = keyring_signing(k->domain, key_kind(k->key));

	if (k == signing)
		return KEY_SIGNS;
	return is_older(k, signing) ? KEY_RETIRED : KEY_WAITS;
}

/* ---- their records ------------------------------------------------------------------ */

struct ring_key *keyring_each(const struct keyring *r, bool (*fn)(void *arg, struct ring_key *k), void *arg)
{
	for (struct map_node *node = map_next(&r->domains, NULL); node; node = map_next(&r->domains, node))
		LIST_EACH(key, &domain_of(node)->keys)
			if (fn(arg, key_of(key)))
				return key_of(key);
	return NULL;
}

static bool make_due(void *arg, struct ring_key *k)
{
	(void)arg;
	k->is_due = keyring_state(k) == KEY_WAITS;
	return false;
}

void keyring_look_again(struct keyring *r)
{
	(void)keyring_each(r, make_due, NULL);
}

static bool is_due(void *arg, struct ring_key *k)
{
	(void)arg;
	return k->is_due;
}

struct ring_key *keyring_take_due(struct keyring *r)
{
	struct ring_key *k = keyring_each(r, is_due, NULL);

	if (k)
		k->is_due = false;
	return k;
}

bool keyring_record(struct ring_key *k, struct span record)
{
	enum dkim_algorithm algorithm = key_kind(k->key) == KEY_RSA ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256;

	if (!k->is_seen)
		k->is_seen = dkim_record_has(record, algorithm, buf_span(&k->public));
	return k->is_seen;
}
