/* DMARC: a table of messages and zones, with what RFC 9989 says of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"
#include "tests/unit/dmarc_zone.h"

#define IDENTITIES_MAX 40

struct example {
	const char *what;
	const char *header;	/* whole; or only what stands behind From: */
	const char *spf, *dkim;	/* "pass example.org", several with a comma between */
	const char *zone;
	const char *told;	/* "fail reject p example.org @example.org": result, policy and its tag, author, organisational domain or - */
};

static enum auth_result result_of(struct span word)
{
	for (enum auth_result r = AUTH_NONE; r < N_AUTH_RESULTS; r++)
		if (span_eq(word, span_of_text(auth_result_text(r))))
			return r;
	fail_msg("%.*s", SPAN_ARG(word));
	return AUTH_NONE;
}

static struct dmarc_identity identity_of(struct span text)
{
	struct span domain = span_trim(text), word = span_cut(&domain, ' ');

	return (struct dmarc_identity){ word.len > 0 ? result_of(word) : AUTH_NONE, domain };
}

static unsigned identities_of(const char *text, struct dmarc_identity out[IDENTITIES_MAX])
{
	struct span rest = span_of_text(text);
	unsigned n = 0;

	while (rest.len > 0)
		out[n++] = identity_of(span_cut(&rest, ','));
	return n;
}

static struct fields header_of(const char *text)
{
	struct fields f;
	struct buf whole;
	struct span rest;

	buf_init(&whole, 1 << 20);
	(void)buf_printf(&whole, strchr(text, '\n') || !text[0] ? "%s\r\n" : "From: %s\r\n\r\n", text);
	rest = buf_span(&whole);
	fields_init(&f, 1 << 19, 10000);
	fields_feed(&f, &rest);
	fields_close(&f);
	buf_fini(&whole);
	return f;
}

static void told_text(const struct dmarc_told *t, char out[1024])
{
	static const char *const tags[] = { "p", "sp", "np" };

	if (t->record_at[0])
		(void)snprintf(out, 1024, "%s %s %s%s %s @%s", auth_result_text(t->result), dmarc_policy_text(t->policy), tags[t->which],
		    t->is_testing ? " testing" : "", t->domain, t->organisational);
	else
		(void)snprintf(out, 1024, "%s %s", auth_result_text(t->result), t->domain[0] ? t->domain : "-");
}

static void check_example(const struct example *e)
{
	struct dmarc_identity dkim[IDENTITIES_MAX];
	struct fields header = header_of(e->header);
	struct dmarc_ask ask = { .header = &header, .dkim = dkim };
	struct facts *f = facts_new(DMARC_QUESTIONS);
	struct dmarc_told told;
	char text[1024];

	ask.spf = identity_of(span_of_text(e->spf));
	ask.n_dkim = identities_of(e->dkim, dkim);
	dmarc_zone_check(f, e->zone, &ask, &told, NULL);
	told_text(&told, text);
	if (strcmp(text, e->told) != 0)
		fail_msg("%s: %s, not %s (%s)", e->what, text, e->told, told.why);
	assert_true(text_is_printable(span_of_text(told.why)));
	facts_free(&f);
	fields_fini(&header);
}

#define REJECT(domain) "_dmarc." domain "|v=DMARC1; p=reject\n"

static void check_table(const struct example *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_example(&table[i]);
}
#define CHECK_TABLE(table) check_table(table, sizeof(table) / sizeof((table)[0]))

/* RFC 9989 B.1. */
static void t_the_rfc_s_examples_of_alignment(void **state)
{
	static const struct example table[] = {
		{ "B.1.1 example 1", "sender@example.com", "pass example.com", "", REJECT("example.com"), "pass reject p example.com @example.com" },
		{ "B.1.1 example 2", "sender@example.com", "pass child.example.com", "", REJECT("example.com"), "pass reject p example.com @example.com" },
		{ "B.1.1 example 3", "sender@child.example.com", "pass example.net", "", REJECT("example.com"), "fail reject p child.example.com @example.com" },
		{ "B.1.2 example 1", "sender@example.com", "none", "pass example.com", REJECT("example.com"), "pass reject p example.com @example.com" },
		{ "B.1.2 example 2", "sender@child.example.com", "none", "pass example.com", REJECT("example.com"), "pass reject p child.example.com @example.com" },
		{ "B.1.2 example 3", "sender@child.example.com", "none", "pass example.net", REJECT("example.com"), "fail reject p child.example.com @example.com" },
		{ "B.3.1", "a@example.com", "pass mail.example.com", "pass example.com",
		    "_dmarc.example.com|v=DMARC1; p=reject; aspf=r; rua=mailto:dmarc-feedback@example.com", "pass reject p example.com @example.com" },
		{ "B.2.5", "a@test.example.com", "fail test.example.com", "",
		    "_dmarc.test.example.com|v=DMARC1; p=quarantine; rua=mailto:dmarc-feedback@example.com,mailto:tld-test@thirdparty.example.net; t=y",
		    "fail quarantine p testing test.example.com @test.example.com" },
	};

	(void)state;
	CHECK_TABLE(table);
}

