/* The channel to spool on one side, jobs on the other: what both roles of
 * delivery have in common, with their life as a process. */
#ifndef DELIVERY_SPOOL_IO_H
#define DELIVERY_SPOOL_IO_H

#include "delivery/job.h"
#include "loop/process.h"

struct spool_io;

struct worker_handlers {
	void (*on_settings)(void *owner, const struct settings *s);
	void (*on_start)(void *owner, struct job *job);
	void (*on_body)(void *owner, struct job *job);
	void (*on_cancel)(void *owner, struct job *job);
	void (*on_drain)(void *owner);	/* keep nothing open that no job needs */
	void (*on_drained_long)(void *owner);	/* end what has not begun to send its message; NULL: all have */
	void (*on_status)(void *owner, struct buf *words);
	void (*on_wire)(void *owner, enum wire_role peer, uint16_t instance, int fd);	/* to others than spool; NULL: there are none */
};

/* Serves until the process ends; returns its exit status. io is set before the first call of on. */
int spool_io_run(struct process *process, const struct worker_handlers *on, void *owner, struct spool_io **io);
struct jobs *spool_io_jobs(struct spool_io *io);

/* The event of an attempt that begins; host: to whom, or the folder's section. */
void spool_io_started(struct spool_io *io, const struct job *job, struct span host);
/* The event of a recipient whom one server put off, when another one is asked. */
void spool_io_put_off(struct spool_io *io, const struct job *job, const struct job_rcpt *rcpt);

#endif
