/* Who talks to whom: the channels between programs (DESIGN 3). */
#ifndef MASTER_WIRES_H
#define MASTER_WIRES_H

#include <stdbool.h>

#include "wire/verbs.h"

/* Is there a channel between programs of these roles? The same in both orders. */
bool wires_join(enum wire_role a, enum wire_role b);

/* May the command line be introduced to it? */
bool wires_meet_ctl(enum wire_role role);

#endif
