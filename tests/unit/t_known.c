#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/span.h"
#include "smtpd/known.h"

static bool is_known(const struct known *k, struct span address, enum wire_address as)
{
	enum wire_address answer = ADDRESS_TEMPORARY;

	return known_find(k, address, &answer) && answer == as;
}

static void t_what_may_get_mail_is_known(void **state)
{
	struct known k = { NULL };

	(void)state;
	assert_false(is_known(&k, SPAN("bob@example.org"), ADDRESS_OK));
	known_note(&k, SPAN("bob@example.org"), ADDRESS_OK);
	assert_true(is_known(&k, SPAN("bob@example.org"), ADDRESS_OK));
	assert_false(is_known(&k, SPAN("bob@example.or"), ADDRESS_OK));
	assert_false(is_known(&k, SPAN_NONE, ADDRESS_OK));
	known_note(&k, SPAN("bob@example.org"), ADDRESS_FOREIGN);
	assert_true(is_known(&k, SPAN("bob@example.org"), ADDRESS_FOREIGN));
	known_forget(&k);
	assert_false(is_known(&k, SPAN("bob@example.org"), ADDRESS_FOREIGN));
}

static void t_what_was_refused_is_asked_again(void **state)
{
	static const enum wire_address answers[] = { ADDRESS_UNKNOWN, ADDRESS_TEMPORARY, ADDRESS_LOOP, ADDRESS_DISABLED, ADDRESS_TOO_LARGE };
	struct known k = { NULL };
	enum wire_address answer;

	(void)state;
	for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		known_note(&k, SPAN("eve@example.org"), answers[i]);
		assert_false(known_find(&k, SPAN("eve@example.org"), &answer));
	}
	known_forget(&k);
}

static void t_an_address_has_a_ceiling(void **state)
{
	char address[127];
	struct known k = { NULL };

	(void)state;
	memset(address, 'a', sizeof(address));
	known_note(&k, span_of(address, 126), ADDRESS_OK);
	known_note(&k, span_of(address, 127), ADDRESS_OK);
	assert_true(is_known(&k, span_of(address, 126), ADDRESS_OK));
	assert_false(is_known(&k, span_of(address, 127), ADDRESS_OK));
	known_forget(&k);
}

static void t_its_memory_is_bounded(void **state)
{
	struct known k = { NULL };
	char address[16];
	unsigned kept = 0;

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		memset(address, 0, sizeof(address));
		address[0] = (char)(i >> 8);
		address[1] = (char)i;
		known_note(&k, span_of(address, sizeof(address)), ADDRESS_OK);
		assert_true(is_known(&k, span_of(address, sizeof(address)), ADDRESS_OK));
	}
	for (unsigned i = 0; i < 10000; i++) {
		address[0] = (char)(i >> 8);
		address[1] = (char)i;
		kept += is_known(&k, span_of(address, sizeof(address)), ADDRESS_OK);
	}
	assert_true(kept > 500 && kept <= 1024);
	known_forget(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_what_may_get_mail_is_known),
		cmocka_unit_test(t_what_was_refused_is_asked_again),
		cmocka_unit_test(t_an_address_has_a_ceiling),
		cmocka_unit_test(t_its_memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
