#include "spool/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

#define IDS 20000u

static uint32_t x = 88172645u;

static uint32_t below(uint32_t n)
{
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x % n;
}

/* As they come: of one time, with a few bits of chance. */
static struct msg_id id_of(uint32_t n)
{
	struct msg_id id = { { 1, 0x9a, 7 } };

	memcpy(id.bytes + 12, &n, sizeof(n));
	return id;
}

/* Each is found as long as it is there, under its own address, and the walk meets it once. */
static void t_messages_come_and_go_in_any_order(void **state)
{
	struct mail **there = mem_new(IDS * sizeof(*there)), *m;
	struct queue *q = queue_new();
	uint32_t n = 0, cursor = 0, walked = 0;

	(void)state;
	for (unsigned step = 0; step < 400000; step++) {
		uint32_t i = below(step < 200000 ? IDS : IDS / 8);
		struct msg_id id = id_of(i);

		assert_ptr_equal(queue_find(q, &id), there[i]);
		if (there[i] && below(2)) {
			queue_remove(q, there[i]);
			there[i] = NULL;
			n--;
		} else if (!there[i]) {
			there[i] = queue_add(q, &id);
			n++;
		}
		assert_int_equal(queue_count(q), n);
	}
	for (uint32_t i = 0; i < IDS; i++) {
		struct msg_id id = id_of(i);

		assert_ptr_equal(queue_find(q, &id), there[i]);
	}
	while ((m = queue_walk(q, &cursor))) {
		assert_ptr_equal(queue_find(q, &m->id), m);
		walked++;
	}
	assert_int_equal(walked, n);
	queue_free(&q);
	mem_free(there);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(t_messages_come_and_go_in_any_order) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
