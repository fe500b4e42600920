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

/* The record of example.org, alone. */
static void record(const char *terms)
{
	char text[5000];

	(void)snprintf(text, sizeof(text), "v=spf1 %s", terms);
	for (unsigned i = 0; i < zone.n; i++)
		if (zone.row[i].type == RECORD_TXT && span_eq(zone.row[i].name, SPAN("example.org")))
			zone.row[i] = zone.row[--zone.n];
	say("example.org", "TXT", text);
}

static const char *result(const char *terms, const char *ip)
{
	record(terms);
	return auth_result_text(check(ip, "alice@example.org"));
}

#define V4 "192.0.2.1"
#define V6 "2001:db8::1"

struct row {
	const char *terms, *ip, *result;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *got = result(rows[i].terms, rows[i].ip);

		if (strcmp(got, rows[i].result) != 0)
			fail_msg("\"%s\" for %s: %s, not %s: %s", rows[i].terms, rows[i].ip, got, rows[i].result, told.why);
	}
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(*(rows)))

/* ---- who is checked, and by which record ---------------------------------------------------- */

static void t_the_record_of_the_sender_decides(void **state)
{
	(void)state;
	say("example.org", "TXT", "another text");
	say("example.org", "TXT", "v=spf1 ip4:192.0.2.0/24 -all");
	say("example.org", "TXT", "v=spf2.0/pra -all");
	assert_spf("192.0.2.1", "alice@example.org", "pass");
	assert_string_equal(told.domain, "example.org");
	assert_string_equal(told.why, "192.0.2.1 is listed by \"ip4:192.0.2.0/24\" in the SPF record of example.org");
	assert_spf("198.51.100.1", "alice@Example.ORG.", "fail");
	assert_string_equal(told.why, "the SPF record of Example.ORG does not list 198.51.100.1 (-all)");
	assert_spf("198.51.100.1", "alice@nothing.example.org", "none");
	assert_string_equal(told.why, "nothing.example.org has no SPF record");
	assert_spf("198.51.100.1", "@example.org", "fail");
	assert_spf("198.51.100.1", "\"a@b\"@example.org", "fail");
	assert_spf("192.0.2.1", "example.org", "pass");
}

static void t_a_null_sender_and_helo(void **state)
{
	struct spf_ask ask = { .client = client(V4), .helo = SPAN("mail.example.net"), .sender = SPAN("alice@example.org"), .helo_identity = true };

	(void)state;
	say("mail.example.net", "TXT", "v=spf1 a:%{l}.of.%{o}.%{h} -all");
	say("postmaster.of.mail.example.net.mail.example.net", "A", V4);
	assert_spf(V4, "", "pass");
	assert_string_equal(told.domain, "mail.example.net");
	assert_int_equal(check_with(&ask, MAX_QUESTIONS), AUTH_PASS);
	ask.client = client("192.0.2.2");
	assert_int_equal(check_with(&ask, MAX_QUESTIONS), AUTH_FAIL);
	ask.helo = SPAN_NONE;
	assert_int_equal(check_with(&ask, MAX_QUESTIONS), AUTH_NONE);
}

static void t_what_is_no_domain_is_not_asked_for(void **state)
{
	static const char *const SENDERS[] = { "a@localhost", "a@", "a@.", "a@[192.0.2.1]", "a@192.0.2.1", "a@a..b", "a@.a.b", "a@a b.example", "a@\x01.example", "a@x.\xff\xfe",
		"a@12345678901234567890123456789012345678901234567890123456789012345.example", "a@[IPv6:2001:db8::1]" };

	(void)state;
	for (size_t i = 0; i < sizeof(SENDERS) / sizeof(*SENDERS); i++) {
		assert_spf(V4, SENDERS[i], "none");
		assert_int_equal(n_questions, 0);
	}
}

static void t_a_domain_in_utf8_is_asked_for_as_a_label(void **state)
{
	(void)state;
	say("xn--bcher-kva.example", "TXT", "v=spf1 a:%{d} exists:%{l}.example.org exists:%{s} include:%{l}.%{d} -all");
	say("xn--bcher-kva.example", "A", V4);
	assert_spf(V4, "a@b\xc3\xbc" "cher.example", "pass");
	assert_string_equal(told.domain, "xn--bcher-kva.example");
	record("exists:%{l}.example.org exists:%{s} mx:%{L}.x.org ?ip4:192.0.2.1 -all");
	assert_spf(V4, "\xc3\xbc@example.org", "neutral");	/* RFC 8616 4: matches nothing */
	assert_int_equal(n_questions, 1);
}

