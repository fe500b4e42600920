#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdalign.h>

#define BLOCK 1024

static bool is_all(const unsigned char *at, size_t len, unsigned char c)
{
	for (size_t i = 0; i < len; i++)
		if (at[i] != c)
			return false;
	return true;
}

/* Twice over the same arena, so that used memory comes again. */
static void t_pieces_are_zeroed_aligned_and_apart(void **state)
{
	static const size_t sizes[] = { 1, 16, 7, 0, 500, 1024, 33, 1025, 5000, 3, 1008, 64, 900, 1, 2000 };
	unsigned char *at[sizeof(sizes) / sizeof(sizes[0])];
	const size_t n = sizeof(sizes) / sizeof(sizes[0]);
	struct arena a;

	(void)state;
	arena_init(&a, BLOCK);
	for (int turn = 0; turn < 3; turn++) {
		size_t used = 0;

		for (size_t i = 0; i < n; i++) {
			at[i] = arena_new(&a, sizes[i]);
			assert_true((uintptr_t)at[i] % alignof(max_align_t) == 0);
			assert_true(is_all(at[i], sizes[i], 0));
			memset(at[i], (int)i + 1, sizes[i]);
			used += sizes[i];
		}
		assert_int_equal(a.used, used);
		for (size_t i = 0; i < n; i++)
			assert_true(is_all(at[i], sizes[i], (unsigned char)(i + 1)));
		arena_reset(&a);
		assert_int_equal(a.used, 0);
	}
	arena_fini(&a);
}

static void t_a_reset_keeps_the_first_block(void **state)
{
	struct arena a;
	void *first;

	(void)state;
	arena_init(&a, BLOCK);
	first = arena_new(&a, 100);
	for (int i = 0; i < 50; i++)
		(void)arena_new(&a, 100);
	(void)arena_new(&a, 10 * BLOCK);
	arena_reset(&a);
	assert_ptr_equal(arena_new(&a, 100), first);
	arena_fini(&a);
}

/* Something large at the very beginning is not what a thousand idle sessions keep. */
static void t_a_reset_keeps_nothing_large(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, BLOCK);
	(void)arena_new(&a, 100 * BLOCK);
	arena_reset(&a);
	assert_null(a.blocks);
	assert_non_null(arena_new(&a, 10));
	arena_fini(&a);
	assert_null(a.blocks);
}

static void t_something_large_leaves_the_open_block_open(void **state)
{
	struct arena a;
	char *first, *second;

	(void)state;
	arena_init(&a, BLOCK);
	first = arena_new(&a, 16);
	(void)arena_new(&a, 2 * BLOCK);
	second = arena_new(&a, 16);
	assert_ptr_equal(second, first + 16);
	arena_fini(&a);
}

static void t_texts_are_copies_with_a_nul(void **state)
{
	char source[] = "a\0b";
	struct arena a;
	struct span s;
	char *text;

	(void)state;
	arena_init(&a, BLOCK);
	text = arena_text(&a, span_of(source, 3));
	s = arena_span(&a, span_of(source, 3));
	source[0] = 'X';
	assert_memory_equal(text, "a\0b\0", 4);
	assert_true(span_eq(s, SPAN("a\0b")));
	assert_string_equal(arena_text(&a, SPAN_NONE), "");
	assert_int_equal(arena_span(&a, SPAN_NONE).len, 0);
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_pieces_are_zeroed_aligned_and_apart),
		cmocka_unit_test(t_a_reset_keeps_the_first_block),
		cmocka_unit_test(t_a_reset_keeps_nothing_large),
		cmocka_unit_test(t_something_large_leaves_the_open_block_open),
		cmocka_unit_test(t_texts_are_copies_with_a_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
