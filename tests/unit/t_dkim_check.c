/* What is said of DKIM signatures: the examples of the RFCs, good ones in all forms, and each way in which one can be bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "rfc8463.h"
#include "sign_any.h"
#include "verify/dkim.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))
#define NOW	   ((int64_t)time(NULL))	/* the library has a clock of its own */

static struct dkim_house *house;
static struct key *rsa, *ed25519;

/* ---- a check from a message and records -------------------------------------------------- */

struct record {
	const char *name, *text;	/* text NULL: no server answers */
};

struct told {
	struct dkim_told row[64];
	unsigned n;
	struct buf tale;
};

static void answer(struct facts *facts, const struct record *records)
{
	struct facts_question q;

	while (facts_next(facts, &q)) {
		enum wire_resolve result = RESOLVE_NO_NAME;

		assert_int_equal(q.type, RECORD_TXT);
		for (const struct record *r = records; r->name; r++) {
			if (!span_eq(q.name, span_of_text(r->name)))
				continue;
			result = r->text ? RESOLVED : RESOLVE_TEMPORARY;
			if (r->text)
				facts_record(facts, q.number, span_of_text(r->text));
		}
		facts_answer(facts, q.number, result, false);
	}
}

/* In pieces of `step` bytes; the answers come when the body has passed. */
static void check_so(struct told *t, struct span message, const struct record *records, size_t step, unsigned max, int64_t now)
{
	struct facts *facts = facts_new(50);
	struct fields header;
	struct dkim_check *check;

	fields_init(&header, 256 << 10, 1000);
	fields_feed(&header, &message);
	fields_close(&header);
	check = dkim_check_new(house, &header, facts, max, now);
	for (; message.len > 0; message = span_from(message, step))
		dkim_check_body(check, span_first(message, step));
	buf_clear(&t->tale);
	while (!dkim_check_end(check, facts, &t->tale))
		answer(facts, records);
	t->n = dkim_check_n(check);
	for (unsigned i = 0; i < t->n && i < N_OF(t->row); i++)
		t->row[i] = *dkim_check_told(check, i);
	dkim_check_free(&check);
	fields_fini(&header);
	facts_free(&facts);
}

static void check(struct told *t, struct span message, const struct record *records)
{
	check_so(t, message, records, SIZE_MAX, 10, NOW);
}

static void told_init(struct told *t)
{
	memset(t, 0, sizeof(*t));
	buf_init(&t->tale, 1 << 20);
}

static void assert_told(const struct dkim_told *t, enum auth_result result, const char *why)
{
	if (t->result != result || !strstr(t->why, why))
		fail_msg("expected %s (%s), got %s (%s)", auth_result_text(result), why, auth_result_text(t->result), t->why);
	assert_int_equal(t->why[0] == 0, result == AUTH_PASS);
}

/* ---- the examples of the RFCs --------------------------------------------------------------- */

static void t_the_example_of_rfc_8463_passes(void **state)
{
	static const struct record records[] = { { "brisbane._domainkey.football.example.com", RFC8463_ED25519 },
		{ "test._domainkey.football.example.com", RFC8463_RSA }, { 0 } };
	struct told t;

	(void)state;
	told_init(&t);
	check(&t, SPAN(RFC8463_MESSAGE), records);
	assert_int_equal(t.n, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_told(&t.row[i], AUTH_PASS, "");
		assert_string_equal(t.row[i].domain, "football.example.com");
		assert_string_equal(t.row[i].identity, "@football.example.com");
		assert_true(t.row[i].covers_all);
	}
	assert_string_equal(t.row[0].algorithm, "ed25519-sha256");
	assert_string_equal(t.row[0].b, "/gCrinpc");
	assert_int_equal(t.row[0].key_bits, 256);
	assert_string_equal(t.row[1].algorithm, "rsa-sha256");
	assert_string_equal(t.row[1].selector, "test");
	assert_int_equal(t.row[1].key_bits, 1024);
	buf_fini(&t.tale);
}

