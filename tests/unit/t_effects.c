#include "smtpd/effects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A session that goes on might end its transaction or its login, and with it the memory that they point to. */
static void t_what_speaks_of_what_may_end_is_done_before_the_session_goes_on(void **state)
{
	static const enum effect_type speaking[] = { FX_ASK_ADDRESS, FX_ASK_SENDER, FX_ASK_RECIPIENT, FX_LOGIN, FX_LOGIN_STEP, FX_BEGIN, FX_PART,
		FX_COMMIT, FX_CHECK, FX_CHECK_END, FX_EVIDENCE };
	struct effects fx;

	(void)state;
	effects_init(&fx);
	for (size_t i = 0; i < sizeof(speaking) / sizeof(*speaking); i++) {
		assert_true(effects_have_room(&fx));
		effects_add(&fx, speaking[i]);
		assert_false(effects_have_room(&fx));
		effects_clear(&fx);
	}
	effects_add(&fx, FX_DROP_MAIL);
	assert_true(effects_have_room(&fx));
	effects_fini(&fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_what_speaks_of_what_may_end_is_done_before_the_session_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
