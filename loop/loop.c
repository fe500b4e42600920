#include "loop/loop.h"

#include <sys/mman.h>

#include "base/err.h"
#include "base/mem.h"
#include "loop/loop_private.h"

#define HANDSHAKES_A_TURN 8	/* 8 of 0.6 ms each: what a flood of them may delay everybody else in a turn */
#define TLS_OUT_MAX       (64u << 20)

/* ---- deadlines -------------------------------------------------------------- */

void deadline_init(struct deadline *d, void (*fn)(struct deadline *))
{
	*d = (struct deadline){ .fn = fn };
}

void deadline_set(struct loop *loop, struct deadline *d, int64_t mono_ms)
{
	heap_set(&loop->deadlines, &d->node, mono_ms);
}

void deadline_clear(struct loop *loop, struct deadline *d)
{
	heap_remove(&loop->deadlines, &d->node);
}

/* One that sets itself again at once waits for the next turn. */
static void deadlines_run(struct loop *loop)
{
	int64_t now = loop_now(loop).mono_ms;
	struct heap_node *first;
	struct deadline *d;

	for (size_t n = loop->deadlines.n; n > 0; n--) {
		first = heap_first(&loop->deadlines);
		if (!first || first->at > now)
			return;
		heap_remove(&loop->deadlines, first);
		d = LIST_OWNER(first, struct deadline, node);
		d->fn(d);
	}
}

/* The turn does what is due; it must not sleep before. */
static void on_timer(uv_timer_t *timer)
{
	struct loop *loop = timer->data;

	loop->timer_armed = false;
	loop->timer_came = true;
	uv_stop(&loop->uv);
}

/* A first deadline that moved away leaves the timer alone: it fires once for nothing, which costs less than
 * moving it with each command of each session. */
static void timer_arm(struct loop *loop)
{
	const struct heap_node *first = heap_first(&loop->deadlines);
	int64_t now;

	if (!first || (loop->timer_armed && loop->timer_at <= first->at))
		return;
	now = loop_now(loop).mono_ms;
	uv_update_time(&loop->uv);
	uv_timer_start(&loop->timer, on_timer, first->at > now ? (uint64_t)(first->at - now) : 0, 0);
	loop->timer_armed = true;
	loop->timer_at = first->at;
}

/* ---- the turn ----------------------------------------------------------------- */

struct instant loop_now(struct loop *loop)
{
	if (!loop->now_known) {
		loop->now = clock_now();
		loop->now_known = true;
	}
	return loop->now;
}

void loop_on_turn_end(struct loop *loop, struct turn_end *te)
{
	list_add_last(&loop->turn_ends, &te->list);
}

void loop_off_turn_end(struct turn_end *te)
{
	list_remove(&te->list);
}

/* Each may take itself or any other out, or add one, which runs from the next turn on. */
static void turn_ends_run(struct loop *loop)
{
	struct list todo, *node;
	struct turn_end *te;

	if (list_is_empty(&loop->turn_ends))
		return;
	list_init(&todo);
	list_add_first(&loop->turn_ends, &todo);
	list_remove(&loop->turn_ends);
	while ((node = list_take_first(&todo))) {
		list_add_last(&loop->turn_ends, node);
		te = LIST_OWNER(node, struct turn_end, list);
		te->fn(te);
	}
}

static void turn_end(struct loop *loop)
{
	turn_ends_run(loop);
	channel_flush_dirty(&loop->dirty);
	timer_arm(loop);
	loop->handshakes_left = HANDSHAKES_A_TURN;
	loop->now_known = false;	/* it sleeps now */
}

static void ready_run(struct loop *loop)
{
	struct list todo, *node;
	struct ready *r;

	if (list_is_empty(&loop->ready))
		return;
	list_init(&todo);
	list_add_first(&loop->ready, &todo);
	list_remove(&loop->ready);
	while ((node = list_take_first(&todo))) {
		r = LIST_OWNER(node, struct ready, list);
		r->fn(r);
	}
}

void loop_ready_soon(struct loop *loop, struct ready *r)
{
	if (list_is_empty(&r->list))
		list_add_last(&loop->ready, &r->list);
}

static void turn(struct loop *loop)
{
	bool sleeps = list_is_empty(&loop->ready) && !loop->chore_is_due;

	if (sleeps)
		expect_await(loop);
	uv_run(&loop->uv, sleeps ? UV_RUN_ONCE : UV_RUN_NOWAIT);
	ready_run(loop);
	if (loop->timer_came) {
		loop->timer_came = false;
		deadlines_run(loop);
	}
	turn_end(loop);
}

bool loop_drive(struct loop *loop)
{
	for (;;) {
		if (loop->chore_is_due) {
			if (!relief_chore(loop))
				return false;
			turn_end(loop);
		}
		if (loop->stopped)
			return true;
		turn(loop);
	}
}

void loop_chore(struct loop *loop, struct chore *c)
{
	BUG_ON(loop->chore);
	loop->chore = c;
	loop->chore_is_due = true;
}

void loop_chore_finish(struct loop *loop)
{
	relief_finish(loop);
}

static void on_back(uv_async_t *back)
{
	relief_told(back->data);
}

char *loop_buffer(char **where)
{
	if (*where)
		return *where;
	*where = mmap(NULL, READ_BUFFER_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	BUG_ON(*where == MAP_FAILED);
	return *where;
}

/* ---- life ----------------------------------------------------------------------- */

struct loop *loop_new(void)
{
	struct loop *loop = mem_new(sizeof *loop);

	BUG_ON(uv_loop_init(&loop->uv) != 0);
	uv_timer_init(&loop->uv, &loop->timer);
	uv_async_init(&loop->uv, &loop->back, on_back);
	loop->timer.data = loop->back.data = loop;
	heap_init(&loop->deadlines);
	expect_init(&loop->expectation);
	list_init(&loop->turn_ends);
	list_init(&loop->dirty);
	list_init(&loop->ready);
	packet_pool_init(&loop->pool, loop);
	buf_init(&loop->tls_out, TLS_OUT_MAX);
	loop->handshakes_left = HANDSHAKES_A_TURN;
	return loop;
}

/* Channels and streams were closed by their owners; their handles still end here. */
void loop_free(struct loop **where)
{
	struct loop *loop = *where;

	if (!loop)
		return;
	*where = NULL;
	ready_run(loop);
	relief_free(loop);
	uv_close((uv_handle_t *)&loop->timer, NULL);
	uv_close((uv_handle_t *)&loop->back, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	BUG_ON(uv_loop_close(&loop->uv) != 0);
	packet_pool_fini(&loop->pool);
	heap_fini(&loop->deadlines);
	buf_fini(&loop->tls_out);
	if (loop->cipher_bytes)
		munmap(loop->cipher_bytes, READ_BUFFER_LEN);
	if (loop->plain_bytes)
		munmap(loop->plain_bytes, READ_BUFFER_LEN);
	mem_free(loop);
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

void loop_run(struct loop *loop)
{
	turn_end(loop);		/* of what was said before */
	while (!loop_drive(loop))
		relief_wait(loop);
	loop->stopped = false;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
