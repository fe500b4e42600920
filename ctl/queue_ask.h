/* A question to spool about its queue, and the rows that come back. */
#ifndef CTL_QUEUE_ASK_H
#define CTL_QUEUE_ASK_H

#include <stdint.h>

#include "base/span.h"
#include "ctl/client.h"
#include "ctl/command.h"

/* What comes back. Any may be NULL. on_message is called before its recipients; a last time with NULL. */
struct queue_rows {
	void (*on_message)(void *arg, const struct wire_queue_message *m);
	void (*on_recipient)(void *arg, const struct wire_queue_recipient *r);
	void (*on_part)(void *arg, struct span bytes);
	void *arg;
	uint32_t count;		/* as spool told */
	bool has_words;		/* it told, and said, more than that */
	uint32_t heard;		/* rows since more were asked for */
};

/* By the master's introduction. 0, or the exit code to end with, which was explained. */
int queue_open(const struct call *call, struct client *c);
/* Its exit code; its words were told. */
int queue_ask(struct client *c, enum wire_queue action, struct span filter, struct queue_rows *rows);

#endif
