/* The cache: what still counts, within its bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "dns/cache.h"

static struct question question(unsigned type, const char *name)
{
	struct question q = { .type = (uint16_t)type };

	assert_true(name_from_text(span_of_text(name), &q.name));
	return q;
}

static void put(struct cache *c, const struct question *q, uint32_t ttl, const char *data, int64_t now)
{
	struct finding f;
	struct answer *a;

	finding_init(&f);
	f.result = RESOLVED;
	f.ttl = ttl;
	f.name = q->name;
	finding_add(&f, span_of_text(data));
	a = answer_new(&f, now);
	cache_put(c, q, a, now);
	answer_unref(&a);
	finding_fini(&f);
}

static const char *data_of(struct cache *c, const struct question *q, int64_t now)
{
	static char text[64];
	struct answer *a = cache_find(c, q, now);
	struct span rest, data;

	if (!a)
		return NULL;
	rest = a->rows;
	assert_true(answer_next(&rest, &data));
	snprintf(text, sizeof(text), "%.*s", SPAN_ARG(data));
	assert_false(answer_next(&rest, &data));
	return text;
}

static void t_it_keeps_what_counts(void **state)
{
	struct cache *c = cache_new();
	struct question a = question(RECORD_A, "x.example"), mx = question(RECORD_MX, "x.example");

	(void)state;
	put(c, &a, 60, "one", 0);
	assert_null(data_of(c, &a, 0));		/* it has no size yet */
	cache_set_size(c, 10000);
	put(c, &a, 60, "one", 0);
	assert_string_equal(data_of(c, &a, 59999), "one");
	assert_null(data_of(c, &mx, 0));
	put(c, &a, 60, "two", 1000);
	assert_int_equal(cache_count(c), 1);
	assert_string_equal(data_of(c, &a, 60999), "two");
	assert_null(data_of(c, &a, 61000));
	assert_int_equal(cache_count(c), 0);
	assert_int_equal(cache_bytes(c), 0);
	put(c, &a, 60, "three", 0);
	put(c, &a, 0, "now", 0);		/* takes its place, and is not kept */
	assert_null(data_of(c, &a, 0));
	cache_free(&c);
}

static void t_it_never_grows_beyond_its_size(void **state)
{
	struct cache *c = cache_new();
	struct question first = question(RECORD_A, "first.example");
	char name[32];

	(void)state;
	cache_set_size(c, 100000);
	put(c, &first, 60, "first", 0);
	for (unsigned i = 0; i < 5000; i++) {
		struct question q;

		snprintf(name, sizeof(name), "h%u.example", i);
		q = question(RECORD_A, name);
		put(c, &q, 60, "data", 0);
		assert_true(cache_bytes(c) <= 100000);
		assert_non_null(data_of(c, &q, 0));
		assert_non_null(data_of(c, &first, 0));	/* in use, so it stays */
	}
	assert_in_range(cache_count(c), 300, 1000);
	cache_set_size(c, 1000);
	assert_true(cache_bytes(c) <= 1000);
	assert_non_null(data_of(c, &first, 0));
	cache_clear(c);
	assert_int_equal(cache_count(c), 0);
	assert_int_equal(cache_bytes(c), 0);
	cache_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_it_keeps_what_counts),
		cmocka_unit_test(t_it_never_grows_beyond_its_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
