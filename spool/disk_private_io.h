/* What the disk's files share; nobody else includes it. */
#ifndef SPOOL_DISK_PRIVATE_IO_H
#define SPOOL_DISK_PRIVATE_IO_H

#include <pthread.h>
#include <uv.h>

#include "spool/disk_io.h"
#include "spool/recover.h"

struct task {
	struct task *next;
	void (*run)(struct task *);	/* in the thread */
	void (*done)(struct task *);	/* in the loop */
	struct disk *disk;
};

struct lane {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct task *first, **last;
	struct disk *disk;
	bool ends, runs;
};

struct disk {
	struct loop *loop;
	struct journal *journal;
	int folder, lock;
	struct disk_files {
		pthread_mutex_t lock;
		int *fds;
		uint32_t n;
	} files;
	uint64_t min_free;
	uint32_t segment_size;
	struct lane keeper, reader;
	struct chore writing;
	struct journal_job *written;	/* by it */
	struct task keeping;		/* on the keeper's lane */
	struct journal_job *kept;
	pthread_mutex_t done_lock;
	struct task *done, **done_last;
	uv_async_t wake;
	struct turn_end turn;
	struct deadline due;
	struct eraser *eraser;		/* NULL until something is to be erased */
	struct task recovering;
	struct recovery *recovery;
	bool recovers;
	unsigned under_way;		/* tasks not yet done */
	void (*on_idle)(void *);
	void *on_idle_arg;
};

enum reading { READ_HEAD, READ_META, READ_CONTENT, READ_PIECE, READ_ANNEX };

struct disk_reader {
	struct task task;
	struct disk *disk;
	const struct disk_reader_handlers *handlers;
	void *owner;
	struct msg_id id;
	struct place place;
	struct record head;
	struct message_view view;
	enum reading what;
	uint32_t pinned[2];		/* of the MESSAGE; of the piece in hand */
	uint32_t file;
	uint64_t mark;
	char *ahead;			/* of the MESSAGE, from its head on: what one call brought of it */
	size_t ahead_len;
	char *meta, *bytes;		/* what was not there, read by itself; bytes: of the piece in hand */
	const char *got;		/* what was fetched last */
	char *into;
	uint64_t at;
	size_t len;
	unsigned next_piece;
	bool content_given, under_way, closed;
	unsigned busy;			/* calls inside which it may be closed, not freed */
	int error;
};

/* lanes_io.c */
void lane_begin(struct lane *l, struct disk *d);
void lane_put(struct lane *l, struct task *t);
void lane_end(struct lane *l);
void lanes_finish(struct disk *d);	/* tells what the threads have done; in the loop */

/* erase_io.c */
void eraser_free(struct eraser **e);

/* files_io.c: for any thread */
int file_fd(struct disk *d, uint32_t file);
int file_read(void *disk, uint32_t file, uint64_t at, void *into, size_t len);
int file_rewrite(void *disk, uint32_t file, uint64_t at, const void *bytes, size_t len);	/* and syncs */
int file_write(struct disk *d, struct journal_job *job);
int file_make(struct disk *d, uint32_t file, uint64_t len);
void file_remove(struct disk *d, uint32_t file);
void file_note(struct disk *d, uint32_t file, int fd);
uint64_t file_size(struct disk *d, uint32_t file);	/* 0: there is none */
uint32_t files_count(struct disk *d);		/* no file has this number or a higher one */
void file_name(char name[32], uint32_t file);
void files_close(struct disk *d);
void source_of(struct disk *d, struct disk_source *src);

#endif
