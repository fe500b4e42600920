/* delivery/maildir: files in folders, once, whole, and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "delivery/maildir_io.h"

#define NOW_MS 1795000000000

/* In the place of the C library's: file systems such as NFS take no flags. */
static bool takes_no_flags;

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	if (takes_no_flags && flags) {
		errno = EINVAL;
		return -1;
	}
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

struct fixture {
	char root[64];
	unsigned n;
};

static int setup(void **state)
{
	static struct fixture f;

	(void)snprintf(f.root, sizeof(f.root), "%s/t_maildir.%d", getenv("TMPDIR") ? getenv("TMPDIR") : P_tmpdir, (int)getpid());
	f.n = 0;
	takes_no_flags = false;
	*state = &f;
	return mkdir(f.root, 0700);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", f->root);
	return system(command);
}

static void drop_set(struct fixture *f, struct drop *d, const char *folder, const struct span *part)
{
	struct msg_id id = { { 0x01, 0x93 } };

	drop_init(d);
	d->prefix = f->root;
	d->folder = folder;
	d->head = SPAN("Return-Path: <>\r\n");
	d->parts = part;
	d->n_parts = 1;
	d->is_last = true;
	maildir_name(d->name, &id, f->n++, "mx.example.org");
}

static void run(struct drop *drops, size_t n)
{
	struct list all;

	list_init(&all);
	for (size_t i = 0; i < n; i++)
		list_add_last(&all, &drops[i].list);
	maildir_batch(&all, NOW_MS);
	while (list_take_first(&all))
		;
}

/* The number of files in a folder; the name of the last. */
static unsigned count(const struct fixture *f, const char *folder, char name[256])
{
	char path[512];
	struct dirent *entry;
	unsigned n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/%s", f->root, folder);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(name, 256, "%s", entry->d_name);
		n++;
	}
	if (dir)
		(void)closedir(dir);
	return n;
}

static void read_file(const struct fixture *f, const char *folder, const char *name, char out[256])
{
	char path[1024];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s/%s", f->root, folder, name);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	n = read(fd, out, 255);
	assert_true(n >= 0);
	out[n] = '\0';
	(void)close(fd);
}