/* RFC 9989 4.10, 4.10.2 and B.4. */
static void t_the_rfc_s_tree_walks(void **state)
{
#define SIMPLE REJECT("example.com") "_dmarc.signing.example.com|v=DMARC1; p=none\n"
#define BANK   "_dmarc.bank.example|v=DMARC1; p=reject; psd=y\n_dmarc.giant.bank.example|v=DMARC1; p=quarantine\n"
	static const struct example table[] = {
		{ "B.4.1 by SPF", "a@example.com", "pass example.com", "", SIMPLE, "pass reject p example.com @example.com" },
		{ "B.4.1 by DKIM", "a@example.com", "fail example.com", "pass signing.example.com", SIMPLE, "pass reject p example.com @example.com" },
		{ "B.4.1 by none", "a@example.com", "fail example.com", "fail signing.example.com", SIMPLE, "fail reject p example.com @example.com" },
		{ "B.4.2 by SPF", "a@a.b.c.d.e.f.g.h.i.j.k.example.com", "pass example.com", "", SIMPLE, "pass reject p a.b.c.d.e.f.g.h.i.j.k.example.com @example.com" },
		{ "B.4.2 by DKIM", "a@a.b.c.d.e.f.g.h.i.j.k.example.com", "none", "pass signing.example.com", SIMPLE,
		    "pass reject p a.b.c.d.e.f.g.h.i.j.k.example.com @example.com" },
		{ "B.4.2 by none", "a@a.b.c.d.e.f.g.h.i.j.k.example.com", "none", "", SIMPLE, "fail reject p a.b.c.d.e.f.g.h.i.j.k.example.com @example.com" },
		{ "B.4.3 by SPF", "a@giant.bank.example", "pass mail.giant.bank.example", "", BANK, "pass quarantine p giant.bank.example @giant.bank.example" },
		{ "B.4.3 by DKIM", "a@giant.bank.example", "none", "pass mail.mega.bank.example", BANK,
		    "fail quarantine p giant.bank.example @giant.bank.example" },
		{ "4.10.2: the name with the fewest labels", "a@a.mail.example.com", "pass example.com", "",
		    REJECT("mail.example.com") REJECT("example.com"), "pass reject p a.mail.example.com @example.com" },
		{ "4.10.2: psd=n", "a@a.mail.example.com", "pass mail.example.com", "",
		    "_dmarc.mail.example.com|v=DMARC1; p=reject; psd=n\n_dmarc.example.com|v=DMARC1; p=none", "pass reject p a.mail.example.com @mail.example.com" },
		{ "4.10.2: psd=y above all", "a@a.mail.example.com", "pass example.com", "",
		    "_dmarc.com|v=DMARC1; p=reject; psd=y", "pass reject p a.mail.example.com @example.com" },
		{ "11.9: an organisation with psd=n is not part of what is above it", "a@evil.example.com", "pass mail.example.com", "",
		    REJECT("example.com") "_dmarc.mail.example.com|v=DMARC1; p=reject; psd=n", "fail reject p evil.example.com @example.com" },
	};

	(void)state;
	CHECK_TABLE(table);
}

