/* The hosts of a domain: in order, random among equals, one key for one set of hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "dns/site.h"

#define NOW 5000

static struct finding f;

static struct answer *found(enum wire_resolve result)
{
	struct answer *a;

	f.result = result;
	f.ttl = 60;
	f.secure = true;
	snprintf(f.why, sizeof(f.why), "%s", result == RESOLVED ? "" : "words");
	a = answer_new(&f, NOW);
	finding_fini(&f);
	finding_init(&f);
	return a;
}

static void add_mx(unsigned preference, const char *host)
{
	char data[300];
	size_t len = strlen(host);

	data[0] = (char)(preference >> 8);
	data[1] = (char)preference;
	memcpy(data + 2, host, len);
	finding_add(&f, span_of(data, len + 2));
}

static void add_list(const char *list)
{
	char host[64];
	unsigned preference;
	int n;

	for (; sscanf(list, "%u %63s%n", &preference, host, &n) == 2; list += n)
		add_mx(preference, host);
}

static void begin(struct site *s)
{
	struct name domain;

	finding_init(&f);
	assert_true(name_from_text(SPAN("example.org"), &domain));
	site_begin(s, &domain);
	assert_int_equal(s->question.type, RECORD_MX);
}

static bool feed(struct site *s, enum wire_resolve result)
{
	struct answer *a = found(result);
	bool is_done = site_feed(s, a, NOW);

	answer_unref(&a);
	return is_done;
}

static const char *hosts(const struct site *s)
{
	static char text[4096];

	text[0] = 0;
	for (unsigned i = 0; i < s->n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u %.*s ", s->hosts[i].preference, SPAN_ARG(s->hosts[i].name));
	return text;
}

static void t_what_mx_tell(void **state)
{
	static const struct {
		const char *mx;
		enum wire_site result;
		const char *hosts;
	} rows[] = {
		{ "20 b. 10 a.", SITE_FOUND, "10 a. 20 b. " },
		{ "10 mx", SITE_FOUND, "10 mx " },
		{ "0 .", SITE_NULL_MX, "" },
		{ "10 .", SITE_NULL_MX, "" },
		{ "0 . 0 .", SITE_NULL_MX, "" },
		{ "0 . 10 mx", SITE_FOUND, "10 mx " },	/* malformed: the rest counts */
		{ "20 mx 10 mx 30 mx 15 b", SITE_FOUND, "10 mx 15 b " },
		{ "65535 z 0 a", SITE_FOUND, "0 a 65535 z " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct site s;

		begin(&s);
		add_list(rows[i].mx);
		assert_true(feed(&s, RESOLVED));
		assert_int_equal(s.result, rows[i].result);
		assert_string_equal(hosts(&s), rows[i].hosts);
		assert_int_equal(s.ttl, 60);
		assert_true(s.secure);
		assert_true(rows[i].result == SITE_FOUND || s.why.len > 0);
		site_fini(&s);
	}
}

static void t_what_other_answers_tell(void **state)
{
	static const struct {
		enum wire_resolve mx, a, aaaa;
		unsigned questions;
		enum wire_site result;
	} rows[] = {
		{ RESOLVE_NO_NAME, 0, 0, 1, SITE_NO_NAME },
		{ RESOLVE_TEMPORARY, 0, 0, 1, SITE_TEMPORARY },		/* never the address of the domain instead */
		{ RESOLVE_NO_DATA, RESOLVED, 0, 2, SITE_FOUND },
		{ RESOLVE_NO_DATA, RESOLVE_NO_DATA, RESOLVED, 3, SITE_FOUND },
		{ RESOLVE_NO_DATA, RESOLVE_NO_DATA, RESOLVE_NO_DATA, 3, SITE_NO_HOST },
		{ RESOLVE_NO_DATA, RESOLVE_TEMPORARY, 0, 2, SITE_TEMPORARY },
		{ RESOLVE_NO_DATA, RESOLVE_NO_DATA, RESOLVE_TEMPORARY, 3, SITE_TEMPORARY },
		{ RESOLVE_NO_DATA, RESOLVE_NO_NAME, 0, 2, SITE_NO_NAME },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const enum wire_resolve answers[] = { rows[i].mx, rows[i].a, rows[i].aaaa };
		static const unsigned types[] = { RECORD_MX, RECORD_A, RECORD_AAAA };
		struct site s;
		unsigned n = 0;
		bool is_done = false;

		begin(&s);
		while (!is_done && n < 3) {
			assert_int_equal(s.question.type, types[n]);
			if (answers[n] == RESOLVED)
				finding_add(&f, SPAN("\300\0\2\1"));
			is_done = feed(&s, answers[n++]);
		}
		assert_true(is_done);
		assert_int_equal(n, rows[i].questions);
		assert_int_equal(s.result, rows[i].result);
		assert_string_equal(hosts(&s), rows[i].result == SITE_FOUND ? "0 example.org " : "");
		site_fini(&s);
	}
}

static uint64_t key_of(const char *mx)
{
	struct site s;
	uint64_t key;

	begin(&s);
	add_list(mx);
	assert_true(feed(&s, RESOLVED));
	key = s.key;
	site_fini(&s);
	return key;
}

static void t_one_set_of_hosts_has_one_key(void **state)
{
	(void)state;
	assert_true(key_of("10 a 20 b 20 c") == key_of("5 c 6 a 7 b"));
	assert_true(key_of("10 a 20 b") == key_of("10 b 10 b 20 a"));
	assert_true(key_of("10 a 20 b") != key_of("10 a"));
	assert_true(key_of("10 ab") != key_of("10 a 10 b"));
	assert_true(key_of("10 a") != 0);
}

static void t_equals_are_in_any_order(void **state)
{
	unsigned first[3] = { 0, 0, 0 };

	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		struct site s;

		begin(&s);
		add_list("10 a 10 b 10 c 5 best");
		assert_true(feed(&s, RESOLVED));
		assert_true(span_eq(s.hosts[0].name, SPAN("best")));
		first[s.hosts[1].name.at[0] - 'a']++;
		site_fini(&s);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_true(first[i] > 100);
}

static void t_of_many_hosts_the_best_are_told(void **state)
{
	struct site s;
	char host[32];

	(void)state;
	begin(&s);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(host, sizeof(host), "mx%u.example", i);
		add_mx(1000 - i, host);
	}
	assert_true(feed(&s, RESOLVED));
	assert_int_equal(s.n, SITE_HOSTS_MAX);
	for (unsigned i = 0; i < s.n; i++)
		assert_int_equal(s.hosts[i].preference, i + 1);
	site_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_what_mx_tell),
		cmocka_unit_test(t_what_other_answers_tell),
		cmocka_unit_test(t_one_set_of_hosts_has_one_key),
		cmocka_unit_test(t_equals_are_in_any_order),
		cmocka_unit_test(t_of_many_hosts_the_best_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
