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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_the_rfc_s_examples_of_alignment),
	};

	return cmocka_run_group_tests_name("dmarc", tests, NULL, NULL);
}
