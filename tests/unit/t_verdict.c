/* What is done with a message, and in which words its sender hears of it; and whom the administrator makes an exception of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"
#include "verify/exceptions.h"
#include "verify/verdict.h"

static const struct verify_modes DEFAULTS = { MODE_OBSERVE, MODE_OBSERVE, MODE_ENFORCE };
static const struct verify_modes ALL = { MODE_ENFORCE, MODE_ENFORCE, MODE_ENFORCE };

static struct dmarc_told told_of(enum auth_result result, enum dmarc_policy policy)
{
	struct dmarc_told t = { .result = result, .policy = policy, .n_authors = 1, .domain = "example.org", .organisational = "example.org", .record_at = "example.org" };

	return t;
}

static void t_dmarc_is_done_as_the_owner_asks(void **state)
{
	static const struct {
		enum verify_mode mode;
		enum auth_result result;
		enum dmarc_policy policy;
		bool is_testing;
		enum verdict_what what;
		unsigned code;
		const char *enhanced;
	} table[] = {
		{ MODE_ENFORCE, AUTH_FAIL, DMARC_REJECT, false, VERDICT_REFUSE, 550, "5.7.1" },
		{ MODE_ENFORCE, AUTH_FAIL, DMARC_QUARANTINE, false, VERDICT_QUARANTINE, 250, "" },
		{ MODE_ENFORCE, AUTH_FAIL, DMARC_NONE, false, VERDICT_ACCEPT, 250, "" },
		{ MODE_ENFORCE, AUTH_FAIL, DMARC_REJECT, true, VERDICT_ACCEPT, 250, "" },
		{ MODE_ENFORCE, AUTH_FAIL, DMARC_QUARANTINE, true, VERDICT_ACCEPT, 250, "" },
		{ MODE_OBSERVE, AUTH_FAIL, DMARC_REJECT, false, VERDICT_ACCEPT, 250, "" },
		{ MODE_OFF, AUTH_FAIL, DMARC_REJECT, false, VERDICT_ACCEPT, 250, "" },
		{ MODE_ENFORCE, AUTH_PASS, DMARC_REJECT, false, VERDICT_ACCEPT, 250, "" },
		{ MODE_ENFORCE, AUTH_NONE, DMARC_NONE, false, VERDICT_ACCEPT, 250, "" },
		{ MODE_ENFORCE, AUTH_TEMPERROR, DMARC_REJECT, false, VERDICT_DEFER, 451, "4.7.1" },
		{ MODE_ENFORCE, AUTH_TEMPERROR, DMARC_QUARANTINE, false, VERDICT_DEFER, 451, "4.7.1" },
		{ MODE_ENFORCE, AUTH_TEMPERROR, DMARC_NONE, false, VERDICT_ACCEPT, 250, "" },
		{ MODE_ENFORCE, AUTH_TEMPERROR, DMARC_REJECT, true, VERDICT_ACCEPT, 250, "" },
		{ MODE_OBSERVE, AUTH_TEMPERROR, DMARC_REJECT, false, VERDICT_ACCEPT, 250, "" },
		{ MODE_ENFORCE, AUTH_PERMERROR, DMARC_NONE, false, VERDICT_REFUSE, 550, "5.7.1" },
		{ MODE_OBSERVE, AUTH_PERMERROR, DMARC_NONE, false, VERDICT_ACCEPT, 250, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct dmarc_told d = told_of(table[i].result, table[i].policy);
		struct verdict_ask ask = { .modes = DEFAULTS, .client = SPAN("192.0.2.1"), .dmarc = &d };
		struct verdict v;

		d.is_testing = table[i].is_testing;
		ask.modes.dmarc = table[i].mode;
		verdict_reach(&ask, &v);
		if (v.what != table[i].what || v.code != table[i].code || strcmp(v.enhanced, table[i].enhanced) != 0)
			fail_msg("row %zu: %d %u %s", i, v.what, v.code, v.enhanced);
		assert_int_equal(v.text[0] == '\0', v.what == VERDICT_ACCEPT);
	}
}

static void t_a_refusal_says_what_to_mend(void **state)
{
	struct dmarc_told d = told_of(AUTH_FAIL, DMARC_REJECT);
	struct verdict_finding dkim[] = { { AUTH_PASS, SPAN("list.example.net"), SPAN_NONE }, { AUTH_FAIL, SPAN("m.example.org"), SPAN("the body was changed") } };
	struct verdict_ask ask = { .modes = DEFAULTS, .client = SPAN("192.0.2.1"), .spf = { AUTH_FAIL, SPAN("bounce.example.net"), SPAN("-all") }, .dmarc = &d };
	struct verdict v;

	(void)state;
	verdict_reach(&ask, &v);
	assert_string_equal(v.text, "DMARC: example.org asks to reject mail that it does not vouch for (p=reject in _dmarc.example.org), "
	    "and neither SPF (fail for bounce.example.net from 192.0.2.1) nor DKIM (no signature) does");
	ask.dkim = dkim;
	ask.n_dkim = 2;
	ask.spf.result = AUTH_PASS;
	d.which = DMARC_WHICH_SP;
	d.policy = DMARC_QUARANTINE;
	verdict_reach(&ask, &v);
	assert_string_equal(v.text, "DMARC: example.org asks to quarantine mail that it does not vouch for (sp=quarantine in _dmarc.example.org), "
	    "and neither SPF (pass for bounce.example.net, another domain) nor DKIM (fail for m.example.org: the body was changed) does");
	d.result = AUTH_TEMPERROR;
	ask.n_dkim = 1;
	ask.spf = (struct verdict_finding){ AUTH_TEMPERROR, SPAN("example.org"), SPAN_NONE };
	verdict_reach(&ask, &v);
	assert_string_equal(v.text, "DMARC: example.org asks to quarantine mail that it does not vouch for (sp=quarantine in _dmarc.example.org); "
	    "whether it does can't be told now (SPF (temperror for example.org from 192.0.2.1), DKIM (pass for list.example.net)): try again later");
	d = told_of(AUTH_PERMERROR, DMARC_NONE);
	(void)snprintf(d.why, sizeof(d.why), "there are several From fields");
	verdict_reach(&ask, &v);
	assert_string_equal(v.text, "DMARC can't tell who wrote this: there are several From fields. A message needs exactly one From field with an address (RFC 5322 3.6.2)");
	d.from = DMARC_FROM_TOO_DEEP;
	(void)snprintf(d.why, sizeof(d.why), "the header is too large to be sure of its From field");
	verdict_reach(&ask, &v);
	assert_string_equal(v.text, "DMARC can't tell who wrote this: the header is too large to be sure of its From field. Send it with a smaller header");
}

static void t_spf_and_dkim_are_enforced_where_it_is_wanted(void **state)
{
	static const struct { enum auth_result spf, a, b; unsigned n; enum verdict_what what; const char *enhanced; } table[] = {
		{ AUTH_FAIL, 0, 0, 0, VERDICT_REFUSE, "5.7.23" },
		{ AUTH_SOFTFAIL, 0, 0, 0, VERDICT_ACCEPT, "" },
		{ AUTH_TEMPERROR, 0, 0, 0, VERDICT_ACCEPT, "" },
		{ AUTH_PERMERROR, 0, 0, 0, VERDICT_ACCEPT, "" },
		{ AUTH_NONE, AUTH_FAIL, 0, 1, VERDICT_REFUSE, "5.7.20" },
		{ AUTH_NONE, AUTH_FAIL, AUTH_PERMERROR, 2, VERDICT_REFUSE, "5.7.20" },
		{ AUTH_NONE, AUTH_FAIL, AUTH_PASS, 2, VERDICT_ACCEPT, "" },
		{ AUTH_NONE, AUTH_FAIL, AUTH_TEMPERROR, 2, VERDICT_ACCEPT, "" },
		{ AUTH_NONE, AUTH_FAIL, AUTH_POLICY, 2, VERDICT_ACCEPT, "" },
		{ AUTH_NONE, 0, 0, 0, VERDICT_ACCEPT, "" },
		{ AUTH_FAIL, AUTH_FAIL, 0, 1, VERDICT_REFUSE, "5.7.23" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct verdict_finding dkim[] = { { table[i].a, SPAN("example.net"), SPAN("a b") }, { table[i].b, SPAN("example.com"), SPAN_NONE } };
		struct verdict_ask ask = { .modes = ALL, .client = SPAN("2001:db8::1"), .spf = { table[i].spf, SPAN("example.org"), SPAN("-all matched") },
			.dkim = dkim, .n_dkim = table[i].n };
		struct verdict v;

		verdict_reach(&ask, &v);
		if (v.what != table[i].what || strcmp(v.enhanced, table[i].enhanced) != 0)
			fail_msg("row %zu: %d %s", i, v.what, v.enhanced);
		ask.modes = DEFAULTS;
		verdict_reach(&ask, &v);
		assert_int_equal(v.what, VERDICT_ACCEPT);
	}
}

static void t_spf_and_dkim_have_their_words(void **state)
{
	struct verdict_finding dkim = { AUTH_FAIL, SPAN("example.net"), SPAN("the body was changed") };
	struct verdict_ask ask = { .modes = ALL, .client = SPAN("2001:db8::1"), .spf = { AUTH_FAIL, SPAN("example.org"), SPAN("-all") }, .dkim = &dkim, .n_dkim = 1 };
	struct verdict v;

	(void)state;
	verdict_reach(&ask, &v);
	assert_string_equal(v.text, "SPF: example.org says that 2001:db8::1 may not send for it: -all. "
	    "Send through its own servers, or have this address added to its SPF record (RFC 7208)");
	ask.modes.spf = MODE_OBSERVE;
	verdict_reach(&ask, &v);
	assert_string_equal(v.text, "DKIM: no signature of 1 passes; that of example.net is fail: the body was changed. "
	    "The message was changed on its way, or the key in the DNS is another one (RFC 6376)");
}

static void t_the_harsher_wins(void **state)
{
	struct dmarc_told d = told_of(AUTH_FAIL, DMARC_QUARANTINE);
	struct verdict_ask ask = { .modes = ALL, .client = SPAN("192.0.2.1"), .spf = { AUTH_FAIL, SPAN("example.net"), SPAN_NONE }, .dmarc = &d };
	struct verdict v;

	(void)state;
	verdict_reach(&ask, &v);
	assert_int_equal(v.what, VERDICT_REFUSE);
	assert_string_equal(v.enhanced, "5.7.23");
	ask.modes.spf = MODE_OBSERVE;
	verdict_reach(&ask, &v);
	assert_int_equal(v.what, VERDICT_QUARANTINE);
}

/* Whatever strangers wrote: printable ASCII, and not too long. */
static void t_words_of_strangers_stay_in_a_line(void **state)
{
	static const char EVIL[] = "a\r\n250 fine\x1b[2J\xc3\xa4\0b";
	struct dmarc_told d = told_of(AUTH_FAIL, DMARC_REJECT);
	char name[600];
	struct verdict_finding dkim = { AUTH_FAIL, SPAN_NONE, SPAN_NONE };
	struct verdict_ask ask = { .modes = DEFAULTS, .dmarc = &d, .dkim = &dkim, .n_dkim = 1 };
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = EVIL[i % (sizeof(EVIL) - 1)];
	memset(d.domain, 'a', DMARC_DOMAIN_MAX);
	memset(d.record_at, 'b', DMARC_DOMAIN_MAX);
	ask.client = span_of(name, sizeof(name));
	for (unsigned what = 0; what < 3; what++) {
		for (size_t len = 0; len < sizeof(name); len += 7) {
			ask.spf = (struct verdict_finding){ AUTH_FAIL, span_of(name, len), span_of(name, len) };
			dkim.domain = dkim.why = span_of(name, len);
			ask.modes = ALL;
			if (what > 0)
				ask.modes.spf = MODE_OFF;
			if (what > 1)
				ask.modes.dkim = MODE_OFF;
			verdict_reach(&ask, &v);
			assert_int_equal(v.what, VERDICT_REFUSE);
			assert_true(text_is_printable(span_of_text(v.text)));
			assert_true(strlen(v.text) <= VERDICT_TEXT_MAX);
		}
	}
}

