/* auth/owners, on auth/domains and auth/tables: whose an address is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "auth/owners.h"

#define ROW(address, flags) address "\thash scram\t" flags "\n"

struct fixture {
	struct owners owners;
	struct settings *settings;
	struct list coming;
	struct buf problems;
};

static void tell(struct fixture *f, enum table_kind kind, const char *name, const char *path, struct span bytes)
{
	struct table *t = table_new(kind, span_of_text(name), span_of_text(path), &f->problems);

	table_feed(t, bytes);
	table_finish(t);
	list_add_last(&f->coming, &t->list);
}

static int setup(void **state)
{
	static struct fixture f;
	struct set_domain *dom;

	f.settings = settings_new();
	owners_init(&f.owners);
	list_init(&f.coming);
	buf_init(&f.problems, TABLE_PROBLEMS_MAX);
	f.settings->top.admin = "chief@foreign.test";
	f.settings->top.hostname = "mx.example.net";
	dom = settings_add_section(f.settings, "domain", "example.org", 1);
	dom->subaddress = "+-";
	dom->catch_all = "anna@example.org";
	((struct set_domain *)settings_add_section(f.settings, "domain", "plain.test", 1))->subaddress = NULL;
	tell(&f, TABLE_USERS, "", "/state/users", SPAN(ROW("anna@example.org", "-") ROW("off@example.org", "disabled") ROW("both@example.org", "-")
	    ROW("one+two@example.org", "-")));
	tell(&f, TABLE_ALIASES, "example.org", "/etc/aliases", SPAN("both: both, anna\nteam: anna\n"));
	owners_set(&f.owners, f.settings);
	owners_take_tables(&f.owners, &f.coming);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	owners_fini(&f->owners);
	settings_free(&f->settings);
	buf_fini(&f->problems);
	return 0;
}

static enum owner_kind kind_of(struct fixture *f, const char *address)
{
	struct owner owner;

	owners_find(&f->owners, span_of_text(address), true, &owner);
	return owner.kind;
}

static void t_an_alias_counts_before_a_user_and_a_user_before_who_stands_in(void **state)
{
	static const struct {
		const char *address;
		enum owner_kind with_others, alone;
	} cases[] = {
		{ "anna@example.org", OWNER_USER, OWNER_USER }, { "off@example.org", OWNER_DISABLED, OWNER_DISABLED },
		{ "both@example.org", OWNER_ALIAS, OWNER_ALIAS }, { "team+x@example.org", OWNER_ALIAS, OWNER_ALIAS },
		{ "one+two@example.org", OWNER_USER, OWNER_USER }, { "one@example.org", OWNER_OTHER, OWNER_NOBODY },
		{ "root@example.org", OWNER_OTHER, OWNER_NOBODY }, { "root@plain.test", OWNER_OTHER, OWNER_NOBODY },
		{ "x@plain.test", OWNER_NOBODY, OWNER_NOBODY }, { "anna@plain.test", OWNER_NOBODY, OWNER_NOBODY },
		{ "postmaster", OWNER_OTHER, OWNER_NOBODY }, { "abuse@mx.example.net", OWNER_OTHER, OWNER_NOBODY },
		{ "abuse", OWNER_NOBODY, OWNER_NOBODY }, { "x@mx.example.net", OWNER_FOREIGN, OWNER_FOREIGN },
		{ "x@foreign.test", OWNER_FOREIGN, OWNER_FOREIGN },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct owner alone;

		owners_find(&f->owners, span_of_text(cases[i].address), false, &alone);
		if (kind_of(f, cases[i].address) != cases[i].with_others || alone.kind != cases[i].alone)
			fail_msg("%s: %d, alone %d", cases[i].address, kind_of(f, cases[i].address), alone.kind);
	}
}

static void t_who_stands_in_is_named(void **state)
{
	struct fixture *f = *state;
	struct owner owner;

	owners_find(&f->owners, SPAN("nobody@example.org"), true, &owner);
	assert_true(span_eq(owner.other, SPAN("anna@example.org")));
	owners_find(&f->owners, SPAN("abuse@example.org"), true, &owner);
	assert_true(span_eq(owner.other, SPAN("chief@foreign.test")));
}

static void t_an_alias_may_be_a_user_too(void **state)
{
	struct fixture *f = *state;
	struct owner owner;

	owners_find(&f->owners, SPAN("both@example.org"), true, &owner);
	assert_true(owner_is_user_too(&owner, SPAN("both@example.org")));
	assert_int_equal(owner.kind, OWNER_USER);
	owners_find(&f->owners, SPAN("team@example.org"), true, &owner);
	assert_false(owner_is_user_too(&owner, SPAN("team@example.org")));
}

static void t_postmaster_and_abuse_are_reserved_with_subaddress_too(void **state)
{
	static const char *const RESERVED[] = { "postmaster", "postmaster@example.org", "Abuse+x@example.org", "abuse@mx.example.net", "abuse@plain.test" };
	static const char *const FREE[] = { "abuse", "root@example.org", "abuse+x@plain.test", "abuse@foreign.test", "x@mx.example.net" };
	struct fixture *f = *state;

	for (size_t i = 0; i < 5; i++) {
		assert_true(owners_is_reserved(&f->owners, span_of_text(RESERVED[i])));
		assert_false(owners_is_reserved(&f->owners, span_of_text(FREE[i])));
	}
}

static void t_a_subaddress_begins_behind_the_first_character(void **state)
{
	static const struct {
		const char *local, *base;	/* base: NULL: it has none */
	} cases[] = {
		{ "a+b", "a" }, { "a-b+c", "a" }, { "a+", "a" }, { "+a", NULL }, { "++a", "+" }, { "a", NULL }, { "", NULL }, { "\"a+b\"", NULL },
	};
	struct fixture *f = *state;
	const struct domain *dom = domains_find(&f->owners.domains, SPAN("example.org"));

	assert_non_null(dom);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span base = SPAN("unchanged");

		assert_int_equal(domain_cut_subaddress(dom, span_of_text(cases[i].local), &base), cases[i].base != NULL);
		assert_true(span_eq(base, span_of_text(cases[i].base ? cases[i].base : "unchanged")));
	}
}

