/* From fields: whom they name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "mail/author.h"

/* All of them with a blank between; "!" in place of one that is none. */
static void read_all(struct span value, char out[1024])
{
	struct address a;
	enum pr_err err;

	out[0] = '\0';
	while ((err = author_next(&value, &a)) != PR_NONE) {
		if (out[0])
			strcat(out, " ");
		strcat(out, err == PR_OK ? a.text : "!");
	}
}

static void t_mailboxes_are_found(void **state)
{
	static const struct { const char *value, *authors; } table[] = {
		{ "alice@example.org", "alice@example.org" },
		{ "  alice@Example.ORG  ", "alice@example.org" },
		{ "Alice <alice@example.org>", "alice@example.org" },
		{ "<alice@example.org>", "alice@example.org" },
		{ "\"Alice, the first\" <alice@example.org>", "alice@example.org" },
		{ "\"a \\\" <mallory@example.net>\" <alice@example.org>", "alice@example.org" },
		{ "alice@example.org (Alice (of Wonderland))", "alice@example.org" },
		{ "(<mallory@example.net>,) alice@example.org", "alice@example.org" },
		{ "(\\) <m@example.net>) <alice@example.org> (x)", "alice@example.org" },
		{ "alice@example.org, Bob <bob@example.org>", "alice@example.org bob@example.org" },
		{ "bob@example.org <alice@example.org>", "alice@example.org" },
		{ "Team: alice@example.org, bob@example.org;", "alice@example.org bob@example.org" },
		{ "Nobody:;", "" },
		{ "", "" },
		{ " , ,", "" },
		{ "(only words)", "" },
		{ "\"a b\"@example.org", "\"a b\"@example.org" },
		{ "\"alice\"@example.org", "alice@example.org" },
		{ "J\xc3\xbcrgen <j\xc3\xbcrgen@example.org>", "j\xc3\xbcrgen@example.org" },
		{ "=?utf-8?q?a=2Cb?= <alice@example.org>", "alice@example.org" },
		{ "alice@[IPv6:2001:db8::1], <bob@[IPv6:2001:db8::2]>", "alice@[IPv6:2001:db8::1] bob@[IPv6:2001:db8::2]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char got[1024];

		read_all(span_of_text(table[i].value), got);
		if (strcmp(got, table[i].authors) != 0)
			fail_msg("%s: %s, not %s", table[i].value, got, table[i].authors);
	}
}

static void t_what_may_deceive_is_none(void **state)
{
	static const char *const table[] = {
		"root", "<>", "Alice <>", "<alice@example.org", "alice@example.org>", "<alice@example.org> <mallory@example.net>",
		"<alice@example.org> mallory@example.net", "\"Alice <alice@example.org>", "(Alice alice@example.org", "<@a.example:alice@example.org>",
		"<alice @example.org>", "alice@example.org bob@example.org", "<alice@example.org>>", "<<alice@example.org>>", "alice@",
		"@example.org", "<alice@example.org\"> <m@example.net>", "alice@example.org: mallory@example.net;",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char got[1024];

		read_all(span_of_text(table[i]), got);
		if (!strchr(got, '!'))
			fail_msg("%s: %s", table[i], got);
	}
}

static void t_a_long_phrase_does_no_harm(void **state)
{
	char value[2000], got[1024];

	(void)state;
	memset(value, 'x', sizeof(value));
	strcpy(value + 1500, " <alice@example.org>");
	read_all(span_of_text(value), got);
	assert_string_equal(got, "alice@example.org");
	memset(value, 'x', sizeof(value));
	value[0] = '<';
	strcpy(value + 1500, "@example.org>");
	read_all(span_of_text(value), got);
	assert_string_equal(got, "!");
	memset(value, ' ', sizeof(value));
	memcpy(value, "mallory@example.net", 19);
	strcpy(value + 1500, "alice@example.org");
	read_all(span_of_text(value), got);
	assert_string_equal(got, "!");
}

/* What people really use is read, as long as its domain is sure. */
static void t_the_domain_alone_may_be_all_that_counts(void **state)
{
	static const struct { const char *value, *domains; } table[] = {
		{ "Alice <alice@Example.ORG>, b@x", "example.org x " },
		{ "a..b.@docomo.example", "docomo.example " },
		{ "\"a@b\"@example.org.", "example.org " },
		{ "x@_a_.example", "_a_.example " },
		{ "x@b\xc3\xbc" "cher.example", "xn--bcher-kva.example " },
		{ "x@[192.0.2.1], y@z", " z " },
		{ "x@[192.0.2.300]", "! " },
		{ "x y@example.org", "! " }, { "x@a@example.org", "! " }, { "x@example..org", "! " }, { "x@.example", "! " }, { "x@", "! " }, { "x", "! " },
		{ "x@example.org..", "! " }, { "@example.org", "! " }, { "\"a\"b@example.org", "! " }, { "a\\@example.org", "! " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct span value = span_of_text(table[i].value);
		char domain[ADDRESS_DOMAIN_MAX + 1], got[1024] = "";
		enum pr_err err;

		while ((err = author_next_domain(&value, domain)) != PR_NONE) {
			strcat(got, err == PR_OK ? domain : "!");
			strcat(got, " ");
		}
		assert_string_equal(got, table[i].domains);
	}
}

static void t_the_domain_of_all_is_told(void **state)
{
	static const struct { const char *value, *domain; } table[] = {
		{ "Anna <a@Example.org>", "example.org" },
		{ "a@example.org, b@EXAMPLE.org", "example.org" },
		{ "a@\xc3\xa4.example", "xn--4ca.example" },
		{ "a@example.org, b@example.net", "" },
		{ "a@example.org, nobody", "" },
		{ "<a@[192.0.2.1]>", "" },
		{ "", "" },
		{ "group:;", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char domain[ADDRESS_DOMAIN_MAX + 1];

		assert_int_equal(author_domain(span_of_text(table[i].value), domain), table[i].domain[0] != 0);
		if (table[i].domain[0])
			assert_string_equal(domain, table[i].domain);
	}
}

static void t_words_may_lack_a_domain(void **state)
{
	static const struct { const char *value, *words; } table[] = {
		{ "root", "root|" }, { "root, \"Bob, B.\" <bob>, alice@example.org (Alice)", "root|bob|alice@example.org|" },
		{ "undisclosed-recipients:;", "" }, { "team: a, b;, c", "a|b|c|" }, { "<root", "!|" }, { "Root <root> x", "!|" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct span value = span_of_text(table[i].value);
		char got[1024] = "";
		struct buf words;
		enum pr_err err;

		buf_init(&words, 1024);
		while ((err = author_next_words(&value, &words)) != PR_NONE) {
			strncat(got, err == PR_OK ? words.at : "!", err == PR_OK ? words.len : 1);
			strcat(got, "|");
		}
		buf_fini(&words);
		assert_string_equal(got, table[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_the_domain_of_all_is_told),
		cmocka_unit_test(t_mailboxes_are_found),
		cmocka_unit_test(t_what_may_deceive_is_none),
		cmocka_unit_test(t_words_may_lack_a_domain),
		cmocka_unit_test(t_a_long_phrase_does_no_harm),
		cmocka_unit_test(t_the_domain_alone_may_be_all_that_counts),
	};

	return cmocka_run_group_tests_name("author", tests, NULL, NULL);
}
