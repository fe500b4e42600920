#include "mail/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X100 X50 X50
#define X400 X100 X100 X100 X100

static const struct command_rules rules = { .extended = true, .auth = true, .smtputf8 = true, .max_size = 1000000 };

static void t_a_verb_is_known_in_any_case(void **state)
{
	static const struct {
		struct span line;
		enum command_verb verb;
		const char *args;
	} cases[] = {
		{ { "eHlO  x.y ", 10 }, CMD_EHLO, "x.y" }, { { "HELO", 4 }, CMD_HELO, "" }, { { "MAIL FROM:<>", 12 }, CMD_MAIL, "FROM:<>" },
		{ { "rcpt\tTO:<a>", 11 }, CMD_RCPT, "TO:<a>" }, { { "DATA", 4 }, CMD_DATA, "" }, { { "BDAT 1 LAST", 11 }, CMD_BDAT, "1 LAST" },
		{ { "RSET ", 5 }, CMD_RSET, "" }, { { "NOOP QUIT", 9 }, CMD_NOOP, "QUIT" }, { { "quit", 4 }, CMD_QUIT, "" }, { { "VRFY root", 9 }, CMD_VRFY, "root" },
		{ { "EXPN l", 6 }, CMD_EXPN, "l" }, { { "HELP", 4 }, CMD_HELP, "" }, { { "starttls", 8 }, CMD_STARTTLS, "" }, { { "AUTH PLAIN", 10 }, CMD_AUTH, "PLAIN" },
		{ { "", 0 }, CMD_UNKNOWN, "" }, { { "    ", 4 }, CMD_UNKNOWN, "" }, { { " QUIT", 5 }, CMD_UNKNOWN, "QUIT" }, { { "QUIT;", 5 }, CMD_UNKNOWN, "" },
		{ { "XYZZY", 5 }, CMD_UNKNOWN, "" }, { { "TURN", 4 }, CMD_UNKNOWN, "" }, { { "DEBUG", 5 }, CMD_UNKNOWN, "" }, { { "?", 1 }, CMD_UNKNOWN, "" },
		{ { "XCLIENT ADDR=1.2.3.4", 20 }, CMD_UNKNOWN, "ADDR=1.2.3.4" }, { { "\xff\xfe", 2 }, CMD_UNKNOWN, "" },
		{ { "NO\0OP", 5 }, CMD_BROKEN, "" }, { { "\0\0\0\0", 4 }, CMD_BROKEN, "" }, { { "NOOP\nQUIT", 9 }, CMD_BROKEN, "" }, { { "NOOP\rRSET", 9 }, CMD_BROKEN, "" },
		{ { "NOOP \x7f", 6 }, CMD_BROKEN, "\x7f" }, { { "QUIT\r", 5 }, CMD_BROKEN, "" },
		{ { "GET / HTTP/1.1", 14 }, CMD_FOREIGN, "/ HTTP/1.1" }, { { "post /x", 7 }, CMD_FOREIGN, "/x" }, { { "CONNECT a:1", 11 }, CMD_FOREIGN, "a:1" },
		{ { "Host: x", 7 }, CMD_FOREIGN, "x" }, { { "\x16\x03\x01\x02\0", 5 }, CMD_FOREIGN, "" },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct command c;

		command_parse(cases[i].line, &c);
		if (c.verb != cases[i].verb || !span_eq(c.args, span_of_text(cases[i].args)))
			fail_msg("case %zu is %s with \"%.*s\"", i, command_text(c.verb), SPAN_ARG(c.args));
		if (c.verb >= CMD_EHLO)
			assert_true(span_eq_nocase(c.word, span_of_text(command_text(c.verb))));
	}
	assert_string_equal(command_text(N_COMMANDS), "?");
	assert_int_equal(command_line_max(SPAN("mail ")), COMMAND_MAIL_MAX);
	assert_int_equal(command_line_max(SPAN("RCPT TO")), COMMAND_RCPT_MAX);
	assert_int_equal(command_line_max(SPAN("MAIL")), COMMAND_LINE_MAX);
	assert_null(command_check_none(SPAN_NONE));
	assert_int_equal(command_check_none(SPAN("now"))->code, 501);
}

