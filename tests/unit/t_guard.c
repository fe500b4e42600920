/* A step that takes too much of the processor's time ends the process; many that take little do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sysexits.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "verify/guard_io.h"

static int64_t cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void burn(int64_t ms)
{
	int64_t end = cpu_ms() + ms;

	while (cpu_ms() < end)
		;
}

/* The status of a child that does it. */
static int status_of(void (*work)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		guard_start();
		guard_limit(300);
		work();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void one_long_step(void)
{
	guard_enter();
	burn(5000);
	guard_leave();
}

static void many_short_steps(void)
{
	for (unsigned i = 0; i < 30; i++) {
		guard_enter();
		burn(50);
		guard_leave();
	}
}

static void no_step(void)
{
	burn(1500);
}

static void t_a_step_without_an_end_ends_the_process(void **state)
{
	(void)state;
	assert_int_equal(status_of(one_long_step), EX_SOFTWARE);
}

static void t_many_short_steps_and_the_time_between_count_nothing(void **state)
{
	(void)state;
	assert_int_equal(status_of(many_short_steps), 0);
	assert_int_equal(status_of(no_step), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_step_without_an_end_ends_the_process),
		cmocka_unit_test(t_many_short_steps_and_the_time_between_count_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
