/* Whom a server takes mail for: asked of it where it is not known, and
 * remembered. For domains whose mail is passed on and whose users only that
 * server knows.
 *
 * Pure: `begin` asks a server, what it said comes back by probes_hear. Equal
 * questions are asked once. What the server took once it is believed to take
 * as long as it can't be asked; strangers who guess addresses can't push that
 * out, because what was refused is kept apart. */
#ifndef DELIVERY_PROBE_H
#define DELIVERY_PROBE_H

#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/span.h"
#include "delivery/job.h"
#include "wire/pending.h"

#define PROBE_TAKEN_MS   HOURS(24)	/* a mailbox rarely goes; mail to one that went makes a bounce for a day */
#define PROBE_REFUSED_MS MINUTES(10)	/* who just got a mailbox waits for his mail that long */
#define PROBE_REST_MS    SECONDS(10)	/* a server that could not be asked is left alone that long */
#define PROBE_MAX_MS     SECONDS(60)	/* of one probe; who asked does not wait so long, but the answer is remembered */
#define PROBE_SITE_MAX   64		/* probes of one server that may be under way or wait for a connection */
#define PROBE_ALL_MAX    1024		/* of all servers */
#define PROBE_TAKEN_MAX  50000		/* answers remembered, some 200 bytes each: those used last */
#define PROBE_REFUSED_MAX 10000

struct probe_answer {
	enum wire_address result;	/* ADDRESS_OK, ADDRESS_UNKNOWN, ADDRESS_TEMPORARY */
	struct span enhanced, words;	/* with ADDRESS_UNKNOWN: the server's */
};

struct probes_handlers {
	void (*begin)(void *owner, uint32_t probe, unsigned deliver, struct span address);	/* probes_hear may come from inside */
	void (*cancel)(void *owner, uint32_t probe);	/* it takes too long: probes_hear must come, from inside */
	void (*tell)(void *owner, void *asker, uint32_t ask, const struct probe_answer *answer);
};

struct probe_site {
	int64_t rests_until;
	unsigned n_asked;
};

struct probes {
	const struct probes_handlers *on;
	void *owner;
	struct map by_key;
	struct pending asked;		/* by number */
	struct list asking;		/* the oldest first */
	struct list taken, refused;	/* those used last first */
	unsigned n_taken, n_refused;
	struct probe_site *sites;	/* of each deliver section */
};

void probes_init(struct probes *p, const struct probes_handlers *on, void *owner, unsigned n_deliver);
void probes_fini(struct probes *p);

/* asker and ask come back with the answer, perhaps from inside. address: at most ADDRESS_MAX octets. */
void probes_ask(struct probes *p, int64_t now_ms, void *asker, uint32_t ask, unsigned deliver, struct span address);
/* Whom that probe is about; empty when it is over. */
struct span probes_address(const struct probes *p, uint32_t probe);
void probes_hear(struct probes *p, int64_t now_ms, uint32_t probe, const struct job_outcome *outcome);
/* It left: nothing is told to it any more. */
void probes_forget(struct probes *p, const void *asker);
/* When probes_tick has something to do; INT64_MAX: never. */
int64_t probes_due(const struct probes *p);
void probes_tick(struct probes *p, int64_t now_ms);

#endif
