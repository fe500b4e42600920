/* Which servers are tried for a job, in which order, and what is said when none took it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "delivery/attempt.h"

/* A host of a test: its addresses with blanks between, `?` where a look-up fails for now. */
struct host {
	const char *name;
	uint16_t preference;
	const char *addresses;
};

static bool own(void *arg, const struct attempt_address *a, uint16_t port)
{
	static const unsigned char ours[4] = { 11, 0, 0, 99 };

	(void)arg;
	return a->family == 4 && memcmp(a->bytes, ours, 4) == 0 && port == 25;
}

static const struct attempt_rules
	usual = { .names = { "mx.us.test", "helo.us.test" }, .is_own = own, .has_v4 = true, .has_v6 = true },
	only_v4 = { .names = { "mx.us.test" }, .is_own = own, .has_v4 = true },
	inside = { .names = { "mx.us.test" }, .is_own = own, .has_v4 = true, .has_v6 = true, .allow_private = true };

static void answer(struct attempt *a, unsigned n, const char *addresses)
{
	struct attempt_address v4[40], v6[40];
	struct span rest = span_of_text(addresses);
	unsigned n_v4 = 0, n_v6 = 0;
	bool is_temporary = false;

	while (rest.len > 0) {
		struct span word = span_cut(&rest, ' ');
		char text[64];

		snprintf(text, sizeof(text), "%.*s", SPAN_ARG(word));
		v4[n_v4].family = 4;
		v6[n_v6].family = 6;
		if (strcmp(text, "?") == 0)
			is_temporary = true;
		else if (inet_pton(AF_INET, text, v4[n_v4].bytes) == 1)
			n_v4++;
		else
			assert_int_equal(inet_pton(AF_INET6, text, v6[n_v6++].bytes), 1);
	}
	if (a->rules->has_v4)
		attempt_told(a, n, v4, n_v4, is_temporary);
	if (a->rules->has_v6)
		attempt_told(a, n, v6, n_v6, is_temporary);
}

static void add_try(char *log, size_t room, const struct attempt_try *t)
{
	char text[INET6_ADDRSTRLEN] = "path";

	if (t->address.family)
		inet_ntop(t->address.family == 4 ? AF_INET : AF_INET6, t->address.bytes, text, sizeof(text));
	snprintf(log + strlen(log), room - strlen(log), "%s ", text);
}

/* Every try fails with that outcome; what was tried, and what was said in the end. */
static void run(const struct attempt_rules *rules, bool is_configured, const struct host *hosts, const struct job_outcome *failure, char *log,
    size_t room)
{
	struct job_host rows[20];
	struct attempt_try try;
	struct attempt a;
	struct arena arena;
	enum attempt_step step;
	struct job_outcome end;
	unsigned n = 0;

	arena_init(&arena, 1024);
	for (; hosts[n].name; n++)
		rows[n] = (struct job_host){ span_of_text(hosts[n].name), hosts[n].preference, 25 };
	attempt_init(&a, rules, is_configured, rows, n, &arena);
	log[0] = '\0';
	while ((step = attempt_next(&a, &try)) != ATTEMPT_OVER) {
		assert_int_not_equal(step, ATTEMPT_WAIT);
		if (step == ATTEMPT_ASK) {
			answer(&a, try.n, hosts[try.n].addresses);
			continue;
		}
		add_try(log, room, &try);
		attempt_failed(&a, failure);
	}
	end = attempt_outcome(&a);
	snprintf(log + strlen(log), room - strlen(log), "%s %.*s %.*s", end.fate == FATE_FAILED ? "failed" : "deferred", SPAN_ARG(end.enhanced),
	    SPAN_ARG(end.words));
	arena_fini(&arena);
}

static const struct job_outcome refused = { .fate = FATE_DEFERRED, .scope = SCOPE_SITE, .enhanced = { "4.4.1", 5 }, .words = { "refused", 7 }, .host = { "", 0 } },
	hated = { .fate = FATE_FAILED, .scope = SCOPE_SITE, .enhanced = { "5.7.1", 5 }, .words = { "go away", 7 }, .host = { "", 0 } };

static void check(const struct attempt_rules *rules, bool is_configured, const struct job_outcome *failure, const struct host *hosts, const char *wanted)
{
	char log[4096];

	run(rules, is_configured, hosts, failure, log, sizeof(log));
	assert_string_equal(log, wanted);
}

#define HOSTS(...) (const struct host[]){ __VA_ARGS__, { NULL, 0, NULL } }

