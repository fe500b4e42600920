/* Probes on one side; on the other the workers of smtpd that ask for them,
 * and connections to servers, few and of their own, so that mail and probes
 * do not wait for each other. */
#ifndef DELIVERY_PROBE_IO_H
#define DELIVERY_PROBE_IO_H

#include "delivery/pool_io.h"
#include "delivery/probe.h"

struct probe_io;

/* Options are copied, but io and the ceilings: these are its own. What they point at, ways and settings are borrowed. */
struct probe_io *probe_io_new(struct process *process, const struct ways *ways, const struct pools_options *options);
void probe_io_free(struct probe_io **io);
/* Takes fd, a channel to a worker of smtpd. */
void probe_io_wire_take(struct probe_io *io, uint16_t instance, int fd);
unsigned probe_io_asked(const struct probe_io *io);	/* under way */

#endif
