/* Addresses to which mail may come, as auth said a while ago: the next RCPT
 * for one of them need not ask again. auth says when its tables have changed;
 * then, and when it is gone, all is forgotten. What it refused is not kept:
 * who guesses addresses would push out those that get mail. */
#ifndef SMTPD_KNOWN_H
#define SMTPD_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "wire/verbs.h"

struct known {
	struct known_slot *slots;	/* NULL while nothing is known */
};

void known_note(struct known *k, struct span address, enum wire_address answer);
/* ADDRESS_OK, ADDRESS_FOREIGN, or false: ask. */
bool known_find(const struct known *k, struct span address, enum wire_address *answer);
void known_forget(struct known *k);	/* all; frees too */

#endif
