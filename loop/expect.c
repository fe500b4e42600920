/* Staying awake for what is on its way. To wake a process whose core went to
 * sleep costs who wakes it, and takes, some 10 us each, more on a virtual
 * machine: as much as all that the process then does. */
#include <sched.h>
#include <sys/epoll.h>

#include "loop/loop_private.h"

#define OTHERS_US 20	/* a look and a yield that changes nothing take less than 1 */

static int64_t now_us(void)
{
	return (int64_t)(uv_hrtime() / 1000);
}

/* On a core of its own: who is expected needs one too. */
static bool has_cores(void)
{
	cpu_set_t cores;

	return sched_getaffinity(0, sizeof(cores), &cores) == 0 && CPU_COUNT(&cores) > 1;
}

void expect_init(struct expectation *e)
{
	*e = (struct expectation){ .has_cores = has_cores() };
}

void loop_expect(struct loop *loop, unsigned us, struct hunch *hunch)
{
	struct expectation *e = &loop->expectation;

	if (!e->has_cores || !hunch_try(hunch))
		return;
	e->until_us = now_us() + us;
	e->hunch = hunch;
}

/* libuv's descriptor of all it watches tells without being emptied. */
static bool is_something_there(struct loop *loop)
{
	struct epoll_event ignored;

	return epoll_wait(uv_backend_fd(&loop->uv), &ignored, 1, 0) > 0;
}

/* False when it took so long that others must have had the core meanwhile. */
static bool let_others_go_first(int64_t *now)
{
	int64_t before = *now;

	sched_yield();
	*now = now_us();
	return *now - before < OTHERS_US;
}

void expect_await(struct loop *loop)
{
	struct expectation *e = &loop->expectation;
	bool came = false, is_alone = true;

	if (e->until_us == 0)
		return;
	for (int64_t now = now_us(); !came && is_alone && now < e->until_us;) {
		came = is_something_there(loop);
		if (!came)
			is_alone = let_others_go_first(&now);
	}
	e->until_us = 0;
	hunch_was(e->hunch, came);
}