static void t_helo_takes_names_and_addresses_and_nothing_else(void **state)
{
	static const struct {
		struct span args;
		int kind;	/* enum helo_kind, or -1 */
	} cases[] = {
		{ { "mail.example.org", 16 }, HELO_NAME }, { { "my_host.", 8 }, HELO_NAME }, { { "localhost", 9 }, HELO_NAME },
		{ { "[192.0.2.1]", 11 }, HELO_LITERAL }, { { "[IPv6:2001:db8::1]", 18 }, HELO_LITERAL }, { { "192.0.2.1", 9 }, HELO_BARE_ADDRESS },
		{ { "::1", 3 }, HELO_BARE_ADDRESS },
		{ { "", 0 }, -1 }, { { ".", 1 }, -1 }, { { "a..b", 4 }, -1 }, { { ".a", 2 }, -1 }, { { "a b", 3 }, -1 }, { { "a\0b", 3 }, -1 },
		{ { "\xff\xfe\x80", 3 }, -1 }, { { "%n%s%x", 6 }, -1 }, { { "$(id).;id", 9 }, -1 }, { { "[IPv6:::::]", 11 }, -1 }, { { "[1.2.3]", 7 }, -1 },
		{ { "[", 1 }, -1 }, { { "[]", 2 }, -1 }, { { "[1.2.3.4", 8 }, -1 }, { { X50 X50 ".x", 102 }, -1 }, { { "a..", 3 }, -1 },
	};
	char longest[4096];
	struct command_helo h;

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		const struct reply *wrong = command_parse_helo(cases[i].args, &h);

		if (cases[i].kind < 0 ? !wrong || wrong->code != 501 : wrong || (int)h.kind != cases[i].kind)
			fail_msg("case %zu", i);
	}
	assert_null(command_parse_helo(SPAN("a.b."), &h));
	assert_true(span_eq(h.name, SPAN("a.b")));
	assert_null(command_parse_helo(SPAN("[192.0.2.1]"), &h));
	assert_int_equal(h.family, 4);
	assert_memory_equal(h.address, "\xc0\0\x02\x01", 4);
	memset(longest, 'a', sizeof(longest));
	assert_non_null(command_parse_helo(span_of(longest, sizeof(longest)), &h));
}

