/* Two threads, of which one has the loop: the one that called loop_run, and
 * the relief. Who has it leaves it lying while it does a chore, and nearly
 * always finds it there afterwards: then nobody was woken. The other looks
 * from time to time, and takes a loop that lies there too long. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"
#include "loop/loop_private.h"

#define LOOK_MS    4	/* between two looks; the loop stands still for at most twice that, longer than a good disk's sync takes */
#define LOOKS_IDLE 4	/* without a chore between them: then it sleeps until there is one */

enum whose {
	LOOP_TAKEN,
	LOOP_LIES,	/* while its thread does a chore */
	LOOP_GOES_HOME	/* it was stopped by the relief: for loop_run's thread alone */
};

struct relief {
	struct loop *loop;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;		/* who has no loop */
	pthread_cond_t came_back;
	atomic_uint whose, n_chores;
	atomic_bool looks;		/* who has no loop does, from time to time */
	bool is_back, ends;		/* the chore whose thread lost the loop is done; the relief is not needed any more */
};

static bool take(struct relief *r, unsigned from)
{
	return atomic_compare_exchange_strong(&r->whose, &from, LOOP_TAKEN);
}

/* ---- who has no loop ---------------------------------------------------------------------- */

static void sleep_a_look(struct relief *r)
{
	int64_t ms = clock_now().mono_ms + LOOK_MS;
	struct timespec until = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)pthread_cond_timedwait(&r->wake, &r->lock, &until);
}

/* Sleeps until there is a chore. One that began before it was known to sleep is seen here, one that begins later wakes it. */
static void sleep_long(struct relief *r)
{
	atomic_store(&r->looks, false);
	if (atomic_load(&r->whose) != LOOP_LIES)
		pthread_cond_wait(&r->wake, &r->lock);
	atomic_store(&r->looks, true);
}

/* True when the same chore was under way at the last look. */
static bool is_late(const struct relief *r, unsigned *seen)
{
	unsigned n = atomic_load(&r->n_chores);
	bool same = n == *seen;

	*seen = n;
	return same && atomic_load(&r->whose) == LOOP_LIES;
}

/* Until it has the loop, or the relief is to end. */
static bool wait_for_loop(struct relief *r, bool is_home)
{
	unsigned seen = atomic_load(&r->n_chores) - 1, before, idle = 0;
	bool has_it = false;

	pthread_mutex_lock(&r->lock);
	while (!has_it && !(r->ends && !is_home)) {
		before = seen;
		if (is_late(r, &seen))
			has_it = take(r, LOOP_LIES);
		else if (is_home && take(r, LOOP_GOES_HOME))
			has_it = true;
		else if ((idle = seen == before ? idle + 1 : 0) < LOOKS_IDLE)
			sleep_a_look(r);
		else
			sleep_long(r);
	}
	pthread_mutex_unlock(&r->lock);
	return has_it;
}

static void *relief_run(void *arg)
{
	struct relief *r = arg;

	while (wait_for_loop(r, false)) {
		if (!loop_drive(r->loop))
			continue;
		pthread_mutex_lock(&r->lock);
		atomic_store(&r->whose, LOOP_GOES_HOME);
		pthread_cond_broadcast(&r->wake);
		pthread_mutex_unlock(&r->lock);
	}
	return NULL;
}

void relief_wait(struct loop *loop)
{
	(void)wait_for_loop(loop->relief, true);
}

/* ---- who has it ---------------------------------------------------------------------------- */

static struct relief *relief_new(struct loop *loop)
{
	struct relief *r = loop->relief = mem_new(sizeof *r);
	pthread_condattr_t monotonic;

	r->loop = loop;
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &monotonic);
	pthread_cond_init(&r->came_back, NULL);
	pthread_condattr_destroy(&monotonic);
	atomic_store(&r->looks, true);
	BUG_ON(pthread_create(&r->thread, NULL, relief_run, r) != 0);
	return r;
}

static void let_it_lie(struct relief *r)
{
	atomic_fetch_add(&r->n_chores, 1);
	atomic_store(&r->whose, LOOP_LIES);
	if (atomic_load(&r->looks))
		return;
	pthread_mutex_lock(&r->lock);
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

static void come_back(struct relief *r)
{
	pthread_mutex_lock(&r->lock);
	r->is_back = true;
	pthread_cond_signal(&r->came_back);
	pthread_mutex_unlock(&r->lock);
	uv_async_send(&r->loop->back);
}

static void chore_done(struct loop *loop)
{
	struct chore *c = loop->chore;

	loop->chore = NULL;
	c->done(c);
}

bool relief_chore(struct loop *loop)
{
	struct relief *r = loop->relief ? loop->relief : relief_new(loop);
	struct chore *c = loop->chore;

	loop->chore_is_due = false;
	let_it_lie(r);
	c->run(c);
	if (!take(r, LOOP_LIES)) {
		come_back(r);
		return false;
	}
	chore_done(loop);
	return true;
}

static bool was_back(struct relief *r)
{
	bool yes;

	pthread_mutex_lock(&r->lock);
	yes = r->is_back;
	r->is_back = false;
	pthread_mutex_unlock(&r->lock);
	return yes;
}

void relief_told(struct loop *loop)
{
	if (loop->relief && was_back(loop->relief))
		chore_done(loop);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void wait_until_back(struct relief *r)
{
	pthread_mutex_lock(&r->lock);
	while (!r->is_back)
		pthread_cond_wait(&r->came_back, &r->lock);
	r->is_back = false;
	pthread_mutex_unlock(&r->lock);
}

void relief_finish(struct loop *loop)
{
	struct chore *c = loop->chore;

	if (c && loop->chore_is_due)
		c->run(c);
	else if (c)
		wait_until_back(loop->relief);
	loop->chore = NULL;
	loop->chore_is_due = false;
}

void relief_free(struct loop *loop)
{
	struct relief *r = loop->relief;

	if (!r)
		return;
	relief_finish(loop);
	pthread_mutex_lock(&r->lock);
	r->ends = true;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->wake);
	pthread_cond_destroy(&r->came_back);
	mem_free(r);
	loop->relief = NULL;
}