static void t_records_are_chosen_and_read_strictly(void **state)
{
	(void)state;
	say("two.example", "TXT", "v=spf1 -all");
	say("two.example", "TXT", "V=SPF1");
	assert_spf(V4, "a@two.example", "permerror");
	assert_string_equal(told.why, "two.example has more than one SPF record, and may have only one");
	say("near.example", "TXT", "v=spf10 -all");
	say("near.example", "TXT", "v=spf1-all");
	assert_spf(V4, "a@near.example", "none");
	zone_add(&zone, RECORD_TXT, SPAN("nul.example"), span_of("v=spf1 ip4:192.0.2.1 a:x.y\0z -all", 33));
	assert_spf(V4, "a@nul.example", "permerror");
	assert_string_equal(told.why, "the SPF record of nul.example has bytes in it that are not printable ASCII");
	zone_add(&zone, RECORD_TXT, SPAN("utf.example"), SPAN("v=spf1 x=\xc3\xa4"));
	assert_spf(V4, "a@utf.example", "permerror");
	say("typo.example", "TXT", "v=spf1 ip4:192.0.2.1 ipv4:192.0.2.2 -all");
	assert_spf(V4, "a@typo.example", "permerror");	/* however it would have gone on */
	assert_string_equal(told.why, "the SPF record of typo.example can't be read: \"ipv4:192.0.2.2\" is no mechanism of SPF");
	say("empty.example", "TXT", "v=spf1");
	assert_spf(V4, "a@empty.example", "neutral");
	assert_string_equal(told.why, "the SPF record of empty.example does not list 192.0.2.1, and says nothing of others");
	zone_fail(&zone, RECORD_TXT, SPAN("slow.example"));
	assert_spf(V4, "a@slow.example", "temperror");
	assert_string_equal(told.why, "the DNS can't tell the records of slow.example now");
}

/* ---- mechanisms ------------------------------------------------------------------------------- */

static void t_all_and_qualifiers(void **state)
{
	static const struct row ROWS[] = {
		{ "all", V4, "pass" }, { "+all", V4, "pass" }, { "-all", V4, "fail" }, { "~all", V6, "softfail" }, { "?all", V6, "neutral" }, { "", V4, "neutral" },
		{ "-all +all", V4, "fail" }, { "ip4:192.0.2.9 ~all", V4, "softfail" }, { "-ip4:192.0.2.1 all", V4, "fail" }, { "?ip4:192.0.2.1 all", V4, "neutral" },
		{ "~ip6:2001:db8::1 all", V6, "softfail" }, { "-ip4:192.0.2.2 all", V4, "pass" },
	};

	(void)state;
	CHECK_ROWS(ROWS);
	(void)result("-ip4:192.0.2.1 all", V4);
	assert_string_equal(told.why, "192.0.2.1 is forbidden by \"-ip4:192.0.2.1\" in the SPF record of example.org");
	(void)result("all", V4);
	assert_string_equal(told.why, "every address is listed by the SPF record of example.org");
}

static void t_networks(void **state)
{
	static const struct row ROWS[] = {
		{ "ip4:192.0.2.1 -all", V4, "pass" }, { "ip4:192.0.2.2 -all", V4, "fail" }, { "ip4:192.0.2.0/31 -all", V4, "pass" }, { "ip4:192.0.2.2/31 -all", V4, "fail" },
		{ "ip4:192.0.2.99/24 -all", V4, "pass" }, { "ip4:10.0.0.0/0 -all", V4, "pass" }, { "ip4:0.0.0.0/0 -all", V6, "fail" }, { "ip4:128.0.0.0/1 -all", V4, "pass" },
		{ "ip4:64.0.0.0/1 -all", V4, "fail" }, { "ip6:::/0 -all", V4, "fail" }, { "ip6:::/0 -all", V6, "pass" }, { "ip6:2001:db8::1 -all", V6, "pass" },
		{ "ip6:2001:db8::2 -all", V6, "fail" }, { "ip6:2001:db8::2/126 -all", V6, "pass" }, { "ip6:2001:db8:8000::/33 -all", V6, "fail" }, { "ip6:2001:db8::/33 -all", V6, "pass" },
		{ "ip6:::ffff:192.0.2.1 -all", V4, "fail" }, { "ip4:192.0.2.1 -all", "::ffff:192.0.2.1", "pass" }, { "ip4:127.0.0.1 -all", "127.0.0.1", "pass" },
		{ "-all", "127.0.0.1", "fail" }, { "a:lo.example -all", "127.0.0.2", "pass" }, { "-all", "::1", "fail" }, { "a:lo.example -all", "::1", "pass" },
	};

	(void)state;
	say("lo.example", "A", "127.0.0.2");
	say("lo.example", "AAAA", "::1");
	CHECK_ROWS(ROWS);
}

