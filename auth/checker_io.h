/* Passwords are checked off the loop: each costs some 30 ms of processor and
 * 16 MiB, whether or not there is such a user. The queue is bounded; half of
 * the processors at most work at it, so that sessions and mail go on. */
#ifndef AUTH_CHECKER_IO_H
#define AUTH_CHECKER_IO_H

#include <stdbool.h>

#include "base/span.h"
#include "loop/loop.h"

#define CHECKER_QUEUE_MAX 256	/* a login waits some seconds at most */

/* Before the sandbox: how many threads there will be. */
void checker_set_threads(void);

struct checker;
struct checker *checker_new(struct loop *loop);
void checker_free(struct checker **c);	/* nothing is under way any more */
unsigned checker_busy(const struct checker *c);

struct check;
/* hash: a crypt(5) hash, NULL where there is no such user. NULL when the queue is full. done comes in a later turn, once. */
struct check *checker_ask(struct checker *c, const char *hash, struct span password, void (*done)(void *arg, bool is_right), void *arg);
/* Nobody waits for it any more. */
void check_forget(struct check **check);

#endif
