/* Time is passed into cores, never fetched by them. Two clocks:
 * monotonic milliseconds for deadlines, wall milliseconds since 1970 for what
 * is stored or shown. Only shells call the functions. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct instant {
	int64_t mono_ms;
	int64_t wall_ms;
};

struct instant clock_now(void);

#define SECONDS(n) ((int64_t)(n) * 1000)
#define MINUTES(n) ((int64_t)(n) * 60000)
#define HOURS(n)   ((int64_t)(n) * 3600000)

#endif