static void t_a(void **state)
{
	static const struct row ROWS[] = {
		{ "a -all", V4, "pass" }, { "a -all", V6, "pass" }, { "a -all", "192.0.2.9", "fail" }, { "a:h.example -all", V4, "fail" }, { "a:h.example -all", "198.51.100.7", "pass" },
		{ "a:h.example. -all", "198.51.100.7", "pass" }, { "A:H.Example -all", "198.51.100.7", "pass" }, { "a/24 -all", "192.0.2.99", "pass" }, { "a/24 -all", "192.0.3.1", "fail" },
		{ "a/24 -all", "2001:db8::2", "fail" }, { "a//64 -all", "2001:db8::2", "pass" }, { "a//64 -all", "192.0.2.99", "fail" }, { "a/24//64 -all", "192.0.2.99", "pass" },
		{ "a:h.example/0 -all", "10.9.8.7", "pass" }, { "a:h.example/0 -all", V6, "fail" }, { "a:h.example//0 -all", V6, "pass" }, { "a:gone.example/0 -all", V4, "fail" },
		{ "a:none.example/0 ?all", V4, "neutral" }, { "a:none.example//0 ?all", V6, "neutral" }, { "a:gone.example -all", V4, "fail" }, { "a:slow.example -all", V4, "temperror" },
		{ "a:slow.example/0 -all", V4, "temperror" }, { "a:x..example -all", V4, "fail" }, { "a:.example -all", V4, "fail" }, { "a:%{l}.%{h} -all", "203.0.113.4", "pass" },
		{ "a:many.example -all", "192.0.2.200", "pass" }, { "a/1 -all", "223.255.255.255", "pass" }, { "a/1 -all", "127.0.0.1", "fail" },
		{ "a:123456789012345678901234567890123456789012345678901234567890123456.example -all", V4, "fail" },
	};
	char ip[20];

	(void)state;
	say("example.org", "A", V4);
	say("example.org", "AAAA", V6);
	say("h.example", "A", "203.0.113.9");
	say("h.example", "A", "198.51.100.7");
	say("h.example", "AAAA", "2001:db8:9::");
	say("none.example", "TXT", "x");
	say("alice.mail.example.net", "A", "203.0.113.4");
	zone_fail(&zone, RECORD_A, SPAN("slow.example"));
	for (unsigned i = 1; i <= 200; i++) {
		(void)snprintf(ip, sizeof(ip), "192.0.2.%u", i);
		say("many.example", "A", ip);
	}
	CHECK_ROWS(ROWS);
}

static void t_mx(void **state)
{
	static const struct row ROWS[] = {
		{ "mx -all", V4, "pass" }, { "mx -all", V6, "pass" }, { "mx -all", "192.0.2.5", "fail" }, { "mx/24 -all", "192.0.2.5", "pass" }, { "mx//64 -all", "2001:db8::ffff", "pass" },
		{ "mx:h.example -all", "203.0.113.2", "pass" }, { "mx:h.example -all", "203.0.113.1", "fail" }, { "mx:gone.example -all", V4, "fail" }, { "mx:addr.example -all", "203.0.113.7", "fail" },
		{ "mx/0 -all", "10.0.0.1", "pass" }, { "mx:h.example//0 -all", V6, "fail" }, { "mx//0 -all", "2001:db8:ffff::", "pass" }, { "mx:null.example -all", V4, "fail" },
		{ "mx:null.example/0 -all", V4, "fail" }, { "mx:slow.example -all", V4, "temperror" }, { "mx:slowhost.example -all", V4, "temperror" },
		{ "mx:slowhost.example/0 -all", V4, "temperror" }, { "mx:ten.example -all", "203.0.113.110", "pass" }, { "mx:eleven.example -all", "203.0.113.101", "permerror" },
		{ "mx:eleven.example/0 -all", "203.0.113.101", "permerror" }, { "mx:gonehosts.example a:h2.example -all", "203.0.113.2", "pass" },
	};
	char name[30], ip[20];

	(void)state;
	say("example.org", "MX", "mx1.example.org");
	say("example.org", "MX", "mx2.example.org");
	say("mx1.example.org", "A", "198.51.100.1");
	say("mx2.example.org", "A", V4);
	say("mx2.example.org", "AAAA", V6);
	say("h.example", "MX", "h2.example");
	say("h.example", "A", "203.0.113.1");
	say("h2.example", "A", "203.0.113.2");
	say("addr.example", "A", "203.0.113.7");	/* RFC 7208 5.4: no implicit MX */
	say("null.example", "MX", ".");
	zone_fail(&zone, RECORD_MX, SPAN("slow.example"));
	zone_fail(&zone, RECORD_A, SPAN("slow.example"));
	say("slowhost.example", "MX", "slow.example");
	for (unsigned i = 0; i < 4; i++)
		say("gonehosts.example", "MX", "gone.example");
	for (unsigned i = 1; i <= 11; i++) {
		(void)snprintf(name, sizeof(name), "m%u.example", i);
		(void)snprintf(ip, sizeof(ip), "203.0.113.%u", 100 + i);
		say(name, "A", ip);
		say("eleven.example", "MX", name);
		if (i <= 10)
			say("ten.example", "MX", name);
	}
	CHECK_ROWS(ROWS);
	(void)result("mx:eleven.example -all", V4);
	assert_string_equal(told.why, "eleven.example, which the SPF record of example.org names, has more than 10 mail servers");
}