static void t_alignment_is_as_the_owner_wants_it(void **state)
{
#define STRICT "_dmarc.example.org|v=DMARC1; p=reject; adkim=s; aspf=s\n"
	static const struct example table[] = {
		{ "strict SPF", "a@example.org", "pass example.org", "", STRICT, "pass reject p example.org @example.org" },
		{ "strict SPF, a subdomain", "a@example.org", "pass m.example.org", "", STRICT, "fail reject p example.org @example.org" },
		{ "strict SPF, the parent", "a@m.example.org", "pass example.org", "", STRICT, "fail reject p m.example.org @example.org" },
		{ "strict DKIM", "a@example.org", "none", "pass example.org", STRICT, "pass reject p example.org @example.org" },
		{ "strict DKIM, a subdomain", "a@example.org", "none", "pass m.example.org", STRICT, "fail reject p example.org @example.org" },
		{ "strict DKIM, relaxed SPF", "a@example.org", "pass m.example.org", "pass m.example.org", "_dmarc.example.org|v=DMARC1; p=reject; adkim=s",
		    "pass reject p example.org @example.org" },
		{ "siblings", "a@news.example.org", "pass foo.example.org", "", REJECT("example.org"), "pass reject p news.example.org @example.org" },
		{ "case does not count", "a@EXAMPLE.org", "none", "pass Example.ORG", REJECT("example.org"), "pass reject p example.org @example.org" },
		{ "the end of a name is no parent", "a@example.org", "pass badexample.org", "pass notexample.org", REJECT("example.org"),
		    "fail reject p example.org @example.org" },
		{ "a public suffix is no organisation of ours", "a@victim.co.uk", "pass co.uk", "pass uk", REJECT("victim.co.uk"),
		    "fail reject p victim.co.uk @victim.co.uk" },
		{ "neighbours under a suffix", "a@a.host.example", "pass b.host.example", "pass host.example",
		    "_dmarc.host.example|v=DMARC1; p=reject; psd=y\n" REJECT("a.host.example"), "fail reject p a.host.example @a.host.example" },
		{ "the suffix itself writes", "a@host.example", "pass host.example", "", "_dmarc.host.example|v=DMARC1; p=reject; psd=y",
		    "pass reject p host.example @host.example" },
		{ "the suffix itself writes, its customer signs", "a@host.example", "none", "pass b.host.example", "_dmarc.host.example|v=DMARC1; p=reject; psd=y",
		    "fail reject p host.example @host.example" },
		{ "one good signature of many", "a@example.org", "fail example.org", "fail example.org,pass example.net,permerror x,pass m.example.org", REJECT("example.org"),
		    "pass reject p example.org @example.org" },
		{ "softfail is no pass", "a@example.org", "softfail example.org", "", REJECT("example.org"), "fail reject p example.org @example.org" },
		{ "neutral is no pass", "a@example.org", "neutral example.org", "neutral example.org", REJECT("example.org"), "fail reject p example.org @example.org" },
		{ "what our policy does not take is no pass", "a@example.org", "none", "policy example.org", REJECT("example.org"), "fail reject p example.org @example.org" },
		{ "permerror is no pass", "a@example.org", "permerror example.org", "permerror example.org", REJECT("example.org"), "fail reject p example.org @example.org" },
		{ "d= with a dot at its end", "a@example.org", "none", "pass example.org.", REJECT("example.org"), "pass reject p example.org @example.org" },
		{ "d= that is none", "a@example.org", "none", "pass .example.org,pass example..org,pass @example.org,pass a b.example.org,pass \xff.example.org,pass ", REJECT("example.org"),
		    "fail reject p example.org @example.org" },
	};

	(void)state;
	CHECK_TABLE(table);
}

static void t_the_policy_is_the_one_for_this_author(void **state)
{
#define THREE "_dmarc.example.org|v=DMARC1; p=quarantine; sp=none; np=reject\n"
	static const struct example table[] = {
		{ "no record", "a@example.org", "fail example.org", "", "", "none example.org" },
		{ "no record, SPF passes", "a@example.org", "pass example.org", "", "", "none example.org" },
		{ "p", "a@example.org", "none", "", THREE, "fail quarantine p example.org @example.org" },
		{ "sp", "a@m.example.org", "none", "", THREE "m.example.org|!exists", "fail none sp m.example.org @example.org" },
		{ "np", "a@m.example.org", "none", "", THREE, "fail reject np m.example.org @example.org" },
		{ "np, where existence can't be told", "a@m.example.org", "none", "", THREE "m.example.org|!lost", "temperror reject np m.example.org @example.org" },
		{ "sp, which is stricter, where existence can't be told", "a@m.example.org", "none", "", "_dmarc.example.org|v=DMARC1; p=none; sp=reject; np=none\nm.example.org|!lost",
		    "temperror reject sp m.example.org @example.org" },
		{ "np without sp", "a@m.example.org", "none", "", "_dmarc.example.org|v=DMARC1; p=none; np=reject", "fail reject np m.example.org @example.org" },
		{ "sp without np, for one that does not exist", "a@m.example.org", "none", "", "_dmarc.example.org|v=DMARC1; p=none; sp=reject",
		    "fail reject sp m.example.org @example.org" },
		{ "its own record before its organisation's", "a@m.example.org", "none", "", THREE "_dmarc.m.example.org|v=DMARC1; p=none; sp=reject; np=reject",
		    "fail none p m.example.org @example.org" },
		{ "a record between is nobody's", "a@a.m.example.org", "none", "", REJECT("example.org") "_dmarc.m.example.org|v=DMARC1; p=none\na.m.example.org|!exists",
		    "fail reject p a.m.example.org @example.org" },
		{ "the suffix's, where the organisation has none", "a@a.bank.example", "none", "", "_dmarc.bank.example|v=DMARC1; p=none; sp=quarantine; np=reject; psd=y\na.bank.example|!exists",
		    "fail quarantine sp a.bank.example @a.bank.example" },
		{ "the suffix's np", "a@a.bank.example", "none", "", "_dmarc.bank.example|v=DMARC1; p=none; np=reject; psd=y", "fail reject np a.bank.example @a.bank.example" },
		{ "the suffix's is not for whom has his own", "a@x.a.bank.example", "none", "", "_dmarc.bank.example|v=DMARC1; p=reject; psd=y\n_dmarc.a.bank.example|v=DMARC1; p=none",
		    "fail none p x.a.bank.example @a.bank.example" },
		{ "nothing above psd=n counts", "a@x.a.example.org", "none", "", REJECT("example.org") "_dmarc.a.example.org|v=DMARC1; p=none; psd=n",
		    "fail none p x.a.example.org @a.example.org" },
		{ "pct=0 of RFC 7489", "a@example.org", "none", "", "_dmarc.example.org|v=DMARC1; p=reject; pct=0", "fail reject p example.org @example.org" },
		{ "testing", "a@example.org", "none", "", "_dmarc.example.org|v=DMARC1; p=reject; t=y", "fail reject p testing example.org @example.org" },
		{ "two records are none", "a@example.org", "none", "", REJECT("example.org") "_dmarc.example.org|v=DMARC1; p=none", "none example.org" },
		{ "many names leave the question whether it exists", "a@1.2.3.4.5.6.7.x.test, a@1.2.3.4.5.6.7.y.net, a@a.b.c.d.e.f.gone.example.org", "pass 3.x.test",
		    "pass 1.x.test,pass 2.1.x.test", "_dmarc.x.test|v=DMARC1; p=none\n_dmarc.example.org|v=DMARC1; p=none; sp=none; np=reject",
		    "fail reject np a.b.c.d.e.f.gone.example.org @example.org" },
		{ "two records at the author, one above", "a@m.example.org", "none", "", REJECT("m.example.org") "_dmarc.m.example.org|v=DMARC1; p=none\n" REJECT("example.org"),
		    "fail reject p m.example.org @example.org" },
		{ "other TXT records beside it", "a@example.org", "none", "", "_dmarc.example.org|v=spf1 -all\n" REJECT("example.org") "_dmarc.example.org|v=DMARC2; p=none",
		    "fail reject p example.org @example.org" },
		{ "no policy, but a report wanted", "a@example.org", "none", "", "_dmarc.example.org|v=DMARC1; p=all; rua=mailto:a@example.org", "fail none p example.org @example.org" },
		{ "no policy and no report", "a@example.org", "none", "", "_dmarc.example.org|v=DMARC1; p=all", "none example.org" },
		{ "a version in lower case is no record", "a@example.org", "none", "", "_dmarc.example.org|v=dmarc1; p=reject", "none example.org" },
		{ "a top-level domain that forgot psd=y takes all", "a@b.example", "none", "pass c.example", "_dmarc.example|v=DMARC1; p=reject", "pass reject p b.example @example" },
		{ "one label", "a@localhost", "none", "", REJECT("localhost"), "fail reject p localhost @localhost" },
	};

	(void)state;
	CHECK_TABLE(table);
}

