/* A loop that stays awake for what is expected: it takes it at once, and gives up expecting what does not come. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "loop/loop.h"

#define N_ROUNDS    500
#define N_TICKS     100
#define EXPECT_US   5000
#define PATIENCE_US 1000000

static struct world {
	struct loop *loop;
	struct deadline tick;
	struct hunch hunch;
	uv_poll_t poll;
	int ours, theirs;
	unsigned n;
} w;

static int64_t cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static void on_tick(struct deadline *d)
{
	if (++w.n == N_TICKS) {
		loop_stop(w.loop);
		return;
	}
	loop_expect(w.loop, EXPECT_US, &w.hunch);
	deadline_set(w.loop, d, loop_now(w.loop).mono_ms + 1);
}

static void expect_in_vain(void)
{
	w = (struct world){ .loop = loop_new() };
	deadline_init(&w.tick, on_tick);
	deadline_set(w.loop, &w.tick, loop_now(w.loop).mono_ms);
	loop_run(w.loop);
	loop_free(&w.loop);
}

static void t_what_never_comes_is_soon_not_waited_for_awake(void **state)
{
	int64_t before = cpu_us();

	(void)state;
	expect_in_vain();
	assert_int_equal(w.n, N_TICKS);
	assert_true(cpu_us() - before < N_TICKS * EXPECT_US / 4);
}

static void t_with_a_single_core_nobody_waits_awake(void **state)
{
	cpu_set_t before, one;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	expect_in_vain();
	assert_int_equal(w.n, N_TICKS);
	assert_int_equal(w.hunch.pause, 0);	/* never tried, so never wrong */
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

/* ---- somebody who answers ---------------------------------------------------------------- */

static void *echo(void *arg)
{
	char byte;

	(void)arg;
	while (read(w.theirs, &byte, 1) == 1 && write(w.theirs, &byte, 1) == 1)
		;
	return NULL;
}

static void ask(void)
{
	assert_int_equal(write(w.ours, "?", 1), 1);
	loop_expect(w.loop, PATIENCE_US, &w.hunch);
}

static void on_answer(uv_poll_t *poll, int status, int events)
{
	char byte;

	assert_int_equal(status, 0);
	assert_true(events & UV_READABLE);
	assert_int_equal(read(w.ours, &byte, 1), 1);
	if (++w.n < N_ROUNDS) {
		ask();
		return;
	}
	uv_poll_stop(poll);
	loop_stop(w.loop);
}

static void t_what_comes_is_taken_at_once(void **state)
{
	int64_t before, took;
	pthread_t thread;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	w = (struct world){ .loop = loop_new(), .ours = ends[0], .theirs = ends[1] };
	before = loop_now(w.loop).mono_ms;
	assert_int_equal(pthread_create(&thread, NULL, echo, NULL), 0);
	assert_int_equal(uv_poll_init(loop_uv(w.loop), &w.poll, w.ours), 0);
	assert_int_equal(uv_poll_start(&w.poll, UV_READABLE, on_answer), 0);
	ask();
	loop_run(w.loop);
	took = clock_now().mono_ms - before;
	assert_int_equal(w.n, N_ROUNDS);
	assert_true(took < PATIENCE_US / 1000 * N_ROUNDS / 10);
	uv_close((uv_handle_t *)&w.poll, NULL);
	close(ends[0]);
	pthread_join(thread, NULL);
	close(ends[1]);
	loop_free(&w.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_what_never_comes_is_soon_not_waited_for_awake),
		cmocka_unit_test(t_with_a_single_core_nobody_waits_awake),
		cmocka_unit_test(t_what_comes_is_taken_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
