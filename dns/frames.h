/* Packets on a stream: each behind its length in two bytes (RFC 1035 4.2.2). */
#ifndef DNS_FRAMES_H
#define DNS_FRAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"

#define FRAME_HEAD_LEN 2
#define FRAMES_MAX     ((size_t)2 * (65535 + FRAME_HEAD_LEN))	/* bytes kept: the begin of a packet, and what one read brings */

struct frames {
	struct buf kept;
	size_t given;		/* bytes of the packet that was given last */
};

void frames_init(struct frames *f);
void frames_fini(struct frames *f);
/* PR_FULL when that can't be: nobody may add more before he took what is whole. */
enum pr_err frames_add(struct frames *f, struct span bytes) MUST_USE;
/* Takes the next whole packet, which lasts until the next call; false when there is none. */
bool frames_next(struct frames *f, struct span *packet);

#endif
