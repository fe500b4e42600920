#include "verify/guard_io.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/time.h>
#include <sysexits.h>
#include <unistd.h>

#define LOOK_MS 100

/* The handler's own: it runs between any two instructions of the loop. */
static atomic_uint step;		/* odd: one is under way */
static atomic_uint looks_allowed = 2000 / LOOK_MS;
static unsigned seen_step, n_looks;

static void on_look(int number)
{
	unsigned now = atomic_load_explicit(&step, memory_order_relaxed);

	(void)number;
	if (!(now & 1) || now != seen_step)
		n_looks = 0;
	else if (++n_looks > atomic_load_explicit(&looks_allowed, memory_order_relaxed))
		_exit(EX_SOFTWARE);
	seen_step = now;
}

void guard_start(void)
{
	struct itimerval every = { { 0, LOOK_MS * 1000 }, { 0, LOOK_MS * 1000 } };
	struct sigaction act = { .sa_handler = on_look, .sa_flags = SA_RESTART };

	sigemptyset(&act.sa_mask);
	(void)sigaction(SIGPROF, &act, NULL);
	(void)setitimer(ITIMER_PROF, &every, NULL);
}

void guard_limit(int64_t ms)
{
	atomic_store(&looks_allowed, (unsigned)((ms + LOOK_MS - 1) / LOOK_MS));
}

void guard_enter(void)
{
	atomic_fetch_add_explicit(&step, 1, memory_order_relaxed);
}

void guard_leave(void)
{
	atomic_fetch_add_explicit(&step, 1, memory_order_relaxed);
}
