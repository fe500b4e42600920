/* Where we ourselves listen: mail must not be sent there. */
#ifndef DELIVERY_OWN_IO_H
#define DELIVERY_OWN_IO_H

#include <stdbool.h>

#include "delivery/attempt.h"
#include "wire/settings.h"

#define OWN_ADDRESSES 256	/* of this machine; more are not looked at */

struct own {
	struct attempt_address at[OWN_ADDRESSES];
	unsigned n;
	const struct settings *settings;	/* its listeners; borrowed */
};

/* The addresses of this machine now: before the sandbox. */
void own_read(struct own *own);
/* Does a listener of ours take connections there? own is a struct own. */
bool own_listens(void *own, const struct attempt_address *address, uint16_t port);

#endif
