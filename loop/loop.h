/* One event loop a process (libuv). Callbacks translate and feed; at the end
 * of each turn every channel with something to say is flushed.
 *
 * All callbacks run one after the other, but where chores are done not always
 * in the same thread. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdint.h>

#include "base/clock.h"
#include "base/heap.h"
#include "base/hunch.h"
#include "base/list.h"

struct loop;	/* opaque; loop_uv gives libuv's to *_io.c files that need it */
struct uv_loop_s;

struct loop *loop_new(void);
void loop_free(struct loop **loop);
struct uv_loop_s *loop_uv(struct loop *loop);
void loop_run(struct loop *loop);	/* until loop_stop */
void loop_stop(struct loop *loop);

/* The time of this turn: fetched once a turn. */
struct instant loop_now(struct loop *loop);

/* Called at the end of every turn in which something happened, before the process sleeps. */
struct turn_end {
	struct list list;
	void (*fn)(struct turn_end *);
};
void loop_on_turn_end(struct loop *loop, struct turn_end *te);
void loop_off_turn_end(struct turn_end *te);

/* Something will come within some us for which somebody waits: the loop stays awake for it, so that nobody must wake this process.
 * For a process that has nothing else to do; where it did not come of late the loop mostly sleeps, with a single core always.
 * hunch lives as long as the loop, and is told. The last call of a turn counts. */
void loop_expect(struct loop *loop, unsigned us, struct hunch *hunch);

/* Deadlines: never called before their time, and never from inside deadline_set. One heap and one kernel timer for all of a loop. */
struct deadline {
	struct heap_node node;
	void (*fn)(struct deadline *);
};
void deadline_init(struct deadline *d, void (*fn)(struct deadline *));
void deadline_set(struct loop *loop, struct deadline *d, int64_t mono_ms);	/* adds or moves */
void deadline_clear(struct loop *loop, struct deadline *d);

/* Work that blocks, such as a disk's. The thread that runs the loop does it itself as soon as the turn has ended, so that nobody
 * must be woken for it, neither before nor after. Where it takes longer than some milliseconds another thread goes on with the
 * loop meanwhile. One at a time. */
struct chore {
	void (*run)(struct chore *);	/* touches nothing that callbacks touch */
	void (*done)(struct chore *);	/* in the loop */
};
void loop_chore(struct loop *loop, struct chore *c);
/* For the end: waits for the one whose run has begun, does what has not begun. No done is called. */
void loop_chore_finish(struct loop *loop);

#endif