static void t_all_are_tried_by_their_preference(void **state)
{
	(void)state;
	check(&usual, false, &refused, HOSTS({ "a", 10, "11.0.0.1 2600::1 11.0.0.2" }, { "b", 10, "2600::2" }, { "c", 20, "11.0.0.3" }),
	    "2600::1 11.0.0.1 11.0.0.2 2600::2 11.0.0.3 deferred 4.4.1 refused");
	check(&only_v4, false, &refused, HOSTS({ "a", 10, "11.0.0.1 2600::1" }), "11.0.0.1 deferred 4.4.1 refused");
	check(&only_v4, false, &refused, HOSTS({ "a", 10, "" }, { "b", 20, "11.0.0.2" }), "11.0.0.2 deferred 4.4.1 refused");
}

static void t_nobody_makes_us_try_for_hours(void **state)
{
	struct host many[20] = { { NULL, 0, NULL } };

	(void)state;
	check(&usual, false, &refused, HOSTS({ "a", 10, "11.0.0.1 11.0.0.2 11.0.0.3 11.0.0.4 11.0.0.5 11.0.0.6 11.0.0.7 11.0.0.8 11.0.0.9" }),
	    "11.0.0.1 11.0.0.2 11.0.0.3 11.0.0.4 11.0.0.5 11.0.0.6 11.0.0.7 11.0.0.8 deferred 4.4.1 refused");
	for (unsigned i = 0; i < 19; i++)
		many[i] = (struct host){ "a", 10, i < 10 ? "" : "11.0.0.1" };
	check(&usual, false, &refused, many, "failed 5.4.4 a has no address that can be used");
}

static void t_a_deferral_counts_more_than_a_failure(void **state)
{
	struct job_host row = { SPAN("a"), 0, 25 };
	struct attempt a;
	struct arena arena;

	(void)state;
	check(&usual, false, &hated, HOSTS({ "a", 10, "11.0.0.1" }), "11.0.0.1 failed 5.7.1 go away");
	check(&usual, false, &hated, HOSTS({ "a", 10, "11.0.0.1" }, { "b", 20, "?" }), "11.0.0.1 deferred 4.4.3 The address of a can't be looked up now");
	arena_init(&arena, 1024);
	attempt_init(&a, &usual, false, &row, 1, &arena);
	attempt_failed(&a, &refused);
	attempt_failed(&a, &hated);
	assert_int_equal(attempt_outcome(&a).fate, FATE_DEFERRED);
	arena_fini(&arena);
}

/* Who is tried when the servers that are reached say not now, the first of them over a connection that was there before. */
static void check_heard(const struct host *hosts, const char *known, const char *wanted)
{
	struct attempt_address address = { .family = 4 };
	struct job_host rows[20];
	struct attempt_try try;
	struct attempt a;
	struct arena arena;
	char log[512] = "";
	unsigned n = 0;

	arena_init(&arena, 1024);
	for (; hosts[n].name; n++)
		rows[n] = (struct job_host){ span_of_text(hosts[n].name), hosts[n].preference, 25 };
	attempt_init(&a, &usual, false, rows, n, &arena);
	if (known) {
		assert_int_equal(inet_pton(AF_INET, known, address.bytes), 1);
		attempt_heard(&a, &address);
	}
	for (enum attempt_step step = attempt_next(&a, &try); step != ATTEMPT_OVER; step = attempt_next(&a, &try)) {
		if (step == ATTEMPT_ASK) {
			answer(&a, try.n, hosts[try.n].addresses);
			continue;
		}
		add_try(log, sizeof(log), &try);
		attempt_heard(&a, &try.address);
	}
	arena_fini(&arena);
	assert_string_equal(log, wanted);
}

static void t_who_is_put_off_is_taken_to_another_host(void **state)
{
	(void)state;
	check_heard(HOSTS({ "a", 10, "11.0.0.1 2600::1" }, { "b", 20, "11.0.0.2" }, { "c", 30, "11.0.0.3" }), NULL, "2600::1 11.0.0.2 ");
	check_heard(HOSTS({ "a", 10, "11.0.0.1 11.0.0.2 11.0.0.3" }), NULL, "11.0.0.1 11.0.0.2 ");
	check_heard(HOSTS({ "a", 10, "11.0.0.1 2600::1" }, { "b", 20, "11.0.0.2" }), "11.0.0.1", "11.0.0.2 ");
	check_heard(HOSTS({ "a", 10, "11.0.0.1" }), "11.0.0.1", "");
}

