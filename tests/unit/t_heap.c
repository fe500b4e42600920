#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N 3000

static uint32_t x;

static uint32_t next_random(void)
{
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static int by_value(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? -1 : left > right;
}

static void t_an_empty_heap_has_no_first(void **state)
{
	struct heap h;
	struct heap_node n = { 0 };

	(void)state;
	heap_init(&h);
	assert_null(heap_first(&h));
	assert_false(heap_has(&n));
	heap_remove(&h, &n);
	heap_set(&h, &n, 7);
	assert_true(heap_has(&n));
	assert_ptr_equal(heap_first(&h), &n);
	heap_remove(&h, &n);
	heap_remove(&h, &n);
	assert_null(heap_first(&h));
	heap_fini(&h);
}

/* Added, moved both ways and removed at random; what is left comes out as a sort gives it. */
static void t_what_is_left_comes_out_sorted(void **state)
{
	static struct heap_node nodes[N];
	static int64_t sorted[N];

	(void)state;
	for (x = 1; x < 40; x += 3) {
		uint32_t seed = x;
		int64_t range = seed % 2 ? 50 : INT64_C(1) << 31;
		struct heap h;
		size_t n = 0;

		heap_init(&h);
		memset(nodes, 0, sizeof(nodes));
		for (int i = 0; i < 3 * N; i++) {
			struct heap_node *one = &nodes[next_random() % N];

			if (next_random() % 4 == 0)
				heap_remove(&h, one);
			else
				heap_set(&h, one, (int64_t)next_random() % range - range / 2);
		}
		for (int i = 0; i < N; i++)
			if (heap_has(&nodes[i]))
				sorted[n++] = nodes[i].at;
		assert_int_equal(h.n, n);
		qsort(sorted, n, sizeof(*sorted), by_value);
		for (size_t i = 0; i < n; i++) {
			struct heap_node *first = heap_first(&h);

			assert_true(first->at == sorted[i]);
			heap_remove(&h, first);
			assert_false(heap_has(first));
		}
		assert_null(heap_first(&h));
		heap_fini(&h);
		x = seed;
	}
}

static void t_the_ends_of_time_have_their_order(void **state)
{
	struct heap_node a = { 0 }, b = { 0 }, c = { 0 };
	struct heap h;

	(void)state;
	heap_init(&h);
	heap_set(&h, &a, INT64_MAX);
	heap_set(&h, &b, 0);
	heap_set(&h, &c, INT64_MIN);
	assert_ptr_equal(heap_first(&h), &c);
	heap_set(&h, &c, INT64_MAX);
	assert_ptr_equal(heap_first(&h), &b);
	heap_set(&h, &a, -1);
	assert_ptr_equal(heap_first(&h), &a);
	heap_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_an_empty_heap_has_no_first),
		cmocka_unit_test(t_what_is_left_comes_out_sorted),
		cmocka_unit_test(t_the_ends_of_time_have_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
