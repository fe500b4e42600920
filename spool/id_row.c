#include "spool/id_row.h"

#include <string.h>

#include "base/mem.h"

#define ROOM_FIRST 64

void id_row_fini(struct id_row *w)
{
	mem_free(w->ids);
	*w = (struct id_row){ .ids = NULL };
}

void id_row_add(struct id_row *w, const struct msg_id *id)
{
	if (w->first > 0 && w->first + w->n == w->room) {
		memmove(w->ids, w->ids + w->first, w->n * sizeof(*id));
		w->first = 0;
	}
	if (w->n == w->room) {
		w->room = w->room ? 2 * w->room : ROOM_FIRST;
		w->ids = mem_resize(w->ids, w->room * sizeof(*id));
	}
	w->ids[w->first + w->n++] = *id;
}

bool id_row_take(struct id_row *w, struct msg_id *id)
{
	if (w->n == 0)
		return false;
	*id = w->ids[w->first++];
	if (--w->n == 0)
		id_row_fini(w);
	return true;
}

uint32_t id_row_take_those(struct id_row *w, bool (*fn)(void *arg, const struct msg_id *id), void *arg, struct msg_id *ids, uint32_t most)
{
	uint32_t n = 0, kept = 0;

	for (uint32_t i = 0; i < w->n; i++) {
		struct msg_id id = w->ids[w->first + i];

		if (n < most && fn(arg, &id))
			ids[n++] = id;
		else
			w->ids[w->first + kept++] = id;
	}
	w->n = kept;
	if (w->n == 0)
		id_row_fini(w);
	return n;
}