static void t_ptr(void **state)
{
	static const struct row ROWS[] = {
		{ "ptr -all", V4, "pass" }, { "ptr:example.net -all", V4, "fail" }, { "ptr:org -all", V4, "permerror" }, { "ptr:Example.ORG -all", V4, "pass" },
		{ "ptr:mail.example.org -all", V4, "pass" }, { "ptr:ail.example.org -all", V4, "fail" }, { "ptr:x.mail.example.org -all", V4, "fail" }, { "ptr -all", "192.0.2.2", "fail" },
		{ "ptr -all", "192.0.2.3", "fail" }, { "ptr -all", "192.0.2.4", "fail" }, { "ptr -all", V6, "pass" }, { "ptr:x..org -all", V4, "fail" }, { "ptr -all", "192.0.2.5", "fail" },
		{ "ptr -all", "192.0.2.6", "pass" },
	};

	(void)state;
	say("1.2.0.192.in-addr.arpa", "PTR", "mail.example.org");
	say("mail.example.org", "A", V4);
	say("2.2.0.192.in-addr.arpa", "PTR", "mail.example.org");	/* which is another host */
	zone_fail(&zone, RECORD_PTR, SPAN("4.2.0.192.in-addr.arpa"));	/* RFC 7208 5.5: no match */
	say("5.2.0.192.in-addr.arpa", "PTR", "slow.example.org");
	zone_fail(&zone, RECORD_A, SPAN("slow.example.org"));
	say("6.2.0.192.in-addr.arpa", "PTR", "slow.example.org");
	say("6.2.0.192.in-addr.arpa", "PTR", "six.example.org");
	say("six.example.org", "A", "192.0.2.6");
	say("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "PTR", "Example.Org");
	say("example.org", "AAAA", V6);
	CHECK_ROWS(ROWS);
}

static void t_exists(void **state)
{
	static const struct row ROWS[] = {
		{ "exists:h.example.net -all", V4, "pass" }, { "exists:h.example.net -all", V6, "pass" }, { "exists:six.example.net -all", V6, "fail" }, { "exists:gone.example.net -all", V4, "fail" },
		{ "exists:slow.example.net -all", V4, "temperror" }, { "-exists:%{ir}.bl.example.net all", V4, "fail" }, { "-exists:%{ir}.bl.example.net all", "192.0.2.2", "pass" },
		{ "exists:%{l}.%{d} -all", V4, "pass" }, { "exists:a%_b.example.net -all", V4, "pass" },
	};

	(void)state;
	say("h.example.net", "A", "127.0.0.2");
	say("six.example.net", "AAAA", "::1");	/* RFC 7208 5.7: A, whatever the client has */
	say("1.2.0.192.bl.example.net", "A", "127.0.0.2");
	say("alice.example.org", "A", "127.0.0.2");
	say("a b.example.net", "A", "127.0.0.2");
	zone_fail(&zone, RECORD_A, SPAN("slow.example.net"));
	CHECK_ROWS(ROWS);
}

static void t_include(void **state)
{
	static const struct row ROWS[] = {
		{ "include:yes.example -all", V4, "pass" }, { "-include:yes.example all", V4, "fail" }, { "~include:yes.example all", V4, "softfail" }, { "?include:yes.example all", V4, "neutral" },
		{ "include:no.example ?all", V4, "neutral" }, { "include:soft.example -all", V4, "fail" }, { "include:neutral.example -all", V4, "fail" }, { "include:empty.example all", V4, "pass" },
		{ "include:gone.example all", V4, "permerror" }, { "include:text.example all", V4, "permerror" }, { "include:bad.example all", V4, "permerror" }, { "include:slow.example all", V4, "temperror" },
		{ "include:two.example all", V4, "permerror" }, { "include:example.org all", V4, "permerror" }, { "include:x..example all", V4, "permerror" }, { "include:nest.example -all", V4, "pass" },
		{ "include:nest.example -all", "192.0.2.2", "fail" }, { "include:%{l}.example -all", V4, "pass" }, { "include:over.example -all", V4, "pass" }, { "include:local.example -all", "203.0.113.3", "pass" },
		{ "include:local.example -all", V4, "fail" }, { "all include:gone.example", V4, "pass" },
	};

	(void)state;
	say("yes.example", "TXT", "v=spf1 ip4:192.0.2.1 -all");
	say("alice.example", "TXT", "v=spf1 ip4:192.0.2.1 -all");
	say("no.example", "TXT", "v=spf1 -all exp=exp.example");
	say("soft.example", "TXT", "v=spf1 ~all");
	say("neutral.example", "TXT", "v=spf1 ?all");
	say("empty.example", "TXT", "v=spf1");
	say("text.example", "TXT", "something");
	say("bad.example", "TXT", "v=spf1 all foo");
	zone_fail(&zone, RECORD_TXT, SPAN("slow.example"));
	say("two.example", "TXT", "v=spf1 -all");
	say("two.example", "TXT", "v=spf1 all");
	say("nest.example", "TXT", "v=spf1 include:no.example include:yes.example -all");
	say("over.example", "TXT", "v=spf1 redirect=yes.example");
	say("local.example", "TXT", "v=spf1 a -all");	/* d is the domain of the record */
	say("local.example", "A", "203.0.113.3");
	CHECK_ROWS(ROWS);
	(void)result("include:nest.example -all", V4);
	assert_string_equal(told.why, "192.0.2.1 is listed by \"ip4:192.0.2.1\" in the SPF record of yes.example, which is included by that of example.org");
	(void)result("-include:yes.example all", V4);
	assert_string_equal(told.why, "192.0.2.1 is forbidden by \"-include:yes.example\" in the SPF record of example.org");
	(void)result("include:gone.example all", V4);
	assert_string_equal(told.why, "the SPF record of example.org leads by \"include:gone.example\" to a domain that has no SPF record");
	(void)result("include:bad.example all", V4);
	assert_string_equal(told.why, "the SPF record of bad.example can't be read: \"foo\" is no mechanism of SPF");
}

/* ---- modifiers ------------------------------------------------------------------------------------ */

static void t_redirect(void **state)
{
	static const struct row ROWS[] = {
		{ "redirect=to.example", V4, "pass" }, { "redirect=to.example", "192.0.2.2", "fail" }, { "redirect=to.example ip4:192.0.2.2", "192.0.2.2", "pass" },
		{ "redirect=to.example ?all", V4, "neutral" }, { "?all redirect=to.example", V4, "neutral" }, { "redirect=gone.example", V4, "permerror" }, { "redirect=slow.example", V4, "temperror" },
		{ "redirect=again.example", "192.0.2.2", "fail" }, { "redirect=example.org", V4, "permerror" }, { "redirect=x..y", V4, "permerror" }, { "-ip4:192.0.2.1 redirect=to.example", V4, "fail" },
		{ "redirect=%{l}.example", V4, "permerror" }, { "redirect=to.%{d2}", V4, "permerror" }, { "a:gone.example redirect=to.example", V4, "pass" },
	};

	(void)state;
	say("to.example", "TXT", "v=spf1 ip4:192.0.2.1 -all");
	say("again.example", "TXT", "v=spf1 redirect=to.example");
	zone_fail(&zone, RECORD_TXT, SPAN("slow.example"));
	CHECK_ROWS(ROWS);
	(void)result("redirect=again.example", "192.0.2.2");
	assert_string_equal(told.why, "the SPF record of to.example (to which example.org redirects) does not list 192.0.2.2 (-all)");
}

static void t_other_modifiers_mean_nothing(void **state)
{
	static const struct row ROWS[] = {
		{ "moo=%{d} ip4:192.0.2.1 moo= x-1.y_=a:b -all", V4, "pass" }, { "a=ip4:192.0.2.1 -all", V4, "fail" }, { "moo=%{x} all", V4, "permerror" }, { "ip4=192.0.2.1 -all", V4, "fail" },
	};

	(void)state;
	CHECK_ROWS(ROWS);
}

static void t_explanations(void **state)
{
	static const struct { const char *terms, *explanation; } ROWS[] = {
		{ "-all exp=e1.example", "alice may not send from 192.0.2.1, see http://x/?d=example.org&s=alice%40example.org or %, mx.example.com at 1700000000" },
		{ "exp=%{l}.e.example -all", "for alice" }, { "-all", "" }, { "-all exp=gone.example", "" }, { "-all exp=slow.example", "" }, { "-all exp=two.example", "" },
		{ "-all exp=bad.example", "" }, { "-all exp=utf.example", "" }, { "-all exp=x..y", "" }, { "include:no.example -all", "" }, { "redirect=no.example exp=e1.example", "of no.example" },
		{ "-include:yes.example exp=mine.example", "mine" }, { "~all exp=mine.example", "" }, { "all exp=mine.example", "" }, { "?all exp=mine.example", "" },
		{ "-all exp=p.example", "called unknown" }, { "-all exp=empty.example", "" }, { "-all exp=joined.example", "one text of two strings" },
	};

	(void)state;
	say("e1.example", "TXT", "%{l} may not send from %{c}, see http://x/?d=%{d}&s=%{S} or %%, %{r} at %{t}");
	say("alice.e.example", "TXT", "for %{l}");
	zone_fail(&zone, RECORD_TXT, SPAN("slow.example"));
	say("two.example", "TXT", "one");
	say("two.example", "TXT", "two");
	say("bad.example", "TXT", "this is %{x}");
	zone_add(&zone, RECORD_TXT, SPAN("utf.example"), SPAN("gr\xc3\xbc\xc3\x9f"));
	say("no.example", "TXT", "v=spf1 -all exp=no2.example");
	say("no2.example", "TXT", "of %{d}");
	say("yes.example", "TXT", "v=spf1 all exp=no2.example");
	say("mine.example", "TXT", "mine");
	say("p.example", "TXT", "called %{p}");
	say("empty.example", "TXT", "");
	say("joined.example", "TXT", "one text of two strings");
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
		(void)result(ROWS[i].terms, V4);
		assert_string_equal(told.explanation, ROWS[i].explanation);
	}
}

