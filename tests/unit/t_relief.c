/* Chores: done between two turns, and the loop goes on elsewhere while one takes long. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "loop/loop.h"

#define LONG_MS     60	/* and until the loop went on meanwhile, be the machine as busy as it likes */
#define PATIENCE_MS 10000

static struct world {
	struct loop *loop;
	struct chore chore;
	struct deadline tick, start;
	struct turn_end turn;
	pthread_t home;
	atomic_uint inside;		/* callbacks, of which there is one at a time */
	atomic_bool running;		/* the chore */
	atomic_uint n_ticks_meanwhile;
	unsigned chore_ms, n_runs, n_dones, n_wanted, n_ticks, n_elsewhere;
	bool stop_meanwhile, done_before_turn_end, is_random;
} w;

static void sleep_ms(unsigned ms)
{
	struct timespec t = { .tv_nsec = (long)ms * 1000000 };

	nanosleep(&t, NULL);
}

static void enter(void)
{
	assert_int_equal(atomic_fetch_add(&w.inside, 1), 0);
	w.n_elsewhere += !pthread_equal(pthread_self(), w.home);
}

static void leave(void)
{
	assert_int_equal(atomic_fetch_sub(&w.inside, 1), 1);
}

static void wait_for_tick(void)
{
	unsigned before = atomic_load(&w.n_ticks_meanwhile);

	for (unsigned ms = 0; ms < PATIENCE_MS && atomic_load(&w.n_ticks_meanwhile) == before; ms++)
		sleep_ms(1);
}

static void on_run(struct chore *c)
{
	assert_ptr_equal(c, &w.chore);
	atomic_store(&w.running, true);
	if (w.chore_ms == LONG_MS)
		wait_for_tick();
	if (w.chore_ms)
		sleep_ms(w.chore_ms);
	w.n_runs++;
	atomic_store(&w.running, false);
}

static void start_soon(int64_t ms)
{
	deadline_set(w.loop, &w.start, loop_now(w.loop).mono_ms + ms);
}

static void on_done(struct chore *c)
{
	(void)c;
	enter();
	assert_false(atomic_load(&w.running));
	assert_int_equal(++w.n_dones, w.n_runs);
	w.done_before_turn_end = true;
	if (w.n_dones == w.n_wanted)
		loop_stop(w.loop);
	else
		start_soon(0);
	leave();
}

static void on_start(struct deadline *d)
{
	(void)d;
	enter();
	if (w.is_random)
		w.chore_ms = (unsigned)rand() % 14;
	loop_chore(w.loop, &w.chore);
	leave();
}

static void on_tick(struct deadline *d)
{
	enter();
	w.n_ticks++;
	w.n_ticks_meanwhile += atomic_load(&w.running);
	if (w.stop_meanwhile && w.n_ticks_meanwhile)
		loop_stop(w.loop);
	else
		deadline_set(w.loop, d, loop_now(w.loop).mono_ms + 1);
	leave();
}

static void on_turn(struct turn_end *te)
{
	(void)te;
	enter();
	w.done_before_turn_end = false;
	leave();
}

static int world_make(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.loop = loop_new();
	w.home = pthread_self();
	w.chore = (struct chore){ on_run, on_done };
	deadline_init(&w.tick, on_tick);
	deadline_init(&w.start, on_start);
	w.turn.fn = on_turn;
	loop_on_turn_end(w.loop, &w.turn);
	start_soon(0);
	return 0;
}

static int world_end(void **state)
{
	(void)state;
	deadline_clear(w.loop, &w.tick);
	deadline_clear(w.loop, &w.start);
	loop_free(&w.loop);
	return 0;
}

static void ticks_begin(void)
{
	deadline_set(w.loop, &w.tick, loop_now(w.loop).mono_ms + 1);
}