static void t_mail_takes_what_it_should_and_says_why_not(void **state)
{
	static const struct {
		const char *args;
		unsigned code;	/* 0: taken */
		const char *enhanced;
	} cases[] = {
		{ "FROM:<>", 0, NULL }, { "from: <a@b>", 0, NULL }, { "FROM:<a@b> ", 0, NULL },
		{ "FROM:<a@b> SIZE=1000000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=e+2Bx AUTH=<>", 0, NULL },
		{ "FROM:<a@b> size=0 body=7bit ret=full  auth=a@b", 0, NULL }, { "FROM:<gr\xc3\xbcn@d> SMTPUTF8", 0, NULL },
		{ "FROM:<a@b> ENVID=" X100, 0, NULL }, { "FROM:<a@b> AUTH=" X400 X100, 0, NULL },
		{ "", 501, "5.5.4" }, { "FROM", 501, "5.5.4" }, { "<a@b>", 501, "5.5.4" }, { "TO:<a@b>", 501, "5.5.4" }, { "FROM:<a@b>SIZE=1", 501, "5.5.4" },
		{ "FROM:", 501, "5.1.7" }, { "FROM:a@b", 501, "5.1.7" }, { "FROM:<postmaster>", 501, "5.1.7" }, { "FROM:<a\xff@b>", 501, "5.1.7" },
		{ "FROM:<gr\xc3\xbcn@d>", 553, "5.6.7" }, { "FROM:<a@b> x", 555, "5.5.4" }, { "FROM:<a@b> XUNKNOWN=1", 555, "5.5.4" },
		{ "FROM:<a@b> NOTIFY=NEVER", 555, "5.5.4" }, { "FROM:<a@b> SIZE=1000001", 552, "5.3.4" }, { "FROM:<a@b> SIZE=99999999999999", 552, "5.3.4" },
		{ "FROM:<a@b> SIZE=4294967297", 552, "5.3.4" }, { "FROM:<a@b> SIZE=18446744073709551615", 552, "5.3.4" },
		{ "FROM:<a@b> SIZE=18446744073709551617", 501, "5.5.4" }, { "FROM:<a@b> SIZE=-1", 501, "5.5.4" }, { "FROM:<a@b> SIZE=12abc", 501, "5.5.4" },
		{ "FROM:<a@b> SIZE=", 501, "5.5.4" }, { "FROM:<a@b> SIZE", 501, "5.5.4" }, { "FROM:<a@b> SIZE=1 SIZE=1", 501, "5.5.4" },
		{ "FROM:<a@b> SIZE==1", 501, "5.5.4" }, { "FROM:<a@b> =1", 501, "5.5.4" }, { "FROM:<a@b> -X=1", 501, "5.5.4" },
		{ "FROM:<a@b> BODY=FOO", 501, "5.5.4" }, { "FROM:<a@b> BODY=BINARYMIME", 501, "5.5.4" }, { "FROM:<a@b> BODY", 501, "5.5.4" },
		{ "FROM:<a@b> BODY=7BIT BODY=7BIT", 501, "5.5.4" }, { "FROM:<a@b> SMTPUTF8=1", 501, "5.5.4" }, { "FROM:<a@b> SMTPUTF8 smtputf8", 501, "5.5.4" },
		{ "FROM:<a@b> RET=BOGUS", 501, "5.5.4" }, { "FROM:<a@b> RET", 501, "5.5.4" }, { "FROM:<a@b> RET=FULL RET=FULL", 501, "5.5.4" },
		{ "FROM:<a@b> ENVID=+ZZ", 501, "5.5.4" }, { "FROM:<a@b> ENVID=a+0D+0ABcc:x", 501, "5.5.4" }, { "FROM:<a@b> ENVID=" X100 "x", 501, "5.5.4" },
		{ "FROM:<a@b> ENVID=a+2b", 501, "5.5.4" }, { "FROM:<a@b> ENVID=a+", 501, "5.5.4" }, { "FROM:<a@b> ENVID=\xc3\xbc", 501, "5.5.4" },
		{ "FROM:<a@b> AUTH=+0D+0A", 501, "5.5.4" }, { "FROM:<a@b> AUTH=" X400 X100 "x", 501, "5.5.4" }, { "FROM:<a@b> AUTH=", 501, "5.5.4" },
	};
	struct command_rules plain = { 0 };
	struct command_mail m;

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		const struct reply *wrong = command_parse_mail(span_of_text(cases[i].args), &rules, &m);

		if ((wrong ? wrong->code : 0) != cases[i].code || (wrong && strcmp(wrong->enhanced, cases[i].enhanced) != 0))
			fail_msg("%s: %u", cases[i].args, wrong ? wrong->code : 0);
	}
	assert_null(command_parse_mail(span_of_text(cases[3].args), &rules, &m));
	assert_true(m.size == 1000000 && m.smtputf8 && m.ret == RET_HDRS);
	assert_true(span_eq(m.envid, SPAN("e+2Bx")) && span_eq(m.auth, SPAN("<>")) && span_eq(address_span(&m.sender), SPAN("a@b")));
	assert_null(command_parse_mail(SPAN("FROM:<a@b>"), &plain, &m));
	assert_true(m.size == 0 && !m.smtputf8 && m.ret == RET_NOT_GIVEN && m.envid.len + m.auth.len == 0);
	assert_int_equal(command_parse_mail(SPAN("FROM:<a@b> SIZE=1"), &plain, &m)->code, 555);
	plain.extended = true;
	assert_int_equal(command_parse_mail(SPAN("FROM:<a@b> AUTH=<>"), &plain, &m)->code, 555);
	assert_null(command_parse_mail(SPAN("FROM:<a@b> SIZE=18446744073709551615"), &plain, &m));
	assert_true(m.size == UINT64_MAX);
}

