/* What relay asks others while it works on a job: dns for addresses, auth for
 * a login. Answers come later, never from inside a question. */
#ifndef DELIVERY_PEERS_IO_H
#define DELIVERY_PEERS_IO_H

#include <stdbool.h>

#include "base/list.h"
#include "delivery/attempt.h"
#include "loop/process.h"

struct peers;

struct peers_handlers {
	/* Addresses of one family; is_temporary: there may be some, but not now. */
	void (*on_addresses)(void *asker, unsigned host, const struct attempt_address *addresses, unsigned n, bool is_temporary);
	void (*on_login)(void *asker, struct span user, struct span password);	/* no user: there is no such login */
};

struct peers *peers_new(struct process *process, const struct peers_handlers *on);
void peers_free(struct peers **p);
void peers_wire_take(struct peers *p, enum wire_role peer, uint16_t instance, int fd);

/* False: nobody is there who could be asked. questions: the asker's list of them. */
bool peers_ask_addresses(struct peers *p, void *asker, struct list *questions, unsigned host, struct span name, int family);
bool peers_ask_login(struct peers *p, void *asker, struct list *questions, struct span file);
/* Their answers find nobody. */
void peers_forget(struct list *questions);

#endif
