#include "mail/dkim_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

static void t_a_record_is_known_by_its_key(void **state)
{
	static const struct {
		const char *record;
		bool has;
	} rows[] = {
		{ "v=DKIM1; k=ed25519; p=a2V5", true },
		{ "v=DKIM1;k=ed25519;p=a2V5;", true },
		{ " v = DKIM1 ; p = a2 V5 ; k = ed25519 ; n=words; t=s", true },
		{ "k=ed25519; p=a2V5; h=sha1:sha256; s=email", true },
		{ "k=ed25519; p=a2V5; h=sha1", false },
		{ "k=ed25519; p=a2V5; s=other", false },
		{ "v=DKIM2; k=ed25519; p=a2V5", false },
		{ "v=DKIM1; k=rsa; p=a2V5", false },
		{ "v=DKIM1; p=a2V5", false },
		{ "v=DKIM1; k=ed25519; p=", false },
		{ "v=DKIM1; k=ed25519; p=a2V", false },
		{ "v=DKIM1; k=ed25519; p=a2V5a2V5", false },
		{ "v=DKIM1; k=ed25519", false },
		{ "", false },
		{ "v=spf1 -all", false },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(rows); i++)
		assert_int_equal(dkim_record_has(span_of_text(rows[i].record), DKIM_ED25519_SHA256, SPAN("key")), rows[i].has);
	assert_true(dkim_record_has(SPAN("v=DKIM1; p=a2V5"), DKIM_RSA_SHA256, SPAN("key")));
	assert_false(dkim_record_has(SPAN("v=DKIM1; p="), DKIM_RSA_SHA256, SPAN_NONE));
}

#define RSA_PUBLIC_768 "MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhANfG5PumrPQyx2LoJGkG7P8zjW6U2DnIpwi54sm4msbVdWz3jRMrEAUNkrp1BmkXdopv78JNMG/" \
	"VFfV3h6joKB6kBS7eDOYqJv0dcY6ccshsNkljiUu8sIAag5gF3EPfNwIDAQAB"
#define ED25519_PUBLIC "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static void t_a_record_is_read_or_said_why_not(void **state)
{
	static const struct {
		const char *record, *why;	/* why NULL: it is good */
	} rows[] = {
		{ "v=DKIM1; k=rsa; p=" RSA_PUBLIC_768, NULL },
		{ "p=" RSA_PUBLIC_768, NULL },
		{ "k=ED25519; p=" ED25519_PUBLIC, NULL },
		{ "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapi \r\n MlrwIaaPcHURo", NULL },	/* folded, and without its padding */
		{ "h=sha1:sha256; s=tlsrpt:email; t=y:s; n=words = words; g=*; p=" RSA_PUBLIC_768, NULL },
		{ "s=*; p=" RSA_PUBLIC_768, NULL },
		{ "", "no tag" },
		{ "v=DKIM1", "no p=" },
		{ "v=DKIM2; p=" RSA_PUBLIC_768, "v= is not" },
		{ "p=", "revoked" },
		{ "p=" RSA_PUBLIC_768 "; p=" RSA_PUBLIC_768, "given twice" },
		{ "p=" RSA_PUBLIC_768 ";; t=s", "empty tag" },
		{ "p=" RSA_PUBLIC_768 "; =s", "name is none" },
		{ "p=" RSA_PUBLIC_768 "; words", "without =" },
		{ "p=" RSA_PUBLIC_768 "; n=\xc3\xa4", "printable" },
		{ "h=sha1; p=" RSA_PUBLIC_768, "h= does not allow" },
		{ "s=tlsrpt; p=" RSA_PUBLIC_768, "s= does not allow" },
		{ "k=dsa; p=" RSA_PUBLIC_768, "k= is neither" },
		{ "p=*", "no base 64" },
		{ "p=A", "no base 64" },
		{ "p=" ED25519_PUBLIC, "no RSA key" },
		{ "p=MAA=", "no RSA key" },
		{ "p=MAIwAA==", "no RSA key" },
		{ "p=MIICIjA=", "no RSA key" },
		{ "k=ed25519; p=" RSA_PUBLIC_768, "no Ed25519 key" },
		{ "p=MBACAQECCwEAAAAAAAAAAAAB", "exponent" },	/* a bare RSAPublicKey with an exponent of 81 bits */
	};
	struct dkim_key key;

	(void)state;
	for (size_t i = 0; i < N_OF(rows); i++) {
		const char *why = dkim_record_read(span_of_text(rows[i].record), &key);

		if (!why != !rows[i].why || (why && !strstr(why, rows[i].why)))
			fail_msg("%s: %s", rows[i].record, why ? why : "good");
		if (!why && key.algorithm == DKIM_RSA_SHA256)
			assert_int_equal(key.bits, 768);
		if (!why)
			assert_int_equal(key.is_testing && key.is_strict, strstr(rows[i].record, "t=y:s") != NULL);
	}
	assert_true(dkim_record_is_key(SPAN("p=")));
	assert_true(dkim_record_is_key(SPAN("v=DKIM1; p=x")));
	assert_false(dkim_record_is_key(SPAN("v=spf1 -all")));
	assert_false(dkim_record_is_key(SPAN("v=other; p=reject")));
}

static void t_a_record_is_split_as_zone_files_need_it(void **state)
{
	char key[300];
	struct buf record, quoted;

	(void)state;
	memset(key, 'k', sizeof(key));
	buf_init(&record, 1024);
	buf_init(&quoted, 2048);
	assert_int_equal(dkim_record_add(&record, DKIM_RSA_SHA256, span_of(key, sizeof(key))), PR_OK);
	assert_true(dkim_record_has(buf_span(&record), DKIM_RSA_SHA256, span_of(key, sizeof(key))));
	assert_int_equal(record.len, sizeof("v=DKIM1; k=rsa; p=") - 1 + 400);
	assert_int_equal(dkim_record_add_quoted(&quoted, buf_span(&record)), PR_OK);
	assert_int_equal(quoted.len, record.len + 5);
	assert_memory_equal(quoted.at + 256, "\" \"", 3);
	buf_clear(&record);
	assert_int_equal(dkim_record_add_name(&record, SPAN("s"), SPAN("example.org")), PR_OK);
	assert_true(span_eq(buf_span(&record), SPAN("s._domainkey.example.org")));
	buf_fini(&record);
	buf_fini(&quoted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_record_is_known_by_its_key),
		cmocka_unit_test(t_a_record_is_read_or_said_why_not),
		cmocka_unit_test(t_a_record_is_split_as_zone_files_need_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