/* Appendix A.2 with errata 3192 and 4926, by the key of appendix C: as everybody publishes keys, and as 3.6.1 speaks of them. */
static void t_the_example_of_rfc_6376_passes(void **state)
{
	static const char message[] =
	    "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n"
	    "      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n"
	    "      h=Received : From : To : Subject : Date : Message-ID;\r\n"
	    "      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
	    "      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n"
	    "        4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n"
	    "        KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n"
	    "        4bmp/YzhwvcubU4=;\r\n"
	    "Received: from client1.football.example.com  [192.0.2.1]\r\n"
	    "      by submitserver.example.com with SUBMISSION;\r\n"
	    "      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n"
	    DINNER_HEADER "\r\nHi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n";
	static const char *const records[] = {
		"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od"
		"+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB",
		"v=DKIM1; p=MIGJAoGBAPAhE/9QLdIGwSYapn1klbf8OQygZ4udCDV9afv/Ni0jE3ZKcUKPE4Iob2/dviNh9xM2HmKNKyrrfW4Ei0truh36/9G10LZTMnWVZP3jupH5FxpzaBu2j80y"
		"onR/N9WMfg64qGK11j21/qZzAaNo0FxZOggyY9I8N1A81RhyRxDZAgMBAAE=",
	};
	struct told t;

	(void)state;
	told_init(&t);
	for (unsigned i = 0; i < N_OF(records); i++) {
		const struct record one[] = { { "brisbane._domainkey.example.com", records[i] }, { 0 } };

		check(&t, span_of_text(message), one);
		assert_int_equal(t.n, 1);
		assert_told(&t.row[0], AUTH_PASS, "");
		assert_string_equal(t.row[0].domain, "example.com");
		assert_string_equal(t.row[0].identity, "joe@football.example.com");
		assert_int_equal(t.row[0].key_bits, 1024);
	}
	buf_fini(&t.tale);
}

/* ---- good ones ---------------------------------------------------------------------------------- */

#define HEADER "From: Alice <a@example.org>\r\nTo:  b@b.test,\r\n\tc@b.test \r\nSubject: a \t b\r\n"
#define BODY   "Hello \t you,\r\n\r\n  bye \r\n\r\n\r\n"
#define TAGS   "v=1; d=example.org; s=s; h=from:to:subject:from"

static struct record *records_of(const struct key *key, const char *more)
{
	static struct record records[2];
	static char text[1024];
	struct buf b;

	buf_init(&b, sizeof(text) - 1);
	sign_any_record(&b, key, more);
	memcpy(text, b.at, b.len);
	text[b.len] = 0;
	buf_fini(&b);
	records[0] = (struct record){ "s._domainkey.example.org", text };
	return records;
}

static void make(struct buf *message, struct key *key, const char *tags, const char *header, const char *body)
{
	buf_clear(message);
	sign_any(message, key, tags, span_of_text(header), span_of_text(body));
	(void)buf_printf(message, "%s\r\n%s", header, body);
}

static void t_a_good_signature_passes_in_every_form_and_in_pieces_of_any_size(void **state)
{
	static const char *const forms[] = { "simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed", "simple", "relaxed" };
	static const char *const bodies[] = { BODY, "", "\r\n\r\n", " \r\n", "x\r\n", "a\r\n\r\nb\r\n", "no end", "no end \t", "\r\nlast \r\n\r\n" };
	struct buf message;
	struct told t;
	char tags[200];

	(void)state;
	told_init(&t);
	buf_init(&message, 1 << 20);
	for (unsigned form = 0; form < N_OF(forms); form++) {
		for (unsigned body = 0; body < N_OF(bodies); body++) {
			bool is_rsa = (form + body) % 2;

			snprintf(tags, sizeof(tags), TAGS "; c=%s; a=%s", forms[form], is_rsa ? "rsa-sha256" : "ed25519-sha256");
			make(&message, is_rsa ? rsa : ed25519, tags, HEADER, bodies[body]);
			for (size_t step = 1; step <= strlen(bodies[body]) + 1; step++) {
				check_so(&t, buf_span(&message), records_of(is_rsa ? rsa : ed25519, ""), step, 10, NOW);
				assert_int_equal(t.n, 1);
				assert_told(&t.row[0], AUTH_PASS, "");
			}
		}
	}
	buf_fini(&message);
	buf_fini(&t.tale);
}

/* ---- bad ones ------------------------------------------------------------------------------------ */