static void t_done_is_called_once_a_chore_and_a_turn_ends_after_it(void **state)
{
	(void)state;
	w.n_wanted = 3000;
	loop_run(w.loop);
	assert_int_equal(w.n_runs, 3000);
	assert_int_equal(w.n_dones, 3000);
	assert_false(w.done_before_turn_end);
}

static void t_the_loop_goes_on_while_a_chore_takes_long(void **state)
{
	(void)state;
	w.n_wanted = 3;
	w.chore_ms = LONG_MS;
	ticks_begin();
	loop_run(w.loop);
	assert_true(pthread_equal(pthread_self(), w.home));
	assert_int_equal(w.n_dones, 3);
	assert_true(w.n_ticks_meanwhile >= 3);
	assert_true(w.n_elsewhere >= 3);
}

static void t_a_loop_stopped_meanwhile_returns_home_and_tells_of_the_chore_later(void **state)
{
	(void)state;
	w.n_wanted = 1;
	w.chore_ms = LONG_MS;
	w.stop_meanwhile = true;
	ticks_begin();
	loop_run(w.loop);
	assert_true(pthread_equal(pthread_self(), w.home));
	assert_int_equal(w.n_runs, 1);
	assert_int_equal(w.n_dones, 0);
	loop_run(w.loop);
	assert_int_equal(w.n_dones, 1);
}

static void t_one_under_way_is_finished_without_its_done(void **state)
{
	(void)state;
	w.chore_ms = LONG_MS;
	w.stop_meanwhile = true;
	ticks_begin();
	loop_run(w.loop);
	loop_chore_finish(w.loop);
	assert_int_equal(w.n_runs, 1);
	assert_int_equal(w.n_dones, 0);
}

static void t_one_not_begun_is_finished_too(void **state)
{
	(void)state;
	loop_chore(w.loop, &w.chore);
	loop_chore_finish(w.loop);
	assert_int_equal(w.n_runs, 1);
	assert_int_equal(w.n_dones, 0);
	deadline_clear(w.loop, &w.start);
}

/* Around the time after which the other takes over, and after it sleeps. */
static void t_callbacks_never_meet(void **state)
{
	(void)state;
	w.n_wanted = 200;
	w.is_random = true;
	ticks_begin();
	loop_run(w.loop);
	assert_int_equal(w.n_dones, 200);
	assert_true(w.n_elsewhere > 0);
	assert_true(pthread_equal(pthread_self(), w.home));
}

static void on_pause(struct deadline *d)
{
	enter();
	if (w.n_dones == 5)
		loop_stop(w.loop);
	else if (!atomic_load(&w.running))
		deadline_set(w.loop, &w.start, loop_now(w.loop).mono_ms);
	deadline_set(w.loop, d, loop_now(w.loop).mono_ms + 2 * LONG_MS);
	leave();
}

static void on_late_done(struct chore *c)
{
	(void)c;
	enter();
	w.n_dones++;
	leave();
}

static void t_who_sleeps_is_woken_by_a_chore_that_takes_long(void **state)
{
	struct deadline pause;

	(void)state;
	w.chore.done = on_late_done;
	w.chore_ms = LONG_MS;
	deadline_clear(w.loop, &w.start);
	deadline_init(&pause, on_pause);
	deadline_set(w.loop, &pause, loop_now(w.loop).mono_ms);
	ticks_begin();
	loop_run(w.loop);
	assert_int_equal(w.n_dones, 5);
	assert_true(w.n_ticks_meanwhile >= 5);
	deadline_clear(w.loop, &pause);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(t_done_is_called_once_a_chore_and_a_turn_ends_after_it),
		TEST(t_the_loop_goes_on_while_a_chore_takes_long),
		TEST(t_a_loop_stopped_meanwhile_returns_home_and_tells_of_the_chore_later),
		TEST(t_one_under_way_is_finished_without_its_done),
		TEST(t_one_not_begun_is_finished_too),
		TEST(t_callbacks_never_meet),
		TEST(t_who_sleeps_is_woken_by_a_chore_that_takes_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
