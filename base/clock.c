#include "base/clock.h"

#include <time.h>

#include "base/err.h"

static int64_t read_ms(clockid_t which)
{
	struct timespec t;

	BUG_ON(clock_gettime(which, &t) != 0);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct instant clock_now(void)
{
	return (struct instant){ .mono_ms = read_ms(CLOCK_MONOTONIC), .wall_ms = read_ms(CLOCK_REALTIME) };
}