static void t_there_is_one_readable_author(void **state)
{
#define VICTIM REJECT("victim.example")
#define PASSES "pass attacker.example"
#define FORGED "fail reject p victim.example @victim.example"
	static const struct example table[] = {
		{ "a display name", "\"ceo@victim.example\" <a@attacker.example>", PASSES, "", VICTIM, "none attacker.example" },
		{ "the author behind a display name", "\"a@attacker.example\" <ceo@victim.example>", PASSES, "", VICTIM, FORGED },
		{ "comments and folds", "(a@attacker.example)\r\n (x\\) \"y) <ceo@victim.example>\r\n\t(z)\r\n", PASSES, "", VICTIM, "permerror -" },
		{ "comments", "(a@attacker.example) <ceo@victim.example> (z)", PASSES, "", VICTIM, FORGED },
		{ "upper case and a dot at the end", "<ceo@VICTIM.Example.>", PASSES, "", VICTIM, FORGED },
		{ "a local part that RFC 5321 has not", "c..eo.@victim.example", PASSES, "", VICTIM, FORGED },
		{ "a local part in quotes", "\"a@attacker.example\"@victim.example", PASSES, "", VICTIM, FORGED },
		{ "underscores", "a@_x_.victim.example", PASSES, "", VICTIM, "fail reject p _x_.victim.example @victim.example" },
		{ "A-labels that decode to nothing", "a@xn--\x2d\x2d.victim.example", PASSES, "", VICTIM, "fail reject p xn----.victim.example @victim.example" },
		{ "U-labels", "a@b\xc3\xbc" "cher.example", PASSES, "", REJECT("xn--bcher-kva.example"), "fail reject p xn--bcher-kva.example @xn--bcher-kva.example" },
		{ "U-labels align with A-labels", "a@b\xc3\xbc" "cher.example", "none", "pass xn--bcher-kva.example", REJECT("xn--bcher-kva.example"),
		    "pass reject p xn--bcher-kva.example @xn--bcher-kva.example" },
		{ "U-labels in d=", "a@xn--bcher-kva.example", "none", "pass b\xc3\xbc" "cher.example", REJECT("xn--bcher-kva.example"),
		    "pass reject p xn--bcher-kva.example @xn--bcher-kva.example" },
		{ "two authors of one domain", "a@victim.example, b@victim.example", "pass victim.example", "", VICTIM, "pass reject p victim.example @victim.example" },
		{ "two authors, the second forged", "a@attacker.example, ceo@victim.example", PASSES, "", VICTIM REJECT("attacker.example"), FORGED },
		{ "two authors, the first forged", "ceo@victim.example, a@attacker.example", PASSES, "", VICTIM REJECT("attacker.example"), FORGED },
		{ "two authors, both vouched for", "a@one.example, b@two.example", "pass one.example", "pass two.example", REJECT("one.example") REJECT("two.example"),
		    "pass reject p one.example @one.example" },
		{ "two authors, of one nobody says anything", "a@attacker.example, b@open.example", PASSES, "", REJECT("attacker.example"), "none open.example" },
		{ "two that fail: the stricter", "a@mild.example, b@victim.example", "none", "", "_dmarc.mild.example|v=DMARC1; p=quarantine\n" VICTIM, FORGED },
		{ "one that fails, one that only tests", "a@test.example, b@mild.example", "none", "",
		    "_dmarc.test.example|v=DMARC1; p=reject; t=y\n_dmarc.mild.example|v=DMARC1; p=quarantine", "fail quarantine p mild.example @mild.example" },
		{ "a group", "staff: a@attacker.example, ceo@victim.example;", PASSES, "", VICTIM, FORGED },
		{ "a literal", "a@[192.0.2.1]", "none", "", VICTIM, "none -" },
		{ "a literal beside one who is vouched for", "a@[192.0.2.1], b@attacker.example", PASSES, "", REJECT("attacker.example"), "none -" },
		{ "a literal beside a forged one", "a@[IPv6:2001:db8::1], ceo@victim.example", PASSES, "", VICTIM, FORGED },
		{ "more domains than are looked at", "a@1.example, a@2.example, a@3.example, ceo@victim.example", PASSES, "", VICTIM, "permerror -" },
		{ "no field", "Subject: x\r\n\r\n", PASSES, "", VICTIM, "permerror -" },
		{ "no header", "", PASSES, "", VICTIM, "permerror -" },
		{ "two fields", "From: a@attacker.example\r\nTo: b@c\r\nfrom: ceo@victim.example\r\n\r\n", PASSES, "", VICTIM, "permerror -" },
		{ "two equal fields", "From: a@attacker.example\r\nFROM : a@attacker.example\r\n\r\n", PASSES, "", VICTIM, "permerror -" },
		{ "a second one with a byte in its name that some skip", "From: a@attacker.example\r\nFrom\x7f: ceo@victim.example\r\n\r\n", PASSES, "", VICTIM, "permerror -" },
		{ "nobody", "undisclosed:;", PASSES, "", VICTIM, "permerror -" },
		{ "nothing", "", PASSES, "", VICTIM, "permerror -" },
		{ "empty brackets", "CEO <>", PASSES, "", VICTIM, "permerror -" },
		{ "no domain", "root", PASSES, "", VICTIM, "permerror -" },
		{ "a route", "<@attacker.example:ceo@victim.example>", PASSES, "", VICTIM, "permerror -" },
		{ "two addresses in one", "ceo@victim.example@attacker.example", PASSES, "", VICTIM, "permerror -" },
		{ "one behind the other", "<ceo@victim.example> <a@attacker.example>", PASSES, "", VICTIM, "permerror -" },
		{ "words behind", "<a@attacker.example> ceo@victim.example", PASSES, "", VICTIM, "permerror -" },
		{ "a group named like an author", "ceo@victim.example: a@attacker.example;", PASSES, "", VICTIM, "permerror -" },
		{ "an encoded word", "=?utf-8?Q?ceo=40victim.example?=", PASSES, "", VICTIM, "permerror -" },
		{ "a full-width dot", "a@victim\xef\xbc\x8e" "example", PASSES, "", VICTIM, "permerror -" },
		{ "broken UTF-8", "a@vict\xff.example", PASSES, "", VICTIM, "permerror -" },
		{ "a control character", "ceo@victim.example\x01<a@attacker.example>", PASSES, "", VICTIM, "permerror -" },
		{ "an escape in the domain", "a@victim.example\\ ", PASSES, "", VICTIM, "permerror -" },
		{ "quotes that do not end", "\"ceo <a@attacker.example>", PASSES, "", VICTIM, "permerror -" },
	};

	(void)state;
	CHECK_TABLE(table);
}

