/* A header is cut into its fields, however its bytes come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "verify/fields.h"

/* Feeds it in pieces of `step` bytes; *left is what follows the header. */
static struct fields fed(struct span message, size_t step, size_t max_size, unsigned max_fields, struct span *left)
{
	struct fields f;
	struct span rest = message;

	fields_init(&f, max_size, max_fields);
	while (rest.len > 0 && !f.ended) {
		struct span piece = span_first(rest, step);
		size_t before = piece.len;

		fields_feed(&f, &piece);
		rest = span_from(rest, before - piece.len);
	}
	fields_close(&f);
	*left = rest;
	return f;
}

static void t_fields_are_as_they_were_sent(void **state)
{
	struct span m = SPAN("Received: from a\r\n\tby b\r\nFrom : <a@b>\r\nno field\r\nX:\r\nSubject: a\nb\r\n: none\r\n\r\nbody\r\n\r\n");

	(void)state;
	for (size_t step = 1; step <= m.len; step++) {
		struct span left;
		struct fields f = fed(m, step, 1000, 100, &left);

		assert_int_equal(f.n, 6);
		assert_false(f.too_large);
		assert_true(span_eq(left, SPAN("body\r\n\r\n")));
		assert_true(span_eq(f.row[0].whole, SPAN("Received: from a\r\n\tby b")));
		assert_true(span_eq(f.row[0].value, SPAN(" from a\r\n\tby b")));
		assert_true(span_eq(f.row[1].name, SPAN("From")));
		assert_true(span_eq(f.row[1].value, SPAN(" <a@b>")));
		assert_int_equal(f.row[2].name.len, 0);
		assert_true(span_eq(f.row[2].whole, SPAN("no field")));
		assert_true(span_eq(f.row[3].name, SPAN("X")));
		assert_int_equal(f.row[3].value.len, 0);
		assert_true(span_eq(f.row[4].value, SPAN(" a\nb")));
		assert_int_equal(f.row[5].name.len, 0);
		assert_int_equal(fields_count(&f, SPAN("from")), 1);
		assert_ptr_equal(fields_find(&f, SPAN("SUBJECT"), 2), &f.row[4]);
		assert_null(fields_find(&f, SPAN("Subject"), 5));
		fields_fini(&f);
	}
}

static void t_where_the_header_ends(void **state)
{
	static const struct {
		const char *message, *left;
		unsigned n;
	} cases[] = {
		{ "\r\nA: b\r\n", "A: b\r\n", 0 },
		{ " A: b\r\n\r\n", " A: b\r\n\r\n", 0 },	/* no header at all */
		{ "A: b\r\nC: d\r\n", "", 2 },			/* without a body */
		{ "A: b", "", 1 },
		{ "A: b\r\n\n\r\nC: d\r\n\r\nx", "x", 3 },	/* a bare LF is no empty line */
		{ "A: b\n\nC: d\r\n\r\nx", "x", 1 },
		{ "A: b\r\n \r\n\r\nx", "x", 1 },		/* a line of blanks goes on with the field */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t step = 1; step < 20; step++) {
			struct span left;
			struct fields f = fed(span_of_text(cases[i].message), step, 1000, 100, &left);

			assert_int_equal(f.n, cases[i].n);
			assert_true(span_eq(left, span_of_text(cases[i].left)));
			fields_fini(&f);
		}
}

static void t_ceilings_are_told_and_the_body_is_found(void **state)
{
	struct span m = SPAN("A: 1\r\nB: 2\r\nC: 3\r\nFrom: x\r\n\r\nbody"), left;

	(void)state;
	for (size_t step = 1; step <= m.len; step++)
		for (size_t max = 1; max < 60; max++) {
			struct fields f = fed(m, step, max, 100, &left);

			assert_true(span_eq(left, SPAN("body")));
			assert_int_equal(f.too_large, max < 29);
			fields_fini(&f);
			f = fed(m, step, 1000, (unsigned)max, &left);
			assert_true(span_eq(left, SPAN("body")));
			assert_int_equal(f.too_large, max < 4);
			assert_int_equal(f.n, max < 4 ? max : 4);
			fields_fini(&f);
		}
}

static void t_folds_go(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	field_add_unfolded(&out, SPAN(" a\r\n\tb\r\n c\n"));
	assert_true(span_eq(buf_span(&out), SPAN(" a\tb c\n")));
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_fields_are_as_they_were_sent),
		cmocka_unit_test(t_where_the_header_ends),
		cmocka_unit_test(t_ceilings_are_told_and_the_body_is_found),
		cmocka_unit_test(t_folds_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