static void t_a_large_explanation_is_cut(void **state)
{
	char text[600];

	(void)state;
	memset(text, 'x', sizeof(text));
	zone_add(&zone, RECORD_TXT, SPAN("e.example"), span_of(text, sizeof(text)));
	assert_string_equal(result("-all exp=e.example", V4), "fail");
	assert_int_equal(strlen(told.explanation), sizeof(told.explanation) - 1);
}

/* ---- macros ------------------------------------------------------------------------------------------ */

static void t_p_is_a_confirmed_name(void **state)
{
	static const struct row ROWS[] = {
		{ "exists:%{p}.p.example -all", V4, "pass" }, { "exists:%{p}.p.example -all", "192.0.2.2", "pass" }, { "exists:%{p}.p.example -all", "192.0.2.3", "pass" },
		{ "exists:%{p}.p.example -all", "192.0.2.4", "pass" },
	};

	(void)state;
	say("1.2.0.192.in-addr.arpa", "PTR", "other.example");	/* the domain itself comes first */
	say("1.2.0.192.in-addr.arpa", "PTR", "below.example.org");
	say("1.2.0.192.in-addr.arpa", "PTR", "example.org");
	say("other.example", "A", V4);
	say("below.example.org", "A", V4);
	say("example.org", "A", V4);
	say("example.org.p.example", "A", "127.0.0.2");
	say("2.2.0.192.in-addr.arpa", "PTR", "other.example");	/* then a name below it */
	say("2.2.0.192.in-addr.arpa", "PTR", "below.example.org");
	say("other.example", "A", "192.0.2.2");
	say("below.example.org", "A", "192.0.2.2");
	say("below.example.org.p.example", "A", "127.0.0.2");
	say("3.2.0.192.in-addr.arpa", "PTR", "liar.example.org");	/* then any */
	say("3.2.0.192.in-addr.arpa", "PTR", "third.example");
	say("third.example", "A", "192.0.2.3");
	say("third.example.p.example", "A", "127.0.0.2");
	say("unknown.p.example", "A", "127.0.0.2");
	CHECK_ROWS(ROWS);
}

