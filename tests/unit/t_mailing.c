/* What sendmail(8) says to the server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "ctl/mailing.h"
#include "mail/command.h"

static void assert_text(struct buf *b, const char *want)
{
	assert_int_equal(buf_add_char(b, '\0'), PR_OK);
	assert_string_equal(b->at, want);
	buf_fini(b);
}

static void t_a_message_is_handed_over_in_smtp(void **state)
{
	struct face face = { .notify = RCPT_NOTIFY_SUCCESS | RCPT_NOTIFY_DELAY, .ret = "HDRS", .envid = "a+b" };
	struct mailing m;
	struct letter l;
	struct buf out, bad;
	size_t n = 0;

	(void)state;
	mailing_init(&m, &face, "example.org");
	letter_init(&l, 4096, true);
	assert_true(letter_take(&l, SPAN("Subject: x\n\nna\xc3\xafve\n")));
	letter_close(&l);
	buf_init(&bad, 512);
	assert_int_equal(mailing_address(&m, SPAN("anna"), &m.sender), PR_OK);
	assert_int_equal(mailing_add_recipients(&m, SPAN("root, Bob <bob@Example.NET>"), &bad), PR_OK);
	buf_init(&out, 65536);
	mailing_begin(&m, &l, &out, &n);
	assert_int_equal(mailing_add_body(&l, SPAN("From: a\r\n"), &out), PR_OK);
	assert_int_equal(n, 4);
	assert_text(&out, "EHLO localhost\r\nMAIL FROM:<anna@example.org> BODY=8BITMIME RET=HDRS ENVID=a+2Bb\r\n"
	    "RCPT TO:<root@example.org> NOTIFY=SUCCESS,DELAY\r\nRCPT TO:<bob@example.net> NOTIFY=SUCCESS,DELAY\r\n"
	    "BDAT 31 LAST\r\nFrom: a\r\nSubject: x\r\n\r\nna\xc3\xafve\r\n");
	buf_fini(&bad);
	letter_fini(&l);
	mailing_fini(&m);
}

static void t_what_is_no_address_is_named(void **state)
{
	static const char *const table[] = { "a b", "<root", "@example.org", "a@b@c", "root@-x-" };
	struct face face = { .notify = 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct mailing m;
		struct buf bad;

		mailing_init(&m, &face, "example.org");
		buf_init(&bad, 512);
		assert_int_equal(mailing_add_recipients(&m, span_of_text(table[i]), &bad), PR_BAD);
		buf_fini(&bad);
		mailing_fini(&m);
	}
}

static void t_a_name_is_written_so_that_it_can_be_read(void **state)
{
	static const struct { const char *name, *want; } table[] = {
		{ "", "From: <a@b>\r\n" }, { "Cron Daemon", "From: Cron Daemon <a@b>\r\n" }, { "J. \"X\" Doe", "From: \"J. \\\"X\\\" Doe\" <a@b>\r\n" },
		{ "J\xc3\xbcrgen", "From: =?utf-8?B?SsO8cmdlbg==?= <a@b>\r\n" }, { "bad\xff", "From: <a@b>\r\n" }, { "a\nBcc: x", "From: <a@b>\r\n" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xbc",
		    "From: =?utf-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=?= =?utf-8?B?w7w=?= <a@b>\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct buf out;

		buf_init(&out, 4096);
		mailing_add_from(&out, span_of_text(table[i].name), SPAN("a@b"));
		assert_text(&out, table[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_message_is_handed_over_in_smtp),
		cmocka_unit_test(t_what_is_no_address_is_named),
		cmocka_unit_test(t_a_name_is_written_so_that_it_can_be_read),
	};

	return cmocka_run_group_tests_name("mailing", tests, NULL, NULL);
}
