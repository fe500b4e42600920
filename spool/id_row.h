/* Ids that wait, first in, first out. An empty row has no memory. Pure. */
#ifndef SPOOL_ID_ROW_H
#define SPOOL_ID_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"

struct id_row {
	struct msg_id *ids;
	uint32_t n, room, first;
};

/* One that is all zeros is empty. */
void id_row_fini(struct id_row *w);
void id_row_add(struct id_row *w, const struct msg_id *id);
bool id_row_take(struct id_row *w, struct msg_id *id);	/* false: none waits */
/* Those for which fn is true, at most `most`, out of their turn; the others keep it. Returns how many. */
uint32_t id_row_take_those(struct id_row *w, bool (*fn)(void *arg, const struct msg_id *id), void *arg, struct msg_id *ids, uint32_t most);

#endif
