#include "mail/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ANY (ALLOW_NULL | ALLOW_POSTMASTER | ALLOW_UTF8)
#define N(array) (sizeof(array) / sizeof((array)[0]))
#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16
#define D50 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb."

static void t_a_path_has_one_canonical_form(void **state)
{
	static const struct {
		const char *path, *text;
	} cases[] = {
		{ "<a@b>", "a@b" }, { "<Anna.B+x=1@EXAMPLE.Org>", "Anna.B+x=1@example.org" }, { "<>", "" },
		{ "<postmaster>", "postmaster" }, { "<POSTmaster>", "postmaster" }, { "<Postmaster@D>", "Postmaster@d" },
		{ "<\"anna\"@d>", "anna@d" }, { "<\"a\\nna\"@d>", "anna@d" }, { "<\"a b\"@d>", "\"a b\"@d" }, { "<\"a\\ b\"@d>", "\"a b\"@d" },
		{ "<\"a\\\"b\"@d>", "\"a\\\"b\"@d" }, { "<\"a\\\\b\"@d>", "\"a\\\\b\"@d" }, { "<\"a@b\"@d>", "\"a@b\"@d" },
		{ "<\".a\"@d>", "\".a\"@d" }, { "<\"a..b\"@d>", "\"a..b\"@d" }, { "<\"a.b\"@d>", "a.b@d" }, { "<\">\"@d>", "\">\"@d" },
		{ "<@x:a@d>", "a@d" }, { "<@x,@y.z,@[127.0.0.1]:a@d>", "a@d" },
		{ "<a@[192.0.2.1]>", "a@[192.0.2.1]" }, { "<a@[ipv6:2001:DB8:0:0::0001]>", "a@[IPv6:2001:db8::1]" },
		{ "<a@[IPv6:::ffff:192.0.2.1]>", "a@[IPv6:::ffff:192.0.2.1]" }, { "<!#$%&'*+-/=?^_`{|}~@d>", "!#$%&'*+-/=?^_`{|}~@d" },
		{ "<-oQ.x@d>", "-oQ.x@d" }, { "<../../etc/passwd@d>", NULL }, { "<\"../../etc/passwd\"@d>", "\"../../etc/passwd\"@d" },
		{ "</etc/passwd@d>", "/etc/passwd@d" }, { "<|id@d>", "|id@d" }, { "<\":include:/x\"@d>", "\":include:/x\"@d" },
		{ "<v%f.example@d>", "v%f.example@d" }, { "<f.example!v@d>", "f.example!v@d" }, { "<\"v@f.example\"@d>", "\"v@f.example\"@d" },
		{ "<a@1.example>", "a@1.example" }, { "<a@r3---s.example>", "a@r3---s.example" }, { "<a@XN--Bcher-KVA.example>", "a@xn--bcher-kva.example" },
		{ "<a@b\xc3\xbc" "cher.example>", "a@xn--bcher-kva.example" }, { "<gr\xc3\xbcn@d>", "gr\xc3\xbcn@d" },
		{ "<\"gr\xc3\xbcn x\"@d>", "\"gr\xc3\xbcn x\"@d" }, { "<#v@d>", "#v@d" },
		/* what is no path */
		{ "", NULL }, { "<", NULL }, { "a@b", NULL }, { "<a@b", NULL }, { "<<a@b>>", NULL }, { "< a@b>", NULL }, { "<a@b >", NULL },
		{ "<a @b>", NULL }, { "<@b>", NULL }, { "<a@>", NULL }, { "<a>", NULL }, { "<a@@b>", NULL }, { "<a@b@c>", NULL }, { "<\"\"@d>", NULL },
		{ "<.a@d>", NULL }, { "<a.@d>", NULL }, { "<a..b@d>", NULL }, { "<a@.d>", NULL }, { "<a@d.>", NULL }, { "<a@b..c>", NULL },
		{ "<a@-b>", NULL }, { "<a@b->", NULL }, { "<a@b_c>", NULL }, { "<a@1.2.3.4>", NULL }, { "<a@[1.2.3]>", NULL }, { "<a@[1.2.3.4>", NULL },
		{ "<a@[1.2.3.256]>", NULL }, { "<a@[01.2.3.4]>", NULL }, { "<a@[]>", NULL }, { "<a@[::1]>", NULL }, { "<a@[IPv6:]>", NULL },
		{ "<a@[IPv6::::::]>", NULL }, { "<a@[IPv6:1.2.3.4]>", NULL }, { "<a@[IPv6:fe80::1%lo]>", NULL }, { "<a@[1.2.3.4]x>", NULL },
		{ "<a@[x-tag:data]>", NULL }, { "<\"a@d>", NULL }, { "<\"a\\\"@d>", NULL }, { "<\"a\"b@d>", NULL }, { "<a\"b\"@d>", NULL },
		{ "<\"a\tb\"@d>", NULL }, { "<\"a\\\tb\"@d>", NULL }, { "<a\x7f@d>", NULL }, { "<a(b)@d>", NULL }, { "<a,b@d>", NULL }, { "<a;b@d>", NULL },
		{ "<;sleep 8;>", NULL }, { "<a\\b@d>", NULL }, { "<@x a@d>", NULL }, { "<@x:>", NULL }, { "<@:a@d>", NULL }, { "<@x,:a@d>", NULL },
		{ "<@x,y:a@d>", NULL }, { "<:a@d>", NULL }, { "<\"postmaster\">", NULL }, { "<postmaster@>", NULL },
		{ "<a\xff@d>", NULL }, { "<a\xc3@d>", NULL }, { "<a\xc2\x85@d>", NULL }, { "<\"a\\\xc3\xbc\"@d>", NULL }, { "<a@\xff.example>", NULL },
		{ "<a@xn--.example>", NULL }, { "<a@xn--a.example>", NULL }, { "<a@xn--99999999999999999999999999999999999999999999999999999999999.x>", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct span in = span_of_text(cases[i].path), before = in;
		struct address a, again;
		enum pr_err err = address_parse_path(&in, ANY, &a);

		if (cases[i].text ? err != PR_OK || strcmp(a.text, cases[i].text) != 0 : err != PR_BAD)
			fail_msg("%s gives %d %s", cases[i].path, (int)err, err ? "" : a.text);
		assert_int_equal(in.len, err ? before.len : 0);
		if (err || a.kind != PATH_MAILBOX)
			continue;
		assert_int_equal(a.len, strlen(a.text));
		assert_int_equal(address_parse_mailbox(address_span(&a), ALLOW_UTF8, &again), PR_OK);
		assert_string_equal(again.text, a.text);
		assert_int_equal(a.text[a.local_len], '@');
		assert_int_equal(a.is_quoted, a.text[0] == '"');
		assert_int_equal(a.is_literal, address_domain(&a).at[0] == '[');
	}
}

static void t_what_is_not_allowed_here_is_refused(void **state)
{
	static const struct {
		const char *path;
		unsigned allow;
		enum pr_err err;
	} cases[] = {
		{ "<>", 0, PR_BAD }, { "<>", ALLOW_POSTMASTER | ALLOW_UTF8, PR_BAD }, { "<>", ALLOW_NULL, PR_OK },
		{ "<postmaster>", ALLOW_NULL | ALLOW_UTF8, PR_BAD }, { "<postmaster>", ALLOW_POSTMASTER, PR_OK },
		{ "<gr\xc3\xbcn@d>", 0, PR_DENIED }, { "<a@b\xc3\xbc" "cher.example>", 0, PR_DENIED }, { "<@b\xc3\xbc" "cher:a@d>", 0, PR_DENIED },
		{ "<a\xff@d>", 0, PR_BAD }, { "<gr\xc3\xbcn@d>", ALLOW_UTF8, PR_OK },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct span in = span_of_text(cases[i].path);
		struct address a;

		assert_int_equal(address_parse_path(&in, cases[i].allow, &a), cases[i].err);
	}
}

static void t_a_path_ends_where_it_ends(void **state)
{
	struct span in = SPAN("<a@b> SIZE=1");
	struct address a;

	(void)state;
	assert_int_equal(address_parse_path(&in, 0, &a), PR_OK);
	assert_true(span_eq(in, SPAN(" SIZE=1")));
	in = SPAN("<a\0b@d>");
	assert_int_equal(address_parse_path(&in, ANY, &a), PR_BAD);
	in = SPAN("<\"a\0b\"@d>");
	assert_int_equal(address_parse_path(&in, ANY, &a), PR_BAD);
	in = SPAN("<a@d\0>");
	assert_int_equal(address_parse_path(&in, ANY, &a), PR_BAD);
	in = SPAN("<a@[1.2.3.4\0]>");
	assert_int_equal(address_parse_path(&in, ANY, &a), PR_BAD);
	assert_int_equal(address_parse_mailbox(SPAN("a@b>"), ANY, &a), PR_BAD);
	assert_int_equal(address_parse_mailbox(SPAN("a@b "), ANY, &a), PR_BAD);
	assert_int_equal(address_parse_mailbox(SPAN("<a@b>"), ANY, &a), PR_BAD);
	assert_int_equal(address_parse_mailbox(SPAN_NONE, ANY, &a), PR_BAD);
}

static enum pr_err parse(const char *text, struct address *a)
{
	return address_parse_mailbox(span_of_text(text), ANY, a);
}

static void t_each_part_has_its_limit(void **state)
{
	struct address a;
	char longest[512];

	(void)state;
	/* a local part may take what the path has room for: forwarders need more than 64 octets */
	assert_int_equal(parse(A64 A64 A64 A16 A16 A16 "aaaaaaaaaaaa@d", &a), PR_OK);
	assert_int_equal(a.len, ADDRESS_MAX);
	assert_int_equal(parse(A64 A64 A64 A16 A16 A16 "aaaaaaaaaaaaa@d", &a), PR_FULL);
	assert_int_equal(parse("\"" A64 A64 A64 A16 A16 A16 "aaaaaaaaa \"@d", &a), PR_OK);
	assert_int_equal(parse("\"" A64 A64 A64 A16 A16 A16 "aaaaaaaaaa \"@d", &a), PR_FULL);
	memset(longest, 'd', sizeof(longest));
	memcpy(longest, "a@", 2);
	for (size_t i = 2 + 60; i < sizeof(longest); i += 61)
		longest[i] = '.';
	assert_int_equal(address_parse_mailbox(span_of(longest, ADDRESS_MAX), ANY, &a), PR_OK);
	assert_int_equal(a.len, ADDRESS_MAX);
	assert_int_equal(address_parse_mailbox(span_of(longest, ADDRESS_MAX + 1), ANY, &a), PR_FULL);
	assert_int_equal(address_parse_mailbox(span_of(longest, 2 + 320), ANY, &a), PR_FULL);
	memset(longest, '(', sizeof(longest));
	assert_int_equal(address_parse_mailbox(span_of(longest, 512), ANY, &a), PR_BAD);
	memset(longest, '\\', sizeof(longest));
	longest[0] = '"';
	assert_int_not_equal(address_parse_mailbox(span_of(longest, 512), ANY, &a), PR_OK);
}

/* A Cyrillic a, a full-width form, a ligature, a composed and a decomposed one: none is another. */
static void t_those_that_look_alike_stay_two(void **state)
{
	static const char *const locals[] = {
		"alice@d", "\xd0\xb0lice@d", "\xef\xbd\x81lice@d", "\xc3\xa9@d", "e\xcc\x81@d", "\xef\xac\x81@d", "fi@d", "\xe2\x84\xaa@d", "k@d",
		"\xc4\xb0@d", "i@d", "\xc3\x89@d",
	};
	static const char *const refused[] = {
		"alice\xef\xbc\xa0" "d", "a@b\xe3\x80\x82" "c", "a@\xef\xbd\x84", "a@b\xef\xbc\x8e" "c", "a@B\xc3\x9c" "CHER.x", "a@bu\xcc\x88" "cher.x",
		"a@\xe2\x84\xaa.x", "a@\xf0\x9f\x98\x80.x", "a@b\xc2\xad" "c.x", "a@b\xe2\x80\x8b" "c.x", "a@\xc2\xbd.x",
	};
	struct address a, b;

	(void)state;
	for (size_t i = 0; i < N(locals); i++)
		for (size_t j = 0; j < i; j++) {
			assert_int_equal(parse(locals[i], &a), PR_OK);
			assert_int_equal(parse(locals[j], &b), PR_OK);
			assert_false(address_same(address_span(&a), address_span(&b)));
		}
	for (size_t i = 0; i < N(refused); i++)
		if (parse(refused[i], &a) == PR_OK)
			fail_msg("%s is taken as %s", refused[i], a.text);
	assert_int_equal(parse("x@\xd0\xb0pple.example", &a), PR_OK);
	assert_memory_equal(a.text, "x@xn--", 6);
}

static void t_flags_tell_what_was_read(void **state)
{
	struct address a;

	(void)state;
	assert_int_equal(parse("gr\xc3\xbcn@d", &a), PR_OK);
	assert_true(a.has_utf8 && a.was_utf8);
	assert_int_equal(parse("a@b\xc3\xbc" "cher.x", &a), PR_OK);
	assert_true(!a.has_utf8 && a.was_utf8);
	assert_int_equal(parse("a@xn--bcher-kva.x", &a), PR_OK);
	assert_true(!a.has_utf8 && !a.was_utf8);
}

static void t_canonical_text_is_split_folded_and_compared(void **state)
{
	struct span local, domain;
	char out[ADDRESS_MAX], bare[ADDRESS_LOCAL_MAX];
	struct buf b;

	(void)state;
	address_split(SPAN("\"a@b\"@c.d"), &local, &domain);
	assert_true(span_eq(local, SPAN("\"a@b\"")) && span_eq(domain, SPAN("c.d")));
	address_split(SPAN("postmaster"), &local, &domain);
	assert_true(span_eq(local, SPAN("postmaster")) && domain.len == 0);
	address_split(SPAN_NONE, &local, &domain);
	assert_int_equal(local.len + domain.len, 0);
	assert_true(span_eq(span_of(bare, address_local_bare(SPAN("\"a\\\"b\\\\ c\""), bare)), SPAN("a\"b\\ c")));
	assert_true(span_eq(span_of(bare, address_local_bare(SPAN("anna"), bare)), SPAN("anna")));
	assert_true(span_eq(span_of(out, address_fold(SPAN("Gr\xc3\x9cN@D"), out)), SPAN("gr\xc3\x9cn@d")));
	assert_true(address_same(SPAN("Anna@d"), SPAN("aNNA@d")));
	assert_false(address_same(SPAN("anna@d"), SPAN("anna@d.x")));
	buf_init(&b, 10);
	assert_int_equal(address_add_path(&b, SPAN("a@b")), PR_OK);
	assert_true(span_eq(buf_span(&b), SPAN("<a@b>")));
	assert_int_equal(address_add_path(&b, SPAN("a@b.c")), PR_FULL);
	buf_fini(&b);
}

static void t_a_bare_local_part_and_a_domain_make_a_mailbox(void **state)
{
	static const struct {
		const char *bare, *domain, *text;	/* NULL: refused */
	} cases[] = {
		{ "anna", "Example.ORG", "anna@example.org" }, { "a b", "d.x", "\"a b\"@d.x" }, { "a\"\\", "d.x", "\"a\\\"\\\\\"@d.x" },
		{ ".a", "d.x", "\".a\"@d.x" }, { "a@b", "[192.0.2.1]", "\"a@b\"@[192.0.2.1]" }, { "gr\xc3\xbcn", "b\xc3\xbc" "cher.x", "gr\xc3\xbcn@xn--bcher-kva.x" },
		{ "", "d.x", NULL }, { "a", "", NULL }, { "a\n", "d.x", NULL }, { "a\x7f", "d.x", NULL }, { "a\xff", "d.x", NULL }, { "a", "d..x", NULL },
	};
	struct address a;

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		assert_int_equal(address_join(span_of_text(cases[i].bare), span_of_text(cases[i].domain), &a), cases[i].text ? PR_OK : PR_BAD);
		if (cases[i].text)
			assert_string_equal(a.text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_path_has_one_canonical_form),
		cmocka_unit_test(t_what_is_not_allowed_here_is_refused),
		cmocka_unit_test(t_a_path_ends_where_it_ends),
		cmocka_unit_test(t_each_part_has_its_limit),
		cmocka_unit_test(t_a_bare_local_part_and_a_domain_make_a_mailbox),
		cmocka_unit_test(t_those_that_look_alike_stay_two),
		cmocka_unit_test(t_flags_tell_what_was_read),
		cmocka_unit_test(t_canonical_text_is_split_folded_and_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