/* What a failing DNS may do, and what it may not. */
static void t_what_can_t_be_told_is_a_temperror(void **state)
{
#define LOST(domain) "_dmarc." domain "|!temporary\n"
	static const struct example table[] = {
		{ "the author's record", "a@example.org", "pass example.net", "", LOST("example.org"), "temperror example.org" },
		{ "the author's record, its organisation's is known", "a@m.example.org", "none", "", LOST("m.example.org") REJECT("example.org"),
		    "temperror reject p m.example.org @example.org" },
		{ "the author's record, but his own signature passes", "a@m.example.org", "none", "pass m.example.org", LOST("m.example.org") REJECT("example.org"),
		    "pass reject p m.example.org @example.org" },
		{ "SPF of the author's domain", "a@example.org", "temperror example.org", "", REJECT("example.org"), "temperror reject p example.org @example.org" },
		{ "SPF of a domain below", "a@example.org", "temperror m.example.org", "", REJECT("example.org"), "temperror reject p example.org @example.org" },
		{ "SPF of another domain", "a@example.org", "temperror example.net", "", REJECT("example.org"), "fail reject p example.org @example.org" },
		{ "SPF, but DKIM passes", "a@example.org", "temperror example.org", "pass example.org", REJECT("example.org"), "pass reject p example.org @example.org" },
		{ "a key", "a@example.org", "fail example.org", "fail example.org,temperror example.org", REJECT("example.org"), "temperror reject p example.org @example.org" },
		{ "a key of another domain", "a@example.org", "none", "temperror attacker.example", REJECT("example.org"), "fail reject p example.org @example.org" },
		{ "a key of a domain below, where he is strict", "a@example.org", "none", "temperror m.example.org", "_dmarc.example.org|v=DMARC1; p=reject; adkim=s",
		    "fail reject p example.org @example.org" },
		{ "whether a signer belongs to it", "a@example.org", "none", "pass a.m.example.org", REJECT("example.org") LOST("m.example.org"),
		    "temperror reject p example.org @example.org" },
		{ "the top-level domain, where nobody vouches", "a@example.org", "none", "", REJECT("example.org") LOST("org"), "fail reject p example.org @example.org" },
		{ "the top-level domain, where the domain itself vouches", "a@example.org", "pass example.org", "", REJECT("example.org") LOST("org"),
		    "pass reject p example.org @example.org" },
		{ "the top-level domain of another", "a@example.org", "pass attacker.example", "", REJECT("example.org") LOST("attacker.example") LOST("example"),
		    "fail reject p example.org @example.org" },
		{ "an author beside a forged one", "a@attacker.example, ceo@victim.example", PASSES, "", VICTIM LOST("attacker.example"), FORGED },
	};

	(void)state;
	CHECK_TABLE(table);
}

