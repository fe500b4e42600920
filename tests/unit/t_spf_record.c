/* Records of SPF by the letter of RFC 7208 12, and macros. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "verify/spf_macro.h"
#include "verify/spf_record.h"

static bool read_record(const char *text, struct arena *arena, struct spf_record *r)
{
	arena_init(arena, 4096);
	return spf_record_read(span_of_text(text), arena, r);
}

static bool is_record(const char *terms)
{
	char text[700];
	struct arena arena;
	struct spf_record r;
	bool is;

	(void)snprintf(text, sizeof(text), "v=spf1 %s", terms);
	is = read_record(text, &arena, &r);
	arena_fini(&arena);
	return is;
}

static void t_what_a_record_begins_with(void **state)
{
	(void)state;
	assert_true(spf_record_is(SPAN("v=spf1")));
	assert_true(spf_record_is(SPAN("V=SPF1 -all")));
	assert_true(spf_record_is(SPAN("v=spf1 ")));
	assert_false(spf_record_is(SPAN("v=spf10")));
	assert_false(spf_record_is(SPAN("v=spf1-all")));
	assert_false(spf_record_is(SPAN("v=spf1\t-all")));
	assert_false(spf_record_is(span_of("v=spf1\0-all", 11)));
	assert_false(spf_record_is(SPAN(" v=spf1")));
	assert_false(spf_record_is(SPAN("v=spf")));
	assert_false(spf_record_is(SPAN_NONE));
}

static void t_good_terms(void **state)
{
	static const char *const GOOD[] = {
		"", " ", "   ", "all", "ALL", "-all", "+all", "~all", "?all", "all -all", "-all   all ", "a", "A", "?a", "a:example.org", "a:example.org.", "a:a.b",
		"a:-.b", "a:_x._y.example", "a:x.e1", "a:x.1e", "a:x.x--y", "a:x.1-1", "a/0", "a/32", "a/9", "a//0", "a//128", "a/24//64", "a:example.org/24",
		"a:example.org//64", "a:example.org/24//64", "a:%{d}", "a:%{d}/24", "a:x:y.example", "a:x/y.example", "a:.org", "a:x..org", "a:1.2.3.4.org",
		"mx", "mx:example.org", "mx/24", "-mx:%{d2}//48", "ptr", "PTR:example.org", "ptr:%{d}", "include:example.org", "include:%{l}.example.org",
		"exists:%{ir}.%{v}.arpa", "exists:x/8.example.org", "exists:%{i}.%{s1}.100/86400.rate.%{d}", "exists:a.%%", "exists:a.%_", "exists:a.%-",
		"ip4:192.0.2.1", "ip4:192.0.2.0/24", "ip4:0.0.0.0/0", "ip4:192.0.2.1/32", "ip6:2001:db8::1", "ip6:::", "ip6:::/0", "ip6:::1/128", "ip6:2001:db8::/32",
		"ip6:::ffff:192.0.2.1", "ip6:2001:DB8::1.2.3.4", "redirect=example.org", "REDIRECT=%{d}", "exp=example.org", "exp=%{d}", "exp=x.%{d}",
		"redirect=a.b exp=a.b", "x=", "x=%{d}", "a=b", "x-1_.2=:/=%%", "x=y x=z", "ip4=3", "include=x", "default=pass", "op=auth",
		"a:%{s}", "a:%{S}", "a:%{l1r-}.x.y", "a:%{d128}", "a:%{d99999999999999999999}", "a:%{dr}", "a:%{dR}", "a:%{d1r.-+,/_=}", "a:%{o.}", "a:%{h}", "a:%{p}", "a:%{v}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(GOOD) / sizeof(*GOOD); i++)
		if (!is_record(GOOD[i]))
			fail_msg("\"%s\" is a record", GOOD[i]);
}

static void t_bad_terms(void **state)
{
	static const char *const BAD[] = {
		"foo", "foo:bar.org", "al", "alll", "all.", "all:x", "all/8", "all:", "++all", "*all", "+ all", "-", "=", "=x", ":", "/", "a.", "a-b", "all,",
		"a:", "a:org", "a:org.", "a:x.", "a:x..", "a:x.1", "a:x.123", "a:x.-a", "a:x.a-", "a:x.a_b", "a:x.a:8080", "a:example.org:", "a:.", "a:..",
		"a/33", "a/024", "a/-1", "a/", "a//", "a//129", "a//064", "a/24/64", "a/24//", "a/a", "a/24a", "a:example.org/", "a:example.org/33", "a:example.org/24/64",
		"a:/24", "a//64/24", "a///64", "a/4294967296", "a=/24=%x", "mx:", "mx:org", "mx/33", "mx:x.0", "ptr:", "ptr:org", "ptr/24", "ptr:example.org/24", "include", "include:",
		"include:org", "include:example.org/24", "include/24", "exists", "exists:", "exists:org", "exists:example.org/24", "exists/8",
		"ip4", "ip4:", "ip4/8", "ip4:1", "ip4:1.2.3", "ip4:1.2.3.4.5", "ip4:1.2.3.256", "ip4:1.2.3.04", "ip4:1.2.3.4/33", "ip4:1.2.3.4/032", "ip4:1.2.3.4/", "ip4:1.2.3.4//32",
		"ip4:1.2.3.4/-1", "ip4:%{i}", "ip4:::1", "ip4:example.org", "ip4:0x1.2.3.4", "ip4: 1.2.3.4", "ip6", "ip6:", "ip6:1.2.3.4", "ip6:2001:db8", "ip6:::1/129", "ip6:::1/",
		"ip6:::1//64", "ip6:::g", "ip6:[::1]", "ip6:::1%lo", "ip6:1:2:3:4:5:6:7:8:9", "ip6:::12345",
		"redirect=", "redirect=org", "redirect:example.org", "redirect=x.y/24", "redirect=a.b redirect=c.d", "-redirect=a.b", "exp=", "exp=org", "exp=a.b exp=c.d", "?exp=a.b",
		"+x=y", "x=%", "x=%{", "x=%{}", "x=%{z}", "x=%a", "x=%{d", "1x=y", "_x=y", "x=%{c}", "x=%{r}", "x=%{t}", "%=x",
		"a:%", "a:%{", "a:%}", "a:%{}", "a:%{d", "a:%d}", "a:%{d0}", "a:%{d00}", "a:%{drr}", "a:%{d1d}", "a:%{dr1}", "a:%{d|}", "a:%{d\"}", "a:%{ d}", "a:%{c}", "a:%{r}.a.b", "a:%{t}.a.b",
		"a:%{d}x", "a:%{d}.1", "a:x.%{d}y", "a:%(d).org", "a:%{x}.org", "a:%.org", "a:x.y%", "exists:%%x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++)
		if (is_record(BAD[i]))
			fail_msg("\"%s\" is no record", BAD[i]);
}

static void t_other_bytes_are_none(void **state)
{
	struct arena arena;
	struct spf_record r;
	char text[] = "v=spf1 a:x_.example -all";

	(void)state;
	arena_init(&arena, 4096);
	for (int c = 0; c < 256; c++) {
		text[10] = (char)c;
		assert_int_equal(spf_record_read(span_of(text, sizeof(text) - 1), &arena, &r), c > ' ' && c < 127 && c != '%');
	}
	arena_fini(&arena);
}

static void t_terms_are_told_apart(void **state)
{
	struct arena arena;
	struct spf_record r;

	(void)state;
	assert_true(read_record("V=spf1  ?A:Mx.Example/24//64 exp=e.x moo=1  ~ip6:2001:db8::/33 redirect=%{d} -ALL ", &arena, &r));
	assert_int_equal(r.n, 6);
	assert_true(r.has_all);
	assert_int_equal(r.row[0].kind, SPF_A);
	assert_int_equal(r.row[0].qualifier, '?');
	assert_true(span_eq(r.row[0].domain, SPAN("Mx.Example")));
	assert_true(span_eq(r.row[0].text, SPAN("?A:Mx.Example/24//64")));
	assert_int_equal(r.row[0].bits4, 24);
	assert_int_equal(r.row[0].bits6, 64);
	assert_ptr_equal(r.exp, &r.row[1]);
	assert_true(span_eq(r.exp->domain, SPAN("e.x")));
	assert_int_equal(r.row[2].kind, SPF_OTHER);
	assert_int_equal(r.row[3].kind, SPF_IP6);
	assert_int_equal(r.row[3].bits6, 33);
	assert_int_equal(r.row[3].network[3], 0xb8);
	assert_ptr_equal(r.redirect, &r.row[4]);
	assert_int_equal(r.row[5].qualifier, '-');
	arena_fini(&arena);
}

static void t_a_fault_is_named(void **state)
{
	struct arena arena;
	struct spf_record r;

	(void)state;
	assert_false(read_record("v=spf1 mx ipv4:192.0.2.1 -all", &arena, &r));
	assert_true(span_eq(r.fault, SPAN("ipv4:192.0.2.1")));
	assert_string_equal(r.why, "is no mechanism of SPF");
	arena_fini(&arena);
}

static void t_sizes_have_ceilings(void **state)
{
	char text[SPF_RECORD_MAX + 2];
	struct arena arena;
	struct spf_record r;

	(void)state;
	arena_init(&arena, 4096);
	memset(text, ' ', sizeof(text));
	memcpy(text, "v=spf1", 6);
	for (size_t i = 0; i < SPF_TERMS_MAX; i++)
		text[7 + 2 * i] = 'a';
	assert_true(spf_record_read(span_of(text, SPF_RECORD_MAX), &arena, &r));
	assert_int_equal(r.n, SPF_TERMS_MAX);
	assert_false(spf_record_read(span_of(text, SPF_RECORD_MAX + 1), &arena, &r));
	text[7 + 2 * SPF_TERMS_MAX] = 'a';
	assert_false(spf_record_read(span_of(text, SPF_RECORD_MAX), &arena, &r));
	assert_string_equal(r.why, "has too many terms");
	memset(text + 7, 'x', SPF_TERM_MAX + 1);
	text[8] = '=';
	assert_false(spf_record_read(span_of(text, 7 + SPF_TERM_MAX + 1), &arena, &r));
	assert_true(spf_record_read(span_of(text, 7 + SPF_TERM_MAX), &arena, &r));
	arena_fini(&arena);
}

/* ---- macros ---------------------------------------------------------------------------- */