/* ---- exceptions ---------------------------------------------------------------------------- */

enum { AUTO, OFF, OBSERVE, ENFORCE };

static void add_sender(struct settings *set, const char *title, int spf, int dkim, int dmarc)
{
	struct set_sender *s = settings_add_section(set, "sender", title, 1);

	s->spf = spf;
	s->dkim = dkim;
	s->dmarc = dmarc;
}

static struct verify_modes modes_of(const struct settings *set, const char *client, const char *author, enum auth_result spf, const char *spf_domain,
    enum auth_result dkim, const char *dkim_domain)
{
	unsigned char address[16] = { 0 };
	struct verdict_finding signature = { dkim, span_of_text(dkim_domain), SPAN_NONE };
	struct dmarc_told d = told_of(AUTH_FAIL, DMARC_REJECT);
	struct exceptions_ask ask = { .family = 4, .client = address, .dmarc = &d, .spf = { spf, span_of_text(spf_domain), SPAN_NONE }, .dkim = &signature, .n_dkim = 1 };
	struct verify_modes modes = DEFAULTS;
	unsigned a, b, c, e;

	assert_int_equal(sscanf(client, "%u.%u.%u.%u", &a, &b, &c, &e), 4);
	address[0] = (unsigned char)a;
	address[1] = (unsigned char)b;
	address[2] = (unsigned char)c;
	address[3] = (unsigned char)e;
	(void)snprintf(d.domain, sizeof(d.domain), "%s", author);
	exceptions_apply(set, &ask, &modes);
	return modes;
}