static void t_a_name_too_long_loses_labels_at_the_left(void **state)
{
	char sender[300], name[300];

	(void)state;
	(void)snprintf(sender, sizeof(sender), "%060d@example.org", 0);
	record("exists:%{l}.%{l}.%{l}.%{l}.%{d} -all");
	(void)snprintf(name, sizeof(name), "%060d.%060d.%060d.example.org", 0, 0, 0);
	say(name, "A", "127.0.0.2");
	assert_spf(V4, sender, "pass");
}

/* ---- limits -------------------------------------------------------------------------------------------- */

static void t_ten_lookups_over_all_records(void **state)
{
	static const struct row ROWS[] = {
		{ "a a a a a a a a a a all", V4, "pass" }, { "a a a a a a a a a a a all", V4, "permerror" }, { "include:five.example a a a a all", V4, "pass" },
		{ "include:five.example a a a a a all", V4, "permerror" }, { "a a a a a redirect=five.example", V4, "permerror" }, { "a a a a redirect=five.example", V4, "softfail" },
		{ "include:five.example include:five.example all", V4, "permerror" }, { "a a a a a a a a a a ip4:192.0.2.1 -all", V4, "pass" }, { "include:loop1.example all", V4, "permerror" },
		{ "mx exists:gone.example ptr:example.net a:h.example include:five.example all", V4, "pass" },
		{ "mx exists:gone.example ptr:example.net a:h.example include:five.example a all", V4, "permerror" },
		{ "all a a a a a a a a a a a a", V4, "pass" },
	};

	(void)state;
	say("example.org", "A", "203.0.113.1");
	say("example.org", "MX", "h.example");
	say("h.example", "A", "203.0.113.2");
	say("five.example", "A", "203.0.113.1");
	say("five.example", "TXT", "v=spf1 a a a a a ~all");
	say("loop1.example", "TXT", "v=spf1 include:loop2.example -all");
	say("loop2.example", "TXT", "v=spf1 include:loop1.example -all");
	say("1.2.0.192.in-addr.arpa", "PTR", "h.example");
	CHECK_ROWS(ROWS);
	(void)result("a a a a a a a a a a a all", V4);
	assert_string_equal(told.why, "the SPF record of example.org, with all that it includes, needs more than 10 lookups in the DNS");
}

