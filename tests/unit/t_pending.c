/* Questions under way: credit, and answers that come late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/pending.h"

static int owners[200];

static void t_credit_is_all_there_is(void **state)
{
	struct pending p;
	uint32_t asks[100];

	(void)state;
	pending_init(&p, 100);
	for (unsigned i = 0; i < 100; i++) {
		asks[i] = pending_open(&p, &owners[i]);
		assert_int_not_equal(asks[i], 0);
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(asks[i], asks[j]);
	}
	assert_int_equal(pending_used(&p), 100);
	assert_int_equal(pending_open(&p, &owners[100]), 0);
	for (unsigned i = 0; i < 100; i++)
		assert_ptr_equal(pending_find(&p, asks[i]), &owners[i]);
	assert_ptr_equal(pending_close(&p, asks[50]), &owners[50]);
	assert_int_not_equal(pending_open(&p, &owners[100]), 0);
	assert_int_equal(pending_open(&p, &owners[101]), 0);
	pending_fini(&p);
	pending_init(&p, 0);
	assert_int_equal(pending_open(&p, owners), 0);
	pending_fini(&p);
}

static void t_a_late_answer_finds_nobody(void **state)
{
	static const uint32_t forged[] = { 0, 1, 0xffffffff, 0x00010063, 0x0001ffff };
	struct pending p;
	uint32_t first, ask;

	(void)state;
	pending_init(&p, 1);
	first = pending_open(&p, owners);
	assert_ptr_equal(pending_close(&p, first), owners);
	/* The one slot is used again: never with the same ask until its generations are through. */
	for (unsigned i = 0; i < 65534; i++) {
		ask = pending_open(&p, &owners[1]);
		assert_int_not_equal(ask, 0);
		assert_int_not_equal(ask, first);
		assert_null(pending_find(&p, first));
		assert_null(pending_close(&p, first));
		assert_ptr_equal(pending_close(&p, ask), &owners[1]);
		assert_null(pending_close(&p, ask));
	}
	for (unsigned i = 0; i < sizeof forged / sizeof *forged; i++)
		assert_null(pending_find(&p, forged[i]));
	pending_fini(&p);
}

static unsigned n_seen;
static void close_it(void *arg, uint32_t ask, void *owner)
{
	assert_ptr_equal(pending_close(arg, ask), owner);
	n_seen++;
}

static void t_each_may_be_closed_on_the_way(void **state)
{
	struct pending p;

	(void)state;
	pending_init(&p, 65535);
	for (unsigned i = 0; i < 65535; i++)
		assert_int_not_equal(pending_open(&p, &owners[i % 200]), 0);
	n_seen = 0;
	pending_each(&p, close_it, &p);
	assert_int_equal(n_seen, 65535);
	assert_int_equal(pending_used(&p), 0);
	pending_fini(&p);
}

/* A peer is gone, and who hears of it takes back another question of his, or asks once more. */
static void t_all_can_be_taken_while_some_come_and_go(void **state)
{
	static uint32_t asks[100];
	struct pending p;
	unsigned n = 0;
	int *owner;

	(void)state;
	pending_init(&p, 1000);
	assert_null(pending_take(&p));
	for (unsigned i = 0; i < 100; i++)
		asks[i] = pending_open(&p, &owners[i]);
	while ((owner = pending_take(&p))) {
		unsigned i = (unsigned)(owner - owners);

		assert_true(i >= 100 || pending_find(&p, asks[i]) == NULL);
		if (i % 10 == 3)
			assert_ptr_equal(pending_close(&p, asks[i + 1]), &owners[i + 1]);
		if (i % 10 == 7 && i < 100)
			assert_int_not_equal(pending_open(&p, &owners[100 + i]), 0);
		n++;
	}
	assert_int_equal(n, 100);	/* ten were closed, ten came */
	assert_int_equal(pending_used(&p), 0);
	asks[0] = pending_open(&p, owners);
	assert_ptr_equal(pending_take(&p), owners);
	assert_null(pending_find(&p, asks[0]));
	pending_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_credit_is_all_there_is),
		cmocka_unit_test(t_a_late_answer_finds_nobody),
		cmocka_unit_test(t_each_may_be_closed_on_the_way),
		cmocka_unit_test(t_all_can_be_taken_while_some_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
