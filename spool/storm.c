#include "spool/storm.h"

#include "base/mem.h"

#define LOOKED 8	/* places a sender may stand at */

struct bucket {
	uint32_t sender;
	bool is_used;
	struct pace pace;
};

struct storm {
	struct bucket at[STORM_SENDERS];
};

struct storm *storm_new(void)
{
	return mem_new(sizeof(struct storm));
}

void storm_free(struct storm **st)
{
	mem_free(*st);
	*st = NULL;
}

/* Its own, or the one that was needed least lately. */
static struct bucket *bucket_for(struct storm *st, uint32_t sender)
{
	struct bucket *oldest = NULL;

	for (uint32_t i = 0; i < LOOKED; i++) {
		struct bucket *b = &st->at[(sender + i) % STORM_SENDERS];

		if (b->is_used && b->sender == sender)
			return b;
		if (!oldest || (oldest->is_used && (!b->is_used || b->pace.at < oldest->pace.at)))
			oldest = b;
	}
	*oldest = (struct bucket){ .sender = sender, .is_used = true };
	return oldest;
}

bool storm_may(struct storm *st, uint32_t sender, const struct set_rates *rates, int64_t mono_ms)
{
	struct bucket *b;

	if (rates->n == 0)
		return true;
	b = bucket_for(st, sender);
	pace_set(&b->pace, rates, mono_ms);
	return pace_take(&b->pace, mono_ms);
}
