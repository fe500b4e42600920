/* Lines on their way to standard error: a bounded buffer, so that a slow or
 * dead reader of the log never slows mail. What finds no room is counted, and
 * the count is told in a line of its own as soon as there is room again. */
#ifndef EVENTS_OUTPUT_H
#define EVENTS_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

#define OUTPUT_MAX ((size_t)1 << 20)	/* some 5,000 lines: a second of a busy server */

struct output {
	struct buf lines;
	struct buf line;	/* one that is being made */
	uint64_t lost;		/* lines, not yet told */
	uint64_t lost_ever;
	bool json;
};

void output_init(struct output *o);
void output_fini(struct output *o);
/* An event as a line of the program that said it. */
void output_event(struct output *o, struct span event, const char *program);
/* So many events found no room on their way to us, or so many lines here. */
void output_lost(struct output *o, uint64_t n);
/* What is to be written now, after what was lost is told if it can be; wrote bytes went. */
struct span output_pending(struct output *o, int64_t wall_ms);
void output_wrote(struct output *o, size_t n);
/* The reader is gone for good: what waits is lost. */
void output_drop(struct output *o);

#endif
