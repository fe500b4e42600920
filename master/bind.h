/* The listening sockets: one an address (or runtime/submit, of a local listener), opened once, shared by all workers
 * of all generations, and not closed as long as the address is configured, so
 * that a reload refuses no connection. */
#ifndef MASTER_BIND_H
#define MASTER_BIND_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/err.h"
#include "wire/settings.h"

#define BIND_BACKLOG 4096	/* what Linux allows by itself (somaxconn) */
#define BIND_MAX     1024

struct bound {
	struct sockaddr_storage address;
	socklen_t address_len;
	uint16_t listen;	/* index in settings.listen */
	int fd;
};

struct bindings {
	struct bound at[BIND_MAX];
	unsigned n;
};

/* Opens what s configures and `old` does not have; what both have is in both. Nothing is closed. On failure
 * *out holds nothing, what was opened is closed, and words say which port, why, and what helps; PR_DENIED: only rights lack. */
enum pr_err bind_open(const struct settings *s, const struct bindings *old, struct bindings *out, struct buf *words) MUST_USE;
/* Closes what `b` has and `kept` (may be NULL) has not. */
void bind_close(struct bindings *b, const struct bindings *kept);

#endif
