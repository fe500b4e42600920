/* mail/srs: what a forwarder makes of a sender, and whose bounces come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"
#include "mail/srs.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define KEY SPAN("a key of the tests")
#define DAY 20000
#define A16 "aaaaaaaaaaaaaaaa"

static enum srs_verdict verdict(const char *address, uint32_t day, struct address *out)
{
	const struct span keys[] = { SPAN("another key"), KEY };

	return srs_read(span_of_text(address), keys, N(keys), day, out);
}

static void make(const char *sender, uint32_t day, struct address *out)
{
	assert_int_equal(srs_make(span_of_text(sender), SPAN("us.example"), KEY, day, out), PR_OK);
}

static void t_a_sender_is_rewritten_and_comes_back(void **state)
{
	static const struct {
		const char *sender, *front, *behind, *back;
	} cases[] = {
		{ "anna@example.org", "SRS0=", "=RA=example.org=anna@us.example", "anna@example.org" },
		{ "Anna+x=y@example.org", "SRS0=", "=RA=example.org=Anna+x=y@us.example", "Anna+x=y@example.org" },
		{ "\"john doe\"@example.org", "\"SRS0=", "=RA=example.org=john doe\"@us.example", "\"john doe\"@example.org" },
		{ "\"a\\\"\\\\b\"@example.org", "\"SRS0=", "=RA=example.org=a\\\"\\\\b\"@us.example", "\"a\\\"\\\\b\"@example.org" },
		{ "x@[192.0.2.1]", "\"SRS0=", "=RA=[192.0.2.1]=x\"@us.example", "x@[192.0.2.1]" },
		{ "gr\303\274n@xn--bcher-kva.example", "SRS0=", "=RA=xn--bcher-kva.example=gr\303\274n@us.example", "gr\303\274n@xn--bcher-kva.example" },
		{ "\"a@b\"@example.org", "\"SRS0=", "=RA=example.org=a@b\"@us.example", "\"a@b\"@example.org" },
		{ A16 A16 A16 A16 "@example.org", "SRS0=", "=RA=example.org=" A16 A16 A16 A16 "@us.example", A16 A16 A16 A16 "@example.org" },
		/* of other forwarders: the first of them gets it back, whatever it wrote */
		{ "SRS0=abcd=ZZ=example.org=anna@first.example", "SRS1=", "=first.example==abcd=ZZ=example.org=anna@us.example",
		    "SRS0=abcd=ZZ=example.org=anna@first.example" },
		{ "srs0+x@first.example", "SRS1=", "=first.example=+x@us.example", "SRS0+x@first.example" },
		{ "SRS1=zz=first.example==abcd=ZZ=example.org=anna@second.example", "SRS1=", "=first.example==abcd=ZZ=example.org=anna@us.example",
		    "SRS0=abcd=ZZ=example.org=anna@first.example" },
		{ "SRS1-zz=first.example=-abcd=ZZ=example.org=anna@second.example", "SRS1=", "=first.example=-abcd=ZZ=example.org=anna@us.example",
		    "SRS0-abcd=ZZ=example.org=anna@first.example" },
		{ "SRS0=@first.example", "SRS1=", "=first.example==@us.example", "SRS0=@first.example" },
		/* no SRS1 that leads anywhere */
		{ "SRS1=zz=first.example@second.example", "SRS0=", "=RA=second.example=SRS1=zz=first.example@us.example", "SRS1=zz=first.example@second.example" },
		{ "SRS1=zz=-=+x@second.example", "SRS0=", "=RA=second.example=SRS1=zz=-=+x@us.example", "SRS1=zz=-=+x@second.example" },
		{ "SRS2=x@second.example", "SRS0=", "=RA=second.example=SRS2=x@us.example", "SRS2=x@second.example" },
		{ "SRS0@second.example", "SRS0=", "=RA=second.example=SRS0@us.example", "SRS0@second.example" },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct address made, back, again;
		size_t front = strlen(cases[i].front);

		make(cases[i].sender, 544, &made);
		assert_memory_equal(made.text, cases[i].front, front);
		assert_string_equal(made.text + front + SRS_HASH_LEN, cases[i].behind);
		assert_int_equal(address_parse_mailbox(address_span(&made), ALLOW_UTF8, &again), PR_OK);
		assert_string_equal(again.text, made.text);
		assert_int_equal(again.has_utf8, made.has_utf8);
		assert_int_equal(verdict(made.text, 544 + 1024, &back), SRS_GOOD);
		assert_string_equal(back.text, cases[i].back);
	}
}

