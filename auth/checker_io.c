#include "auth/checker_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/password.h"

#define THREADS_MAX 4

struct checker {
	struct loop *loop;
	struct password nobody;		/* checked where there is no user: what is made anew would cost another time */
	unsigned n;
};

struct check {
	uv_work_t work;
	struct checker *checker;
	void (*done)(void *arg, bool is_right);
	void *arg;
	bool is_somebody, is_right;
	char hash[PASSWORD_HASH_MAX];
	char *password;
	size_t password_len;
};

void checker_set_threads(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN) / 2;
	char text[16];

	(void)snprintf(text, sizeof(text), "%ld", n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : n);
	(void)setenv("UV_THREADPOOL_SIZE", text, 1);
}

struct checker *checker_new(struct loop *loop)
{
	struct checker *c = mem_new(sizeof(*c));

	c->loop = loop;
	BUG_ON(password_make(SPAN("nobody has this password"), &c->nobody) != PR_OK);
	return c;
}

void checker_free(struct checker **c)
{
	mem_free(*c);
	*c = NULL;
}

unsigned checker_busy(const struct checker *c)
{
	return c->n;
}

/* In a thread of the pool. */
static void run(uv_work_t *work)
{
	struct check *k = work->data;

	k->is_right = password_check(k->hash, span_of(k->password, k->password_len)) && k->is_somebody;
}

static void on_done(uv_work_t *work, int status)
{
	struct check *k = work->data;

	(void)status;
	k->checker->n--;
	mem_wipe(k->password, k->password_len);
	mem_free(k->password);
	if (k->done)
		k->done(k->arg, k->is_right);
	mem_wipe(k, sizeof(*k));
	mem_free(k);
}

struct check *checker_ask(struct checker *c, const char *hash, struct span password, void (*done)(void *arg, bool is_right), void *arg)
{
	struct check *k;

	if (c->n >= CHECKER_QUEUE_MAX)
		return NULL;
	k = mem_new(sizeof(*k));
	k->work.data = k;
	k->checker = c;
	k->done = done;
	k->arg = arg;
	k->is_somebody = hash != NULL;
	(void)snprintf(k->hash, sizeof(k->hash), "%s", hash ? hash : c->nobody.hash);
	k->password = mem_text(password);
	k->password_len = password.len;
	c->n++;
	BUG_ON(uv_queue_work(loop_uv(c->loop), &k->work, run, on_done) != 0);
	return k;
}

void check_forget(struct check **check)
{
	if (*check)
		(*check)->done = NULL;
	*check = NULL;
}
