/* Over which messages programs died. A message in the hands of two deaths is
 * the likely cause of both: spool must set it aside. */
#ifndef MASTER_DEATHS_H
#define MASTER_DEATHS_H

#include <stdbool.h>

#include "base/id.h"
#include "wire/verbs.h"

/* Messages remembered; the oldest is forgotten first. More at once than there are programs to die over them. */
#define DEATHS_MAX 256

struct deaths {
	struct death {
		struct msg_id id;
		unsigned times;
		enum wire_role role;	/* of the last one */
		bool is_told;		/* spool knows */
	} at[DEATHS_MAX];
	unsigned n, next;
};

/* True when it is the second death over this message: it is to be told to spool. */
bool deaths_note(struct deaths *d, const struct msg_id *id, enum wire_role role);
/* The next one that spool was not told of yet, or NULL; it counts as told. */
const struct death *deaths_take_untold(struct deaths *d);

#endif