static void t_rcpt_takes_what_it_should_and_says_why_not(void **state)
{
	static const struct {
		const char *args;
		unsigned code;
		const char *enhanced;
	} cases[] = {
		{ "TO:<a@b>", 0, NULL }, { "to: <Postmaster>", 0, NULL }, { "TO:<gr\xc3\xbcn@d>", 0, NULL },
		{ "TO:<a@b> NOTIFY=NEVER ORCPT=rfc822;a+2Bx@b", 0, NULL }, { "TO:<a@b> notify=success,FAILURE,delay", 0, NULL },
		{ "TO:<a@b> ORCPT=utf-8;gr\\x{FC}n@d", 0, NULL }, { "TO:<a@b> ORCPT=utf-8;gr\xc3\xbcn@d", 0, NULL },
		{ "TO:<>", 501, "5.1.3" }, { "TO:a@b", 501, "5.1.3" }, { "TO:<a@b", 501, "5.1.3" }, { "TO:<a\xff@b>", 501, "5.1.3" }, { "FROM:<a@b>", 501, "5.5.4" },
		{ "TO:<a@b>x", 501, "5.5.4" }, { "TO:<a@b> SIZE=1", 555, "5.5.4" },
		{ "TO:<a@b> NOTIFY=NEVER,SUCCESS", 501, "5.5.4" }, { "TO:<a@b> NOTIFY=BOGUS", 501, "5.5.4" }, { "TO:<a@b> NOTIFY", 501, "5.5.4" },
		{ "TO:<a@b> NOTIFY=DELAY,", 501, "5.5.4" }, { "TO:<a@b> NOTIFY=,DELAY", 501, "5.5.4" }, { "TO:<a@b> NOTIFY=NEVER NOTIFY=NEVER", 501, "5.5.4" },
		{ "TO:<a@b> ORCPT=a@b", 501, "5.5.4" }, { "TO:<a@b> ORCPT=rfc822;", 501, "5.5.4" }, { "TO:<a@b> ORCPT=;a@b", 501, "5.5.4" },
		{ "TO:<a@b> ORCPT=rfc822;a+0D+0ABcc:x", 501, "5.5.4" }, { "TO:<a@b> ORCPT=rfc822;\xc3\xbc", 501, "5.5.4" },
		{ "TO:<a@b> ORCPT=utf-8;\\x{0A}", 501, "5.5.4" }, { "TO:<a@b> ORCPT=utf-8;a+0D+0A", 501, "5.5.4" }, { "TO:<a@b> ORCPT=utf-8;\\x{D800}", 501, "5.5.4" },
		{ "TO:<a@b> ORCPT=r_1;a@b", 501, "5.5.4" }, { "TO:<a@b> ORCPT=rfc822;" X400 X100, 501, "5.5.4" },
		{ "TO:<a@b> ORCPT=rfc822;a@b ORCPT=rfc822;a@b", 501, "5.5.4" },
	};
	struct command_rules ascii = { .extended = true };
	struct command_rcpt r;

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		const struct reply *wrong = command_parse_rcpt(span_of_text(cases[i].args), &rules, &r);

		if ((wrong ? wrong->code : 0) != cases[i].code || (wrong && strcmp(wrong->enhanced, cases[i].enhanced) != 0))
			fail_msg("%s: %u", cases[i].args, wrong ? wrong->code : 0);
	}
	assert_null(command_parse_rcpt(span_of_text(cases[3].args), &rules, &r));
	assert_true(r.notify == RCPT_NOTIFY_NEVER && span_eq(r.orcpt, SPAN("rfc822;a+2Bx@b")));
	assert_null(command_parse_rcpt(span_of_text(cases[4].args), &rules, &r));
	assert_int_equal(r.notify, RCPT_NOTIFY_SUCCESS | RCPT_NOTIFY_FAILURE | RCPT_NOTIFY_DELAY);
	assert_int_equal(command_parse_rcpt(SPAN("TO:<gr\xc3\xbcn@d>"), &ascii, &r)->code, 553);
	assert_non_null(command_parse_rcpt(SPAN("TO:<a@b> ORCPT=utf-8;gr\xc3\xbcn@d"), &ascii, &r));
	assert_null(command_parse_rcpt(SPAN("TO:<a@b> ORCPT=utf-8;gr\\x{FC}n@d"), &ascii, &r));
}

static void t_bdat_has_a_size_and_perhaps_last(void **state)
{
	static const char *const bad[] = { "", "LAST", "-1", "1x", "1 LAS", "1 LAST x", "1 2", "9223372036854775808", "1\tLAST", "0x1" };
	struct command_bdat b;

	(void)state;
	for (size_t i = 0; i < N(bad); i++)
		assert_int_equal(command_parse_bdat(span_of_text(bad[i]), &b)->code, 501);
	assert_null(command_parse_bdat(SPAN("0"), &b));
	assert_true(b.size == 0 && !b.last);
	assert_null(command_parse_bdat(SPAN("9223372036854775807  last"), &b));
	assert_true(b.size == INT64_MAX && b.last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_verb_is_known_in_any_case),
		cmocka_unit_test(t_helo_takes_names_and_addresses_and_nothing_else),
		cmocka_unit_test(t_mail_takes_what_it_should_and_says_why_not),
		cmocka_unit_test(t_rcpt_takes_what_it_should_and_says_why_not),
		cmocka_unit_test(t_bdat_has_a_size_and_perhaps_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
