/* The ring of events: what it keeps, what it forgets, and cursors that outlive what they stood at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "events/ring.h"
#include "wire/event.h"

#define SIZE ((size_t)4 * EVENT_MAX)

/* Event number n: its number, and bytes of it up to its length. */
static struct span numbered(char *room, unsigned n, size_t len)
{
	memset(room, (char)('a' + n % 26), len);
	memcpy(room, &n, sizeof(n));
	return span_of(room, len);
}

static unsigned number_of(struct span event)
{
	unsigned n;

	memcpy(&n, event.at, sizeof(n));
	for (size_t i = sizeof(n); i < event.len; i++)
		assert_int_equal(event.at[i], (char)('a' + n % 26));
	return n;
}

static void t_an_empty_ring_has_nothing(void **state)
{
	struct ring r;
	struct ring_cursor c;
	struct span event;

	(void)state;
	ring_init(&r, SIZE);
	c = ring_begin(&r);
	assert_false(ring_next(&r, &c, &event));
	assert_int_equal(ring_count(&r), 0);
	ring_fini(&r);
}

/* After each of many appends of every length: a row of the latest, without a gap, whole. */
static void t_the_latest_are_there_in_order(void **state)
{
	char room[EVENT_MAX];
	struct ring r;

	(void)state;
	ring_init(&r, SIZE);
	srand(7);
	for (unsigned n = 0; n < 20000; n++) {
		size_t len = n % 11 == 0 ? EVENT_MAX : sizeof(n) + (size_t)rand() % (EVENT_MAX - sizeof(n));
		struct ring_cursor c;
		struct span event;
		unsigned next;

		ring_add(&r, numbered(room, n, len));
		c = ring_begin(&r);
		next = (unsigned)r.first_serial;
		while (ring_next(&r, &c, &event))
			assert_int_equal(number_of(event), next++);
		assert_int_equal(next, n + 1);
		assert_true(ring_count(&r) >= 2 || n < 2);
	}
	ring_fini(&r);
}

static void t_small_ones_fill_it(void **state)
{
	char room[EVENT_MAX];
	struct ring r;

	(void)state;
	ring_init(&r, SIZE);
	for (unsigned n = 0; n < 5000; n++)
		ring_add(&r, numbered(room, n, 12));
	assert_int_equal(ring_count(&r), SIZE / 16);
	ring_fini(&r);
}

static void t_a_cursor_goes_on_with_the_oldest(void **state)
{
	char room[EVENT_MAX];
	struct ring r;
	struct ring_cursor c;
	struct span event;

	(void)state;
	ring_init(&r, SIZE);
	ring_add(&r, numbered(room, 0, 100));
	ring_add(&r, numbered(room, 1, 100));
	c = ring_begin(&r);
	assert_true(ring_next(&r, &c, &event));
	for (unsigned n = 2; n < 1000; n++)
		ring_add(&r, numbered(room, n, 100));
	assert_true(ring_next(&r, &c, &event));
	assert_int_equal(number_of(event), r.first_serial);
	ring_fini(&r);
}

static void t_a_cursor_at_the_end_sees_what_comes(void **state)
{
	char room[EVENT_MAX];
	struct ring r;
	struct ring_cursor c;
	struct span event;

	(void)state;
	ring_init(&r, SIZE);
	c = ring_begin(&r);
	for (unsigned n = 0; n < 3000; n++) {
		ring_add(&r, numbered(room, n, 40 + n % 1500));
		assert_true(ring_next(&r, &c, &event));
		assert_int_equal(number_of(event), n);
		assert_false(ring_next(&r, &c, &event));
	}
	ring_fini(&r);
}

static void t_resize_keeps_the_latest(void **state)
{
	char room[EVENT_MAX];
	struct ring r;
	struct ring_cursor c;
	struct span event;
	unsigned next;

	(void)state;
	ring_init(&r, SIZE * 4);
	for (unsigned n = 0; n < 500; n++)
		ring_add(&r, numbered(room, n, 60));
	ring_resize(&r, SIZE);
	c = ring_begin(&r);
	next = (unsigned)r.first_serial;
	while (ring_next(&r, &c, &event))
		assert_int_equal(number_of(event), next++);
	assert_int_equal(next, 500);
	assert_int_equal(ring_count(&r), SIZE / 64);
	ring_resize(&r, SIZE * 2);
	assert_int_equal(ring_count(&r), SIZE / 64);
	ring_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_an_empty_ring_has_nothing),
		cmocka_unit_test(t_the_latest_are_there_in_order),
		cmocka_unit_test(t_small_ones_fill_it),
		cmocka_unit_test(t_a_cursor_goes_on_with_the_oldest),
		cmocka_unit_test(t_a_cursor_at_the_end_sees_what_comes),
		cmocka_unit_test(t_resize_keeps_the_latest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