#define FIFTY "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void t_each_fault_has_its_result_and_its_reason(void **state)
{
	static const struct {
		const char *tags;	/* behind TAGS */
		const char *record;	/* behind v=; "" the good one, NULL: none is there */
		const char *find, *put;	/* in the message once it is signed */
		enum auth_result result;
		const char *why;
	} rows[] = {
		{ "", "", NULL, NULL, AUTH_PASS, "" },
		{ "", "", "Hello", "HELLO", AUTH_FAIL, "the body was changed" },
		{ "", "", "bye", "bye bye", AUTH_FAIL, "the body was changed" },
		{ "", "", "Alice", "Malice", AUTH_FAIL, "header fields were changed" },
		{ "", "", "Subject:", "X-Subject:", AUTH_FAIL, "header fields were changed" },
		{ "", "", "v=1", "v=2", AUTH_NEUTRAL, "v= is not 1" },
		{ "", "", "v=1; ", "", AUTH_NEUTRAL, "no v=" },
		{ "", "", "d=example.org; ", "", AUTH_NEUTRAL, "no d=" },
		{ "", "", "d=example.org", "d=", AUTH_NEUTRAL, "d= is no domain" },
		{ "", "", "d=example.org", "d=exa mple.org", AUTH_NEUTRAL, "d= is no domain" },
		{ "", "", "d=example.org", "d=example..org", AUTH_NEUTRAL, "d= is no domain" },
		{ "", "", "d=example.org", "d=example.org; d=other.org", AUTH_NEUTRAL, "given twice" },
		{ "", "", "d=example.org", "d=example.org; D=other.org", AUTH_NEUTRAL, "given twice" },
		{ "", "", "d=example.org", "d=org", AUTH_POLICY, "top-level" },
		{ "", "", "s=s; ", "", AUTH_NEUTRAL, "no s=" },
		{ "", "", "s=s; ", "s=\xc3\xbc; ", AUTH_NEUTRAL, "printable" },
		{ "", "", "s=s; ", "s=s;; ", AUTH_NEUTRAL, "empty tag" },
		{ "", "", "s=s; ", "s; ", AUTH_NEUTRAL, "without =" },
		{ "", "", "a=rsa-sha256", "a=rsa-sha1", AUTH_POLICY, "rsa-sha1" },
		{ "", "", "a=rsa-sha256", "a=rsa-sha512", AUTH_NEUTRAL, "algorithm" },
		{ "", "", "; a=rsa-sha256", "", AUTH_NEUTRAL, "no a=" },
		{ "", "", "a=rsa-sha256", "a=ed25519-sha256", AUTH_PERMERROR, "not of the kind" },
		{ "", "", "h=from:to:subject:from", "h=", AUTH_NEUTRAL, "no h=" },
		{ "", "", "h=from:to:subject:from", "h=to:subject", AUTH_NEUTRAL, "does not name From" },
		{ "", "", "h=from:to:subject:from", "h=from:to::subject", AUTH_NEUTRAL, "no name of a field" },
		{ "", "", "bh=", "bx=", AUTH_NEUTRAL, "no bh=" },
		{ "", "", "bh=", "bh=!", AUTH_NEUTRAL, "no hash" },
		{ "", "", "bh=", "bh=AAAA; y=", AUTH_NEUTRAL, "no hash" },
		{ "", "", "; b=", "; b=; q=", AUTH_NEUTRAL, "no b=" },
		{ "", "", "; b=", "; b=A", AUTH_FAIL, "header fields were changed" },
		{ "", "", "; b=", "; b=!", AUTH_NEUTRAL, "no base 64" },
		{ "; c=relaxed/relaxed", "", "c=relaxed/relaxed", "c=relaxed/loose", AUTH_NEUTRAL, "c= is none" },
		{ "; c=relaxed/relaxed", "", "c=relaxed/relaxed", "c=relaxed/", AUTH_NEUTRAL, "c= is none" },
		{ "; q=dns/txt:http", "", NULL, NULL, AUTH_PASS, "" },
		{ "", "", "s=s; ", "s=s; q=http; ", AUTH_NEUTRAL, "q= is not" },
		/* who */
		{ "; i=@example.org", "", NULL, NULL, AUTH_PASS, "" },
		{ "; i=joe@sub.Example.ORG", "", NULL, NULL, AUTH_PASS, "" },
		{ "", "", "s=s; ", "s=s; i=@other.org; ", AUTH_NEUTRAL, "not of d= or below" },
		{ "", "", "s=s; ", "s=s; i=@badexample.org; ", AUTH_NEUTRAL, "not of d= or below" },
		{ "", "", "s=s; ", "s=s; i=example.org; ", AUTH_NEUTRAL, "no address" },
		{ "; i=a=3Db@example.org", "", NULL, NULL, AUTH_PASS, "" },
		{ "", "", "s=s; ", "s=s; i=joe@example.org=; ", AUTH_NEUTRAL, "no address" },
		{ "", "", "s=s; ", "s=s; i=" FIFTY FIFTY FIFTY FIFTY FIFTY "@example.org; ", AUTH_NEUTRAL, "i= is too long" },
		/* times */
		{ "; t=1000; x=1001", "", NULL, NULL, AUTH_POLICY, "expired" },
		{ "; t=90000; x=99999999999999", "", NULL, NULL, AUTH_PASS, "" },
		{ "; t=99999999999", "", NULL, NULL, AUTH_POLICY, "future" },
		{ "", "", "s=s; ", "s=s; t=5; x=5; ", AUTH_NEUTRAL, "x= is not behind" },
		{ "", "", "s=s; ", "s=s; x=soon; ", AUTH_NEUTRAL, "x= is no time" },
		{ "", "", "s=s; ", "s=s; t=-1; ", AUTH_NEUTRAL, "t= is no time" },
		/* l= */
		{ "; c=relaxed/relaxed; l=19", "", NULL, NULL, AUTH_POLICY, "l= leaves 1 bytes" },
		{ "; c=relaxed/relaxed; l=20", "", NULL, NULL, AUTH_PASS, "" },
		{ "; c=relaxed/relaxed; l=20", "", "bye", "bxe\r\nmore", AUTH_FAIL, "the body was changed" },
		{ "; c=relaxed/relaxed; l=20", "", " bye ", " bye \r\nmore", AUTH_POLICY, "l= leaves 6 bytes" },
		{ "; c=simple/simple; l=24", "", NULL, NULL, AUTH_PASS, "" },
		{ "; c=simple/simple; l=0", "", NULL, NULL, AUTH_POLICY, "l= leaves 24 bytes" },
		{ "; c=simple/simple; l=24", "", "  bye ", "", AUTH_FAIL, "shorter than l=" },
		{ "", "", "s=s; ", "s=s; l=-1; ", AUTH_NEUTRAL, "l= is no number" },
		/* keys */
		{ "", NULL, NULL, NULL, AUTH_PERMERROR, "there is no key at s._domainkey.example.org" },
		{ "", "p=", NULL, NULL, AUTH_PERMERROR, "revoked" },
		{ "", "k=rsa", NULL, NULL, AUTH_PERMERROR, "no p=" },
		{ "", "k=rsa; p=!", NULL, NULL, AUTH_PERMERROR, "no base 64" },
		{ "", "k=rsa; p=AAAA", NULL, NULL, AUTH_PERMERROR, "no RSA key" },
		{ "", "k=ed25519; p=AAAA", NULL, NULL, AUTH_PERMERROR, "no Ed25519 key" },
		{ "", "k=dsa; p=AAAA", NULL, NULL, AUTH_PERMERROR, "k= is neither" },
		{ "", "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", NULL, NULL, AUTH_PERMERROR, "not of the kind" },
		{ "", "p=MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhANfG5PumrPQyx2LoJGkG7P8zjW6U2DnIpwi54sm4msbVdWz3jRMrEAUNkrp1BmkXdopv78JNMG/"
		    "VFfV3h6joKB6kBS7eDOYqJv0dcY6ccshsNkljiUu8sIAag5gF3EPfNwIDAQAB", NULL, NULL, AUTH_POLICY, "has 768 bits" },
		{ "", "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od"
		    "+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB", NULL, NULL, AUTH_FAIL, "another key" },
		{ "", "@h=sha1; ", NULL, NULL, AUTH_PERMERROR, "h= does not allow" },
		{ "", "@h=sha1 : sha256; ", NULL, NULL, AUTH_PASS, "" },
		{ "", "@s=email; ", NULL, NULL, AUTH_PASS, "" },
		{ "", "@s=*; ", NULL, NULL, AUTH_PASS, "" },
		{ "", "@s=tlsrpt; ", NULL, NULL, AUTH_PERMERROR, "s= does not allow" },
		{ "", "@t=s; ", NULL, NULL, AUTH_PASS, "" },
		{ "; i=@sub.example.org", "@t=s; ", NULL, NULL, AUTH_PERMERROR, "not for subdomains" },
		{ "", "@n=a note; ", NULL, NULL, AUTH_PASS, "" },
		/* the message */
		{ "", "", "From: Alice", "X-From: Alice", AUTH_POLICY, "no From" },
		{ "", "", "To:", "From: eve@evil.example\r\nTo:", AUTH_POLICY, "several From" },
	};
	struct buf message, changed, record;
	struct told t;
	char tags[200];

	(void)state;
	told_init(&t);
	buf_init(&message, 1 << 20);
	buf_init(&changed, 1 << 20);
	buf_init(&record, 4096);
	for (unsigned i = 0; i < N_OF(rows); i++) {
		struct record records[2] = { { "s._domainkey.example.org", "" } };
		const char *at;

		snprintf(tags, sizeof(tags), TAGS "; a=rsa-sha256%s", rows[i].tags);
		make(&message, rsa, tags, HEADER, BODY);
		buf_clear(&changed);
		(void)buf_add_char(&message, 0);
		at = rows[i].find ? strstr(message.at, rows[i].find) : message.at + message.len - 1;
		if (!at)
			fail_msg("row %u: nothing to change", i);
		(void)buf_add(&changed, span_of(message.at, (size_t)(at - message.at)));
		if (rows[i].find)
			(void)buf_printf(&changed, "%s%s", rows[i].put, at + strlen(rows[i].find));
		buf_clear(&record);
		if (rows[i].record && (rows[i].record[0] == 0 || rows[i].record[0] == '@'))
			sign_any_record(&record, rsa, rows[i].record[0] ? rows[i].record + 1 : "");
		else if (rows[i].record)
			(void)buf_printf(&record, "v=DKIM1; %s", rows[i].record);
		(void)buf_add_char(&record, 0);
		records[0].text = record.at;
		if (!rows[i].record)
			records[0].name = "other.example";
		check(&t, buf_span(&changed), records);
		assert_int_equal(t.n, 1);
		if (t.row[0].result != rows[i].result)
			print_message("row %u\n", i);
		assert_told(&t.row[0], rows[i].result, rows[i].why);
	}
	buf_fini(&message);
	buf_fini(&changed);
	buf_fini(&record);
	buf_fini(&t.tale);
}