static void t_an_address_is_good_for_three_weeks(void **state)
{
	struct address made, back;

	(void)state;
	for (uint32_t day = 1000; day < 1000 + 1024; day++) {
		make("anna@example.org", day, &made);
		for (uint32_t age = 0; age < 1023; age++)
			if (age < 3 || age > 1020 || (age > SRS_DAYS - 2 && age < SRS_DAYS + 2))
				assert_int_equal(verdict(made.text, day + age, &back), age <= SRS_DAYS ? SRS_GOOD : SRS_EXPIRED);
		assert_int_equal(verdict(made.text, day - 1, &back), SRS_GOOD);
		assert_int_equal(verdict(made.text, day - 2, &back), SRS_EXPIRED);
	}
}

static void t_a_server_may_fold_the_case(void **state)
{
	struct address made, back;

	(void)state;
	make("anna@example.org", DAY, &made);
	text_lower_in_place(made.text, made.len);
	assert_int_equal(verdict(made.text, DAY, &back), SRS_GOOD);
	assert_string_equal(back.text, "anna@example.org");
	for (size_t i = 0; i < made.local_len; i++)
		made.text[i] = text_upper(made.text[i]);
	assert_int_equal(verdict(made.text, DAY, &back), SRS_GOOD);
	assert_string_equal(back.text, "ANNA@example.org");
	made.text[4] = '+';		/* what stands behind SRS0 is not hashed */
	assert_int_equal(verdict(made.text, DAY, &back), SRS_GOOD);
}

/* Each byte counts, and no hash is too short to be wrong. */
static void t_what_was_not_made_here_is_forged(void **state)
{
	static const char *const forged[] = {
		"SRS0==RA=example.org=anna@us.example", "SRS0=a=RA=example.org=anna@us.example", "SRS0=aaaaaa=RA=example.org=anna@us.example",
		"SRS0=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=RA=example.org=anna@us.example", "SRS1=aaaaaa=example.org==x@us.example",
	};
	static const char *const none[] = {
		"anna@us.example", "SRS0@us.example", "SRS0=@us.example", "SRS0=aaaaaa=RA=example.org@us.example", "SRS0=aaaaaa=RA==anna@us.example",
		"SRS0=aaaaaa=R1=example.org=anna@us.example", "SRS0=aaaaaa=RAA=example.org=anna@us.example", "SRS3=aaaaaa=RA=example.org=anna@us.example",
		"SRS1=aaaaaa=example.org=x@us.example", "SRS1=aaaaaa=example.org=@us.example", "SRS0.aaaaaa=RA=example.org=anna@us.example", "", "@", "SRS0",
	};
	struct address made, back;

	(void)state;
	for (size_t i = 1; i < N(forged); i++)
		assert_int_equal(verdict(forged[i], 544, &back), SRS_FORGED);
	assert_int_equal(verdict(forged[0], 544, &back), SRS_NONE);
	for (size_t i = 0; i < N(none); i++)
		assert_int_equal(verdict(none[i], 544, &back), SRS_NONE);
	make("anna@example.org", 544, &made);
	for (size_t i = 5; i < made.local_len; i++) {
		char was = made.text[i];

		made.text[i] = text_lower(was) == 'z' ? 'y' : 'z';
		if (was != '=')
			assert_int_not_equal(verdict(made.text, 544, &back), SRS_GOOD);
		made.text[i] = was;
	}
	assert_int_equal(srs_read(address_span(&made), NULL, 0, 544, &back), SRS_FORGED);
}

static void t_what_fits_no_path_is_not_rewritten(void **state)
{
	char sender[ADDRESS_MAX + 1];
	struct address made;

	(void)state;
	for (size_t len = 200; len <= ADDRESS_MAX; len++) {
		memset(sender, 'a', len);
		memcpy(sender + len - 12, "@example.org", 12);
		assert_int_equal(srs_make(span_of(sender, len), SPAN("us.example"), KEY, DAY, &made),
		    len + strlen("SRS0=======RA==@us.example") <= ADDRESS_MAX ? PR_OK : PR_FULL);
	}
}

/* The one that the published algorithm gives, computed by other means (tests/system/test_srs.py asks Mail::SRS itself). */
static void t_the_hash_is_that_of_the_convention(void **state)
{
	struct address made;

	(void)state;
	make("anna@example.org", 544, &made);
	assert_string_equal(made.text, "SRS0=euAIeZ=RA=example.org=anna@us.example");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_sender_is_rewritten_and_comes_back),
		cmocka_unit_test(t_an_address_is_good_for_three_weeks),
		cmocka_unit_test(t_a_server_may_fold_the_case),
		cmocka_unit_test(t_what_was_not_made_here_is_forged),
		cmocka_unit_test(t_what_fits_no_path_is_not_rewritten),
		cmocka_unit_test(t_the_hash_is_that_of_the_convention),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
