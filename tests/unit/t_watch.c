/* Files that change: replaced, rewritten, made, removed; and folders where other things happen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/watch_io.h"

#define CERTIFICATE 3
#define TABLE       5

struct world {
	char folder[64];
	struct loop *loop;
	struct watch *watch;
	struct deadline end;
	unsigned n_changed[32];
};

static void put(const struct world *w, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", w->folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void move(const struct world *w, const char *from, const char *to)
{
	char old[128], new[128];

	snprintf(old, sizeof(old), "%s/%s", w->folder, from);
	snprintf(new, sizeof(new), "%s/%s", w->folder, to);
	assert_int_equal(rename(old, new), 0);
}

static void drop(const struct world *w, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", w->folder, name);
	(void)unlink(path);
}

static void on_end(struct deadline *d)
{
	loop_stop(LIST_OWNER(d, struct world, end)->loop);
}

static void run(struct world *w)
{
	memset(w->n_changed, 0, sizeof(w->n_changed));
	deadline_set(w->loop, &w->end, loop_now(w->loop).mono_ms + 3 * WATCH_SETTLE_MS);
	loop_run(w->loop);
}

static void on_changed(void *arg, unsigned kind)
{
	((struct world *)arg)->n_changed[kind]++;
}

static void watch(struct world *w)
{
	char path[128];

	watch_begin(w->watch);
	snprintf(path, sizeof(path), "%s/cert.pem", w->folder);
	watch_file(w->watch, CERTIFICATE, path);
	snprintf(path, sizeof(path), "%s/key.pem", w->folder);
	watch_file(w->watch, CERTIFICATE, path);
	snprintf(path, sizeof(path), "%s/users", w->folder);
	watch_file(w->watch, TABLE, path);
	watch_end(w->watch);
}

static int begin(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	snprintf(w.folder, sizeof(w.folder), "/tmp/t_watch.%ld", (long)getpid());
	assert_int_equal(mkdir(w.folder, 0755), 0);
	put(&w, "cert.pem", "one");
	put(&w, "key.pem", "one");
	w.loop = loop_new();
	deadline_init(&w.end, on_end);
	w.watch = watch_new(w.loop, on_changed, &w);
	watch(&w);
	*state = &w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	watch_free(&w->watch);
	loop_free(&w->loop);
	drop(w, "cert.pem");
	drop(w, "key.pem");
	drop(w, "users");
	drop(w, "other");
	assert_int_equal(rmdir(w->folder), 0);
	return 0;
}

static void t_a_pair_that_is_replaced_is_told_once(void **state)
{
	struct world *w = *state;

	put(w, "next", "two");
	move(w, "next", "cert.pem");
	put(w, "next", "two");
	move(w, "next", "key.pem");
	run(w);
	assert_int_equal(w->n_changed[CERTIFICATE], 1);
	assert_int_equal(w->n_changed[TABLE], 0);
	run(w);
	assert_int_equal(w->n_changed[CERTIFICATE], 0);
}

static void t_a_file_that_was_not_there_and_one_that_goes(void **state)
{
	struct world *w = *state;

	put(w, "users", "anna");
	run(w);
	assert_int_equal(w->n_changed[TABLE], 1);
	drop(w, "users");
	run(w);
	assert_int_equal(w->n_changed[TABLE], 1);
	assert_int_equal(w->n_changed[CERTIFICATE], 0);
}

static void t_what_happens_beside_them_is_nothing(void **state)
{
	struct world *w = *state;

	put(w, "other", "x");
	drop(w, "other");
	run(w);
	assert_int_equal(w->n_changed[CERTIFICATE] + w->n_changed[TABLE], 0);
}

static void t_what_is_not_watched_any_more_is_not_told(void **state)
{
	struct world *w = *state;

	watch_begin(w->watch);
	watch_end(w->watch);
	put(w, "cert.pem", "another");
	run(w);
	assert_int_equal(w->n_changed[CERTIFICATE], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(t_a_pair_that_is_replaced_is_told_once, begin, end),
		cmocka_unit_test_setup_teardown(t_a_file_that_was_not_there_and_one_that_goes, begin, end),
		cmocka_unit_test_setup_teardown(t_what_happens_beside_them_is_nothing, begin, end),
		cmocka_unit_test_setup_teardown(t_what_is_not_watched_any_more_is_not_told, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
