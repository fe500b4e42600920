#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#define N 20000

struct item {
	struct map_node node;
	char key[12];
	int seen;
	bool is_in;
};

static struct item *items;
static struct map map;

static int setup(void **state)
{
	(void)state;
	map_init(&map);
	items = calloc(N, sizeof(*items));
	for (int i = 0; i < N; i++)
		snprintf(items[i].key, sizeof(items[i].key), "%d", i);
	return items ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	map_fini(&map);
	free(items);
	return 0;
}

static void put(int i)
{
	map_put(&map, &items[i].node, span_of_text(items[i].key));
	items[i].is_in = true;
}

static void assert_all_found(void)
{
	for (int i = 0; i < N; i++) {
		struct map_node *n = map_find(&map, span_of_text(items[i].key));

		assert_ptr_equal(n, items[i].is_in ? &items[i].node : NULL);
		if (n)
			assert_ptr_equal(MAP_OWNER(n, struct item, node), &items[i]);
	}
}

static void t_an_empty_map_has_nothing(void **state)
{
	(void)state;
	assert_null(map_find(&map, SPAN_NONE));
	assert_null(map_find(&map, SPAN("x")));
	assert_null(map_next(&map, NULL));
}

static void t_many_keys_are_found_and_no_others(void **state)
{
	(void)state;
	for (int i = 0; i < N; i += 2)
		put(i);
	assert_int_equal(map.n, N / 2);
	assert_all_found();
	for (int i = 0; i < N; i += 4) {
		map_remove(&map, &items[i].node);
		items[i].is_in = false;
	}
	for (int i = 1; i < N; i += 2)
		put(i);
	assert_int_equal(map.n, N / 4 + N / 2);
	assert_all_found();
}

static void t_a_walk_meets_each_once(void **state)
{
	(void)state;
	for (int i = 0; i < N; i++)
		put(i);
	for (struct map_node *n = map_next(&map, NULL); n; n = map_next(&map, n))
		MAP_OWNER(n, struct item, node)->seen++;
	for (int i = 0; i < N; i++)
		assert_int_equal(items[i].seen, 1);
}

static void t_one_can_be_removed_while_walking(void **state)
{
	struct map_node *next;

	(void)state;
	for (int i = 0; i < N; i++)
		put(i);
	for (struct map_node *n = map_next(&map, NULL); n; n = next) {
		struct item *it = MAP_OWNER(n, struct item, node);

		next = map_next(&map, n);
		it->seen++;
		if ((it - items) % 3 == 0)
			continue;
		map_remove(&map, n);
		it->is_in = false;
		memset(&it->node, 0xa5, sizeof(it->node));
	}
	for (int i = 0; i < N; i++)
		assert_int_equal(items[i].seen, 1);
	assert_int_equal(map.n, (N + 2) / 3);
	assert_all_found();
}

static void t_every_byte_of_a_key_counts(void **state)
{
	static const struct span keys[] = {
		{ "", 0 }, { "\0", 1 }, { "\0\0", 2 }, { "\0\0\0\0\0\0\0\0", 8 }, { "a", 1 }, { "A", 1 }, { "a\0", 2 }, { "12345678", 8 },
		{ "123456789", 9 }, { "1234567\xff", 8 }, { "1234567\x7f", 8 }, { "12345678\0", 9 },
	};
	struct map_node nodes[sizeof(keys) / sizeof(keys[0])];

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		map_put(&map, &nodes[i], keys[i]);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_ptr_equal(map_find(&map, keys[i]), &nodes[i]);
}

/* Keys that differ little lie far apart: no bucket of a full map is long. */
static void t_hashes_are_spread(void **state)
{
	unsigned counts[1024] = { 0 };

	(void)state;
	for (int i = 0; i < N; i++)
		counts[map_hash(span_of_text(items[i].key)) & 1023]++;
	for (int i = 0; i < 1024; i++)
		assert_in_range(counts[i], 1, 80);	/* 19.5 expected */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(t_an_empty_map_has_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(t_many_keys_are_found_and_no_others, setup, teardown),
		cmocka_unit_test_setup_teardown(t_a_walk_meets_each_once, setup, teardown),
		cmocka_unit_test_setup_teardown(t_one_can_be_removed_while_walking, setup, teardown),
		cmocka_unit_test_setup_teardown(t_every_byte_of_a_key_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(t_hashes_are_spread, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
