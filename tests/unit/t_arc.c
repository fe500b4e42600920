/* A chain that dkimpy sealed: it passes however its bytes come, and no byte of it can be changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sealed.h"
#include "verify/arc.h"

#define NOW 1800000000

static const char SEALED_TEXT[] = SEALED_MESSAGE;
static const struct span sealed = { SEALED_TEXT, sizeof(SEALED_TEXT) - 1 };

static void answer(struct facts *facts, enum wire_resolve result)
{
	static const char *const names[] = { SEALED_NAMES };
	struct facts_question q;

	while (facts_next(facts, &q)) {
		bool is_known = false;

		for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
			is_known |= span_eq(q.name, span_of_text(names[i]));
		if (is_known && result == RESOLVED)
			facts_record(facts, q.number, span_of_text(SEALED_RECORD));
		facts_answer(facts, q.number, is_known ? result : RESOLVE_NO_NAME, false);
	}
}

static struct arc_told check(struct span message, size_t step, enum wire_resolve result, struct buf *tale)
{
	struct facts *facts = facts_new(50);
	struct fields header;
	struct arc_check *arc;
	struct arc_told told;

	fields_init(&header, 256 << 10, 1000);
	fields_feed(&header, &message);
	fields_close(&header);
	arc = arc_check_new(&header, facts, NOW);
	for (; message.len > 0; message = span_from(message, step))
		arc_check_body(arc, span_first(message, step));
	while (!arc_check_end(arc, facts, tale))
		answer(facts, result);
	told = *arc_check_told(arc);
	arc_check_free(&arc);
	fields_fini(&header);
	facts_free(&facts);
	return told;
}

static void t_a_chain_passes_however_its_bytes_come(void **state)
{
	struct buf tale;

	(void)state;
	buf_init(&tale, 4096);
	for (size_t step = 1; step < 60; step++) {
		struct arc_told told = check(sealed, step, RESOLVED, NULL);

		assert_string_equal(told.why, "");
		assert_int_equal(told.result, AUTH_PASS);
		assert_int_equal(told.n, 2);
		assert_int_equal(told.failed, 0);
		assert_string_equal(told.domain, "b.test");
		assert_string_equal(told.selector, "r1024");
	}
	(void)check(sealed, 100, RESOLVED, &tale);
	(void)buf_add_char(&tale, 0);
	assert_non_null(strstr(tale.at, "set 1: sealed by d=example.test s=r1024 a=rsa-sha256 cv=none\n"));
	assert_non_null(strstr(tale.at, "arc pass\n"));
	buf_fini(&tale);
}

static void t_nobody_is_asked_where_there_is_no_chain(void **state)
{
	struct facts *facts = facts_new(50);
	struct span message = SPAN("From: a@b.test\r\nARC-Other: i=1\r\n\r\nbody\r\n");
	struct facts_question q;
	struct fields header;
	struct arc_check *arc;

	(void)state;
	fields_init(&header, 4096, 100);
	fields_feed(&header, &message);
	arc = arc_check_new(&header, facts, NOW);
	arc_check_body(arc, message);
	assert_true(arc_check_end(arc, facts, NULL));
	assert_int_equal(arc_check_told(arc)->result, AUTH_NONE);
	assert_false(facts_next(facts, &q));
	arc_check_free(&arc);
	fields_fini(&header);
	facts_free(&facts);
}

static void t_keys_are_asked_for_at_once_and_each_once(void **state)
{
	struct facts *facts = facts_new(50);
	struct span message = sealed;
	struct facts_question q;
	struct fields header;
	struct arc_check *arc;
	unsigned n = 0;

	(void)state;
	fields_init(&header, 256 << 10, 1000);
	fields_feed(&header, &message);
	arc = arc_check_new(&header, facts, NOW);
	while (facts_next(facts, &q))
		n++;
	assert_int_equal(n, 2);
	arc_check_body(arc, message);
	assert_false(arc_check_end(arc, facts, NULL));
	assert_false(arc_check_end(arc, facts, NULL));
	assert_false(facts_next(facts, &q));
	facts_answer(facts, 0, RESOLVE_TEMPORARY, false);
	assert_false(arc_check_end(arc, facts, NULL));
	facts_answer(facts, 1, RESOLVE_TEMPORARY, false);
	assert_true(arc_check_end(arc, facts, NULL));
	assert_int_equal(arc_check_told(arc)->result, AUTH_FAIL);
	assert_non_null(strstr(arc_check_told(arc)->why, "no answer"));
	arc_check_free(&arc);
	fields_fini(&header);
	facts_free(&facts);
}

static bool is_signed_line(const char *at)
{
	while (at > SEALED_TEXT && at[-1] != '\n')
		at--;
	return strncmp(at, "Authentication-Results:", 23) != 0;
}

/* Of the whole message but for the fields that nobody signed, and blanks, which relaxed forms bear. */
static void t_no_byte_of_it_can_be_changed(void **state)
{
	char message[sizeof(SEALED_MESSAGE)];
	unsigned n = 0;

	(void)state;
	memcpy(message, SEALED_TEXT, sizeof(message));
	for (size_t i = 0; i < sealed.len; i++) {
		char was = message[i];

		if (strchr(" \t\r\n", was) || !is_signed_line(SEALED_TEXT + i))
			continue;
		message[i] = was == 'x' ? 'y' : 'x';
		if (check(span_of(message, sealed.len), SIZE_MAX, RESOLVED, NULL).result == AUTH_PASS)
			fail_msg("changed at %zu: %.40s", i, message + i);
		message[i] = was;
		n++;
	}
	assert_true(n > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_chain_passes_however_its_bytes_come),
		cmocka_unit_test(t_nobody_is_asked_where_there_is_no_chain),
		cmocka_unit_test(t_keys_are_asked_for_at_once_and_each_once),
		cmocka_unit_test(t_no_byte_of_it_can_be_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
