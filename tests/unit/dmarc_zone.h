/* A small DNS for tests of DMARC: lines "name|what", where what is the text of a TXT record, `!temporary` (the TXT record can't be
 * told now), `!exists` (the name is there), `!lost` (whether it is there can't be told). Names end where the next line begins. */
#ifndef TESTS_DMARC_ZONE_H
#define TESTS_DMARC_ZONE_H

#include "verify/dmarc.h"

/* Answers all questions that are open. Returns how many. */
unsigned dmarc_zone_answer(struct facts *f, const char *zone);
/* Runs the check to its end. */
void dmarc_zone_check(struct facts *f, const char *zone, const struct dmarc_ask *ask, struct dmarc_told *out, struct buf *tale);

#endif
