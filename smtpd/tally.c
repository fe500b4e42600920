#include "smtpd/tally.h"

#include <stdatomic.h>
#include <string.h>

#include "base/err.h"
#include "base/random.h"

#define CELLS 8192	/* of a row: four times the connections of a listener by default */
#define ROWS  2
#define GROUPS 8192	/* of buckets; a group is a cache line */
#define GROUP 8
#define TIME_BITS 48	/* microseconds: nine years of uptime */
#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)

struct column {
	_Atomic uint32_t used;
	_Atomic uint16_t cells[ROWS][CELLS];
};

struct tally_region {
	_Atomic uint64_t seeds[2];	/* drawn by the first who comes */
	_Atomic uint64_t buckets[GROUPS][GROUP];
	struct column columns[WIRE_TALLY_COLUMNS];
};

_Static_assert(sizeof(struct tally_region) <= WIRE_TALLY_SIZE, "the region fits");

static void seed(_Atomic uint64_t *at)
{
	uint64_t none = 0;

	atomic_compare_exchange_strong(at, &none, random_u64() | 1);
}

static void clear(struct column *c)
{
	for (unsigned row = 0; row < ROWS; row++)
		for (unsigned i = 0; i < CELLS; i++)
			if (atomic_load_explicit(&c->cells[row][i], memory_order_relaxed))
				atomic_store_explicit(&c->cells[row][i], 0, memory_order_relaxed);
}

void tally_init(struct tally *t, void *region, unsigned column)
{
	BUG_ON(column >= WIRE_TALLY_COLUMNS);
	t->region = region;
	t->column = column;
	seed(&t->region->seeds[0]);
	seed(&t->region->seeds[1]);
	if (atomic_load(&t->region->columns[column].used))
		clear(&t->region->columns[column]);
	atomic_store(&t->region->columns[column].used, 1);
}

void tally_fini(struct tally *t)
{
	clear(&t->region->columns[t->column]);
	atomic_store(&t->region->columns[t->column].used, 0);
	t->region = NULL;
}

/* Multiplies to 128 bits and folds: with secret seeds nobody outside can look for keys that meet. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

struct tally_key tally_key(const struct tally *t, unsigned kind, unsigned listener, const void *name, size_t name_len)
{
	uint64_t seed0 = atomic_load_explicit(&t->region->seeds[0], memory_order_relaxed);
	uint64_t seed1 = atomic_load_explicit(&t->region->seeds[1], memory_order_relaxed);
	uint64_t hash = fold(seed0 ^ kind, seed1 ^ ((uint64_t)listener << 32 | name_len));
	const char *at = name;

	for (size_t i = 0; i < name_len; i += 8) {
		uint64_t word = 0;

		memcpy(&word, at + i, name_len - i < 8 ? name_len - i : 8);
		hash = fold(hash ^ word, seed1 ^ i);
	}
	return (struct tally_key){ fold(hash, seed0) };
}

static unsigned cell(struct tally_key key, unsigned row)
{
	return (unsigned)(key.hash >> (32 * row)) % CELLS;
}

void tally_add(struct tally *t, struct tally_key key, int n)
{
	struct column *c = &t->region->columns[t->column];

	for (unsigned row = 0; row < ROWS; row++) {
		_Atomic uint16_t *at = &c->cells[row][cell(key, row)];

		atomic_store_explicit(at, (uint16_t)(atomic_load_explicit(at, memory_order_relaxed) + n), memory_order_relaxed);
	}
}

unsigned tally_count(const struct tally *t, struct tally_key key)
{
	unsigned counts[ROWS] = { 0 };

	for (unsigned i = 0; i < WIRE_TALLY_COLUMNS; i++) {
		struct column *c = &t->region->columns[i];

		if (!atomic_load_explicit(&c->used, memory_order_relaxed))
			continue;
		for (unsigned row = 0; row < ROWS; row++)
			counts[row] += atomic_load_explicit(&c->cells[row][cell(key, row)], memory_order_relaxed);
	}
	return counts[0] < counts[1] ? counts[0] : counts[1];
}

/* ---- token buckets: a tag of 16 bits, and when the bucket is full again ---- */

static uint64_t interval_us(const struct set_rate *rate)
{
	uint64_t us = (uint64_t)rate->per_ms * 1000 / (uint64_t)rate->count;

	return us ? us : 1;
}

static struct tally_key key_of_rate(struct tally_key key, const struct set_rate *rate)
{
	return (struct tally_key){ fold(key.hash ^ (uint64_t)rate->per_ms, UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)rate->count) };
}

static uint64_t tag_of(struct tally_key key)
{
	return (key.hash >> TIME_BITS | 1) << TIME_BITS;
}

/* The bucket of this key; else one that is full, and so says nothing; else the one that will be full first. */
static _Atomic uint64_t *bucket(const struct tally *t, struct tally_key key, uint64_t now, uint64_t *was)
{
	_Atomic uint64_t *group = t->region->buckets[key.hash % GROUPS], *best = NULL;
	uint64_t best_at = UINT64_MAX, tag = tag_of(key);

	for (unsigned i = 0; i < GROUP; i++) {
		uint64_t value = atomic_load_explicit(&group[i], memory_order_relaxed);
		uint64_t until = value & TIME_MASK;

		if (until > now && (value & ~TIME_MASK) == tag) {
			*was = value;
			return &group[i];
		}
		if (until < best_at) {
			best_at = until;
			best = &group[i];
			*was = value;
		}
	}
	return best;
}

static uint64_t full_at(uint64_t was, struct tally_key key, uint64_t now)
{
	uint64_t at = (was & ~TIME_MASK) == tag_of(key) ? was & TIME_MASK : now;

	return at > now ? at : now;
}

bool tally_rate_has(const struct tally *t, struct tally_key key, const struct set_rate *rate, int64_t mono_ms)
{
	struct tally_key own = key_of_rate(key, rate);
	uint64_t now = (uint64_t)mono_ms * 1000, was;

	bucket(t, own, now, &was);
	return full_at(was, own, now) + interval_us(rate) - now <= (uint64_t)rate->per_ms * 1000;
}

void tally_rate_take(struct tally *t, struct tally_key key, const struct set_rate *rate, int64_t mono_ms)
{
	struct tally_key own = key_of_rate(key, rate);
	uint64_t now = (uint64_t)mono_ms * 1000, was, next;
	_Atomic uint64_t *at;

	do {
		at = bucket(t, own, now, &was);
		next = tag_of(own) | ((full_at(was, own, now) + interval_us(rate)) & TIME_MASK);
	} while (!atomic_compare_exchange_weak(at, &was, next));
}