static void t_no_byte_of_what_is_signed_can_be_changed(void **state)
{
	static const char *const forms[] = { "simple/simple", "relaxed/relaxed" };
	struct buf message;
	struct told t;
	char tags[200];

	(void)state;
	told_init(&t);
	buf_init(&message, 1 << 20);
	for (unsigned form = 0; form < N_OF(forms); form++) {
		snprintf(tags, sizeof(tags), TAGS "; i=joe@example.org; t=100000; c=%s; a=ed25519-sha256", forms[form]);
		make(&message, ed25519, tags, HEADER, BODY);
		for (size_t i = 0; i < message.len; i++) {
			char was = message.at[i];

			if (was == '\r' || was == '\n' || (form == 1 && (was == ' ' || was == '\t')))
				continue;
			message.at[i] = was == 'x' ? 'y' : 'x';
			check(&t, buf_span(&message), records_of(ed25519, ""));
			if (t.n && t.row[0].result == AUTH_PASS)
				fail_msg("%s: changed at %zu: %.40s", forms[form], i, message.at + i);
			message.at[i] = was;
		}
	}
	buf_fini(&message);
	buf_fini(&t.tale);
}

/* ---- several ---------------------------------------------------------------------------------------- */

static void t_each_signature_is_told_for_itself(void **state)
{
	static const struct record records[] = {
		{ "gone._domainkey.example.org", "v=DKIM1; p=" }, { "away._domainkey.example.org", NULL },
		{ "two._domainkey.example.org", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" },
		{ "two._domainkey.example.org", "v=DKIM1; k=ed25519; p=AAAA" },
		{ "rfc._domainkey.example.org", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" },
		{ "rfc._domainkey.example.org", "v=spf1 -all" }, { "spf._domainkey.example.org", "v=spf1 -all" },
		{ "spf._domainkey.example.org", "words" }, { 0 } };
	static const struct {
		const char *selector;
		enum auth_result result;
		const char *why;
	} rows[] = {
		{ "gone", AUTH_PERMERROR, "revoked" }, { "away", AUTH_TEMPERROR, "no answer about away._domainkey.example.org" },
		{ "two", AUTH_PERMERROR, "several keys at two" }, { "rfc", AUTH_FAIL, "another key" },
		{ "spf", AUTH_PERMERROR, "none of the records" }, { "none", AUTH_PERMERROR, "no key at none" },
	};
	struct buf message, all;
	struct told t;
	char tags[200];

	(void)state;
	told_init(&t);
	buf_init(&message, 1 << 20);
	buf_init(&all, 1 << 20);
	for (unsigned i = 0; i < N_OF(rows); i++) {
		snprintf(tags, sizeof(tags), "v=1; d=example.org; s=%s; h=from; a=ed25519-sha256", rows[i].selector);
		sign_any(&all, ed25519, tags, SPAN(HEADER), SPAN(BODY));
	}
	(void)buf_add_text(&all, HEADER "\r\n" BODY);
	check(&t, buf_span(&all), records);
	assert_int_equal(t.n, N_OF(rows));
	for (unsigned i = 0; i < N_OF(rows); i++) {
		assert_string_equal(t.row[i].selector, rows[i].selector);
		assert_told(&t.row[i], rows[i].result, rows[i].why);
	}
	buf_fini(&message);
	buf_fini(&all);
	buf_fini(&t.tale);
}

static void t_more_signatures_than_are_looked_at_are_told(void **state)
{
	struct buf all;
	struct told t;

	(void)state;
	told_init(&t);
	buf_init(&all, 1 << 20);
	for (unsigned i = 0; i < 40; i++)
		sign_any(&all, ed25519, TAGS "; a=ed25519-sha256", SPAN(HEADER), SPAN(BODY));
	(void)buf_add_text(&all, HEADER "\r\n" BODY);
	check_so(&t, buf_span(&all), records_of(ed25519, ""), SIZE_MAX, 3, NOW);
	assert_int_equal(t.n, 3 + DKIM_TOLD_MORE);
	for (unsigned i = 0; i < t.n; i++)
		assert_told(&t.row[i], i < 3 ? AUTH_PASS : AUTH_POLICY, i < 3 ? "" : "too many signatures: 3");
	buf_fini(&all);
	buf_fini(&t.tale);
}

static void t_b_is_as_long_as_it_takes(void **state)
{
	static const char *const fields[] = { "b=abcdefghij", "b=abcdefghik", "b=zbcdefghij" };
	struct buf all;
	struct told t;

	(void)state;
	told_init(&t);
	buf_init(&all, 1 << 20);
	for (unsigned i = 0; i < N_OF(fields); i++)
		(void)buf_printf(&all, "DKIM-Signature: v=1; a=rsa-sha256; d=x.org; s=s; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; %s\r\n", fields[i]);
	(void)buf_add_text(&all, HEADER "\r\n" BODY);
	check(&t, buf_span(&all), records_of(rsa, ""));
	assert_string_equal(t.row[0].b, "abcdefghij");
	assert_string_equal(t.row[1].b, "abcdefghik");
	assert_string_equal(t.row[2].b, "zbcdefgh");
	buf_fini(&all);
	buf_fini(&t.tale);
}

static void t_t_y_is_told_and_counts(void **state)
{
	struct buf message;
	struct told t;

	(void)state;
	told_init(&t);
	buf_init(&message, 1 << 20);
	make(&message, ed25519, TAGS "; a=ed25519-sha256", HEADER, BODY);
	check(&t, buf_span(&message), records_of(ed25519, "t=y; "));
	assert_told(&t.row[0], AUTH_PASS, "");
	assert_true(t.row[0].is_testing);
	(void)buf_add_char(&t.tale, 0);
	assert_non_null(strstr(t.tale.at, "d=example.org s=s i=@example.org a=ed25519-sha256\n"));
	assert_non_null(strstr(t.tale.at, "header simple, body simple; signed: from, to, subject, from\n"));
	assert_non_null(strstr(t.tale.at, "256 bits, in testing (t=y)\n"));
	buf_fini(&message);
	buf_fini(&t.tale);
}

static void t_the_dns_is_asked_once_the_header_is_there_and_once_for_each_key(void **state)
{
	struct facts *facts = facts_new(50);
	struct facts_question q;
	struct dkim_check *check;
	struct fields header;
	struct buf all;
	struct span rest;

	(void)state;
	buf_init(&all, 1 << 20);
	sign_any(&all, ed25519, TAGS "; a=ed25519-sha256", SPAN(HEADER), SPAN(BODY));
	sign_any(&all, ed25519, TAGS "; a=ed25519-sha256; c=relaxed/relaxed", SPAN(HEADER), SPAN(BODY));
	(void)buf_add_text(&all, HEADER "\r\n" BODY);
	rest = buf_span(&all);
	fields_init(&header, 256 << 10, 1000);
	fields_feed(&header, &rest);
	check = dkim_check_new(house, &header, facts, 10, NOW);
	assert_true(facts_next(facts, &q));
	assert_true(span_eq(q.name, SPAN("s._domainkey.example.org")));
	assert_false(facts_next(facts, &q));
	dkim_check_body(check, rest);
	assert_false(dkim_check_end(check, facts, NULL));
	assert_false(dkim_check_end(check, facts, NULL));
	facts_record(facts, q.number, span_of_text(records_of(ed25519, "")[0].text));
	facts_answer(facts, q.number, RESOLVED, false);
	assert_true(dkim_check_end(check, facts, NULL));
	assert_true(dkim_check_told(check, 0)->result == AUTH_PASS && dkim_check_told(check, 1)->result == AUTH_PASS);
	assert_true(dkim_check_end(check, facts, NULL));
	dkim_check_free(&check);
	fields_fini(&header);
	facts_free(&facts);
	buf_fini(&all);
}

static void t_who_has_no_question_left_gets_no_answer(void **state)
{
	struct facts *facts = facts_new(0);
	struct dkim_check *check;
	struct fields header;
	struct buf all;
	struct span rest;

	(void)state;
	buf_init(&all, 1 << 20);
	make(&all, ed25519, TAGS "; a=ed25519-sha256", HEADER, BODY);
	rest = buf_span(&all);
	fields_init(&header, 256 << 10, 1000);
	fields_feed(&header, &rest);
	check = dkim_check_new(house, &header, facts, 10, NOW);
	assert_true(dkim_check_end(check, facts, NULL));
	assert_told(dkim_check_told(check, 0), AUTH_PERMERROR, "too many questions");
	dkim_check_free(&check);
	fields_fini(&header);
	facts_free(&facts);
	buf_fini(&all);
}

/* ---- what would hurt the library ------------------------------------------------------------------- */

static void t_what_stands_behind_a_nul_does_not_pass(void **state)
{
	struct buf message;
	struct told t;
	char *at;

	(void)state;
	told_init(&t);
	buf_init(&message, 1 << 20);
	make(&message, ed25519, TAGS "; a=ed25519-sha256; c=relaxed/relaxed", "From: a@example.org\r\nSubject: one #two\r\n", BODY);
	at = memchr(message.at, '#', message.len);
	*at = 0;
	check(&t, buf_span(&message), records_of(ed25519, ""));
	assert_told(&t.row[0], AUTH_POLICY, "holds a NUL");
	make(&message, ed25519, TAGS "; a=ed25519-sha256; c=relaxed/relaxed", HEADER, "one #two\r\n");
	at = memchr(message.at, '#', message.len);
	*at = 0;
	check(&t, buf_span(&message), records_of(ed25519, ""));
	assert_told(&t.row[0], AUTH_FAIL, "the body was changed");
	buf_fini(&message);
	buf_fini(&t.tale);
}

/* The library's list of fields has a place for each of the header, and it writes one more. */
static void t_h_may_name_every_field_and_more(void **state)
{
	struct buf message;
	struct told t;

	(void)state;
	told_init(&t);
	buf_init(&message, 1 << 20);
	for (unsigned n = 0; n < 8; n++) {
		char header[200] = "From: a@example.org\r\n";

		for (unsigned i = 0; i < n; i++)
			strcat(header, "X: y\r\n");
		make(&message, ed25519, "v=1; d=example.org; s=s; h=from:dkim-signature:x:x:x:x:x:x:x:x:y:z; a=ed25519-sha256", header, BODY);
		check(&t, buf_span(&message), records_of(ed25519, ""));
		assert_int_equal(t.n, 1);
		assert_told(&t.row[0], AUTH_FAIL, "header fields");	/* it takes its own field for one that is signed */
	}
	buf_fini(&message);
	buf_fini(&t.tale);
}

static void add_broken(struct buf *out, const char *tags)
{
	(void)buf_printf(out, "DKIM-Signature: " TAGS "; a=rsa-sha256; %s; bh=AAAA; b=AAAA\r\n", tags);
}

/* Also where another signature signs it: that one fails then, and passes where it stands above. */
static void t_a_signature_that_is_not_whole_is_never_given_to_it(void **state)
{
	static const char *const tags[] = { "i=" FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY "@example.org", "i=joe@example.org=", "l=x" };
	struct buf message, header;
	struct told t;

	(void)state;
	told_init(&t);
	buf_init(&message, 1 << 20);
	buf_init(&header, 1 << 20);
	for (unsigned i = 0; i < 2 * N_OF(tags); i++) {
		bool is_signed = i % 2;

		buf_clear(&header);
		buf_clear(&message);
		sign_any(&header, ed25519, TAGS "; a=ed25519-sha256", SPAN(HEADER), SPAN(BODY));
		if (is_signed)
			add_broken(&header, tags[i / 2]);
		else
			add_broken(&message, tags[i / 2]);
		(void)buf_add_text(&header, HEADER);
		sign_any(&message, ed25519, "v=1; d=example.org; s=s; h=from:dkim-signature; a=ed25519-sha256", buf_span(&header), SPAN(BODY));
		(void)buf_add(&message, buf_span(&header));
		(void)buf_add_text(&message, "\r\n" BODY);
		check(&t, buf_span(&message), records_of(ed25519, ""));
		assert_int_equal(t.n, 3);
		assert_told(&t.row[is_signed ? 0 : 1], is_signed ? AUTH_FAIL : AUTH_PASS, is_signed ? "header fields" : "");
		assert_told(&t.row[is_signed ? 1 : 2], AUTH_PASS, "");
		assert_told(&t.row[is_signed ? 2 : 0], AUTH_NEUTRAL, "can't be used");
	}
	buf_fini(&message);
	buf_fini(&header);
	buf_fini(&t.tale);
}

static void t_a_word_without_end_is_not_kept(void **state)
{
	char piece[60000];
	struct facts *facts = facts_new(5);
	struct fields header;
	struct dkim_check *check;
	struct buf all;
	struct span rest;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	buf_init(&all, 1 << 20);
	make(&all, ed25519, TAGS "; a=ed25519-sha256; c=relaxed/relaxed", HEADER, "");
	rest = buf_span(&all);
	fields_init(&header, 256 << 10, 1000);
	fields_feed(&header, &rest);
	check = dkim_check_new(house, &header, facts, 10, NOW);
	for (unsigned i = 0; i < 1000; i++) {
		piece[i * 37 % sizeof(piece)] = i < 900 ? ' ' : 'x';	/* now and then a blank, then none */
		dkim_check_body(check, span_of(piece, sizeof(piece)));
		memset(piece, 'x', sizeof(piece));
	}
	answer(facts, records_of(ed25519, ""));
	assert_true(dkim_check_end(check, facts, NULL));
	assert_told(dkim_check_told(check, 0), AUTH_POLICY, "a word of more than");
	dkim_check_free(&check);
	fields_fini(&header);
	facts_free(&facts);
	buf_fini(&all);
}

/* Checks leave nothing behind, whatever they met. */
static void t_memory_is_given_back(void **state)
{
	static const char *const records[] = { "v=DKIM1; p=", "v=DKIM1; k=rsa; p=AAAA", "v=DKIM1; k=ed25519; p=AAAA", "x", NULL };
	struct buf message;
	struct told t;
	size_t before = 0;

	(void)state;
	told_init(&t);
	buf_init(&message, 1 << 20);
	for (unsigned round = 0; round < 2000; round++) {
		struct record bad[] = { { "s._domainkey.example.org", records[round % N_OF(records)] }, { 0 } };
		bool is_rsa = round % 2;

		if (round == 200)
			before = mallinfo2().uordblks;
		make(&message, ed25519, is_rsa ? TAGS "; a=rsa-sha256" : TAGS "; a=ed25519-sha256; l=3", HEADER, BODY);
		check(&t, buf_span(&message), bad);
		check(&t, buf_span(&message), records_of(ed25519, ""));
		if (round % 10)
			continue;
		message.at[message.len / 2] ^= 1;
		check(&t, buf_span(&message), records_of(rsa, ""));
	}
	assert_true(mallinfo2().uordblks < before + 20000);
	buf_fini(&message);
	buf_fini(&t.tale);
}

static int set_up(void **state)
{
	(void)state;
	house = dkim_house_new();
	rsa = key_make(KEY_RSA);
	ed25519 = key_make(KEY_ED25519);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	key_free(&rsa);
	key_free(&ed25519);
	dkim_house_free(&house);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_the_example_of_rfc_8463_passes),
		cmocka_unit_test(t_the_example_of_rfc_6376_passes),
		cmocka_unit_test(t_a_good_signature_passes_in_every_form_and_in_pieces_of_any_size),
		cmocka_unit_test(t_each_fault_has_its_result_and_its_reason),
		cmocka_unit_test(t_no_byte_of_what_is_signed_can_be_changed),
		cmocka_unit_test(t_each_signature_is_told_for_itself),
		cmocka_unit_test(t_more_signatures_than_are_looked_at_are_told),
		cmocka_unit_test(t_b_is_as_long_as_it_takes),
		cmocka_unit_test(t_t_y_is_told_and_counts),
		cmocka_unit_test(t_the_dns_is_asked_once_the_header_is_there_and_once_for_each_key),
		cmocka_unit_test(t_who_has_no_question_left_gets_no_answer),
		cmocka_unit_test(t_what_stands_behind_a_nul_does_not_pass),
		cmocka_unit_test(t_h_may_name_every_field_and_more),
		cmocka_unit_test(t_a_signature_that_is_not_whole_is_never_given_to_it),
		cmocka_unit_test(t_a_word_without_end_is_not_kept),
		cmocka_unit_test(t_memory_is_given_back),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
