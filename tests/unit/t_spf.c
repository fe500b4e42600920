/* SPF over facts of a zone in memory: every mechanism, modifier, macro and limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include "base/err.h"
#include "tests/unit/facts_zone.h"
#include "verify/spf.h"

#define MAX_QUESTIONS 150

static struct zone zone;

static int begin(void **state)
{
	(void)state;
	zone_init(&zone);
	return 0;
}

static int end(void **state)
{
	(void)state;
	zone_fini(&zone);
	return 0;
}

static void say(const char *name, const char *type, const char *data)
{
	zone_say(&zone, name, type, data);
}

static struct client client(const char *ip)
{
	unsigned char bytes[16];

	if (inet_pton(AF_INET, ip, bytes) == 1)
		return client_of(bytes, 4);
	assert_int_equal(inet_pton(AF_INET6, ip, bytes), 1);
	return client_of(bytes, 16);
}

static struct spf_told told;
static unsigned n_rounds, n_questions;
static char steps[8000];

static enum auth_result check_with(const struct spf_ask *ask, unsigned max_questions)
{
	struct facts *f = facts_new(max_questions);
	struct buf tale;

	buf_init(&tale, sizeof(steps) - 1);
	for (n_rounds = 0; !spf_check(f, ask, &told, &tale); n_rounds++) {
		assert_int_equal(tale.len, 0);
		assert_true(zone_answer(&zone, f));
	}
	n_questions = facts_asked(f);
	(void)snprintf(steps, sizeof(steps), "%.*s", SPAN_ARG(buf_span(&tale)));
	buf_fini(&tale);
	facts_free(&f);
	return told.result;
}

static enum auth_result check(const char *ip, const char *sender)
{
	struct spf_ask ask = { .client = client(ip), .helo = SPAN("mail.example.net"), .sender = span_of_text(sender), .receiver = SPAN("mx.example.com"),
		.now_s = 1700000000 };

	return check_with(&ask, MAX_QUESTIONS);
}

#define assert_spf(ip, sender, result) assert_string_equal(auth_result_text(check(ip, sender)), result)

static void t_the_record_of_the_sender_decides(void **state)
{
	(void)state;
	say("example.org", "TXT", "v=spf1 ip4:192.0.2.0/24 -all");
	say("example.org", "TXT", "another text");
	assert_spf("192.0.2.1", "alice@example.org", "pass");
	assert_string_equal(told.domain, "example.org");
	assert_string_equal(told.why, "192.0.2.1 is listed by \"ip4:192.0.2.0/24\" in the SPF record of example.org");
	assert_spf("198.51.100.1", "alice@example.org", "fail");
	assert_string_equal(told.why, "the SPF record of example.org does not list 198.51.100.1 (-all)");
	assert_spf("198.51.100.1", "alice@nothing.example.org", "none");
	assert_string_equal(told.why, "nothing.example.org has no SPF record");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(t_the_record_of_the_sender_decides, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