/* ---- questions ------------------------------------------------------------------------ */

static unsigned count_questions(const char *author, const char *spf, const char *dkim, const char *zone, unsigned max, struct dmarc_told *told)
{
	struct dmarc_identity identities[IDENTITIES_MAX];
	struct fields header = header_of(author);
	struct dmarc_ask ask = { .header = &header, .spf = identity_of(span_of_text(spf)), .dkim = identities };
	struct facts *f = facts_new(max);
	unsigned n;

	ask.n_dkim = identities_of(dkim, identities);
	dmarc_zone_check(f, zone, &ask, told, NULL);
	n = facts_asked(f);
	facts_free(&f);
	fields_fini(&header);
	return n;
}

static void t_a_walk_asks_at_most_eight_questions(void **state)
{
	static const char *const NAMES[] = { "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com", "_dmarc.g.h.i.j.mail.example.com", "_dmarc.h.i.j.mail.example.com",
		"_dmarc.i.j.mail.example.com", "_dmarc.j.mail.example.com", "_dmarc.mail.example.com", "_dmarc.example.com", "_dmarc.com" };
	struct fields header = header_of("x@a.b.c.d.e.f.g.h.i.j.mail.example.com");
	struct facts *f = facts_new(100);
	struct facts_question q;
	struct dmarc_told told;

	(void)state;
	dmarc_foresee(f, &header);
	for (unsigned i = 0; i < 8; i++) {
		assert_true(facts_next(f, &q));
		assert_int_equal(q.type, RECORD_TXT);
		assert_true(span_eq(q.name, span_of_text(NAMES[i])));
	}
	assert_false(facts_next(f, &q));
	facts_free(&f);
	fields_fini(&header);
	assert_int_equal(count_questions("x@a.b.c.d.e.f.g.h", "none", "", "", 100, &told), 8);
	assert_int_equal(count_questions("x@a.b.c.d.e.f.g", "none", "", "", 100, &told), 7);
	assert_int_equal(count_questions("x@h", "none", "", "", 100, &told), 1);
}

/* All that is foreseen is asked at once: two rounds of answers at most, and a third where np matters. */
static void t_questions_are_asked_together(void **state)
{
	static const char ZONE[] = REJECT("example.com");
	struct fields header = header_of("x@a.mail.example.com");
	struct dmarc_identity dkim[] = { { AUTH_PASS, SPAN("b.c.example.com") }, { AUTH_PASS, SPAN("d.example.com") } };
	struct dmarc_ask ask = { .header = &header, .spf = { AUTH_PASS, SPAN("e.f.example.com") }, .dkim = dkim, .n_dkim = 2 };
	struct facts *f = facts_new(DMARC_QUESTIONS);
	struct dmarc_told told;
	unsigned rounds = 0;

	(void)state;
	while (!dmarc_check(f, &ask, &told, NULL)) {
		assert_true(dmarc_zone_answer(f, ZONE) > 0);
		rounds++;
	}
	assert_int_equal(rounds, 2);
	assert_int_equal(told.result, AUTH_PASS);
	assert_true(told.spf_aligned && told.dkim_aligned);
	facts_free(&f);
	fields_fini(&header);
}