static void t_a_message_is_a_file_in_new(void **state)
{
	struct span part = SPAN("Subject: x\r\n\r\na\rb\r\n.\r\n");
	struct fixture *f = *state;
	char name[256], text[256];
	struct drop d;
	struct stat st;

	drop_set(f, &d, "example.org/anna", &part);
	run(&d, 1);
	assert_int_equal(d.state, DROP_DONE);
	assert_int_equal(count(f, "example.org/anna/tmp", name), 0);
	assert_int_equal(count(f, "example.org/anna/new", name), 1);
	assert_non_null(strstr(name, "R0.mx.example.org,S=34,W=39"));
	read_file(f, "example.org/anna/new", name, text);
	assert_string_equal(text, "Return-Path: <>\nSubject: x\n\na\rb\n.\n");
	(void)snprintf(text, sizeof(text), "%s/example.org/anna/cur", f->root);
	assert_int_equal(stat(text, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void t_a_message_comes_in_pieces(void **state)
{
	static const char whole[] = "Subject: x\r\n\r\na\r\n\r\rb\r\n";
	struct fixture *f = *state;
	char name[256], text[256];
	struct span part = { whole, 0 };
	struct drop d;

	drop_set(f, &d, "anna", &part);
	d.is_last = false;
	for (size_t i = 0; i < sizeof(whole) - 1; i++) {
		part = span_of(whole + i, 1);
		run(&d, 1);
		assert_int_equal(count(f, "anna/new", name), 0);
	}
	part.len = 0;
	d.is_last = true;
	run(&d, 1);
	assert_int_equal(count(f, "anna/new", name), 1);
	read_file(f, "anna/new", name, text);
	assert_string_equal(text, "Return-Path: <>\nSubject: x\n\na\n\r\rb\n");
}

static void t_many_at_once_are_all_there(void **state)
{
	static struct drop drops[1000];
	struct span part = SPAN("x: y\r\n\r\nz\r\n");
	struct fixture *f = *state;
	char name[256];

	for (unsigned i = 0; i < 1000; i++)
		drop_set(f, &drops[i], "anna", &part);
	run(drops, 1000);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(drops[i].state, DROP_DONE);
	assert_int_equal(count(f, "anna/new", name), 1000);
	assert_int_equal(count(f, "anna/tmp", name), 0);
}

static void t_what_is_there_is_not_written_again(void **state)
{
	struct span part = SPAN("x: y\r\n\r\nz\r\n");
	struct fixture *f = *state;
	char name[256], from[1024], to[1024];
	struct drop d;

	for (unsigned i = 0; i < 2; i++) {
		f->n = 0;
		drop_set(f, &d, "anna", &part);
		d.is_in_doubt = i > 0;
		run(&d, 1);
		assert_int_equal(d.state, DROP_DONE);
		assert_int_equal(count(f, "anna/new", name), 1);
	}
	(void)snprintf(from, sizeof(from), "%s/anna/new/%s", f->root, name);
	(void)snprintf(to, sizeof(to), "%s/anna/cur/%s:2,S", f->root, name);
	assert_int_equal(rename(from, to), 0);
	f->n = 0;
	drop_set(f, &d, "anna", &part);
	d.is_in_doubt = true;
	run(&d, 1);
	assert_int_equal(d.state, DROP_DONE);
	assert_int_equal(count(f, "anna/new", name), 0);
	assert_int_equal(count(f, "anna/cur", name), 1);
	f->n = 1;	/* another recipient of the same message */
	drop_set(f, &d, "anna", &part);
	d.is_in_doubt = true;
	run(&d, 1);
	assert_int_equal(count(f, "anna/new", name), 1);
}

static void t_without_doubt_too_nothing_is_overwritten(void **state)
{
	struct span part = SPAN("x: y\r\n\r\nz\r\n");
	struct fixture *f = *state;
	char name[256];
	struct drop d;

	for (unsigned i = 0; i < 2; i++) {
		f->n = 0;
		drop_set(f, &d, "anna", &part);
		run(&d, 1);
		assert_int_equal(d.state, DROP_DONE);
		assert_int_equal(count(f, "anna/new", name), 1);
		assert_int_equal(count(f, "anna/tmp", name), 0);
	}
}

static void t_links_are_not_followed(void **state)
{
	static const char *const links[] = { "anna/new", "anna/tmp", "anna" };
	struct span part = SPAN("x: y\r\n\r\nz\r\n");
	struct fixture *f = *state;
	char path[2048], elsewhere[256], name[256];
	struct drop d;

	(void)snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", f->root);
	assert_int_equal(mkdir(elsewhere, 0700), 0);
	for (unsigned i = 0; i < 3; i++) {
		drop_set(f, &d, "anna", &part);
		(void)snprintf(path, sizeof(path), "rm -rf '%s/anna'", f->root);
		assert_int_equal(system(path), 0);
		(void)snprintf(path, sizeof(path), "%s/anna", f->root);
		assert_true(i == 2 || mkdir(path, 0700) == 0);
		(void)snprintf(path, sizeof(path), "%s/%s", f->root, links[i]);
		assert_int_equal(symlink(elsewhere, path), 0);
		run(&d, 1);
		assert_int_equal(d.state, DROP_FAILED);
		assert_int_equal(d.error, ELOOP);
		assert_int_equal(count(f, "elsewhere", name), 0);
	}
}

static void t_junk_has_its_folder(void **state)
{
	struct span part = SPAN("x: y\r\n\r\nz\r\n");
	struct fixture *f = *state;
	char name[256];
	struct drop d;

	drop_set(f, &d, "anna", &part);
	d.is_junk = true;
	run(&d, 1);
	assert_int_equal(d.state, DROP_DONE);
	assert_int_equal(count(f, "anna/.Junk/new", name), 1);
	read_file(f, "anna/.Junk", "maildirfolder", name);
	assert_string_equal(name, "");
}

static void t_what_is_refused_leaves_nothing(void **state)
{
	struct span part = SPAN("x: y\r\n\r\nz\r\n");
	struct fixture *f = *state;
	char name[256];
	struct drop d;

	drop_set(f, &d, "anna", &part);
	d.is_last = false;
	run(&d, 1);
	assert_int_equal(count(f, "anna/tmp", name), 1);
	d.is_last = true;
	d.is_refused = true;
	run(&d, 1);
	assert_int_not_equal(d.state, DROP_DONE);
	assert_int_equal(count(f, "anna/tmp", name), 0);
	assert_int_equal(count(f, "anna/new", name), 0);
}

/* A spool that died may start again what its last attempt has not given up yet. */
static void t_two_attempts_at_once_do_not_meet(void **state)
{
	struct span part = SPAN("x: y\r\n\r\nz\r\n");
	struct fixture *f = *state;
	struct drop old, again;
	char name[256];

	drop_set(f, &old, "anna", &part);
	old.serial = 1;
	old.is_last = false;
	run(&old, 1);
	drop_set(f, &again, "anna", &part);
	memcpy(again.name, old.name, sizeof(old.name));
	again.serial = 2;
	again.is_last = false;
	run(&again, 1);
	old.is_last = old.is_refused = true;
	run(&old, 1);
	again.is_last = true;
	run(&again, 1);
	assert_int_equal(again.state, DROP_DONE);
	assert_int_equal(count(f, "anna/tmp", name), 0);
	assert_int_equal(count(f, "anna/new", name), 1);
}

static void t_a_full_disk_fails_and_leaves_nothing(void **state)
{
	struct span part = SPAN("x: y\r\n\r\nz\r\n");
	struct fixture *f = *state;
	struct drop d;

	drop_set(f, &d, "anna", &part);
	d.prefix = "/nowhere";
	run(&d, 1);
	assert_int_equal(d.state, DROP_FAILED);
	assert_int_equal(d.error, ENOENT);
	drop_set(f, &d, "anna", &part);
	d.is_last = false;
	run(&d, 1);
	(void)close(d.fd);
	d.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	d.is_last = true;
	run(&d, 1);
	assert_int_equal(d.state, DROP_FAILED);
	assert_int_equal(d.error, ENOSPC);
	{
		char name[256];

		assert_int_equal(count(f, "anna/tmp", name), 0);
		assert_int_equal(count(f, "anna/new", name), 0);
	}
}

/* Once, and never over another, as everywhere. */
static void t_a_file_system_that_renames_without_flags_will_do(void **state)
{
	struct span first = SPAN("x: y\r\n\r\nfirst\r\n"), again = SPAN("x: y\r\n\r\nagain\r\n");
	struct fixture *f = *state;
	char name[256], text[256];
	struct drop d;

	takes_no_flags = true;
	for (unsigned i = 0; i < 2; i++) {
		f->n = 0;
		drop_set(f, &d, "anna", i ? &again : &first);
		run(&d, 1);
		assert_int_equal(d.state, DROP_DONE);
		assert_int_equal(count(f, "anna/tmp", name), 0);
		assert_int_equal(count(f, "anna/new", name), 1);
		read_file(f, "anna/new", name, text);
		assert_non_null(strstr(text, "first"));
	}
}

static void t_old_leftovers_go_young_ones_stay(void **state)
{
	struct timespec old[2] = { { .tv_sec = NOW_MS / 1000 - MAILDIR_TMP_AGE_S - 60 }, { .tv_sec = NOW_MS / 1000 - MAILDIR_TMP_AGE_S - 60 } };
	struct timespec young[2] = { { .tv_sec = NOW_MS / 1000 - 60 }, { .tv_sec = NOW_MS / 1000 - 60 } };
	struct span part = SPAN("x: y\r\n\r\nz\r\n");
	struct fixture *f = *state;
	char path[256], name[256];
	struct drop d;

	for (unsigned i = 0; i < 2; i++) {
		static const char *const parts[] = { "", "/tmp" };

		(void)snprintf(path, sizeof(path), "%s/swept%s", f->root, parts[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/swept/tmp/%s", f->root, i ? "young" : "old");
		(void)close(open(path, O_WRONLY | O_CREAT, 0600));
		assert_int_equal(utimensat(AT_FDCWD, path, i ? young : old, 0), 0);
	}
	drop_set(f, &d, "swept", &part);
	run(&d, 1);
	assert_int_equal(count(f, "swept/tmp", name), 1);
	assert_string_equal(name, "young");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(t_a_message_is_a_file_in_new), TEST(t_a_message_comes_in_pieces), TEST(t_many_at_once_are_all_there),
		TEST(t_what_is_there_is_not_written_again), TEST(t_without_doubt_too_nothing_is_overwritten), TEST(t_links_are_not_followed),
		TEST(t_junk_has_its_folder), TEST(t_what_is_refused_leaves_nothing), TEST(t_two_attempts_at_once_do_not_meet), TEST(t_a_full_disk_fails_and_leaves_nothing),
		TEST(t_old_leftovers_go_young_ones_stay), TEST(t_a_file_system_that_renames_without_flags_will_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
