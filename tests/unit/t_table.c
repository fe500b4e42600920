/* mail/table: what names and targets of aliases(5) stand for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mail/table.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))
#define LOCAL_64 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg"

/* "name: target target…" of each alias, and the problems. */
static void tell(enum table_kind kind, struct span file, struct buf *told)
{
	struct buf problems;
	struct table *t;

	buf_init(&problems, TABLE_PROBLEMS_MAX);
	t = table_new(kind, SPAN("example.org"), SPAN("/etc/aliases"), &problems);
	table_feed(t, file);
	table_finish(t);
	for (uint32_t at = names_next(&t->names, NAMES_NONE); at != NAMES_NONE; at = names_next(&t->names, at)) {
		uint32_t place = table_targets(names_value(&t->names, at));
		struct table_target target;

		buf_add(told, names_text(&t->names, at));
		buf_add_char(told, ':');
		while (table_target_next(t, &place, &target)) {
			buf_add_char(told, ' ');
			buf_add(told, target.text);
		}
		buf_add_char(told, '\n');
	}
	buf_add(told, buf_span(&problems));
	assert_int_equal(buf_add_char(told, '\0'), PR_OK);
	table_free(&t);
	buf_fini(&problems);
}

struct row {
	const char *file, *told;
};

static void check(const struct row *rows, size_t n, enum table_kind kind)
{
	for (size_t i = 0; i < n; i++) {
		struct buf told;

		buf_init(&told, 1 << 16);
		tell(kind, span_of_text(rows[i].file), &told);
		if (strcmp(told.at, rows[i].told) != 0)
			fail_msg("<%s> told <%s>, wanted <%s>", rows[i].file, told.at, rows[i].told);
		buf_fini(&told);
	}
}

static void t_names_and_targets_become_addresses(void **unused)
{
	static const struct row rows[] = {
		{ "a: b, C@Other.Example\n", "a@example.org: b@example.org C@other.example\n" },
		{ "a@example.org: b\n", "a@example.org: b@example.org\n" },
		{ "\"a b\": \"c d\"\n", "\"a b\"@example.org: \"c d\"@example.org\n" },
		{ "\"a b\"@example.org: c\n", "\"a b\"@example.org: c@example.org\n" },
		{ "a: \"john smith\"@other.example\n", "a@example.org: \"john smith\"@other.example\n" },
		{ "a: \"b@c\"@other.example\n", "a@example.org: \"b@c\"@other.example\n" },
		{ "a: \"b\\\"\\\\\"@other.example\n", "a@example.org: \"b\\\"\\\\\"@other.example\n" },
		{ "a: \"b..c\"@[192.0.2.1]\n", "a@example.org: \"b..c\"@[192.0.2.1]\n" },
		{ "a: \"plain\"@other.example\n", "a@example.org: plain@other.example\n" },
		{ LOCAL_64 ": " LOCAL_64 "\n", LOCAL_64 "@example.org: " LOCAL_64 "@example.org\n" },
		{ "a: b#c@other.example # said\n", "a@example.org: b#c@other.example\n" },
		/* An address of another domain has no alias here. */
		{ "a@other.example: b\nc: d\n", "c@example.org: d@example.org\n"
						"/etc/aliases:1: not the name of an address here: a@other.example\n" },
		{ "\"a b\"@other.example: b\n", "/etc/aliases:1: not the name of an address here: a b@other.example\n" },
		{ "a: b@c..d\n", "a@example.org:\n/etc/aliases:1: not an address: b@c..d\n" },
		{ "a: b@\n", "a@example.org:\n/etc/aliases:1: not an address: b@\n" },
		{ "a: @b\n", "a@example.org:\n/etc/aliases:1: not an address: @b\n" },
	};

	(void)unused;
	check(rows, N_OF(rows), TABLE_ALIASES);
}

/* The command line writes whole canonical addresses, in quotes of their own where they have any. */
static void t_what_the_command_line_wrote_is_read(void **unused)
{
	static const struct row rows[] = {
		{ "a@one.example: b@two.example\n", "a@one.example: b@two.example\n" },
		{ "\"\\\"a b\\\"@one.example\": \"\\\"c \\\\\\\"d\\\"@two.example\"\n", "\"a b\"@one.example: \"c \\\"d\"@two.example\n" },
		{ "\"!x@one.example\": y@two.example\n", "!x@one.example: y@two.example\n" },
	};

	(void)unused;
	check(rows, N_OF(rows), TABLE_ALIAS_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_names_and_targets_become_addresses),
		cmocka_unit_test(t_what_the_command_line_wrote_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