static void t_strangers_names_are_not_asked_for(void **state)
{
	struct dmarc_told told;
	char many[4000] = "";

	(void)state;
	for (unsigned i = 0; i < IDENTITIES_MAX; i++)
		(void)snprintf(many + strlen(many), sizeof(many) - strlen(many), "%spass a.b.c.d.e%u.attacker.example", i ? "," : "", i);
	assert_int_equal(count_questions("ceo@victim.example", "pass x.attacker.example", many, VICTIM, DMARC_QUESTIONS, &told), 2);
	assert_int_equal(told.result, AUTH_FAIL);
}

/* Whoever signs as many names below the author's uses up the questions, and gains nothing. */
static void t_names_without_a_question_left_are_not_aligned(void **state)
{
	struct dmarc_told told;
	char many[4000] = "";

	(void)state;
	for (unsigned i = 0; i < IDENTITIES_MAX; i++)
		(void)snprintf(many + strlen(many), sizeof(many) - strlen(many), "%stemperror a.b.c%u.customers.victim.example", i ? "," : "", i);
	(void)count_questions("ceo@victim.example", "none", many, VICTIM "_dmarc.customers.victim.example|v=DMARC1; p=none; psd=y", DMARC_QUESTIONS, &told);
	assert_int_equal(told.result, AUTH_FAIL);
	assert_int_equal(told.policy, DMARC_REJECT);
}

static void t_authors_without_a_question_left_are_too_many(void **state)
{
	struct dmarc_told told;

	(void)state;
	(void)count_questions("x@a.b.c.d.e.f.g.one, x@a.b.c.d.e.f.g.two, ceo@victim.example", "none", "", VICTIM, 17, &told);
	assert_int_equal(told.result, AUTH_PERMERROR);
	assert_int_equal(told.from, DMARC_FROM_TOO_MANY);
	(void)count_questions("x@a.b.c.d.e.f.g.one, x@a.b.c.d.e.f.g.two, ceo@victim.example", "none", "", VICTIM, 18, &told);
	assert_int_equal(told.result, AUTH_FAIL);
	assert_string_equal(told.domain, "victim.example");
}

/* A name too long for the DNS has no record of its own, and does not exist: its organisation speaks for it. */
static void t_long_names_don_t_hide(void **state)
{
	struct dmarc_told told;
	char author[400];

	(void)state;
	for (size_t letters = 200; letters <= 240; letters++) {
		size_t n = (size_t)snprintf(author, sizeof(author), "x@");

		for (size_t i = 0; i < letters; i++)
			author[n++] = i % 60 == 59 ? '.' : 'a';
		(void)snprintf(author + n, sizeof(author) - n, ".victim.example");
		(void)count_questions(author, PASSES, "", "_dmarc.victim.example|v=DMARC1; p=none; np=reject", DMARC_QUESTIONS, &told);
		if (letters == 240) {	/* ends with an empty label */
			assert_int_equal(told.result, AUTH_PERMERROR);
			continue;
		}
		assert_int_equal(told.result, AUTH_FAIL);
		assert_int_equal(told.policy, DMARC_REJECT);
		assert_string_equal(told.organisational, "victim.example");
	}
}

static void t_many_and_long_addresses_have_a_ceiling(void **state)
{
	struct dmarc_told told;
	struct buf author;

	(void)state;
	buf_init(&author, 1 << 18);
	for (unsigned i = 0; i < 200; i++)
		(void)buf_printf(&author, "%sx%u@victim.example", i ? "," : "", i);
	(void)buf_add_char(&author, '\0');
	(void)count_questions(author.at, PASSES, "", VICTIM, DMARC_QUESTIONS, &told);
	assert_int_equal(told.result, AUTH_FAIL);
	author.len--;
	(void)buf_add(&author, SPAN(",y@victim.example\0"));
	(void)count_questions(author.at, PASSES, "", VICTIM, DMARC_QUESTIONS, &told);
	assert_int_equal(told.from, DMARC_FROM_TOO_MANY);
	buf_clear(&author);
	(void)buf_add(&author, SPAN("a@attacker.example"));
	for (unsigned i = 0; i < 600; i++)
		(void)buf_add_char(&author, ' ');
	(void)buf_add(&author, SPAN("ceo@victim.example\0"));
	(void)count_questions(author.at, PASSES, "", VICTIM, DMARC_QUESTIONS, &told);
	assert_int_equal(told.from, DMARC_FROM_UNREADABLE);
	buf_clear(&author);
	for (unsigned i = 0; i < 3000; i++)
		(void)buf_add(&author, SPAN("(c) (c) "));
	(void)buf_add(&author, SPAN("a@attacker.example\0"));
	(void)count_questions(author.at, PASSES, "", VICTIM, DMARC_QUESTIONS, &told);
	assert_int_equal(told.from, DMARC_FROM_UNREADABLE);
	buf_fini(&author);
}

