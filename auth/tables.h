/* All that auth answers from, as it was last read. Of users, tokens and the
 * aliases of the command line there is one table each, whatever it is called;
 * of the others one for each name and path. Pure. */
#ifndef AUTH_TABLES_H
#define AUTH_TABLES_H

#include <stddef.h>

#include "base/list.h"
#include "base/span.h"
#include "mail/table.h"

struct tables {
	struct list all;	/* of struct table */
};

void tables_init(struct tables *t);
void tables_fini(struct tables *t);

/* In place of all there were: a list of struct table, which is empty afterwards. In place of a broken one the old one of this kind,
 * name and path stays, with the lists that it includes. */
void tables_take(struct tables *t, struct list *coming);

/* path empty: of any. NULL: it was never told. */
struct table *tables_find(const struct tables *t, enum table_kind kind, struct span name, struct span path);

/* Names in all tables of that kind. */
size_t tables_count(const struct tables *t, enum table_kind kind);

#endif
