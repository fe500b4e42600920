/* The journal on a real folder. `t_disk --restart N` measures a restart with
 * N messages, `t_disk --measure` the writer, in $TMPDIR. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "spool/disk_io.h"
#include "spool/segment.h"

#define MESSAGES 1100000u
#define SMALL    (1u << 20)	/* segments, so that many are used */

struct put {
	struct journal_request request;
	struct span content;
	uint32_t n;
	char brief[24];
};

static struct world {
	char folder[256];
	struct loop *loop;
	struct disk *disk;
	struct place *places, *annexes;	/* of each message */
	unsigned char *found;		/* how often */
	unsigned n_found, n_damaged, n_named, n_waiting, n_acked, n_refused, n_annexes_moved;
	bool recovered, full, stop_at_recovery, loops;
	char aside[DISK_ASIDE_NAME];
	uint32_t len;			/* of a message's content */
	int told;			/* a pipe to the one who will kill us */
	enum pr_err err;
	double acked_at;
	uint64_t read;
	struct deadline timer;
} w;

static double clock_seconds(clockid_t of)
{
	struct timespec t;

	clock_gettime(of, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct msg_id id_of(uint32_t n)
{
	struct msg_id id = { "t_disk" };

	memcpy(id.bytes + 12, &n, sizeof(n));
	return id;
}

static uint32_t number_of(const struct msg_id *id)
{
	uint32_t n;

	memcpy(&n, id->bytes + 12, sizeof(n));
	return n;
}

static char *text_of(uint32_t n, uint32_t len)
{
	char *text = mem_new(len + 32);

	for (uint32_t at = 0; at < len; at += 16)
		snprintf(text + at, 32, "%07u %07u\n", n, at);
	return text;
}

/* ---- the owner -------------------------------------------------------------------------- */

static void on_found(void *owner, const struct journal_found *m)
{
	uint32_t n = number_of(&m->id);

	(void)owner;
	assert_true(n < MESSAGES);
	w.found[n]++;
	w.n_found++;
	w.places[n] = m->place;
	w.annexes[n] = m->annex;
}

static void on_recovered(void *owner, const struct journal_stats *s)
{
	(void)owner;
	(void)s;
	w.recovered = true;
	if (w.stop_at_recovery)
		loop_stop(w.loop);
}

static void on_damaged(void *owner, const struct journal_damage *d)
{
	(void)owner;
	w.n_damaged++;
	w.n_named += disk_set_aside(w.disk, d, w.aside);
}

static bool on_find(void *owner, const struct msg_id *id, struct place *place)
{
	(void)owner;
	*place = w.places[number_of(id)];
	return place->segment != 0;
}

static void on_state(void *owner, const struct msg_id *id, struct span *brief, struct span *state)
{
	(void)owner;
	(void)id;
	*brief = *state = SPAN_NONE;
}

static void on_moved(void *owner, const struct msg_id *id, struct place from, struct place to)
{
	(void)owner;
	if (place_eq(w.places[number_of(id)], from))
		w.places[number_of(id)] = to;
}

static struct place on_annex(void *owner, const struct msg_id *id)
{
	(void)owner;
	return w.places[number_of(id)].segment ? w.annexes[number_of(id)] : (struct place){ 0 };
}

static void on_annex_moved(void *owner, const struct msg_id *id, struct place from, struct place to)
{
	(void)owner;
	if (place_eq(w.annexes[number_of(id)], from)) {
		w.annexes[number_of(id)] = to;
		w.n_annexes_moved++;
	}
}

static void on_full(void *owner, bool full)
{
	(void)owner;
	w.full = full;
}

static const struct journal_owner OWNER = { on_found, on_recovered, on_damaged, on_find, on_state, on_moved, on_annex, on_annex_moved, on_full,
	NULL };

/* ---- opening and closing ------------------------------------------------------------------ */

static const char *try_open(uint32_t segment_size)
{
	struct disk_options o = { .folder = w.folder, .segment_size = segment_size };
	const char *why;

	w.loop = loop_new();
	w.disk = disk_open(w.loop, &o, &OWNER, NULL, &why);
	return why;
}

static void on_stop(struct deadline *timer)
{
	(void)timer;
	loop_stop(w.loop);
}

static void close_disk(void)
{
	disk_close(&w.disk);
	deadline_init(&w.timer, on_stop);
	deadline_set(w.loop, &w.timer, loop_now(w.loop).mono_ms + 1);
	loop_run(w.loop);
	loop_free(&w.loop);
}

static void stop(void *arg)
{
	(void)arg;
	loop_stop(w.loop);
}

static void run_to_idle(void)
{
	disk_when_idle(w.disk, stop, NULL);
	loop_run(w.loop);
}

/* Opened, and all of it found. */
static void open_disk(uint32_t segment_size)
{
	memset(w.found, 0, MESSAGES);
	memset(w.places, 0, MESSAGES * sizeof(*w.places));
	memset(w.annexes, 0, MESSAGES * sizeof(*w.annexes));
	w.n_found = w.n_damaged = 0;
	w.recovered = w.full = false;
	assert_null(try_open(segment_size));
	w.stop_at_recovery = true;
	loop_run(w.loop);
	w.stop_at_recovery = false;
	assert_true(w.recovered);
	run_to_idle();
}

static int make_world(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	w = (struct world){ .len = 2000, .told = -1 };
	w.places = mem_new(MESSAGES * sizeof(*w.places));
	w.annexes = mem_new(MESSAGES * sizeof(*w.annexes));
	w.found = mem_new(MESSAGES);
	snprintf(w.folder, sizeof(w.folder), "%s/t_disk.XXXXXX", tmp ? tmp : "/var/tmp");
	return mkdtemp(w.folder) ? 0 : -1;
}

static int end_world(void **state)
{
	char command[300];

	(void)state;
	mem_free(w.places);
	mem_free(w.annexes);
	mem_free(w.found);
	snprintf(command, sizeof(command), "rm -rf '%s'", w.folder);
	return system(command);
}

/* ---- messages ---------------------------------------------------------------------------------- */

static void tell(uint32_t n)
{
	if (w.told >= 0)
		assert_int_equal(write(w.told, &n, sizeof(n)), sizeof(n));
}

static void on_put(struct journal_request *r, enum pr_err err)
{
	struct put *p = (struct put *)r;

	w.n_waiting--;
	if (err) {
		w.n_refused++;
		w.err = err;
	} else {
		w.n_acked++;
		w.acked_at = clock_seconds(CLOCK_MONOTONIC);
		w.places[p->n] = r->place;
		tell(p->n);
	}
	mem_free((void *)(uintptr_t)p->content.at);
	mem_free(p);
}

static void put_message(uint32_t n)
{
	struct put *p = mem_new(sizeof(*p));
	struct journal_message m = { .id = id_of(n), .envelope = SPAN("envelope"), .size = w.len };

	p->n = n;
	snprintf(p->brief, sizeof(p->brief), "brief of %07u", n);
	m.brief = span_of(p->brief, strlen(p->brief));
	p->content = span_of(text_of(n, w.len), w.len);
	p->request.done = on_put;
	m.content = (struct journal_bytes){ &p->content, 1 };
	w.n_waiting++;
	journal_message(disk_journal(w.disk), &p->request, &m);
}

static void put_messages(uint32_t from, uint32_t to)
{
	while (from < to) {
		for (unsigned i = 0; i < 256 && from < to; i++)
			put_message(from++);
		run_to_idle();
	}
}

static void on_finished(struct journal_request *r, enum pr_err err)
{
	struct put *p = (struct put *)r;

	assert_int_equal(err, PR_OK);
	tell(p->n | 1u << 31);
	w.n_waiting--;
	mem_free(p);
}

static void finish(uint32_t n)
{
	struct put *p = mem_new(sizeof(*p));
	struct msg_id id = id_of(n);

	p->n = n;
	p->request.done = on_finished;
	w.n_waiting++;
	journal_finish(disk_journal(w.disk), &p->request, &id, w.places[n], true);
	w.places[n] = (struct place){ 0 };
}

/* What is in the page cache is read before disk_read returns. */
static void reading_ends(struct disk_reader *r)
{
	disk_reader_close(&r);
	if (w.loops)
		loop_stop(w.loop);
}

static void on_piece(void *owner, struct disk_reader *r, enum pr_err err, struct span bytes)
{
	uint32_t n = *(const uint32_t *)owner;
	char *text;

	w.err = err;
	if (err || !bytes.len) {
		reading_ends(r);
		return;
	}
	text = text_of(n, (uint32_t)bytes.len);
	assert_memory_equal(text, bytes.at, bytes.len);
	mem_free(text);
	w.read += bytes.len;
	disk_reader_next(r);
}

static void on_envelope(void *owner, struct disk_reader *r, enum pr_err err, struct span envelope, uint64_t size)
{
	(void)owner;
	(void)size;
	w.err = err;
	if (err) {
		reading_ends(r);
		return;
	}
	assert_true(span_eq(envelope, SPAN("envelope")));
	disk_reader_next(r);
}

static const struct disk_reader_handlers READER = { on_envelope, on_piece, NULL };

/* The bytes are compared as they come. */
static enum pr_err read_message(uint32_t n)
{
	struct msg_id id = id_of(n);

	w.read = 0;
	if (disk_read(w.disk, &id, w.places[n], &READER, &n)) {
		w.loops = true;
		loop_run(w.loop);
		w.loops = false;
	}
	return w.err;
}

/* ---- fill and restart ---------------------------------------------------------------------------- */

static void t_what_was_stored_is_found_after_a_restart(void **state)
{
	(void)state;
	open_disk(SMALL);
	put_messages(0, 3000);
	assert_int_equal(w.n_acked, 3000);
	for (uint32_t n = 0; n < 3000; n += 3)
		finish(n);
	run_to_idle();
	close_disk();
	for (unsigned again = 0; again < 2; again++) {
		open_disk(SMALL);
		assert_int_equal(w.n_found, 2000);
		assert_int_equal(w.n_damaged, 0);
		for (uint32_t n = 0; n < 3000; n++)
			assert_int_equal(w.found[n], n % 3 != 0);
		for (uint32_t n = 1; n < 3000; n += 100 + n % 2) {
			if (!w.found[n])
				continue;
			assert_int_equal(read_message(n), PR_OK);
			assert_int_equal(w.read, w.len);
		}
		close_disk();
	}
}

static void t_a_spool_has_one_process(void **state)
{
	struct disk_options o = { .folder = w.folder, .segment_size = SMALL };
	const char *why;

	(void)state;
	open_disk(SMALL);
	assert_null(disk_open(w.loop, &o, &OWNER, NULL, &why));
	assert_string_equal(why, "another process has it");
	close_disk();
}

/* ---- annexes ----------------------------------------------------------------------------------------- */

#define ANNEX_LEN(n) (200 + (n) % 7 * 900)

static void on_annex_put(struct journal_request *r, enum pr_err err)
{
	struct put *p = (struct put *)r;

	assert_int_equal(err, PR_OK);
	w.n_waiting--;
	w.annexes[p->n] = r->place;
	mem_free((void *)(uintptr_t)p->content.at);
	mem_free(p);
}

static void put_annex(uint32_t n)
{
	struct put *p = mem_new(sizeof(*p));
	struct msg_id id = id_of(n);

	p->n = n;
	p->content = span_of(text_of(n, ANNEX_LEN(n)), ANNEX_LEN(n));
	p->request.done = on_annex_put;
	w.n_waiting++;
	journal_annex(disk_journal(w.disk), &p->request, &id, p->content, false);
}

static void on_annex_read(void *owner, struct disk_reader *r, enum pr_err err, struct span bytes)
{
	uint32_t n = *(const uint32_t *)owner;
	char *text = text_of(n, ANNEX_LEN(n));

	w.err = err;
	if (!err)
		assert_true(span_eq(bytes, span_of(text, ANNEX_LEN(n))));
	mem_free(text);
	reading_ends(r);
}

static enum pr_err read_annex(uint32_t n)
{
	static const struct disk_reader_handlers handlers = { NULL, NULL, on_annex_read };
	struct msg_id id = id_of(n);

	if (disk_read(w.disk, &id, w.annexes[n], &handlers, &n)) {
		w.loops = true;
		loop_run(w.loop);
		w.loops = false;
	}
	return w.err;
}

/* Their segments are emptied and used again, over restarts too. */
static void t_an_annex_lives_as_long_as_its_message(void **state)
{
	(void)state;
	open_disk(SMALL);
	for (uint32_t from = 0; from < 6000; from += 500) {
		put_messages(from, from + 500);
		for (uint32_t n = from; n < from + 500; n++)
			put_annex(n);
		run_to_idle();
		for (uint32_t n = from; n < from + 500; n++)
			if (n % 50)
				finish(n);
		run_to_idle();
	}
	for (unsigned again = 0; again < 3; again++) {
		for (uint32_t n = 0; n < 6000; n += 50)
			assert_int_equal(read_annex(n), PR_OK);
		close_disk();
		open_disk(SMALL);
		assert_int_equal(w.n_found, 120);
		assert_int_equal(w.n_damaged, 0);
	}
	assert_true(w.n_annexes_moved > 0);
	w.annexes[50].at++;
	assert_int_equal(read_annex(50), PR_BAD);
	w.annexes[50] = w.annexes[100];
	assert_int_equal(read_annex(50), PR_BAD);
	w.annexes[50].segment = 1u << 30;
	assert_int_equal(read_annex(50), PR_NONE);
	run_to_idle();	/* what is damaged is set aside */
	close_disk();
}

/* ---- a message in pieces, whose reader is slow ---------------------------------------------------- */

static struct journal_piece piece;
static struct disk_reader *slow;

static void on_chunk(struct journal_request *r, enum pr_err err)
{
	assert_int_equal(err, PR_OK);
	piece = (struct journal_piece){ r->place, w.len };
}

static void on_whole(struct journal_request *r, enum pr_err err)
{
	assert_int_equal(err, PR_OK);
	w.places[0] = r->place;
}

static void on_slow_envelope(void *owner, struct disk_reader *r, enum pr_err err, struct span envelope, uint64_t size)
{
	(void)owner, (void)envelope, (void)size;
	assert_int_equal(err, PR_OK);
	slow = r;
	loop_stop(w.loop);
}

static const struct disk_reader_handlers SLOW_READER = { on_slow_envelope, on_piece, NULL };

/* Message 0: its chunk in the first segment, its MESSAGE in another one. */
static void put_in_pieces(void)
{
	static struct journal_request chunk, whole;
	struct msg_id id = id_of(0);
	struct span text = span_of(text_of(0, w.len), w.len);
	struct journal_message m = { .id = id, .brief = SPAN("brief"), .envelope = SPAN("envelope"), .chunks = &piece, .n_chunks = 1, .size = w.len };

	chunk = (struct journal_request){ .done = on_chunk };
	whole = (struct journal_request){ .done = on_whole };
	journal_chunk(disk_journal(w.disk), &chunk, &id, (struct journal_bytes){ &text, 1 }, false);
	run_to_idle();
	mem_free((void *)(uintptr_t)text.at);
	put_messages(1, 1000);
	journal_message(disk_journal(w.disk), &whole, &m);
	run_to_idle();
	assert_int_not_equal(w.places[0].segment, piece.place.segment);
}

static void finish_all(uint32_t from, uint32_t to)
{
	for (uint32_t n = from; n < to; n++)
		finish(n);
	run_to_idle();
}

/* Its message was settled, or moved, and what held the piece is free: that is no damage. */
static void t_a_piece_that_left_meanwhile_is_not_damaged(void **state)
{
	struct msg_id id = id_of(0);
	uint32_t file, zero = 0;
	uint64_t mark;

	(void)state;
	open_disk(SMALL);
	put_in_pieces();
	if (!slow)
		(void)disk_read(w.disk, &id, w.places[0], &SLOW_READER, &zero);
	assert_non_null(slow);
	finish_all(0, 1000);
	for (uint32_t n = 1000; journal_pin(disk_journal(w.disk), piece.place.segment, &file, &mark); n += 100) {
		journal_unpin(disk_journal(w.disk), piece.place.segment);
		assert_true(n < 10000);
		put_messages(n, n + 100);
	}
	disk_reader_next(slow);
	assert_int_equal(w.err, PR_NONE);
	assert_int_equal(w.n_damaged, 0);
	run_to_idle();
	close_disk();
}

/* ---- bytes of the files --------------------------------------------------------------------------- */

/* Calls for each segment file, mapped to memory; what is changed there is written back. */
static unsigned each_file(unsigned (*fn)(char *bytes, size_t len, const void *arg), const void *arg)
{
	DIR *dir = opendir(w.folder);
	unsigned sum = 0;

	for (struct dirent *e; (e = readdir(dir));) {
		int fd = openat(dirfd(dir), e->d_name, O_RDWR);
		struct stat st;
		char *bytes;

		if (fd < 0 || !strstr(e->d_name, ".segment") || fstat(fd, &st))
			goto next;
		bytes = mem_new((size_t)st.st_size);
		assert_int_equal(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
		sum += fn(bytes, (size_t)st.st_size, arg);
		assert_int_equal(pwrite(fd, bytes, (size_t)st.st_size, 0), st.st_size);
		mem_free(bytes);
next:
		if (fd >= 0)
			close(fd);
	}
	closedir(dir);
	return sum;
}

static unsigned flip_text(char *bytes, size_t len, const void *text)
{
	char *at = memmem(bytes, len, text, strlen(text));

	if (at)
		at[3] ^= 4;
	return at != NULL;
}

static unsigned count_text(char *bytes, size_t len, const void *text)
{
	unsigned n = 0;

	for (char *at = bytes; (at = memmem(at, len - (size_t)(at - bytes), text, strlen(text))); at++)
		n++;
	return n;
}

static unsigned make_newer(char *bytes, size_t len, const void *arg)
{
	uint32_t version = 7, sum;

	(void)len;
	(void)arg;
	for (unsigned copy = 0; copy < 2; copy++) {
		char *at = bytes + copy * 2048;

		memcpy(at + 8, &version, sizeof(version));
		sum = digest_crc32c(0, at, 508);
		memcpy(at + 508, &sum, sizeof(sum));
	}
	return 1;
}

static void t_a_newer_format_is_refused_with_its_number(void **state)
{
	const char *why;

	(void)state;
	open_disk(SMALL);
	put_messages(0, 10);
	close_disk();
	assert_true(each_file(make_newer, NULL) > 0);
	why = try_open(SMALL);
	assert_non_null(why);
	assert_non_null(strstr(why, "format 7"));
	loop_free(&w.loop);
}

static void t_a_corrupt_record_is_set_aside_and_costs_no_other(void **state)
{
	char path[300], bytes[8192];
	ssize_t len;
	int fd;

	(void)state;
	open_disk(SMALL);
	put_messages(0, 5);
	put_messages(5, 10);	/* tells that the first batch was synced */
	close_disk();
	assert_int_equal(each_file(flip_text, "0000003 0000160"), 1);
	open_disk(SMALL);
	assert_int_equal(w.n_damaged, 1);
	assert_int_equal(w.n_found, 9);
	assert_int_equal(w.found[3], 0);
	for (uint32_t n = 0; n < 10; n++)
		if (n != 3)
			assert_int_equal(read_message(n), PR_OK);
	snprintf(path, sizeof(path), "%s/%s", w.folder, w.aside);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	len = read(fd, bytes, sizeof(bytes));
	close(fd);
	assert_non_null(memmem(bytes, (size_t)len, "0000003 0000320", 15));
	assert_null(memmem(bytes, (size_t)len, "0000004 0000320", 15));
	close_disk();
	assert_int_equal(w.n_named, 1);
	open_disk(SMALL);
	assert_int_equal(w.n_damaged, 1);	/* it still lies there */
	assert_int_equal(w.n_named, 1);		/* and is named once */
	close_disk();
}

static void t_a_bit_that_falls_over_behind_a_table_does_not_leave(void **state)
{
	(void)state;
	open_disk(SMALL);
	put_messages(0, 10);
	close_disk();
	open_disk(SMALL);	/* which writes the table */
	close_disk();
	assert_int_equal(each_file(flip_text, "0000003 0000160"), 1);
	open_disk(SMALL);
	assert_int_equal(w.n_found, 10);
	assert_int_equal(read_message(3), PR_BAD);
	assert_int_equal(w.n_damaged, 1);
	assert_int_equal(read_message(4), PR_OK);
	run_to_idle();
	close_disk();
}

static unsigned break_first_page(char *bytes, size_t len, const void *text)
{
	if (!memmem(bytes, len, text, strlen(text)))
		return 0;
	memset(bytes, 0x55, SEGMENT_PROBE);
	return 1;
}

/* Where nothing says what a file holds, it is not taken for an empty one. */
static void t_a_file_that_tells_nothing_of_itself_is_kept(void **state)
{
	(void)state;
	open_disk(SMALL);
	put_messages(0, 10);
	close_disk();
	assert_int_equal(each_file(break_first_page, "0000003 0000160"), 1);
	for (uint32_t again = 0; again < 2; again++) {
		open_disk(SMALL);
		assert_int_equal(w.n_found, again * 5000);
		assert_int_equal(w.n_damaged, 1);
		assert_int_equal(w.n_named, again + 1);
		assert_non_null(strstr(w.aside, ".segment"));
		put_messages(10 + again * 5000, 10 + (again + 1) * 5000);
		close_disk();
		assert_int_equal(each_file(count_text, "0000003 0000160"), 1);
	}
}

static void forget_cache(void)
{
	DIR *dir = opendir(w.folder);

	for (struct dirent *e; (e = readdir(dir));) {
		int fd = openat(dirfd(dir), e->d_name, O_RDONLY);

		if (fd >= 0) {
			assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
			close(fd);
		}
	}
	closedir(dir);
}

/* Short ones, and one that is longer than what is read ahead. */
static void t_what_is_not_in_the_page_cache_is_read_as_well(void **state)
{
	(void)state;
	open_disk(SMALL);
	put_messages(0, 20);
	w.len = 100000;
	put_messages(20, 22);
	for (unsigned round = 0; round < 2; round++) {
		for (uint32_t n = 0; n < 22; n++) {
			if (round == 0)
				forget_cache();
			assert_int_equal(read_message(n), PR_OK);
			assert_int_equal(w.read, n < 20 ? 2000 : 100000);
		}
	}
	run_to_idle();
	close_disk();
}

/* Pages of the segments that are in memory behind the last one that was written. */
static size_t pages_of_empty_room(void)
{
	DIR *dir = opendir(w.folder);
	size_t n = 0;

	for (struct dirent *e; (e = readdir(dir));) {
		int fd = strstr(e->d_name, ".segment") ? openat(dirfd(dir), e->d_name, O_RDONLY) : -1;
		size_t len = fd >= 0 ? (size_t)lseek(fd, 0, SEEK_END) : 0, pages = len / SEGMENT_PAGE;
		unsigned char *is_there = mem_new(pages + 1);
		char *bytes;

		if (fd < 0)
			goto next;
		bytes = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
		assert_true(bytes != MAP_FAILED);
		assert_int_equal(mincore(bytes, len, is_there), 0);
		for (size_t p = pages; p-- > 0 && !(is_there[p] & 1 && *(uint64_t *)(void *)(bytes + p * SEGMENT_PAGE));)
			n += is_there[p] & 1;
		munmap(bytes, len);
		close(fd);
next:
		mem_free(is_there);
	}
	closedir(dir);
	return n;
}

/* Mail that is read as soon as it is written looks to the kernel like a file that is read from its beginning to its end. */
static void t_room_that_holds_nothing_yet_is_not_read_ahead(void **state)
{
	(void)state;
	open_disk(16 * SMALL);
	if (pages_of_empty_room() > 64) {
		close_disk();
		skip();		/* a file system in memory */
	}
	w.len = 10000;
	for (uint32_t n = 0; n < 200; n++) {
		put_messages(n, n + 1);
		assert_int_equal(read_message(n), PR_OK);
	}
	assert_in_range(pages_of_empty_room(), 0, 16);
	run_to_idle();
	close_disk();
}

static void on_erased(void *arg, enum pr_err err)
{
	(void)arg;
	assert_int_equal(err, PR_OK);
	loop_stop(w.loop);
}

static void t_erasing_reaches_what_compaction_left_behind(void **state)
{
	struct journal_stats stats;
	struct msg_id id = id_of(0);

	(void)state;
	open_disk(SMALL);
	put_messages(0, 1);
	disk_min_free(w.disk, UINT64_MAX / 2);	/* no more files: what lives must be moved */
	w.n_acked = 0;
	for (uint32_t n = 1, round = 0; round < 40; round++, n += 200) {
		put_messages(n, n + 200);
		for (uint32_t i = n; i < n + 200; i++)
			if (w.places[i].segment)
				finish(i);
		run_to_idle();
		journal_stats(disk_journal(w.disk), &stats);
		if (stats.compacted)
			break;
	}
	assert_true(stats.compacted > 0);
	assert_int_equal(read_message(0), PR_OK);
	assert_true(each_file(count_text, "0000000 0000160") > 1);
	assert_true(each_file(count_text, "brief of 0000000") > 1);
	finish(0);
	run_to_idle();
	disk_erase(w.disk, &id, on_erased, NULL);
	loop_run(w.loop);
	run_to_idle();
	close_disk();
	assert_int_equal(each_file(count_text, "0000000 0000160"), 0);
	assert_int_equal(each_file(count_text, "brief of 0000000"), 0);
	assert_true(each_file(count_text, "brief of 0000001") > 0);
	open_disk(SMALL);
	assert_int_equal(w.n_found, 0);
	assert_int_equal(w.n_damaged, 0);
	close_disk();
}

static void t_erasing_many_reads_the_files_once_for_all(void **state)
{
	unsigned n_left = 0;

	(void)state;
	open_disk(SMALL);
	put_messages(0, 1000);
	for (uint32_t n = 0; n < 1000; n++)
		if (n % 10)
			finish(n);
	run_to_idle();
	for (uint32_t n = 0; n < 1000; n++) {
		struct msg_id id = id_of(n);

		if (n % 10)
			disk_erase(w.disk, &id, NULL, NULL);
	}
	run_to_idle();
	close_disk();
	for (uint32_t n = 0; n < 1000; n++) {
		char brief[24];

		snprintf(brief, sizeof(brief), "brief of %07u", n);
		n_left += each_file(count_text, brief) > 0;
		if (n == 109)
			n = 989;
	}
	assert_int_equal(n_left, 12);
	open_disk(SMALL);
	assert_int_equal(w.n_found, 100);
	assert_int_equal(w.n_damaged, 0);
	assert_int_equal(read_message(990), PR_OK);
	close_disk();
}

/* ---- a disk that is full ----------------------------------------------------------------------------- */

static void fill_small_disk(void)
{
	uint32_t n = 0;

	open_disk(SMALL);
	w.len = 20000;
	for (; n < 5000 && !w.n_refused; n += 16) {
		for (uint32_t i = 0; i < 16; i++)
			put_message(n + i);
		run_to_idle();
	}
	assert_int_equal(w.err, PR_FULL);
	assert_true(w.full);
	assert_false(journal_takes_mail(disk_journal(w.disk)));
	/* What is queued leaves, and new mail is taken again. */
	for (uint32_t i = 0; i < n; i++)
		if (w.places[i].segment)
			finish(i);
	for (unsigned i = 0; i < 100 && w.full; i++)
		run_to_idle();
	assert_false(w.full);
	w.n_refused = 0;
	w.n_acked = 0;
	put_messages(n, n + 50);
	assert_int_equal(w.n_acked, 50);
	close_disk();
	open_disk(SMALL);
	assert_int_equal(w.n_found, 50);
	close_disk();
}

static void t_a_full_disk_refuses_new_mail_and_lets_the_queue_leave(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (getuid() != 0) {
		print_message("# not looked at: only root can mount a small disk\n");
		return;
	}
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("t_disk", w.folder, "tmpfs", 0, "size=12m"))
			_exit(77);
		fill_small_disk();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("# not looked at: no small disk could be mounted\n");
		return;
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- killed under load ---------------------------------------------------------------------------------- */

static uint32_t next_n;

/* Messages come and, two of three, leave. */
static void on_load(struct deadline *timer)
{
	static uint32_t next_finish;
	unsigned finished = 0;

	while (w.n_waiting < 64)
		put_message(next_n++);
	for (; next_finish < next_n && finished < 64; next_finish++) {
		if (next_finish % 3 == 0 || !w.places[next_finish].segment)
			continue;
		finish(next_finish);
		finished++;
	}
	deadline_set(w.loop, timer, loop_now(w.loop).mono_ms + 1);
}

static void load(int told, uint32_t from)
{
	next_n = from;
	/* What the life before knew says nothing: a message is there when recovery has told of it. */
	memset(w.places, 0, MESSAGES * sizeof(*w.places));
	assert_null(try_open(SMALL));
	w.told = told;
	deadline_init(&w.timer, on_load);
	deadline_set(w.loop, &w.timer, 0);
	loop_run(w.loop);
}

enum { ACKED = 1, FINISHED = 2 };

static pid_t start_load(uint32_t from, int *told)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		load(ends[1], from);
		_exit(1);
	}
	close(ends[1]);
	*told = ends[0];
	return pid;
}

/* What the other life was told, until so many words came or the time is over. */
struct ledger {
	unsigned char *of;	/* each message: ACKED, FINISHED */
	uint32_t highest, n_words;
};

static void take_told(struct ledger *l, int told, uint32_t n_words, double until)
{
	struct pollfd p = { .fd = told, .events = POLLIN };
	double left;
	uint32_t n;

	while (n_words-- && (left = until - clock_seconds(CLOCK_MONOTONIC)) > 0) {
		if (poll(&p, 1, left > 10 ? 10000 : (int)(left * 1000) + 1) != 1 || read(told, &n, sizeof(n)) != sizeof(n))
			return;
		l->of[n & ~(1u << 31)] |= n >> 31 ? FINISHED : ACKED;
		l->n_words++;
		if ((n & ~(1u << 31)) > l->highest)
			l->highest = n & ~(1u << 31);
	}
}

/* Ends a life after so many words (a disk may be slow: at most so many seconds), and hears the rest of what it said. */
static void live_and_die(struct ledger *l, uint32_t from, uint32_t n_words, double seconds)
{
	int told;
	pid_t pid = start_load(from, &told);

	take_told(l, told, n_words, clock_seconds(CLOCK_MONOTONIC) + seconds);
	kill(pid, SIGKILL);
	take_told(l, told, UINT32_MAX, clock_seconds(CLOCK_MONOTONIC) + 60);
	close(told);
	waitpid(pid, NULL, 0);
}

static void check_message(struct ledger *l, uint32_t n)
{
	assert_true(w.found[n] <= 1);
	if (l->of[n] & FINISHED && w.found[n])
		fail_msg("message %u was finished and is back", n);
	if (l->of[n] == ACKED && n % 3 == 0 && !w.found[n])
		fail_msg("message %u is lost", n);
	if (w.found[n] && n % 50 == 0)
		assert_int_equal(read_message(n), PR_OK);
	/* Found or not, it is so from here on: a finish that was not acknowledged may have been written. */
	l->of[n] = w.found[n] ? l->of[n] : l->of[n] ? FINISHED : 0;
}

static void t_no_kill_under_load_loses_or_doubles(void **state)
{
	struct ledger l = { .of = mem_new(MESSAGES) };

	(void)state;
	srand(1);
	for (unsigned round = 0; round < 20; round++) {
		/* One of four dies young: while it recovers, or soon after. */
		if (round % 4 == 3)
			live_and_die(&l, l.highest + 1000, UINT32_MAX, rand() % 40 / 1000.0);
		else
			live_and_die(&l, l.highest + 1000, 1 + (uint32_t)rand() % 12000, 2);
		open_disk(SMALL);
		assert_int_equal(w.n_damaged, 0);
		for (uint32_t n = 0; n < l.highest + 1000; n++)
			check_message(&l, n);
		close_disk();
	}
	print_message("# %u words in 20 lives\n", l.n_words);
	assert_true(l.n_words > 100);
	mem_free(l.of);
}

static void t_a_copy_taken_while_running_recovers(void **state)
{
	struct ledger l = { .of = mem_new(MESSAGES) };
	char command[1024];
	int told;
	pid_t pid = start_load(0, &told);

	(void)state;
	take_told(&l, told, 6000, clock_seconds(CLOCK_MONOTONIC) + 5);
	snprintf(command, sizeof(command), "mkdir '%s/copy' && cp '%s'/*.segment '%s/copy/'", w.folder, w.folder, w.folder);
	assert_int_equal(system(command), 0);
	kill(pid, SIGKILL);
	close(told);
	waitpid(pid, NULL, 0);
	strcat(w.folder, "/copy");
	open_disk(SMALL);	/* what came while it was copied may be there in part, and is named as damaged */
	for (uint32_t n = 0; n <= l.highest; n += 3)
		if (l.of[n] == ACKED)
			assert_int_equal(w.found[n], 1);
	for (uint32_t n = 0; n <= l.highest; n++)
		if (w.found[n])
			assert_int_equal(read_message(n), PR_OK);
	close_disk();
	w.folder[strlen(w.folder) - 5] = 0;
	mem_free(l.of);
}

/* ---- a restart with many ------------------------------------------------------------------------------------ */

static void restart_with(uint32_t n)
{
	double from;

	w.len = 1000;
	open_disk(0);
	put_messages(0, n);
	close_disk();
	memset(w.found, 0, MESSAGES);
	w.n_found = w.n_acked = 0;
	w.recovered = false;
	from = clock_seconds(CLOCK_MONOTONIC);
	assert_null(try_open(0));
	put_message(n);
	run_to_idle();
	print_message("# restart with %u messages: one more accepted after %.0f ms, all found after %.0f ms\n", n, (w.acked_at - from) * 1e3,
	    (clock_seconds(CLOCK_MONOTONIC) - from) * 1e3);
	assert_int_equal(w.n_acked, 1);
	assert_true(w.acked_at - from < 1.0);
	assert_int_equal(w.n_found, n);
	close_disk();
}

/* ---- measures ------------------------------------------------------------------------------------------------- */

#define LATENCIES 500u

struct gauge {
	struct journal_request request;
	struct msg_id id;
	struct place place;
};

static struct gauge gauges[64];
static struct span gauge_content;
static unsigned group, groups_left, group_waiting;

static void put_gauge(struct gauge *g);

static void on_gauge_finished(struct journal_request *r, enum pr_err err)
{
	(void)err;
	mem_free(r);
}

static void on_gauge(struct journal_request *r, enum pr_err err)
{
	struct gauge *g = (struct gauge *)r;
	struct journal_request *end = mem_new(sizeof(*end));

	assert_int_equal(err, PR_OK);
	end->done = on_gauge_finished;
	journal_finish(disk_journal(w.disk), end, &g->id, r->place, false);
	if (--group_waiting)
		return;
	if (!groups_left) {
		loop_stop(w.loop);
		return;
	}
	groups_left--;
	for (unsigned i = 0; i < group; i++)
		put_gauge(&gauges[i]);
}

static void put_gauge(struct gauge *g)
{
	static uint32_t n;
	struct journal_message m = { .id = id_of(n++ % MESSAGES), .envelope = SPAN("envelope"), .size = gauge_content.len,
		.content = { &gauge_content, 1 } };

	g->id = m.id;
	g->request.done = on_gauge;
	group_waiting++;
	journal_message(disk_journal(w.disk), &g->request, &m);
}

static void on_stop_not(struct deadline *timer)
{
	(void)timer;
}

static double us_of(const struct timeval *a, const struct timeval *b)
{
	return (double)(b->tv_sec - a->tv_sec) * 1e6 + (double)(b->tv_usec - a->tv_usec);
}

/* which: 1 user, 2 system, 3 both */
static double cpu_us(const struct rusage *a, const struct rusage *b, unsigned which)
{
	return (which & 1 ? us_of(&a->ru_utime, &b->ru_utime) : 0) + (which & 2 ? us_of(&a->ru_stime, &b->ru_stime) : 0);
}

static void measure_groups(unsigned of, unsigned n)
{
	struct rusage before, after;
	double from, took;

	group = of;
	groups_left = n;
	getrusage(RUSAGE_SELF, &before);
	from = clock_seconds(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < of; i++)
		put_gauge(&gauges[i]);
	deadline_init(&w.timer, on_stop_not);
	deadline_set(w.loop, &w.timer, loop_now(w.loop).mono_ms);
	loop_run(w.loop);
	took = clock_seconds(CLOCK_MONOTONIC) - from;
	getrusage(RUSAGE_SELF, &after);
	print_message("# groups of %u: %.0f messages a second, %.1f us of CPU each (user %.1f, system %.1f), %.1f us a group\n", of,
	    n * of / took, cpu_us(&before, &after, 3) / (n * of), cpu_us(&before, &after, 1) / (n * of), cpu_us(&before, &after, 2) / (n * of),
	    took / n * 1e6);
}

static int later(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *of, unsigned n)
{
	qsort(of, n, sizeof(*of), later);
	return of[n / 2];
}

/* What a group of one writes, and nothing around it. */
static double bare_sync(int fd, unsigned n)
{
	static char bytes[12288];
	double from = clock_seconds(CLOCK_MONOTONIC);

	bytes[0]++;
	assert_int_equal(pwrite(fd, bytes, sizeof(bytes), (off_t)(n * sizeof(bytes))), sizeof(bytes));
	assert_int_equal(fdatasync(fd), 0);
	return clock_seconds(CLOCK_MONOTONIC) - from;
}

static double one_message(void)
{
	double from = clock_seconds(CLOCK_MONOTONIC);

	group = 1;
	put_gauge(&gauges[0]);
	deadline_set(w.loop, &w.timer, 0);
	loop_run(w.loop);
	assert_int_equal(group_waiting, 0);
	return clock_seconds(CLOCK_MONOTONIC) - from;
}

/* In turn, so that who else uses the machine is the same for both. */
static void measure_latency(void)
{
	static double ones[LATENCIES], bare[LATENCIES];
	char path[300];
	double one, sync;
	int fd;

	snprintf(path, sizeof(path), "%s/bare", w.folder);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	for (unsigned i = 0; i < LATENCIES; i++)
		(void)bare_sync(fd, i);
	for (unsigned i = 0; i < LATENCIES; i++) {
		bare[i] = bare_sync(fd, i);
		ones[i] = one_message();
	}
	close(fd);
	one = median(ones, LATENCIES);
	sync = median(bare, LATENCIES);
	print_message("# one at a time: median %.1f us, a bare fdatasync %.1f us, ratio %.2f; the fastest tenth %.1f and %.1f us\n", one * 1e6,
	    sync * 1e6, one / sync, ones[LATENCIES / 10] * 1e6, bare[LATENCIES / 10] * 1e6);
}

static void measure(void)
{
	char *text = text_of(0, 10240);

	gauge_content = span_of(text, 10240);
	open_disk(0);
	measure_groups(64, 500);	/* makes the segments */
	measure_groups(64, 2000);
	for (unsigned i = 0; i < 5; i++)
		measure_latency();
	run_to_idle();
	close_disk();
	mem_free(text);
}

static void t_a_restart_with_a_long_queue_accepts_at_once(void **state)
{
	(void)state;
	restart_with(50000);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(t_what_was_stored_is_found_after_a_restart, make_world, end_world),
		cmocka_unit_test_setup_teardown(t_an_annex_lives_as_long_as_its_message, make_world, end_world),
		cmocka_unit_test_setup_teardown(t_a_piece_that_left_meanwhile_is_not_damaged, make_world, end_world),
		cmocka_unit_test_setup_teardown(t_a_spool_has_one_process, make_world, end_world),
		cmocka_unit_test_setup_teardown(t_a_newer_format_is_refused_with_its_number, make_world, end_world),
		cmocka_unit_test_setup_teardown(t_a_corrupt_record_is_set_aside_and_costs_no_other, make_world, end_world),
		cmocka_unit_test_setup_teardown(t_a_file_that_tells_nothing_of_itself_is_kept, make_world, end_world),
		cmocka_unit_test_setup_teardown(t_a_bit_that_falls_over_behind_a_table_does_not_leave, make_world, end_world),
		cmocka_unit_test_setup_teardown(t_what_is_not_in_the_page_cache_is_read_as_well, make_world, end_world),
		cmocka_unit_test_setup_teardown(t_room_that_holds_nothing_yet_is_not_read_ahead, make_world, end_world),
		cmocka_unit_test_setup_teardown(t_erasing_reaches_what_compaction_left_behind, make_world, end_world),
		cmocka_unit_test_setup_teardown(t_erasing_many_reads_the_files_once_for_all, make_world, end_world),
		cmocka_unit_test_setup_teardown(t_a_full_disk_refuses_new_mail_and_lets_the_queue_leave, make_world, end_world),
		cmocka_unit_test_setup_teardown(t_no_kill_under_load_loses_or_doubles, make_world, end_world),
		cmocka_unit_test_setup_teardown(t_a_copy_taken_while_running_recovers, make_world, end_world),
		cmocka_unit_test_setup_teardown(t_a_restart_with_a_long_queue_accepts_at_once, make_world, end_world),
	};

	if (argc == 3 && !strcmp(argv[1], "--restart")) {
		make_world(NULL);
		restart_with((uint32_t)strtoul(argv[2], NULL, 10));
		return end_world(NULL);
	}
	if (argc == 2 && !strcmp(argv[1], "--measure")) {
		make_world(NULL);
		measure();
		return end_world(NULL);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