static void t_tables_that_are_told_replace_all(void **state)
{
	struct fixture *f = *state;

	tell(f, TABLE_USERS, "", "/elsewhere/users", SPAN(ROW("new@example.org", "-")));
	owners_take_tables(&f->owners, &f->coming);
	assert_true(list_is_empty(&f->coming));
	assert_int_equal(tables_count(&f->owners.tables, TABLE_USERS), 1);
	assert_int_equal(tables_count(&f->owners.tables, TABLE_ALIASES), 0);
	assert_int_equal(kind_of(f, "new@example.org"), OWNER_USER);
	assert_int_equal(kind_of(f, "team@example.org"), OWNER_OTHER);
}

static void t_a_broken_table_stands_aside_for_the_one_it_follows(void **state)
{
	struct fixture *f = *state;

	tell(f, TABLE_USERS, "", "/state/users", SPAN("\0"));
	tell(f, TABLE_ALIASES, "example.org", "/etc/aliases", SPAN("\0"));
	owners_take_tables(&f->owners, &f->coming);
	assert_int_equal(kind_of(f, "anna@example.org"), OWNER_USER);
	assert_int_equal(kind_of(f, "team@example.org"), OWNER_ALIAS);
	tell(f, TABLE_USERS, "", "/state/users", SPAN("\0"));
	tell(f, TABLE_ALIASES, "example.org", "/etc/other", SPAN("\0"));	/* which was never read */
	owners_take_tables(&f->owners, &f->coming);
	assert_int_equal(kind_of(f, "anna@example.org"), OWNER_USER);
	assert_int_equal(kind_of(f, "team@example.org"), OWNER_LATER);
}

static void t_lists_stay_with_their_aliases(void **state)
{
	struct fixture *f = *state;
	const struct tables *tables = &f->owners.tables;

	tell(f, TABLE_ALIASES, "example.org", "/etc/aliases", SPAN("list: :include:/etc/list\n"));
	tell(f, TABLE_INCLUDE, "example.org", "/etc/list", SPAN("anna\n"));
	tell(f, TABLE_INCLUDE, "plain.test", "/etc/list", SPAN("bert\n"));
	owners_take_tables(&f->owners, &f->coming);
	assert_non_null(tables_find(tables, TABLE_INCLUDE, SPAN("plain.test"), SPAN("/etc/list")));
	tell(f, TABLE_ALIASES, "example.org", "/etc/aliases", SPAN("\0"));
	owners_take_tables(&f->owners, &f->coming);
	assert_non_null(tables_find(tables, TABLE_INCLUDE, SPAN("example.org"), SPAN("/etc/list")));
	assert_null(tables_find(tables, TABLE_INCLUDE, SPAN("example.org"), SPAN("/etc/other")));
	assert_null(tables_find(tables, TABLE_INCLUDE, SPAN("plain.test"), SPAN("/etc/list")));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(t_an_alias_counts_before_a_user_and_a_user_before_who_stands_in), TEST(t_who_stands_in_is_named), TEST(t_an_alias_may_be_a_user_too),
		TEST(t_postmaster_and_abuse_are_reserved_with_subaddress_too), TEST(t_a_subaddress_begins_behind_the_first_character),
		TEST(t_tables_that_are_told_replace_all), TEST(t_a_broken_table_stands_aside_for_the_one_it_follows), TEST(t_lists_stay_with_their_aliases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