static void t_a_header_beyond_its_ceiling_proves_nothing(void **state)
{
	struct fields header;
	struct span text = SPAN("From: a@attacker.example\r\nX: y\r\nFrom: ceo@victim.example\r\n\r\n");
	struct dmarc_ask ask = { .header = &header, .spf = { AUTH_PASS, SPAN("attacker.example") } };
	struct facts *f = facts_new(DMARC_QUESTIONS);
	struct dmarc_told told;

	(void)state;
	fields_init(&header, 1000, 2);
	fields_feed(&header, &text);
	fields_close(&header);
	assert_true(dmarc_check(f, &ask, &told, NULL));
	assert_int_equal(told.result, AUTH_PERMERROR);
	assert_int_equal(told.from, DMARC_FROM_TOO_DEEP);
	facts_free(&f);
	fields_fini(&header);
}

static void t_a_nul_is_no_end(void **state)
{
	static const char TEXT[] = "From: ceo@victim.example\0<a@attacker.example>\r\n\r\n";
	struct fields header;
	struct span text = span_of(TEXT, sizeof(TEXT) - 1);
	struct dmarc_ask ask = { .header = &header };
	struct facts *f = facts_new(DMARC_QUESTIONS);
	struct dmarc_told told;

	(void)state;
	fields_init(&header, 1000, 10);
	fields_feed(&header, &text);
	assert_true(dmarc_check(f, &ask, &told, NULL));
	assert_int_equal(told.from, DMARC_FROM_UNREADABLE);
	facts_free(&f);
	fields_fini(&header);
}

static void t_the_tale_says_every_step_once(void **state)
{
	struct fields header = header_of("x@m.example.org");
	struct dmarc_identity dkim = { AUTH_PASS, SPAN("k.example.org") };
	struct dmarc_ask ask = { .header = &header, .spf = { AUTH_FAIL, SPAN("example.org") }, .dkim = &dkim, .n_dkim = 1 };
	struct facts *f = facts_new(DMARC_QUESTIONS);
	struct dmarc_told told;
	struct buf tale;

	(void)state;
	buf_init(&tale, 10000);
	(void)buf_add_text(&tale, "before\n");
	dmarc_zone_check(f, "_dmarc.example.org|v=DMARC1; p=reject; sp=none; np=quarantine; x=\xff\n_dmarc.org|v=spf1", &ask, &told, &tale);
	(void)buf_add_char(&tale, '\0');
	assert_string_equal(tale.at, "before\n"
	    "author: m.example.org\n"
	    "_dmarc.m.example.org: no record\n"
	    "_dmarc.example.org: v=DMARC1; p=reject; sp=none; np=quarantine; x=\\xff\n"
	    "_dmarc.org: no record\n"
	    "organisational domain of m.example.org: example.org\n"
	    "m.example.org does not exist\n"
	    "_dmarc.k.example.org: no record\n"
	    "_dmarc.example.org: v=DMARC1; p=reject; sp=none; np=quarantine; x=\\xff\n"
	    "_dmarc.org: no record\n"
	    "organisational domain of k.example.org: example.org\n"
	    "DKIM pass for k.example.org: aligned (relaxed)\n"
	    "policy: quarantine, by np of _dmarc.example.org\n"
	    "dmarc=pass: DKIM vouches for m.example.org\n");
	buf_fini(&tale);
	facts_free(&f);
	fields_fini(&header);
}

static void t_testing_takes_one_step_off(void **state)
{
	struct dmarc_told told = { .policy = DMARC_REJECT, .is_testing = true };

	(void)state;
	assert_int_equal(dmarc_policy_asked(&told), DMARC_QUARANTINE);
	told.policy = DMARC_QUARANTINE;
	assert_int_equal(dmarc_policy_asked(&told), DMARC_NONE);
	told.policy = DMARC_NONE;
	assert_int_equal(dmarc_policy_asked(&told), DMARC_NONE);
	told.is_testing = false;
	told.policy = DMARC_REJECT;
	assert_int_equal(dmarc_policy_asked(&told), DMARC_REJECT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_the_rfc_s_examples_of_alignment),
		cmocka_unit_test(t_the_rfc_s_tree_walks),
		cmocka_unit_test(t_alignment_is_as_the_owner_wants_it),
		cmocka_unit_test(t_the_policy_is_the_one_for_this_author),
		cmocka_unit_test(t_there_is_one_readable_author),
		cmocka_unit_test(t_what_can_t_be_told_is_a_temperror),
		cmocka_unit_test(t_a_walk_asks_at_most_eight_questions),
		cmocka_unit_test(t_questions_are_asked_together),
		cmocka_unit_test(t_strangers_names_are_not_asked_for),
		cmocka_unit_test(t_names_without_a_question_left_are_not_aligned),
		cmocka_unit_test(t_authors_without_a_question_left_are_too_many),
		cmocka_unit_test(t_long_names_don_t_hide),
		cmocka_unit_test(t_many_and_long_addresses_have_a_ceiling),
		cmocka_unit_test(t_a_header_beyond_its_ceiling_proves_nothing),
		cmocka_unit_test(t_a_nul_is_no_end),
		cmocka_unit_test(t_the_tale_says_every_step_once),
		cmocka_unit_test(t_testing_takes_one_step_off),
	};

	return cmocka_run_group_tests_name("dmarc", tests, NULL, NULL);
}