static void t_exceptions_are_for_those_who_prove_it(void **state)
{
	struct settings *set = settings_new();

	(void)state;
	add_sender(set, "list.example", OFF, AUTO, OBSERVE);
	add_sender(set, "192.0.2.0/24", AUTO, ENFORCE, OFF);
	add_sender(set, "192.0.2.128/25", AUTO, AUTO, OBSERVE);
	add_sender(set, "strict.list.example", ENFORCE, AUTO, AUTO);
	assert_int_equal(modes_of(set, "198.51.100.1", "list.example", AUTH_PASS, "list.example", AUTH_NONE, "").dmarc, MODE_OBSERVE);
	assert_int_equal(modes_of(set, "198.51.100.1", "list.example", AUTH_PASS, "list.example", AUTH_NONE, "").spf, MODE_OFF);
	assert_int_equal(modes_of(set, "198.51.100.1", "list.example", AUTH_PASS, "list.example", AUTH_NONE, "").dkim, MODE_OBSERVE);
	assert_int_equal(modes_of(set, "198.51.100.1", "a.list.example", AUTH_FAIL, "x", AUTH_PASS, "B.list.example.").dmarc, MODE_OBSERVE);
	assert_int_equal(modes_of(set, "198.51.100.1", "list.example", AUTH_FAIL, "list.example", AUTH_FAIL, "list.example").dmarc, MODE_ENFORCE);
	assert_int_equal(modes_of(set, "198.51.100.1", "list.example", AUTH_PASS, "evil.example", AUTH_PASS, "badlist.example").dmarc, MODE_ENFORCE);
	assert_int_equal(modes_of(set, "198.51.100.1", "badlist.example", AUTH_PASS, "list.example", AUTH_PASS, "list.example").dmarc, MODE_ENFORCE);
	/* The longer name first, key by key. */
	assert_int_equal(modes_of(set, "198.51.100.1", "strict.list.example", AUTH_PASS, "strict.list.example", AUTH_NONE, "").spf, MODE_ENFORCE);
	assert_int_equal(modes_of(set, "198.51.100.1", "strict.list.example", AUTH_PASS, "strict.list.example", AUTH_NONE, "").dmarc, MODE_OBSERVE);
	/* Networks win, the smaller before the larger. */
	assert_int_equal(modes_of(set, "192.0.2.1", "victim.example", AUTH_FAIL, "victim.example", AUTH_NONE, "").dmarc, MODE_OFF);
	assert_int_equal(modes_of(set, "192.0.2.1", "list.example", AUTH_PASS, "list.example", AUTH_NONE, "").dmarc, MODE_OFF);
	assert_int_equal(modes_of(set, "192.0.2.1", "list.example", AUTH_PASS, "list.example", AUTH_NONE, "").spf, MODE_OFF);
	assert_int_equal(modes_of(set, "192.0.2.129", "victim.example", AUTH_FAIL, "", AUTH_NONE, "").dmarc, MODE_OBSERVE);
	assert_int_equal(modes_of(set, "192.0.2.129", "victim.example", AUTH_FAIL, "", AUTH_NONE, "").dkim, MODE_ENFORCE);
	settings_free(&set);
}

