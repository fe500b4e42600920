/* A sandbox without any right is enough for signatures and chains: no file, no socket, whatever the message says. What libcrypto and libopendkim
 * read lazily was read when their house was made. An unknown call kills here. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "loop/sandbox.h"
#include "rfc8463.h"
#include "sealed.h"
#include "sign_any.h"
#include "verify/arc.h"
#include "verify/dkim.h"

#define NOW 1800000000

static struct buf record, message;
static struct dkim_house *house;

static void make_message(enum key_kind kind)
{
	struct key *key = key_make(kind);

	buf_init(&message, 1 << 16);
	buf_init(&record, 4096);
	sign_any(&message, key, kind == KEY_RSA ? "v=1; a=rsa-sha256; d=b.test; s=s; h=from" : "v=1; a=ed25519-sha256; d=b.test; s=s; h=from",
	    SPAN("From: a@b.test\r\n"), SPAN("body\r\n"));
	(void)buf_add(&message, SPAN("From: a@b.test\r\n\r\nbody\r\n"));
	sign_any_record(&record, key, "");
	key_free(&key);
}

static void answer(struct facts *facts, struct span text)
{
	struct facts_question q;

	while (facts_next(facts, &q)) {
		facts_record(facts, q.number, text);
		facts_answer(facts, q.number, RESOLVED, false);
	}
}

static enum auth_result check(struct span text, struct span key)
{
	struct facts *facts = facts_new(50);
	struct fields header;
	struct dkim_check *dkim;
	struct arc_check *arc;
	enum auth_result result;

	fields_init(&header, 256 << 10, 1000);
	fields_feed(&header, &text);
	dkim = dkim_check_new(house, &header, facts, 10, NOW);
	arc = arc_check_new(&header, facts, NOW);
	dkim_check_body(dkim, text);
	arc_check_body(arc, text);
	answer(facts, key);
	while (!dkim_check_end(dkim, facts, NULL) || !arc_check_end(arc, facts, NULL))
		answer(facts, key);
	result = dkim_check_n(dkim) ? dkim_check_told(dkim, 0)->result : arc_check_told(arc)->result;
	dkim_check_free(&dkim);
	arc_check_free(&arc);
	fields_fini(&header);
	facts_free(&facts);
	return result;
}

static int in_sandbox(struct span text, struct span key, enum auth_result expected)
{
	struct sandbox box = { .program = "verify", .strict = true };
	const char *partial;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (sandbox_enter(&box, &partial) != PR_OK)
			_exit(2);
		_exit(check(text, key) == expected ? 0 : 1);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* No key was made or used before: the first verification is the one that would read. */
static void t_the_first_signatures_are_verified_without_any_right(void **state)
{
	static const char text[] = RFC8463_MESSAGE;
	size_t second = (size_t)(strstr(text, "\r\nDKIM-Signature:") - text) + 2;

	(void)state;
	assert_int_equal(in_sandbox(SPAN(RFC8463_MESSAGE), SPAN(RFC8463_ED25519), AUTH_PASS), 0);
	assert_int_equal(in_sandbox(SPAN(RFC8463_MESSAGE), SPAN(RFC8463_RSA), AUTH_PERMERROR), 0);
	assert_int_equal(in_sandbox(span_from(SPAN(RFC8463_MESSAGE), second), SPAN(RFC8463_RSA), AUTH_PASS), 0);
}

static void t_signatures_are_verified_without_any_right(void **state)
{
	(void)state;
	for (enum key_kind kind = KEY_RSA; kind <= KEY_ED25519; kind++) {
		make_message(kind);
		assert_int_equal(in_sandbox(buf_span(&message), buf_span(&record), AUTH_PASS), 0);
		assert_int_equal(in_sandbox(buf_span(&message), SPAN("v=DKIM1; k=rsa; p=AAAA"), AUTH_PERMERROR), 0);
		message.at[message.len - 3] = 'x';
		assert_int_equal(in_sandbox(buf_span(&message), buf_span(&record), AUTH_FAIL), 0);
		buf_fini(&message);
		buf_fini(&record);
	}
	assert_int_equal(in_sandbox(SPAN("DKIM-Signature: v=1; ;\r\nFrom: a@b.test\r\n\r\nbody\r\n"), SPAN_NONE, AUTH_NEUTRAL), 0);
}

static void t_chains_are_verified_without_any_right(void **state)
{
	(void)state;
	assert_int_equal(in_sandbox(SPAN(SEALED_MESSAGE), SPAN(SEALED_RECORD), AUTH_PASS), 0);
	assert_int_equal(in_sandbox(SPAN(SEALED_MESSAGE), SPAN("v=DKIM1; p=AAAA"), AUTH_FAIL), 0);
}

static int set_up(void **state)
{
	(void)state;
	house = dkim_house_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	dkim_house_free(&house);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_chains_are_verified_without_any_right),
		cmocka_unit_test(t_the_first_signatures_are_verified_without_any_right),
		cmocka_unit_test(t_signatures_are_verified_without_any_right),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