static const char *expand(const char *macros, const char *ip)
{
	static char text[20000];
	const unsigned char v4[4] = { 192, 0, 2, 3 }, v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [14] = 0xcb, 0x01 };
	struct client c = ip[1] == '6' ? client_of(v6, 16) : client_of(v4, 4);
	struct spf_words words = { .local = SPAN("strong-bad"), .domain = SPAN("email.example.com"), .current = SPAN("d.example.org"),
		.validated = SPAN("mx.example.org"), .helo = SPAN("helo.example.net"), .client = &c, .now_s = 1700000000 };
	struct buf out;

	buf_init(&out, sizeof(text) - 1);
	assert_true(spf_macro_is_explanation(span_of_text(macros)));
	spf_macro_expand(span_of_text(macros), &words, &out);
	(void)snprintf(text, sizeof(text), "%.*s", SPAN_ARG(buf_span(&out)));
	buf_fini(&out);
	return text;
}

/* The examples of RFC 7208 7.4, and more. */
static void t_macros(void **state)
{
	static const struct { const char *macros, *v4, *v6; } ROWS[] = {
		{ "%{s}", "strong-bad@email.example.com", NULL }, { "%{o}", "email.example.com", NULL }, { "%{d}", "d.example.org", NULL },
		{ "%{o4}", "email.example.com", NULL }, { "%{o3}", "email.example.com", NULL }, { "%{o2}", "example.com", NULL }, { "%{o1}", "com", NULL },
		{ "%{or}", "com.example.email", NULL }, { "%{o2r}", "example.email", NULL }, { "%{l}", "strong-bad", NULL }, { "%{l-}", "strong.bad", NULL },
		{ "%{lr}", "strong-bad", NULL }, { "%{lr-}", "bad.strong", NULL }, { "%{l1r-}", "strong", NULL }, { "%{l1-}", "bad", NULL },
		{ "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.org", "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.org" },
		{ "%{lr-}.lp._spf.%{o2}", "bad.strong.lp._spf.example.com", NULL }, { "%{ir}.%{v}.%{l1r-}.lp._spf.%{o2}", "3.2.0.192.in-addr.strong.lp._spf.example.com",
		  "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6.strong.lp._spf.example.com" },
		{ "%{i}", "192.0.2.3", "2.0.0.1.0.D.B.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.C.B.0.1" }, { "%{i2}", "2.3", "0.1" }, { "%{c}", "192.0.2.3", "2001:db8::cb01" }, { "%{p}", "mx.example.org", NULL }, { "%{p2}.x", "example.org.x", NULL },
		{ "%{h}", "helo.example.net", NULL }, { "%{h2}", "example.net", NULL }, { "%{r}", "unknown", NULL }, { "%{t}", "1700000000", NULL }, { "%{v}", "in-addr", "ip6" },
		{ "%{s1}", "com", NULL }, { "%{s2@}", NULL, NULL }, { "%{S}", "strong-bad%40email.example.com", NULL }, { "%{S1}", "com", NULL }, { "%{Sr-}", "bad%40email.example.com.strong", NULL },
		{ "%{C}", "192.0.2.3", "2001%3Adb8%3A%3Acb01" }, { "a%%b%_c%-d", "a%b c%20d", NULL }, { "no macros at all", "no macros at all", NULL }, { "", "", NULL },
		{ "%{d999999999999999999999999}", "d.example.org", NULL }, { "%{de}", NULL, NULL }, { "%{d.-+,/_=}", "d.example.org", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
		if (!ROWS[i].v4) {
			assert_false(spf_macro_is_explanation(span_of_text(ROWS[i].macros)));
			continue;
		}
		assert_string_equal(expand(ROWS[i].macros, "v4"), ROWS[i].v4);
		assert_string_equal(expand(ROWS[i].macros, "v6"), ROWS[i].v6 ? ROWS[i].v6 : ROWS[i].v4);
	}
}

static void t_letters_that_a_string_uses(void **state)
{
	(void)state;
	assert_true(spf_macro_uses(SPAN("x.%{P2r}.y"), "p"));
	assert_true(spf_macro_uses(SPAN("%{d}%{l}"), "ls"));
	assert_false(spf_macro_uses(SPAN("p.%{d}.%%p"), "p"));
	assert_false(spf_macro_uses(SPAN_NONE, "p"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_what_a_record_begins_with),
		cmocka_unit_test(t_good_terms),
		cmocka_unit_test(t_bad_terms),
		cmocka_unit_test(t_other_bytes_are_none),
		cmocka_unit_test(t_terms_are_told_apart),
		cmocka_unit_test(t_a_fault_is_named),
		cmocka_unit_test(t_sizes_have_ceilings),
		cmocka_unit_test(t_macros),
		cmocka_unit_test(t_letters_that_a_string_uses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