static void t_a_list_passes_on_what_others_wrote(void **state)
{
	struct settings *set = settings_new();

	(void)state;
	add_sender(set, "list.example", AUTO, AUTO, OBSERVE);
	set->sender[0].forwards = true;
	assert_int_equal(modes_of(set, "198.51.100.1", "victim.example", AUTH_PASS, "bounces.list.example", AUTH_FAIL, "victim.example").dmarc, MODE_OBSERVE);
	assert_int_equal(modes_of(set, "198.51.100.1", "victim.example", AUTH_NONE, "", AUTH_PASS, "list.example").dmarc, MODE_OBSERVE);
	assert_int_equal(modes_of(set, "198.51.100.1", "victim.example", AUTH_SOFTFAIL, "list.example", AUTH_FAIL, "list.example").dmarc, MODE_ENFORCE);
	assert_int_equal(modes_of(set, "198.51.100.1", "list.example", AUTH_NONE, "", AUTH_NONE, "").dmarc, MODE_ENFORCE);
	assert_int_equal(modes_of(set, "198.51.100.1", "victim.example", AUTH_PASS, "evillist.example", AUTH_PASS, "example").dmarc, MODE_ENFORCE);
	settings_free(&set);
}

static void t_a_second_author_gets_no_exception(void **state)
{
	struct settings *set = settings_new();
	struct dmarc_told d = told_of(AUTH_FAIL, DMARC_REJECT);
	struct exceptions_ask ask = { .dmarc = &d, .spf = { AUTH_PASS, SPAN("example.org"), SPAN_NONE } };
	struct verify_modes modes = DEFAULTS;

	(void)state;
	add_sender(set, "example.org", AUTO, AUTO, OFF);
	d.n_authors = 2;
	exceptions_apply(set, &ask, &modes);
	assert_int_equal(modes.dmarc, MODE_ENFORCE);
	d.n_authors = 1;
	d.from = DMARC_FROM_REPEATED;
	exceptions_apply(set, &ask, &modes);
	assert_int_equal(modes.dmarc, MODE_ENFORCE);
	d.from = DMARC_FROM_READ;
	exceptions_apply(set, &ask, &modes);
	assert_int_equal(modes.dmarc, MODE_OFF);
	modes = DEFAULTS;
	ask.dmarc = NULL;
	exceptions_apply(set, &ask, &modes);
	assert_int_equal(modes.dmarc, MODE_ENFORCE);
	settings_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_dmarc_is_done_as_the_owner_asks),
		cmocka_unit_test(t_a_refusal_says_what_to_mend),
		cmocka_unit_test(t_spf_and_dkim_are_enforced_where_it_is_wanted),
		cmocka_unit_test(t_spf_and_dkim_have_their_words),
		cmocka_unit_test(t_the_harsher_wins),
		cmocka_unit_test(t_words_of_strangers_stay_in_a_line),
		cmocka_unit_test(t_exceptions_are_for_those_who_prove_it),
		cmocka_unit_test(t_a_list_passes_on_what_others_wrote),
		cmocka_unit_test(t_a_second_author_gets_no_exception),
	};

	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
