/* What sendmail's callers write, and what is made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "ctl/face.h"
#include "mail/command.h"

static enum pr_err read_words(const char *line, struct face *f, char why[512])
{
	static char text[1024];
	char *argv[32];
	struct buf words;
	enum pr_err err;
	int argc = 0;

	strcpy(text, line);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = strcmp(word, "''") == 0 ? word + 2 : word;
	buf_init(&words, 511);
	err = face_read(f, argc, argv, &words);
	memcpy(why, buf_span(&words).at, words.len);
	why[words.len] = '\0';
	buf_fini(&words);
	/* argv is ours: what is kept of it must not be looked at afterwards. */
	f->recipients = NULL;
	return err;
}

static void t_callers_are_understood(void **state)
{
	static const struct {
		const char *line;
		enum face_mode mode;
		bool takes_recipients, ignores_dots;
		const char *sender, *full_name;
		int n_recipients;
	} table[] = {
		{ "sendmail root", FACE_SEND, false, false, NULL, NULL, 1 },
		{ "/usr/sbin/sendmail -t -i", FACE_SEND, true, true, NULL, NULL, 0 },				/* PHP */
		{ "sendmail -FCronDaemon -i -B8BITMIME -oem root", FACE_SEND, false, true, NULL, "CronDaemon", 1 },	/* cron */
		{ "sendmail -i -f me@example.org you@example.org him@example.org", FACE_SEND, false, true, "me@example.org", NULL, 2 },
		{ "sendmail -oem -oi -f me@example.org -- -you@example.org", FACE_SEND, false, true, "me@example.org", NULL, 1 },	/* mutt */
		{ "sendmail -fme@example.org -ti", FACE_SEND, true, true, "me@example.org", NULL, 0 },
		{ "sendmail -tif me@example.org", FACE_SEND, true, true, "me@example.org", NULL, 0 },
		{ "sendmail -oi -odb -o7 -om -q30m -v -U a@b", FACE_SEND, false, true, NULL, NULL, 1 },
		{ "sendmail -O IgnoreDots=True -X /dev/null -d0.1 -h 3 a@b", FACE_SEND, false, true, NULL, NULL, 1 },
		{ "sendmail -bm -r me@x.example a@b", FACE_SEND, false, false, "me@x.example", NULL, 1 },
		{ "sendmail -bs", FACE_SMTP, false, false, NULL, NULL, 0 },
		{ "sendmail -bv root", FACE_VERIFY, false, false, NULL, NULL, 1 },
		{ "sendmail -bp", FACE_LIST, false, false, NULL, NULL, 0 },
		{ "sendmail -bi", FACE_ALIASES, false, false, NULL, NULL, 0 },
		{ "sendmail -q", FACE_RETRY, false, false, NULL, NULL, 0 },
		{ "mailq", FACE_LIST, false, false, NULL, NULL, 0 },
		{ "/usr/bin/newaliases", FACE_ALIASES, false, false, NULL, NULL, 0 },
	};
	struct face f;
	char why[512];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (read_words(table[i].line, &f, why) != PR_OK)
			fail_msg("%s: %s", table[i].line, why);
		assert_int_equal(f.mode, table[i].mode);
		assert_int_equal(f.takes_recipients, table[i].takes_recipients);
		assert_int_equal(f.ignores_dots, table[i].ignores_dots);
		assert_int_equal(f.n_recipients, table[i].n_recipients);
		assert_string_equal(f.sender ? f.sender : "-", table[i].sender ? table[i].sender : "-");
		assert_string_equal(f.full_name ? f.full_name : "-", table[i].full_name ? table[i].full_name : "-");
	}
}

static void t_what_makes_no_sense_is_refused_in_words(void **state)
{
	static const struct { const char *line, *words; } table[] = {
		{ "sendmail", "there is no recipient" }, { "sendmail -i", "there is no recipient" }, { "sendmail -bd", "`postrider serve`" },
		{ "sendmail -bD -q15m", "`postrider serve`" }, { "sendmail -bt", "not offered" }, { "sendmail -f", "-f needs a value" },
		{ "sendmail -Z root", "-Z is no option" }, { "sendmail root -f me@example.org", "before the first recipient" },
		{ "sendmail -N sometimes root", "-N takes" }, { "sendmail -N never,delay root", "-N takes" }, { "sendmail -N failure,soon root", "-N takes" },
		{ "sendmail -R body root", "-R takes" }, { "sendmail -V '' root", "-V takes" }, { "sendmail -bv", "-bv needs" },
	};
	struct face f;
	char why[512];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (read_words(table[i].line, &f, why) != PR_BAD || !strstr(why, table[i].words))
			fail_msg("%s: %s", table[i].line, why);
}

static void t_notices_are_asked_for(void **state)
{
	struct face f;
	char why[512];

	(void)state;
	assert_int_equal(read_words("sendmail -N success,Delay -R HDRS -V id root", &f, why), PR_OK);
	assert_int_equal(f.notify, RCPT_NOTIFY_SUCCESS | RCPT_NOTIFY_DELAY);
	assert_string_equal(f.ret, "HDRS");
	assert_string_equal(f.envid, "id");
	assert_int_equal(read_words("sendmail -Nnever -f '' root", &f, why), PR_OK);
	assert_int_equal(f.notify, RCPT_NOTIFY_NEVER);
	assert_true(f.null_sender);
	assert_int_equal(read_words("sendmail -f <> root", &f, why), PR_OK);
	assert_true(f.null_sender);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_callers_are_understood),
		cmocka_unit_test(t_what_makes_no_sense_is_refused_in_words),
		cmocka_unit_test(t_notices_are_asked_for),
	};

	return cmocka_run_group_tests_name("face", tests, NULL, NULL);
}
