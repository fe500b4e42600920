/* Numbers with a unit in text, both ways: "50MB", "1500ms". */
#ifndef BASE_QUANTITY_H
#define BASE_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

/* A table of them, the largest first, ends with one that is worth 0. */
struct quantity_unit {
	struct span name;
	int64_t worth;
};

extern const struct quantity_unit QUANTITY_SIZES[];	/* bytes: GB, MB, KB are powers of 1024; or none */
extern const struct quantity_unit QUANTITY_TIMES[];	/* milliseconds: d, h, min, s, ms */

/* 1*DIGIT and the name of a unit, nothing between. False: it is none, or more than INT64_MAX. */
bool quantity_read(struct span text, const struct quantity_unit *units, int64_t *out);
/* In the largest unit of which it is a multiple; 0 in one that is worth at most 1000. */
void quantity_show(int64_t value, const struct quantity_unit *units, struct buf *out);

const struct quantity_unit *quantity_unit_find(const struct quantity_unit *units, struct span name);	/* NULL: there is none */

#endif
