/* What is said of DKIM signatures: the examples of the RFCs, good ones in all forms, and each way in which one can be bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

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
	assert_int_equal(t->is_usable, result == AUTH_PASS);
	assert_int_equal(t->why[0] == 0, result == AUTH_PASS);
}

/* ---- the examples of the RFCs --------------------------------------------------------------- */

#define DINNER_HEADER \
	"From: Joe SixPack <joe@football.example.com>\r\n" \
	"To: Suzie Q <suzie@shopping.example.net>\r\n" \
	"Subject: Is dinner ready?\r\n" \
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n" \
	"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"

static void t_the_example_of_rfc_8463_passes(void **state)
{
	static const char message[] =
	    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
	    " d=football.example.com; i=@football.example.com;\r\n"
	    " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
	    " subject : date : message-id : from : subject : date;\r\n"
	    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
	    " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
	    " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
	    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
	    " d=football.example.com; i=@football.example.com;\r\n"
	    " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
	    " date : message-id : from : subject : date;\r\n"
	    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
	    " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
	    " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
	    " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
	    DINNER_HEADER "\r\nHi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
	static const struct record records[] = {
		{ "brisbane._domainkey.football.example.com", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" },
		{ "test._domainkey.football.example.com",
		    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/"
		    "J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/"
		    "K4w3QIDAQAB" },
		{ 0 } };
	struct told t;

	(void)state;
	told_init(&t);
	check(&t, span_of_text(message), records);
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
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