static void t_two_lookups_may_be_void(void **state)
{
	static const struct row ROWS[] = {
		{ "a:g1.example mx:g2.example all", V4, "pass" }, { "a:g1.example mx:g2.example exists:g3.example all", V4, "permerror" }, { "a:g1.example a:g1.example a:g1.example all", V4, "permerror" },
		{ "a:g1.example a:g2.example all a:g3.example", V4, "pass" }, { "a:six.example a:six.example a:six.example all", V4, "permerror" }, { "a:six.example a:six.example a:six.example all", V6, "pass" },
		{ "include:two.example a:g3.example all", V4, "permerror" }, { "include:two.example all", V4, "pass" }, { "a:x..y a:x..z a:..x.y all", V4, "pass" },
	};

	(void)state;
	say("six.example", "AAAA", "2001:db8:6::");
	say("two.example", "TXT", "v=spf1 a:g1.example exists:g2.example -all");
	CHECK_ROWS(ROWS);
	(void)result("a:g1.example mx:g2.example -exists:g3.example all", V4);
	assert_string_equal(told.why, "the record of example.org names more than 2 hosts that are not in the DNS, the last one with -exists:g3.example");
}

static void t_a_tree_of_ten_by_ten_costs_eleven_questions(void **state)
{
	char name[40], text[500];
	size_t n;

	(void)state;
	for (unsigned d = 0; d < 111; d++) {
		n = (size_t)snprintf(text, sizeof(text), "v=spf1");
		for (unsigned i = 0; i < 10; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, " include:t%u.example", (d * 10 + i + 1) % 111);
		(void)snprintf(name, sizeof(name), "t%u.example", d);
		say(name, "TXT", text);
	}
	assert_spf(V4, "a@t0.example", "permerror");
	assert_true(n_questions <= 31);
	assert_true(n_rounds <= 11);
}

static void t_without_questions_left_it_cannot_be_told(void **state)
{
	struct spf_ask ask = { .client = client(V4), .sender = SPAN("a@example.org") };

	(void)state;
	record("a:a.example a:b.example all");
	say("a.example", "A", "203.0.113.1");
	say("b.example", "A", "203.0.113.1");
	assert_int_equal(check_with(&ask, 0), AUTH_TEMPERROR);
	assert_int_equal(check_with(&ask, 2), AUTH_TEMPERROR);
	assert_string_equal(told.why, "checking this mail takes too many questions to the DNS");
	assert_int_equal(check_with(&ask, 3), AUTH_PASS);
}

