/* Any exchange: the first byte chooses the mechanism, lines are messages. Nobody proves what he does not know. */
#include <stdint.h>

#include "auth/sasl.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sasl_bindings bindings = { { "exported", 8 }, { "end point", 9 } };
	static const struct password_scram numbers = { .iterations = 4096, .stored_key = { 1, 2, 3 }, .server_key = { 4, 5, 6 } };
	struct span in = span_of((const char *)data, size);
	enum sasl_step step = SASL_CHALLENGE;
	struct sasl s;
	struct buf out;

	if (size == 0)
		return 0;
	buf_init(&out, 16384);
	sasl_init(&s, data[0] % N_SASL_MECHANISMS);
	in = span_from(in, 1);
	while (in.len > 0 && (step == SASL_CHALLENGE || step == SASL_NAMED)) {
		step = sasl_step(&s, span_cut(&in, '\n'), &bindings, &out);
		BUG_ON(s.user_len > SASL_USER_MAX || s.password_len > SASL_PASSWORD_MAX || step == SASL_PROVEN);
		BUG_ON(step == SASL_PASSWORD && (s.user_len == 0 || s.password_len == 0));
		if (step == SASL_NAMED)
			sasl_give_numbers(&s, &numbers, &out);
		buf_clear(&out);
	}
	sasl_fini(&s);
	buf_fini(&out);
	return 0;
}
