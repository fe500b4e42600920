/* Dovecot's authentication protocol: what we say, and what we understand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "auth/dovecot.h"

static void t_what_we_say(void **state)
{
	struct dovecot_question q = { 7, SPAN("alice"), SPAN("secret"), SPAN("192.0.2.1"), SPAN("192.0.2.25"), true };
	struct buf out;

	(void)state;
	buf_init(&out, DOVECOT_LINE_MAX);
	dovecot_add_hello(&out, 123);
	assert_true(span_eq(buf_span(&out), SPAN("VERSION\t1\t1\nCPID\t123\n")));
	buf_clear(&out);
	dovecot_add_question(&out, &q);
	assert_true(span_eq(buf_span(&out), SPAN("AUTH\t7\tPLAIN\tservice=smtp\tnologin\tlip=192.0.2.25\trip=192.0.2.1\tsecured\tresp=AGFsaWNlAHNlY3JldA==\n")));
	buf_clear(&out);
	q = (struct dovecot_question){ 8, SPAN("a\tb"), SPAN("\n"), SPAN("a\tb\nc\001d"), SPAN_NONE, false };
	dovecot_add_question(&out, &q);
	assert_true(span_eq(buf_span(&out), SPAN("AUTH\t8\tPLAIN\tservice=smtp\tnologin\trip=a\001tb\001nc\0011d\tresp=AGEJYgAK\n")));
	buf_fini(&out);
}

static void t_what_it_says(void **state)
{
	static const struct { const char *line; enum pr_err err; enum dovecot_said said; uint32_t id; const char *user; } table[] = {
		{ "VERSION\t1\t2", PR_OK, DOVECOT_NOTHING, 0, "" },
		{ "VERSION\t2\t0", PR_BAD, DOVECOT_NOTHING, 0, "" },
		{ "VERSION", PR_BAD, DOVECOT_NOTHING, 0, "" },
		{ "MECH\tPLAIN\tplaintext", PR_OK, DOVECOT_NOTHING, 0, "" },
		{ "SPID\t1", PR_OK, DOVECOT_NOTHING, 0, "" },
		{ "SOMETHING\tnew", PR_OK, DOVECOT_NOTHING, 0, "" },
		{ "", PR_OK, DOVECOT_NOTHING, 0, "" },
		{ "DONE", PR_OK, DOVECOT_READY, 0, "" },
		{ "OK\t7\tuser=alice@example.org\tother=x", PR_OK, DOVECOT_YES, 7, "alice@example.org" },
		{ "OK\t7\tuser=a\001tb\0011", PR_OK, DOVECOT_YES, 7, "a\tb\001" },
		{ "OK\t7", PR_OK, DOVECOT_YES, 7, "" },
		{ "OK\t7\tuser=", PR_OK, DOVECOT_YES, 7, "" },
		{ "OK", PR_BAD, DOVECOT_NOTHING, 0, "" },
		{ "OK\tx", PR_BAD, DOVECOT_NOTHING, 0, "" },
		{ "OK\t4294967296", PR_BAD, DOVECOT_NOTHING, 0, "" },
		{ "FAIL\t7\tuser=alice", PR_OK, DOVECOT_NO, 7, "" },
		{ "FAIL\t7\tuser=alice\ttemp", PR_OK, DOVECOT_LATER, 7, "" },
		{ "FAIL\t7\tcode=temp_fail", PR_OK, DOVECOT_LATER, 7, "" },
		{ "FAIL\t7\tuser_disabled", PR_OK, DOVECOT_DISABLED, 7, "" },
		{ "FAIL\t7", PR_OK, DOVECOT_NO, 7, "" },
		{ "CONT\t7\tAAAA", PR_OK, DOVECOT_MORE, 7, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char room[DOVECOT_LINE_MAX];
		struct dovecot_line out;

		if (dovecot_read(span_of_text(table[i].line), room, &out) != table[i].err)
			fail_msg("%s", table[i].line);
		if (table[i].err != PR_OK)
			continue;
		assert_int_equal(out.said, table[i].said);
		assert_int_equal(out.id, table[i].id);
		assert_true(span_eq(out.user, span_of_text(table[i].user)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_what_we_say),
		cmocka_unit_test(t_what_it_says),
	};

	return cmocka_run_group_tests_name("dovecot", tests, NULL, NULL);
}
