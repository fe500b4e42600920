/* What the DNS said in one check: questions are asked once, and within bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "verify/facts.h"

static unsigned next(struct facts *f, const char *name)
{
	struct facts_question q;

	assert_true(facts_next(f, &q));
	assert_true(span_eq(q.name, span_of_text(name)));
	return q.number;
}

static void t_what_is_not_known_is_asked_once(void **state)
{
	struct facts *f = facts_new(10);
	struct facts_question q;
	const struct fact *found;
	unsigned n;

	(void)state;
	assert_null(facts_find(f, RECORD_TXT, SPAN("Example.ORG")));
	assert_null(facts_find(f, RECORD_TXT, SPAN("example.org.")));
	n = next(f, "example.org");
	assert_false(facts_next(f, &q));
	assert_int_equal(facts_awaited(f), 1);
	assert_null(facts_find(f, RECORD_TXT, SPAN("example.org")));
	facts_record(f, n, SPAN("v=spf1 -all"));
	facts_record(f, n, span_of("a\0b", 3));
	facts_answer(f, n, RESOLVED, true);
	assert_int_equal(facts_awaited(f), 0);
	found = facts_find(f, RECORD_TXT, SPAN("EXAMPLE.org"));
	assert_non_null(found);
	assert_int_equal(found->result, RESOLVED);
	assert_true(found->is_secure);
	assert_int_equal(found->n, 2);
	assert_true(span_eq(found->data[0], SPAN("v=spf1 -all")));
	assert_int_equal(found->data[1].len, 3);
	assert_null(facts_find(f, RECORD_A, SPAN("example.org")));	/* another question */
	facts_free(&f);
}

static void t_an_answer_that_nobody_asked_for_is_nothing(void **state)
{
	struct facts *f = facts_new(10);
	const struct fact *found;
	unsigned n;

	(void)state;
	facts_answer(f, 0, RESOLVED, false);
	assert_null(facts_find(f, RECORD_A, SPAN("a.example")));
	facts_answer(f, 0, RESOLVED, false);	/* not asked yet */
	n = next(f, "a.example");
	facts_record(f, n + 1, SPAN("1234"));
	facts_answer(f, n, RESOLVED, false);	/* without a record */
	facts_record(f, n, SPAN("1234"));	/* too late */
	facts_answer(f, n, RESOLVE_TEMPORARY, false);
	found = facts_find(f, RECORD_A, SPAN("a.example"));
	assert_int_equal(found->result, RESOLVE_NO_DATA);
	assert_int_equal(found->n, 0);
	assert_int_equal(facts_awaited(f), 0);
	facts_free(&f);
}

static void t_questions_have_a_ceiling_and_a_reserve(void **state)
{
	struct facts *f = facts_new(3);

	(void)state;
	facts_keep_back(f, 1);
	assert_null(facts_find(f, RECORD_A, SPAN("a.example")));
	assert_null(facts_find(f, RECORD_A, SPAN("b.example")));
	facts_foresee(f, RECORD_A, SPAN("c.example"));
	assert_false(facts_are_exhausted(f));
	assert_int_equal(facts_find(f, RECORD_A, SPAN("c.example"))->result, RESOLVE_REFUSED);
	assert_true(facts_are_exhausted(f));
	facts_keep_back(f, 0);
	assert_null(facts_find(f, RECORD_TXT, SPAN("_dmarc.example")));
	assert_int_equal(facts_find(f, RECORD_A, SPAN("d.example"))->result, RESOLVE_REFUSED);
	facts_free(&f);
}

static void t_no_name_is_no_question(void **state)
{
	struct facts *f = facts_new(3);
	char room[300];
	struct facts_question q;

	(void)state;
	memset(room, 'a', sizeof(room));
	assert_int_equal(facts_find(f, RECORD_A, SPAN_NONE)->result, RESOLVE_REFUSED);
	assert_int_equal(facts_find(f, RECORD_A, SPAN("."))->result, RESOLVE_REFUSED);
	assert_int_equal(facts_find(f, RECORD_A, span_of(room, sizeof(room)))->result, RESOLVE_REFUSED);
	assert_false(facts_next(f, &q));
	facts_free(&f);
}