static void t_mail_does_not_come_back_to_us(void **state)
{
	static const char loop[] = "failed 5.4.6 Mail for this domain leads back to this server, which does not take it";

	(void)state;
	check(&usual, false, &refused, HOSTS({ "a", 10, "11.0.0.1" }, { "MX.us.test", 20, "11.0.0.5" }, { "c", 30, "11.0.0.3" }),
	    "11.0.0.1 deferred 4.4.1 refused");
	check(&usual, false, &refused, HOSTS({ "a", 10, "11.0.0.1" }, { "b", 10, "11.0.0.99" }, { "c", 30, "11.0.0.3" }), loop);
	check(&usual, false, &refused, HOSTS({ "helo.us.test", 10, "11.0.0.1" }, { "c", 30, "11.0.0.3" }), loop);
	check(&usual, false, &refused, HOSTS({ "a", 10, "11.0.0.1" }, { "b", 20, "11.0.0.2 11.0.0.99" }, { "c", 30, "11.0.0.3" }),
	    "11.0.0.1 deferred 4.4.1 refused");
	check(&usual, true, &refused, HOSTS({ "mx.us.test", 0, "11.0.0.1" }), "11.0.0.1 deferred 4.4.1 refused");
	check(&usual, true, &refused, HOSTS({ "smart", 0, "11.0.0.99" }), "deferred 4.4.6 Mail for this domain leads back to this server, which does not take it");
}

static void t_private_networks_are_for_the_admin(void **state)
{
	(void)state;
	check(&usual, false, &refused, HOSTS({ "a", 10, "127.0.0.1 ::1" }), "failed 5.4.4 The address of a lies in a private network");
	check(&usual, false, &refused, HOSTS({ "10.1.2.3", 10, NULL }), "failed 5.4.4 10.1.2.3 lies in a private network");	/* an MX without a name */
	check(&usual, false, &refused, HOSTS({ "a", 10, "10.1.2.3 11.0.0.1 ::ffff:192.168.0.1" }), "11.0.0.1 deferred 4.4.1 refused");
	check(&usual, true, &refused, HOSTS({ "a", 10, "127.0.0.1" }), "127.0.0.1 deferred 4.4.1 refused");
	check(&inside, false, &refused, HOSTS({ "a", 10, "127.0.0.1" }), "127.0.0.1 deferred 4.4.1 refused");
}

/* DNS may hold any bytes, and a stranger writes it. */
static void t_a_path_is_one_by_the_configuration_alone(void **state)
{
	(void)state;
	check(&usual, true, &refused, HOSTS({ "unix:/run/lmtp", 0, "" }), "path deferred 4.4.1 refused");
	check(&usual, false, &refused, HOSTS({ "unix:/run/submit", 10, "" }), "failed 5.4.4 unix:/run/submit has no address that can be used");
	check(&inside, false, &refused, HOSTS({ "UNIX:/run/submit", 10, "" }, { "b", 20, "11.0.0.1" }), "11.0.0.1 deferred 4.4.1 refused");
}

static void t_written_addresses_are_not_looked_up(void **state)
{
	(void)state;
	check(&usual, true, &refused, HOSTS({ "192.0.2.1", 0, "1.1.1.1" }, { "[192.0.2.2]", 0, "1.1.1.1" }, { "[IPv6:2001:db8::1]", 0, "1.1.1.1" },
	    { "[2001:db8::2]", 0, "1.1.1.1" }, { "2001:db8::3", 0, "1.1.1.1" }, { "unix:/run/lmtp", 0, "1.1.1.1" }),
	    "192.0.2.1 192.0.2.2 2001:db8::1 2001:db8::2 2001:db8::3 path deferred 4.4.1 refused");
}

static void t_names_without_addresses(void **state)
{
	(void)state;
	check(&usual, false, &refused, HOSTS({ "a", 10, "" }), "failed 5.4.4 a has no address that can be used");
	check(&only_v4, false, &refused, HOSTS({ "a", 10, "2001:db8::1" }), "failed 5.4.4 a has no IPv4 address, and this server sends over IPv4 alone");
	check(&usual, true, &refused, HOSTS({ "a", 10, "" }), "deferred 4.4.4 a has no address that can be used");
	check(&usual, false, &refused, HOSTS({ "a", 10, "?" }), "deferred 4.4.3 The address of a can't be looked up now");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_all_are_tried_by_their_preference), cmocka_unit_test(t_nobody_makes_us_try_for_hours),
		cmocka_unit_test(t_who_is_put_off_is_taken_to_another_host),
		cmocka_unit_test(t_a_deferral_counts_more_than_a_failure), cmocka_unit_test(t_mail_does_not_come_back_to_us),
		cmocka_unit_test(t_private_networks_are_for_the_admin), cmocka_unit_test(t_a_path_is_one_by_the_configuration_alone),
		cmocka_unit_test(t_written_addresses_are_not_looked_up), cmocka_unit_test(t_names_without_addresses)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