static void t_all_of_a_record_is_asked_for_at_once(void **state)
{
	(void)state;
	record("a:a.example mx:b.example include:c.example exists:%{i}.d.example ptr -all");
	say("a.example", "A", "203.0.113.1");
	say("b.example", "MX", "h.example");
	say("h.example", "A", "203.0.113.1");
	say("c.example", "TXT", "v=spf1 -all");
	say("192.0.2.1.d.example", "A", "127.0.0.2");
	assert_spf(V4, "a@example.org", "pass");
	assert_int_equal(n_rounds, 3);	/* the record; its names; the host of b.example */
	record("ip4:192.0.2.0/24 a:a.example mx:b.example -all");
	assert_spf(V4, "a@example.org", "pass");
	assert_int_equal(n_questions, 1);	/* the rest was not needed */
	record("ptr:example.net -all");
	assert_spf(V4, "a@example.org", "fail");
	assert_int_equal(n_rounds, 2);
}

/* ---- in words --------------------------------------------------------------------------------------------- */

static void t_the_steps_are_told(void **state)
{
	(void)state;
	record("ip4:198.51.100.0/24 a mx include:c.example ip6:::/0 -all");
	say("example.org", "A", "203.0.113.1");
	say("example.org", "MX", "h.example");
	say("h.example", "A", "203.0.113.2");
	say("h.example", "A", "203.0.113.3");
	say("c.example", "TXT", "v=spf1 a:gone.example ip4:192.0.2.0/24 ~all");
	assert_spf(V4, "a@example.org", "pass");
	assert_string_equal(steps,
	    "example.org says: v=spf1 ip4:198.51.100.0/24 a mx include:c.example ip6:::/0 -all\n"
	    "  ip4:198.51.100.0/24: no match\n"
	    "  a: no match (example.org 203.0.113.1)\n"
	    "  mx: no match (h.example 203.0.113.2 203.0.113.3)\n"
	    "  include:c.example: what that says\n"
	    "  c.example says: v=spf1 a:gone.example ip4:192.0.2.0/24 ~all\n"
	    "    a:gone.example: no match (gone.example has none)\n"
	    "    ip4:192.0.2.0/24: match\n"
	    "  include:c.example: match\n"
	    "spf: pass: 192.0.2.1 is listed by \"ip4:192.0.2.0/24\" in the SPF record of c.example, which is included by that of example.org\n");
	assert_spf("192.0.3.1", "a@example.org", "fail");
	assert_string_equal(strstr(steps, "    ip4"),
	    "    ip4:192.0.2.0/24: no match\n"
	    "    ~all: match\n"
	    "  include:c.example: no match\n"
	    "  ip6:::/0: no match\n"
	    "  -all: match\n"
	    "spf: fail: the SPF record of example.org does not list 192.0.3.1 (-all)\n");
	record("redirect=c.example");
	assert_spf("192.0.2.9", "a@example.org", "pass");
	assert_string_equal(steps,
	    "example.org says: v=spf1 redirect=c.example\n"
	    "  redirect=c.example: what that says\n"
	    "c.example says: v=spf1 a:gone.example ip4:192.0.2.0/24 ~all\n"
	    "  a:gone.example: no match (gone.example has none)\n"
	    "  ip4:192.0.2.0/24: match\n"
	    "spf: pass: 192.0.2.9 is listed by \"ip4:192.0.2.0/24\" in the SPF record of c.example (to which example.org redirects)\n");
	record("a:gone.example");
	assert_spf("192.0.2.9", "a@example.org", "neutral");
	assert_non_null(strstr(steps, "  no more terms\nspf: neutral: "));
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(t_the_record_of_the_sender_decides),
		T(t_a_null_sender_and_helo),
		T(t_what_is_no_domain_is_not_asked_for),
		T(t_a_domain_in_utf8_is_asked_for_as_a_label),
		T(t_records_are_chosen_and_read_strictly),
		T(t_all_and_qualifiers),
		T(t_networks),
		T(t_a),
		T(t_mx),
		T(t_ptr),
		T(t_exists),
		T(t_include),
		T(t_redirect),
		T(t_other_modifiers_mean_nothing),
		T(t_explanations),
		T(t_a_large_explanation_is_cut),
		T(t_p_is_a_confirmed_name),
		T(t_a_name_too_long_loses_labels_at_the_left),
		T(t_ten_lookups_over_all_records),
		T(t_two_lookups_may_be_void),
		T(t_a_tree_of_ten_by_ten_costs_eleven_questions),
		T(t_without_questions_left_it_cannot_be_told),
		T(t_all_of_a_record_is_asked_for_at_once),
		T(t_the_steps_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
