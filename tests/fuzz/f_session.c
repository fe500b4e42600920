/* A whole session: any bytes in any pieces, with answers and troubles chosen by the input. */
#include <stdint.h>

#include "tests/fuzz/session_player.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct player_rules rules = { .by_data = true, .normalise = size & 1, .checks = size & 2 };
	struct played played;

	session_play(span_of((const char *)data, size), &rules, &played);
	played_fini(&played);
	return 0;
}
