#include "base/map.h"

#include <pthread.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/random.h"

#define MAP_FIRST_BUCKETS 16	/* a power of two, as all later sizes */

/* SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), with
 * one compression round a word and three at the end: enough where only
 * collisions must not be found, which is all that a hash map asks. */
static uint64_t seed[2];

static void make_seed(void)
{
	random_bytes(seed, sizeof(seed));
}

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t turn(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = turn(s->v1, 13) ^ s->v0;
	s->v0 = turn(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = turn(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = turn(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = turn(s->v1, 17) ^ s->v2;
	s->v2 = turn(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

/* Up to eight bytes, least significant first, whatever the machine's order. */
static inline uint64_t word_of(const char *at, size_t len)
{
	uint64_t word = 0;

	for (size_t i = 0; i < len; i++)
		word |= (uint64_t)(unsigned char)at[i] << (8 * i);
	return word;
}

uint64_t map_hash(struct span key)
{
	static pthread_once_t seeded = PTHREAD_ONCE_INIT;

	pthread_once(&seeded, make_seed);
	struct sip s = {
		seed[0] ^ 0x736f6d6570736575U, seed[1] ^ 0x646f72616e646f6dU,
		seed[0] ^ 0x6c7967656e657261U, seed[1] ^ 0x7465646279746573U,
	};
	size_t whole = key.len & ~(size_t)7;

	for (size_t i = 0; i < whole; i += 8)
		sip_word(&s, word_of(key.at + i, 8));
	sip_word(&s, (uint64_t)key.len << 56 | word_of(key.at + whole, key.len - whole));
	s.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

void map_init(struct map *m)
{
	*m = (struct map){ 0 };
}

void map_fini(struct map *m)
{
	mem_free(m->buckets);
	*m = (struct map){ 0 };
}

static struct map_node **bucket_of(const struct map *m, uint64_t hash)
{
	return &m->buckets[hash & (m->n_buckets - 1)];
}

static void link_node(struct map *m, struct map_node *n)
{
	struct map_node **bucket = bucket_of(m, n->hash);

	n->next = *bucket;
	*bucket = n;
}

static void grow(struct map *m)
{
	struct map old = *m;

	m->n_buckets = old.n_buckets ? old.n_buckets * 2 : MAP_FIRST_BUCKETS;
	m->buckets = mem_new(m->n_buckets * sizeof(*m->buckets));
	for (size_t i = 0; i < old.n_buckets; i++)
		for (struct map_node *n = old.buckets[i], *next; n; n = next) {
			next = n->next;
			link_node(m, n);
		}
	mem_free(old.buckets);
}

static struct map_node *find_hashed(const struct map *m, struct span key, uint64_t hash)
{
	if (!m->n)
		return NULL;
	for (struct map_node *n = *bucket_of(m, hash); n; n = n->next)
		if (n->hash == hash && span_eq(n->key, key))
			return n;
	return NULL;
}

void map_put(struct map *m, struct map_node *n, struct span key)
{
	n->key = key;
	n->hash = map_hash(key);
	BUG_ON(find_hashed(m, key, n->hash));
	if (m->n == m->n_buckets)
		grow(m);
	link_node(m, n);
	m->n++;
}

struct map_node *map_find(const struct map *m, struct span key)
{
	return m->n ? find_hashed(m, key, map_hash(key)) : NULL;
}

void map_remove(struct map *m, struct map_node *n)
{
	struct map_node **at;

	BUG_ON(m->n == 0);
	for (at = bucket_of(m, n->hash); *at != n; at = &(*at)->next)
		BUG_ON(!*at);
	*at = n->next;
	n->next = NULL;
	m->n--;
}

struct map_node *map_next(const struct map *m, const struct map_node *after)
{
	size_t bucket = 0;

	if (after) {
		if (after->next)
			return after->next;
		bucket = (after->hash & (m->n_buckets - 1)) + 1;
	}
	for (; bucket < m->n_buckets; bucket++)
		if (m->buckets[bucket])
			return m->buckets[bucket];
	return NULL;
}
