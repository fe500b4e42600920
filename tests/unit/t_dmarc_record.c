/* DMARC records: which are some, and what they ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "mail/dmarc_record.h"

#define N DMARC_NONE
#define Q DMARC_QUARANTINE
#define R DMARC_REJECT

static void t_a_record_begins_with_its_version(void **state)
{
	static const struct { const char *text; bool is_one; } table[] = {
		{ "v=DMARC1", true }, { "v=DMARC1; p=none", true }, { "v=DMARC1;p=none;", true }, { "v = DMARC1 ; p=none", true }, { "V=DMARC1; p=none", true },
		{ "v=DMARC1;", true }, { "v=DMARC1 ;;", true }, { "v\t=\tDMARC1\t; p=none", true },
		{ "v=dmarc1; p=reject", false }, { "v=DMARC2; p=reject", false }, { "v=DMARC10; p=reject", false }, { "v=DMARC1 p=reject", false },
		{ "p=reject; v=DMARC1", false }, { " v=DMARC1; p=reject", false }, { "; v=DMARC1", false }, { "v=spf1 -all", false }, { "", false },
		{ "v", false }, { "v=", false }, { "version=DMARC1; p=reject", false }, { "v=\"DMARC1\"; p=reject", false }, { "DMARC1", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct dmarc_record r;

		if (dmarc_record_is(span_of_text(table[i].text)) != table[i].is_one || dmarc_record_read(span_of_text(table[i].text), &r) != table[i].is_one)
			fail_msg("%s", table[i].text);
	}
}

static void t_policies_count_as_they_are_said(void **state)
{
	static const struct { const char *tags; enum dmarc_policy p, sp, np; bool is_usable, is_mended; } table[] = {
		{ "p=none", N, N, N, true, false },
		{ "p=reject", R, R, R, true, false },
		{ "p=quarantine; sp=none", Q, N, N, true, false },
		{ "p=none; sp=quarantine; np=reject", N, Q, R, true, false },
		{ "p=none; np=reject", N, N, R, true, false },
		{ "np=reject; sp=none; p=quarantine", Q, N, R, true, false },
		{ "P=Reject; SP=NONE", R, N, N, true, false },
		{ "p =\treject ; sp= none", R, N, N, true, false },
		{ "p=reject; p=none", R, R, R, true, false },
		{ "p=reject; pct=0; rf=afrf; ri=3600; x=y; 1=2; =; ;;junk", R, R, R, true, false },
		{ "p=reject; pct=50; np=none", R, R, N, true, false },
		{ "", N, N, N, false, false },
		{ "p=", N, N, N, false, false },
		{ "p=rejected", N, N, N, false, false },
		{ "rua=mailto:a@example.org", N, N, N, true, true },
		{ "p=rejected; rua=mailto:a@example.org", N, N, N, true, true },
		{ "p=reject; sp=x; rua=mailto:a@example.org", N, N, N, true, true },
		{ "p=reject; np=x; rua=mailto:a@example.org", N, N, N, true, true },
		{ "p=reject; sp=; rua=", N, N, N, false, false },
		{ "p=reject; np=x; rua=example.org", N, N, N, false, false },
		{ "sp=reject; rua= , , https://example.org/x , ", N, N, N, true, true },
		{ "p=x; rua=mailto:", N, N, N, false, false },
		{ "p=x; rua=mailto:a b@example.org,1x:y", N, N, N, false, false },
		{ "p=x; rua=mailto:a@example.org!10m", N, N, N, true, true },
		{ "p=rej\x01" "ect; rua=mailto:a@example.org", N, N, N, true, true },
		{ "p=reject\xc3\xa4", N, N, N, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct dmarc_record r;
		struct buf text;

		buf_init(&text, 1000);
		assert_int_equal(buf_printf(&text, "v=DMARC1; %s", table[i].tags), PR_OK);
		assert_true(dmarc_record_read(buf_span(&text), &r));
		if (r.p != table[i].p || r.sp != table[i].sp || r.np != table[i].np || r.is_usable != table[i].is_usable || r.is_mended != table[i].is_mended)
			fail_msg("%s: %d %d %d %d %d", table[i].tags, r.p, r.sp, r.np, r.is_usable, r.is_mended);
		buf_fini(&text);
	}
}

static void t_other_tags_have_their_defaults(void **state)
{
	struct dmarc_record r;

	(void)state;
	assert_true(dmarc_record_read(SPAN("v=DMARC1; p=none; adkim=s; aspf=S; t=y; psd=n; rua=mailto:a@example.org,mailto:b@example.org; ruf=mailto:c@d; fo=1:d"), &r));
	assert_true(r.is_dkim_strict && r.is_spf_strict && r.is_testing);
	assert_int_equal(r.psd, DMARC_PSD_NO);
	assert_true(span_eq(r.rua, SPAN("mailto:a@example.org,mailto:b@example.org")));
	assert_true(span_eq(r.ruf, SPAN("mailto:c@d")));
	assert_true(span_eq(r.fo, SPAN("1:d")));
	assert_true(dmarc_record_read(SPAN("v=DMARC1; p=none; adkim=strict; aspf=; t=yes; psd=u"), &r));
	assert_true(!r.is_dkim_strict && !r.is_spf_strict && !r.is_testing);
	assert_int_equal(r.psd, DMARC_PSD_UNKNOWN);
	assert_true(r.rua.len == 0 && r.ruf.len == 0 && r.fo.len == 0);
	assert_true(dmarc_record_read(SPAN("v=DMARC1; psd=Y"), &r));
	assert_int_equal(r.psd, DMARC_PSD_YES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_record_begins_with_its_version),
		cmocka_unit_test(t_policies_count_as_they_are_said),
		cmocka_unit_test(t_other_tags_have_their_defaults),
	};

	return cmocka_run_group_tests_name("dmarc_record", tests, NULL, NULL);
}
