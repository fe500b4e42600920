/* Memory whose lack ends the process (its master restarts it): so nobody
 * tests for NULL, and every size from outside has its ceiling elsewhere. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/span.h"

void *mem_new(size_t size);			/* zeroed */
void *mem_resize(void *at, size_t size);	/* as realloc */
char *mem_text(struct span s);			/* a copy with a NUL behind it */
void mem_free(void *at);
/* Overwrites secrets in a way that no optimiser drops. */
void mem_wipe(void *at, size_t len);

#endif
