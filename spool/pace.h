/* How fast something may go: token buckets, one a rate. Pure. */
#ifndef SPOOL_PACE_H
#define SPOOL_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/settings.h"

struct pace {
	struct set_rates rates;
	double tokens[SET_RATES_MAX];
	int64_t at;		/* when they were counted */
};

/* Full at first; later the tokens that are there stay, as far as the new rates have room for them. */
void pace_set(struct pace *p, const struct set_rates *rates, int64_t mono_ms);
/* Takes a token of each rate; false takes none. */
bool pace_take(struct pace *p, int64_t mono_ms);
/* When pace_take will be true again. */
int64_t pace_ready_at(struct pace *p, int64_t mono_ms);

#endif
