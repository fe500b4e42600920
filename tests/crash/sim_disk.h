/* A disk that forgets: what was written and not synced may be lost at a power
 * cut, in any part, piece by piece of 512 bytes; writes and syncs may fail. */
#ifndef TESTS_CRASH_SIM_DISK_H
#define TESTS_CRASH_SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/journal.h"
#include "spool/recover.h"
#include "spool/segment.h"

#define SIM_FILES 256

struct sim_disk {
	struct sim_file {
		bool exists, unreadable;
		uint32_t bad;		/* the page there can't be read; 0: none */
		char *seen, *kept;	/* what a read gives; what the platters hold */
		uint32_t size;
		struct sim_piece {
			uint64_t at;
			uint32_t len;
		} *unsynced;
		unsigned n, room;
	} files[SIM_FILES];
	struct journal_job *lane[2];	/* jobs under way */
	uint64_t state;			/* of the dice */
	unsigned writes;
	unsigned fail_one_in;		/* 0: no failures */
	unsigned room_files;		/* no more can be made */
};

uint64_t sim_draw(void *disk);
uint64_t sim_below(struct sim_disk *d, uint64_t n);
void sim_start(void *disk, struct journal_job *job);
/* Does the job: true when it was a write. The journal has to be told. */
bool sim_finish(struct sim_disk *d, struct journal_job *job);
/* The process dies: jobs under way happened in part; what was written can be read. */
void sim_kill(struct sim_disk *d);
/* The power fails. */
void sim_cut(struct sim_disk *d);
void sim_source(struct sim_disk *d, struct disk_source *src);
/* What the platters hold, as if all that was not synced were lost. */
void sim_kept_source(struct sim_disk *d, struct disk_source *src);
void sim_free(struct sim_disk *d);

#endif