static void t_an_answer_of_many_records_is_bounded(void **state)
{
	static char large[20000];
	struct facts *f = facts_new(3);
	unsigned n;

	(void)state;
	(void)facts_find(f, RECORD_A, SPAN("many.example"));
	n = next(f, "many.example");
	for (unsigned i = 0; i < FACTS_RECORDS_MAX * 2; i++)
		facts_record(f, n, SPAN("1234"));
	facts_answer(f, n, RESOLVED, false);
	assert_int_equal(facts_find(f, RECORD_A, SPAN("many.example"))->n, FACTS_RECORDS_MAX);
	(void)facts_find(f, RECORD_TXT, SPAN("large.example"));
	n = next(f, "large.example");
	facts_record(f, n, span_of(large, 20000));
	facts_record(f, n, span_of(large, 20000));
	facts_record(f, n, span_of(large, 12768));
	facts_answer(f, n, RESOLVED, false);
	assert_int_equal(facts_find(f, RECORD_TXT, SPAN("large.example"))->n, 2);
	assert_true(facts_bytes(f) >= FACTS_BYTES_MAX && facts_bytes(f) < 2 * FACTS_BYTES_MAX);
	facts_free(&f);
}

/* dns died in the middle of it, or the place of its question was given to another. */
static void t_an_answer_that_broke_off_counts_for_nothing(void **state)
{
	struct facts *f = facts_new(3);
	const struct fact *found;
	unsigned n;

	(void)state;
	(void)facts_find(f, RECORD_TXT, SPAN("_dmarc.example"));
	n = next(f, "_dmarc.example");
	facts_record(f, n, SPAN("v=DMARC1; p=reject"));
	facts_broke_off(f, n);
	assert_int_equal(facts_awaited(f), 1);
	facts_record(f, n, SPAN("v=DMARC1; p=reject"));
	facts_answer(f, n, RESOLVED, false);
	facts_broke_off(f, n);	/* that one is whole */
	found = facts_find(f, RECORD_TXT, SPAN("_dmarc.example"));
	assert_int_equal(found->n, 1);
	assert_true(span_eq(found->data[0], SPAN("v=DMARC1; p=reject")));
	facts_free(&f);
}

static void t_when_time_is_over_what_is_not_known_can_not_be_told(void **state)
{
	struct facts *f = facts_new(5);
	struct facts_question q;
	unsigned n;

	(void)state;
	(void)facts_find(f, RECORD_A, SPAN("a.example"));
	(void)facts_find(f, RECORD_A, SPAN("b.example"));
	n = next(f, "a.example");
	facts_record(f, n, SPAN("1234"));
	facts_answer(f, n, RESOLVED, false);
	(void)next(f, "b.example");
	facts_close(f);
	assert_int_equal(facts_find(f, RECORD_A, SPAN("a.example"))->result, RESOLVED);
	assert_int_equal(facts_find(f, RECORD_A, SPAN("b.example"))->result, RESOLVE_TEMPORARY);
	assert_int_equal(facts_find(f, RECORD_A, SPAN("c.example"))->result, RESOLVE_TEMPORARY);
	assert_false(facts_next(f, &q));
	assert_int_equal(facts_asked(f), 2);
	facts_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_what_is_not_known_is_asked_once),
		cmocka_unit_test(t_an_answer_that_nobody_asked_for_is_nothing),
		cmocka_unit_test(t_questions_have_a_ceiling_and_a_reserve),
		cmocka_unit_test(t_no_name_is_no_question),
		cmocka_unit_test(t_an_answer_of_many_records_is_bounded),
		cmocka_unit_test(t_an_answer_that_broke_off_counts_for_nothing),
		cmocka_unit_test(t_when_time_is_over_what_is_not_known_can_not_be_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
